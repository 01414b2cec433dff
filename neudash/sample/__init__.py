"""The sample video: a boat trip through a canal town at dusk, drawn by us."""
