"""Frames: from a fetched segment to pictures of the output's size, enhanced or plain."""
