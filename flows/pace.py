"""How long epochs take: how long the rest will, and whether one is out of all proportion."""

from __future__ import annotations

from collections import deque
from statistics import median

REMEMBERED = 25
LEAST = 5
TIMES = 5.0
SECONDS = 10.0


class Pace:
    """The durations of the last epochs, by their median: one slow epoch does not move it."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._took: deque[float] = deque(maxlen=REMEMBERED)

    def note(self, seconds: float, epochs: int = 1) -> None:
        """So long took so many epochs that were trained together."""
        self._took.extend([seconds / epochs] * min(epochs, REMEMBERED))

    @property
    def usual(self) -> float | None:
        """Seconds an epoch; None: none is known."""
        return median(self._took) if self._took else None

    def left(self, epochs: int) -> float | None:
        """Seconds that so many epochs will take; None: nobody can tell."""
        return None if self.usual is None else self.usual * epochs

    def limit(self, epochs: int = 1) -> float | None:
        """After so many seconds that many epochs take far too long.

        Five times what is usual, and never less than some seconds: a pause of the machine is no
        news. None: fewer than five epochs are known, which says nothing.
        """
        if len(self._took) < LEAST or self.usual is None:
            return None
        return max(TIMES * self.usual * epochs, SECONDS)


def in_words(seconds: float) -> str:
    """A duration as a person says it: `40 s`, `7 min`, `3 h 20 min`."""
    if seconds < 90:  # noqa: PLR2004 - up to here seconds say more
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if hours else f"{minutes} min"
