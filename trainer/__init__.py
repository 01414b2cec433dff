"""Overfits small super-resolution networks to the segments of a bundle, and reports what they gain."""
