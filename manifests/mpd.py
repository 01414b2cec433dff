"""The extended MPD, bytes to domain types and back. Words of the MPD stay behind this door (`mpd_*`)."""

from manifests.mpd.read import read_mpd
from manifests.mpd.write import write_mpd

__all__ = ["read_mpd", "write_mpd"]
