"""HLS playlists over the same segments."""
