"""The sound of a source, each sample at its time."""
