"""What the tasks of a soak do: the work of a random graph's node, noted in an effect log, troubles included."""

import itertools
import os
import signal
import threading
import time
from functools import cache
from typing import Any, NamedTuple
from zlib import crc32

from laws.behaviour import Label, Node, make, trouble
from laws.pipelines import build_item, label_of, leaves

RELEASED = threading.Event()
"""Ends what hangs on a thread of this process, once the run is over."""

PACES = (0.0, 0.0002, 0.001, 0.004)


@cache
def _say_who_works(marks: str) -> None:
    """This process has started, and works."""
    open(f"{marks}/pid-{os.getpid()}", "a").close()


class Work(NamedTuple):
    """A task. Each call first leaves a line in the log; `marks` is a folder for the troubles it has met."""

    node: Node
    log: str
    marks: str

    def __call__(self, item: Any) -> Any:
        label = label_of(item)
        _say_who_works(self.marks)
        self._note(label)
        self._befall(label)
        time.sleep(PACES[crc32(self.node.name.encode()) % len(PACES)])
        return build_item(make(self.node, label))

    def _note(self, label: Label) -> None:
        """One write in append mode, which no other process can break up."""
        file = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(file, f"{self.node.name}\t{label!r}\n".encode())
        finally:
            os.close(file)

    def _befall(self, label: Label) -> None:
        """Bring the item into its trouble, while it lasts."""
        kinds = [found.kind for leaf in leaves(label) if (found := trouble(self.node, leaf)) and self._lasts(leaf)]
        if kinds:
            self._suffer(kinds[-1])

    def _lasts(self, leaf: Label) -> bool:
        """Whether the trouble of this leaf is not over yet. Attempts are counted by files, which outlive a worker."""
        found = trouble(self.node, leaf)
        assert found is not None
        name = f"{self.marks}/{self.node.name}-{crc32(repr(leaf).encode()):x}"
        for number in itertools.count(1):
            if number > found.times:
                return False
            try:
                os.close(os.open(f"{name}.{number}", os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                continue
            return True
        raise AssertionError("counting has no end")

    def _suffer(self, kind: str) -> None:
        in_process = self.node.engine == "process"
        if kind == "exit":
            raise SystemExit(0)
        if kind == "crash" and in_process:
            os.kill(os.getpid(), signal.SIGKILL)
        if kind == "slow":
            self._hang(in_process)
        raise ValueError(f"{self.node.name} does not like this")

    def _hang(self, in_process: bool) -> None:
        assert self.node.timeout is not None
        if in_process:
            time.sleep(1000)
        elif self.node.engine == "thread":
            RELEASED.wait(1000)
        else:
            time.sleep(1.5 * self.node.timeout)
