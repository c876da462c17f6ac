"""`Figure`: one measured number, what it is compared with, and how large it may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A median with its spread. Without `at_most` or `at_least` it is told, and decides nothing.

    >>> figure = Figure.of([2.0, 1.0, 3.0], "three tasks", "a for loop", count=10, unit="times", at_most=2.2)
    >>> figure.value, figure.low, figure.high, figure.wanted, figure.met
    (2.0, 1.0, 3.0, 'at most 2.2', True)
    """

    what: str
    against: str
    count: str
    value: float
    low: float
    high: float
    samples: int
    unit: str
    at_most: float | None = None
    at_least: float | None = None

    @classmethod
    def of(
        cls,
        samples: Sequence[float],
        what: str,
        against: str,
        *,
        count: object,
        unit: str,
        at_most: float | None = None,
        at_least: float | None = None,
    ) -> Figure:
        """The median of the samples, with the least and the greatest of them."""
        return cls(
            what=what,
            against=against,
            count=f"{count:,}" if isinstance(count, int) else str(count),
            value=median(samples),
            low=min(samples),
            high=max(samples),
            samples=len(samples),
            unit=unit,
            at_most=at_most,
            at_least=at_least,
        )

    @property
    def wanted(self) -> str:
        """The bound in words; nothing if there is none."""
        if self.at_most is not None:
            return f"at most {self.at_most:g}"
        if self.at_least is not None:
            return f"at least {self.at_least:g}"
        return ""

    @property
    def met(self) -> bool | None:
        """Whether the median keeps to the bound; None if there is none."""
        if self.at_most is not None:
            return self.value <= self.at_most
        if self.at_least is not None:
            return self.value >= self.at_least
        return None

    def to_dict(self) -> dict[str, Any]:
        """As it stands in the history."""
        return {name: _rounded(value) for name, value in asdict(self).items()} | {"met": self.met}

    @classmethod
    def from_dict(cls, kept: dict[str, Any]) -> Figure:
        """Back from the history."""
        return cls(**{name: value for name, value in kept.items() if name != "met"})


def _rounded(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value
