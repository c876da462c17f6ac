"""The results of a run on stdout, a line for each."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock, Thread
from typing import Any

from skorche.api import Pipeline
from skorche.cli.plain import json_line
from skorche.observe.outcome import end_name
from skorche.observe.report import Report
from skorche.queue import Queue
from skorche.runtime.run import Run


class Lines:
    """Prints results with the name of their queue, or of their end if that has none.

    With `as_they_come` they are printed while the run goes on, in order of completion; else at its end, in input order.
    """

    def __init__(self, pipeline: Pipeline, *, as_json: bool, as_they_come: bool) -> None:
        self._as_json, self._as_they_come = as_json, as_they_come
        graph = pipeline.graph
        filled = [queue for queue in graph.ends() if id(queue) in graph.producers]
        self._names = {end_name(graph.producers[id(queue)], queue): queue.name for queue in filled}
        self._queues = [(queue, queue.name or end_name(graph.producers[id(queue)], queue)) for queue in filled]
        self._lock = Lock()
        self._unread: BrokenPipeError | None = None

    @contextmanager
    def following(self, run: Run[Report]) -> Iterator[None]:
        """Print what comes meanwhile, if that is wanted. When nobody reads it any more, the run is cancelled.

        Raises:
            BrokenPipeError: nobody does.
        """
        if not self._as_they_come:
            yield
            return
        threads = [Thread(target=self._follow, args=(run, queue, name)) for queue, name in self._queues]
        for thread in threads:
            thread.start()
        try:
            yield
        except BaseException:
            run.cancel()  # else the queues that are followed would not end
            raise
        finally:
            for thread in threads:
                thread.join()
            if self._unread is not None:
                raise self._unread

    def _follow(self, run: Run[Report], queue: Queue[Any], name: str) -> None:
        with suppress(Exception):  # how the run has failed is told by whoever waits for it
            for value in queue:
                try:
                    self._print(name, value)
                    sys.stdout.flush()
                except BrokenPipeError as error:
                    self._unread = error
                    run.cancel()
                    return

    def write(self, report: Report) -> None:
        """Print all results, unless that was done as they came. A list gives a line for each of its items."""
        if self._as_they_come:
            return
        for end, given in report.results.items():
            for value in given if isinstance(given, list) else [given]:
                self._print(self._names.get(end) or end, value)
        sys.stdout.flush()

    def _print(self, name: str, value: Any) -> None:
        line = f"{name}: {value}"
        if self._as_json:
            line = json_line({"name": name, "value": value})
        with self._lock:
            print(line)
