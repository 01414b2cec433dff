"""Pixels: the one gateway to ffmpeg, probing, decoding, colour, the plain resize and quality measures."""
