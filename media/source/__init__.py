"""A source video read: probed, scanned, timed, decoded, each frame at its tick."""
