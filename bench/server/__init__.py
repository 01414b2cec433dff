"""`python -m bench.server`: beside nginx; `.soak`: a bad day; `.hostile`: clients that mean no good."""
