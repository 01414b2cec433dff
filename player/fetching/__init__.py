"""Fetching in manifest order: video, models, sound."""
