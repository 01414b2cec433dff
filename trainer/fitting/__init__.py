"""Weights fitted, quantised and coded."""
