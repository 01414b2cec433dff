"""Pixels: the one gateway to ffmpeg, probing, decoding, colour, the plain upscale and quality measures."""
