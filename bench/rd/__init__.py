"""Measures what enhancement saves over the convex hull of plain video (rate-distortion). See docs/measuring.md."""
