"""The status page of a run that goes on: written anew every other second, by a thread of its own."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

from skorche.events import RunFinished, View
from skorche.observe.page import page_of, write_page
from skorche.observe.pictured import Pictured

SECONDS = 2
"""Between two pages, and after which a browser reads the page anew."""

SHARE = 50
"""A page is drawn after at least so many times what drawing the last one took, however large the graph."""

_LOG = logging.getLogger("skorche")


class LivePage:
    """Writes the page while a run goes on, and when it has ended; see `runtime.coordinator.Observer`.

    Each is written beside the old one and then renamed, so that whoever reads it finds a whole one. What cannot be
    written is told once, and tried again.
    """

    def __init__(
        self,
        name: str,
        path: str | os.PathLike[str],
        report_of: Callable[[RunFinished], Pictured],
        seconds: float = SECONDS,
    ) -> None:
        self.path = Path(path).absolute()  # the program may change its folder
        self._name, self._report_of, self._seconds = name, report_of, seconds
        self._ended = Event()
        self._told = False
        self._thread: Thread | None = None

    def start(self, view: View) -> None:
        """Begin to write, until stopped."""
        name = f"skorche page {self._name}"
        self._thread = Thread(target=self._follow, args=(view,), name=name, daemon=True)  # a stuck run holds no exit
        self._thread.start()

    def stop(self, record: RunFinished) -> None:
        """End the thread, and write what has become of the run."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        self._write(record)

    def _follow(self, view: View) -> None:
        pause = self._seconds / 4  # a first one soon, since somebody may look already
        while not self._ended.wait(pause):
            began = time.monotonic()
            record = view.snapshot()
            if not record.running:
                return  # it has ended meanwhile: `stop` writes that
            self._write(record)
            pause = max(self._seconds, SHARE * (time.monotonic() - began))

    def _write(self, record: RunFinished) -> None:
        try:
            page = page_of(self._report_of(record).overview(), refresh=SECONDS if record.running else None)
            write_page(self.path, page)
        except Exception as error:  # noqa: BLE001  (whatever it is: a page is no reason to fail a run)
            if not self._told:
                self._told = True
                with suppress(Exception):  # a handler of the logger may be broken, too
                    _LOG.warning("the status page %s cannot be written: %s; the run goes on", self.path, error)
