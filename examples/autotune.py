"""A run that finds out how many workers each task should have, and tells what it did and what it gained.

Three services are asked for each order, and take 1, 4 and 2 ms to answer. Nobody says how many threads should wait for
each: the run begins with one, adds where its own account says that one more would help, and keeps what did.
"""

import json
import pathlib
import tempfile
import time

import skorche

BUDGET = 14
ORDERS = 2500


@skorche.task
def reserve(order: int) -> int:
    """Ask the stock."""
    time.sleep(0.001)  # what the service takes to answer
    return order


@skorche.task
def charge(order: int) -> int:
    """Ask the bank."""
    time.sleep(0.004)
    return order


@skorche.task
def notify(order: int) -> int:
    """Ask the post."""
    time.sleep(0.002)
    return order


def orders_per_second(
    count: int, *, tuned: pathlib.Path | None = None, find: bool = False
) -> tuple[float, skorche.Report]:
    """Work off so many orders, with the workers that `tuned` tells, or finding them; gives throughput and report."""
    with skorche.Pipeline("orders") as pipeline:
        done = skorche.chain([reserve, charge, notify], skorche.Queue(name="incoming", fixed_inputs=range(count)))
    report = pipeline.run(tuning=tuned, workers="auto" if find else None, max_workers=BUDGET if find else None).wait()
    assert done.flush() == list(range(count))
    return count / report.elapsed, report


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        found = pathlib.Path(folder) / "tuned.json"
        before, _ = orders_per_second(ORDERS // 10)
        _, report = orders_per_second(ORDERS, tuned=found, find=True)
        after, _ = orders_per_second(ORDERS, tuned=found)
        workers = json.loads(found.read_text())["workers"]

    for decision in report.decisions:
        print(decision)
    assert workers["charge"] > workers["reserve"]  # it takes four times as long
    assert sum(workers.values()) <= BUDGET
    assert after > 2 * before
    print(
        f"one worker each: {before:.0f} orders/s; {workers}: {after:.0f} orders/s, {after / before:.1f} times as many"
    )
