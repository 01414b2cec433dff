"""ISO base media files, measured: boxes, fragments, codec names."""
