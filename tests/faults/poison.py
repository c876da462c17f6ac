"""A task for many deaths. It stands alone because each new worker imports it, and that is not what is measured."""

import os
import signal
from typing import NamedTuple


class Poison(NamedTuple):
    """A task: the identity, but some items kill the process."""

    items: frozenset[int]

    def __call__(self, number: int) -> int:
        if number in self.items:
            os.kill(os.getpid(), signal.SIGKILL)
        return number
