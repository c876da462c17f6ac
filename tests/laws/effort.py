"""How often a law is tried: a share of what the Hypothesis profile asks of the main one."""

from collections.abc import Callable
from typing import Any

from hypothesis import settings


def share(part: float) -> Callable[[Any], Any]:
    """A decorator: try this law so often, as a part of the profile's examples."""
    return settings(max_examples=max(20, int(settings().max_examples * part)))
