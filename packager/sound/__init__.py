"""The sound tracks of a bundle: chosen, named, encoded."""
