"""Compares ABR policies over network traces."""
