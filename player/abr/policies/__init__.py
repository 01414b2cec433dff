"""The policies: each file here is one rule that chooses rungs."""
