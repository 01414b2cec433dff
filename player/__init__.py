"""Fetches segments and models in manifest order, enhances each frame, and shows or stores it."""
