"""Cuts a video into aligned DASH segments at several rungs and publishes the bundle."""
