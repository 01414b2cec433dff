"""Rate against distortion: what enhancement saves over the convex hull of plain video. See docs/measuring.md."""
