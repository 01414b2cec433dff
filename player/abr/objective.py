"""What a viewer is taken to want: quality, little change of it, no stalls; the form in which BONES is judged.

Lingdong Wang et al., "BONES: Near-Optimal Neural-Enhanced Video Streaming", SIGMETRICS 2024: a session is worth the
mean of VMAF, less the mean of its changes, less a tenth of the mean milliseconds stalled per segment.
"""

from __future__ import annotations

SWITCH = 1.0
"""A segment's quality lost for every unit that the quality changes by."""
STALL_PER_S = 100.0
"""A segment's quality lost for every second of stall."""
