"""What the machine did while a benchmark ran: stolen by its host, and busy with other programs."""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Moment:
    """The machine's counters at one moment: seconds of CPU, all CPUs together. `ours` are child processes, ended."""

    total: float
    busy: float
    stolen: float
    ours: float

    @classmethod
    def now(cls) -> Moment | None:
        """As it is now; None where nobody counts."""
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        try:
            words = Path("/proc/stat").read_text().split("\n", 1)[0].split()
        except OSError:
            return None
        ticks = os.sysconf("SC_CLK_TCK")
        user, nice, system, idle, iowait, irq, softirq, stolen = (int(word) / ticks for word in words[1:9])
        busy = user + nice + system + irq + softirq
        return cls(busy + idle + iowait + stolen, busy, stolen, usage.ru_utime + usage.ru_stime)


def shares(before: Moment | None, after: Moment | None) -> dict[str, float | None]:
    """Shares of all CPU time in between: `steal` went to the host's other guests, `others` to other programs here.

    >>> shares(Moment(0, 0, 0, 0), Moment(2.0, 1.5, 0.5, 1.0))
    {'steal': 0.25, 'others': 0.25}
    """
    if before is None or after is None or after.total <= before.total:
        return {"steal": None, "others": None}
    total = after.total - before.total
    others = (after.busy - before.busy) - (after.ours - before.ours)
    return {"steal": round((after.stolen - before.stolen) / total, 4), "others": round(max(0.0, others / total), 4)}
