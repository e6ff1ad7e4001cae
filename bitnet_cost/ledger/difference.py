"""By how much one answer differs from another of the same model, work and hardware: what a verdict is made of."""

from __future__ import annotations

from typing import NamedTuple

HALF = 0.005  # of a percent that a range is printed in


class Difference(NamedTuple):
    """Relative change of the energy against another precision's, with its range; minus is less.

    Every price moves for both sides at once, and so does every assumed or scaled figure of the runtime, one at a time.
    """

    nominal: float
    low: float
    high: float
    turned_by: str | None = None  # the figure of the runtime whose range alone holds 0

    @property
    def undecided(self) -> bool:
        """Whether the range holds 0 in whole percents, as it is printed: then either may need less.

        >>> Difference(-0.1, -0.14, -0.08).undecided, Difference(-0.1, -0.28, -0.0003).undecided
        (False, True)
        """
        return self.low < HALF and self.high > -HALF
