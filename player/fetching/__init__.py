"""What a session plays, fetched in manifest order: video, models, sound."""
