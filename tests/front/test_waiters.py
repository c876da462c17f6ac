"""Those who wait in event loops for a change: none of them sleeps through one that is there for it."""

import asyncio
import threading

import pytest

from skorche.waiters import Waiters

pytestmark = pytest.mark.timeout(60)

PATIENCE = 20.0


def test_who_is_called_twice_passes_the_second_call_on():
    waiters, box = Waiters(), list[str]()
    first_waits, second_waits, found = threading.Event(), threading.Event(), dict[str, str]()

    def give(item):
        box.append(item)
        waiters.ring(1)

    def take():
        return box.pop() if box else None

    def take_while_another_comes():
        """Called, and in line again: so the next change is told to it, and not to the other one, behind it in line."""
        item = take()
        if item is not None:
            other.start()
            assert second_waits.wait(PATIENCE)
            give("second")
        return item

    async def wait_first():
        line = asyncio.ensure_future(waiters.wait(take_while_another_comes))
        await asyncio.sleep(0)
        first_waits.set()
        found["first"] = await line

    async def wait_second():
        line = asyncio.ensure_future(waiters.wait(take))
        await asyncio.sleep(0)
        second_waits.set()
        found["second"] = await asyncio.wait_for(line, PATIENCE)

    one = threading.Thread(target=lambda: asyncio.run(wait_first()))
    other = threading.Thread(target=lambda: asyncio.run(wait_second()))
    one.start()
    assert first_waits.wait(PATIENCE)
    give("first")
    one.join(PATIENCE)
    other.join(PATIENCE)

    assert found == {"first": "first", "second": "second"}
