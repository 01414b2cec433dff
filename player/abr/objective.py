"""Objective of a viewer: quality, few changes of it, no stalls; in the form in which BONES is judged.

Lingdong Wang et al., "BONES: Near-Optimal Neural-Enhanced Video Streaming", SIGMETRICS 2024: the value of a session is
the mean of VMAF, minus the mean of its changes, minus a tenth of the mean milliseconds stalled per segment.
"""

from __future__ import annotations

SWITCH = 1.0
"""Quality lost for every unit of change from the previous segment."""
STALL_PER_S = 100.0
"""Quality lost for every second of stall."""
