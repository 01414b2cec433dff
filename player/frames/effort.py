"""Effort for a frame on a machine that may be too slow: a rule without a clock of its own. Pure."""

from __future__ import annotations

from enum import IntEnum

LOW = 0.4
"""Share of the full lead below which the effort falls by one level."""
HIGH = 0.8
"""Share of the full lead above which, after the rule's patience, the effort rises by one level."""
SETTLE_S = 0.3
"""Time that a level has to take effect before the next one falls."""
LEAST_PATIENCE_S = 1.0
MOST_PATIENCE_S = 64.0


class Effort(IntEnum):
    """Treatments of a frame, least first."""

    PLAIN = 0
    REUSE = 1
    """Every other frame goes through the network; the one after it gets the same residual."""
    FULL = 2


class EffortRule:
    """Less effort while frames are made more slowly than they are shown, more again when there is time.

    The lead of a frame is how long it still has when its turn comes. Frames that are made quickly enough find all
    places before them taken, which is the full lead; on a machine that is too slow the lead shrinks to nothing. A level
    that was tried again in vain is tried half as often each time: changes of sharpness are seen.
    """

    def __init__(self, full_lead_s: float) -> None:
        self.level = Effort.FULL
        self._full_lead_s = full_lead_s
        self._patience_s = LEAST_PATIENCE_S
        self._changed_s = float("-inf")
        self._risen_s: float | None = None
        """Time at which the present level was reached from below."""
        self._ahead_since_s: float | None = None

    def judge(self, lead_s: float, now_s: float) -> Effort:
        """The effort for a frame that was waiting for its turn with that lead. `now_s` never goes back."""
        if lead_s < 0:
            self._fall(Effort.PLAIN, now_s)
        elif lead_s < LOW * self._full_lead_s:
            if now_s - self._changed_s >= SETTLE_S:
                self._fall(Effort(max(Effort.PLAIN, self.level - 1)), now_s)
        elif lead_s >= HIGH * self._full_lead_s:
            self._rise(now_s)
            return self.level
        self._ahead_since_s = None
        return self.level

    def restart(self) -> None:
        """Forgets the cost of a frame, because it changes from here on."""
        self.level = Effort.FULL
        self._risen_s = self._ahead_since_s = None
        self._patience_s = LEAST_PATIENCE_S

    def _fall(self, level: Effort, now_s: float) -> None:
        if level >= self.level:
            return
        if self._risen_s is not None and now_s - self._risen_s < 2 * self._patience_s:
            self._patience_s = min(MOST_PATIENCE_S, 2 * self._patience_s)
        self.level, self._changed_s, self._risen_s = level, now_s, None

    def _rise(self, now_s: float) -> None:
        if self._risen_s is not None and now_s - self._risen_s >= 2 * self._patience_s:
            self._patience_s, self._risen_s = LEAST_PATIENCE_S, None
        if self._ahead_since_s is None:
            self._ahead_since_s = now_s
        if self.level < Effort.FULL and now_s - self._ahead_since_s >= self._patience_s:
            self.level, self._changed_s = Effort(self.level + 1), now_s
            self._risen_s, self._ahead_since_s = now_s, now_s
