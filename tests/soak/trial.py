"""One run of a soak: a random graph on real engines, while workers are killed and the run is stopped at random."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from engines.census import Census, check_nothing_left, command_of, find_family
from laws.behaviour import Graph, Node
from laws.pipelines import Builder

from .drawing import draw_graph
from .work import RELEASED, Work

PATIENCE = 120.0
STOPS = ("none", "none", "none", "cancel", "raise", "source")


class SourceBroke(Exception):
    """What a source raises when the trial wants it to."""


@dataclass
class Trial:
    """What is drawn, and what came of it."""

    seed: int
    graph: Graph
    stop: str
    kill_seconds: float | None
    random: Random
    kills: int = 0
    marks: Path = Path()
    report: Any = None
    error: BaseException | None = None
    ends: dict[int, list[Any]] = field(default_factory=dict)
    effects: list[tuple[str, str]] = field(default_factory=list)

    @classmethod
    def draw(cls, seed: int) -> "Trial":
        """The trial of that seed. What is killed and when depends on the machine as well."""
        random = Random(f"trial {seed}")
        kill = random.choice([None, 0.03, 0.1, 0.3])
        return cls(seed, draw_graph(seed), random.choice(STOPS), kill, random)

    @property
    def has_stopped(self) -> bool:
        """Whether something ended the run before its items did."""
        return self.error is not None

    def run(self, folder: Path) -> None:
        """Run it. Whatever it leaves behind is an error."""
        before = Census.now()
        RELEASED.clear()
        built = self._build(folder)
        run = built.pipeline.run(on_error="raise" if self.stop == "raise" else "collect", progress=False)
        run.close()  # nobody reads the outputs that have bounds
        with self._hunting(), self._cancelling(run):
            self.report = run.join(PATIENCE)
        RELEASED.set()
        self.error = error_of(run)
        self.ends = {queue: built.queues[queue].flush() for queue in self.graph.ends}
        check_nothing_left(before, 10.0)
        self.effects = read_log(folder / "log")

    def _build(self, folder: Path) -> Builder:
        self.marks = folder / "marks"
        self.marks.mkdir()
        builder = _RealBuilder(self, folder)
        for node in self.graph.nodes:
            builder.add(node)
        return builder

    def source(self, items: Sequence[Any]) -> Iterable[Any]:
        """The items of a source, which may break half way."""
        return items if self.stop != "source" else broken(items, self.random.randint(0, len(items)))

    def _hunting(self) -> "Repeating":
        return Repeating(self.kill_seconds, self._kill_one, self.random)

    def _kill_one(self) -> bool:
        """Kill a worker. One that only starts is nearly always spared: when three in a row do not, the run gives up."""
        workers = [pid for pid in find_family() if "skorche.engines.process.worker" in command_of(pid)]
        victims = [pid for pid in workers if (self.marks / f"pid-{pid}").exists() or self.random.random() < 0.01]
        if victims:
            with suppress(ProcessLookupError):  # it has just died by itself
                os.kill(self.random.choice(victims), signal.SIGKILL)
                self.kills += 1
        return True

    def _cancelling(self, run: Any) -> "Repeating":
        def cancel() -> bool:
            run.cancel(grace=self.random.choice([0.0, 0.1, 1.0]))
            return False

        return Repeating(self.random.choice([0.01, 0.1, 0.5]) if self.stop == "cancel" else None, cancel, self.random)


class Repeating:
    """Does something again and again, from a thread, after random times; nothing at all if they are None."""

    def __init__(self, seconds: float | None, action: Any, random: Random) -> None:
        self._seconds, self._action, self._random = seconds, action, Random(random.random())
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._repeat)

    def __enter__(self) -> None:
        if self._seconds is not None:
            self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._seconds is not None:
            self._thread.join()

    def _repeat(self) -> None:
        assert self._seconds is not None
        while not self._over.wait(self._random.expovariate(1 / self._seconds)):
            if not self._action():
                return


class _RealBuilder(Builder):
    """Declares the graph for real engines."""

    backoff = 0.02

    def __init__(self, trial: Trial, folder: Path) -> None:
        self._trial, self._folder = trial, folder
        super().__init__(trial.graph)

    def source(self, items: Sequence[Any]) -> Iterable[Any]:
        return self._trial.source(items)

    def function(self, node: Node) -> Work:
        return Work(node, str(self._folder / "log"), str(self._folder / "marks"))

    def coroutine(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """In a thread: this work takes its time."""

        async def work(item: Any) -> Any:
            return await asyncio.to_thread(function, item)

        return work


def error_of(run: Any) -> BaseException | None:
    """What ended the run before its items did."""
    try:
        run.wait()
    except Exception as error:  # noqa: BLE001  (whatever it is, it is judged by the oracle)
        return error
    return None


def broken(items: list[Any], after: int) -> Iterator[Any]:
    """So many of the items, and an error."""
    yield from items[:after]
    time.sleep(0.01)  # not to wait for anything: so that some of them are under way
    raise SourceBroke


def read_log(log: Path) -> list[tuple[str, str]]:
    """Node and label of each execution."""
    if not log.exists():
        return []
    return [(name, label) for line in log.read_text().splitlines() for name, _, label in [line.partition("\t")]]
