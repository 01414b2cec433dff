"""The frames that networks learn from."""
