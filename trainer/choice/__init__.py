"""Which networks are tried, how they are judged, and which models are published."""
