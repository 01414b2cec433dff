"""Adaptive bitrate: policies that choose rung and model of the next segment. Pure; nothing is remembered in them."""
