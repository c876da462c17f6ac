"""Quantiles of a stream at constant memory, within 5 %: counts in buckets of growing width.

After DDSketch (Masson, Rim and Lee, VLDB 2019): bucket i holds values in (g^(i-1), g^i], so its middle is off by at
most (g - 1) / (g + 1).
"""

from __future__ import annotations

import math
from collections.abc import Iterable

_RATIO = 1.1
_SCALE = 1 / math.log(_RATIO)


class Sketch:
    """Add values with weights; ask for quantiles.

    >>> sketch = Sketch()
    >>> for milliseconds in range(1, 101):
    ...     sketch.add(milliseconds / 1000, 1)
    >>> round(sketch.quantile(0.5), 2), round(sketch.quantile(0.99), 2)
    (0.05, 0.1)
    """

    def __init__(self) -> None:
        self._buckets: dict[int, int] = {}
        self.count = 0

    def add(self, value: float, weight: int) -> None:
        """Count a value, in seconds, `weight` times."""
        self.add_all([(value, weight)])

    def add_all(self, values: Iterable[tuple[float, int]]) -> None:
        """Count values, each with its weight."""
        buckets, log, ceil = self._buckets, math.log, math.ceil
        for value, weight in values:
            bucket = ceil(log(value if value > 1e-9 else 1e-9) * _SCALE)
            buckets[bucket] = buckets.get(bucket, 0) + weight
            self.count += weight

    def quantile(self, share: float) -> float | None:
        """The value below which this share of the weight lies; None without values."""
        left = share * self.count
        for bucket in sorted(self._buckets):
            left -= self._buckets[bucket]
            if left <= 0:
                return 2 * _RATIO**bucket / (_RATIO + 1)
        return None
