"""Packager: makes a bundle from a video: ladder, encodes, segments, manifest."""
