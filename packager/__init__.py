"""From a video to a bundle: ladder, encodes, segments, manifest."""
