"""Classes for workers to make instances of. They stand apart so that a worker that imports them imports no pytest."""

import asyncio
import os
import threading
from typing import Any

import skorche

from .tasks import note


@skorche.task
class Machine:
    """Notes in a log when it is made (1) and closed (2), and holds what cannot be pickled."""

    def __init__(self, log: str, by: int = 2) -> None:
        note(1, log)
        self.log, self.by = log, by
        self.lock, self.owner = threading.Lock(), threading.get_ident()

    def __call__(self, number: int) -> tuple[int, str]:
        """The number, scaled, and who did it."""
        assert threading.get_ident() == self.owner
        with self.lock:
            return number * self.by, f"{os.getpid()} {self.owner} {id(self)}"

    def close(self) -> None:
        """The worker's end."""
        assert threading.get_ident() == self.owner
        note(2, self.log)


@skorche.task
class AsyncMachine:
    """The same for an event loop, which its constructor needs already."""

    def __init__(self, log: str) -> None:
        note(1, log)
        self.log, self.loop = log, asyncio.get_running_loop()

    async def __call__(self, number: int) -> int:
        assert asyncio.get_running_loop() is self.loop
        await asyncio.sleep(0)
        return 2 * number

    async def close(self) -> None:
        """The loop's end."""
        await asyncio.sleep(0)
        assert asyncio.get_running_loop() is self.loop
        note(2, self.log)


@skorche.task
class Doubler:
    """One whose constructor needs nothing."""

    def __init__(self) -> None:
        self.by = 2

    def __call__(self, number: int) -> int:
        return self.by * number


@skorche.task
class Unmakable:
    """One that cannot be made."""

    def __init__(self, log: str) -> None:
        note(1, log)
        raise FileNotFoundError("no weights.bin here")

    def __call__(self, item: Any) -> Any:
        """Never comes to it."""
        return item


@skorche.task
class Unclosable:
    """One that cannot be closed."""

    def __call__(self, item: Any) -> Any:
        """The item itself."""
        return item

    def close(self) -> None:
        """Fails."""
        raise OSError("the drawer is stuck")


@skorche.task
class Adder:
    """One that takes several arguments."""

    def __init__(self, plus: int) -> None:
        self.plus = plus

    def __call__(self, one: int, other: int, times: int = 1) -> int:
        return (one + other + self.plus) * times
