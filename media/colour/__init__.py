"""Colours: tags read, gamuts and ranges converted, HDR metadata."""
