"""The ladder of a title: sizes, excerpts that are probed, and the choice of rungs."""
