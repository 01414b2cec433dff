"""`python -m bench.player`: speed and memory; `.soak`: half an hour of faults."""
