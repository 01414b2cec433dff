"""`neudash inspect` and `neudash verify`: the contents of a bundle, and their faults."""
