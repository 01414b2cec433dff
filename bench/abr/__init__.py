"""Policies against each other over network traces."""
