"""`python -m bench.first`: what one tiny model a title brings."""
