"""A soak: `make soak MINUTES=10` runs random graphs, with workers killed and runs stopped at random.

Each run has a seed, which is printed before it starts: `make soak SEED=... RUNS=1` does the same graph, items, troubles
and stop once more (which worker dies when, the machine has a say in). Exit code 0: no run lost or doubled an item, left
anything behind or hung. A run that hangs is ended after some minutes, with the stacks of all threads.
"""

import argparse
import faulthandler
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

from leaks import mark_family

import skorche

from .oracle import check
from .trial import Trial

HARD_LIMIT = 180.0


UNCAUGHT: list[str] = []
"""What ended a thread, or was raised where nobody could catch it."""


def _note_error(uncaught: Any) -> None:
    """Both of Python's hooks give an error and its traceback."""
    told = traceback.format_exception(uncaught.exc_type, uncaught.exc_value, uncaught.exc_traceback)
    UNCAUGHT.append("".join(told))


def main() -> int:
    """Run until the time is over; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m soak")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--runs", type=int, default=10**9, help="no more than so many")
    parser.add_argument(
        "--seed", type=int, default=int(time.time()), help="of the first run; each next one's is one more"
    )
    arguments = parser.parse_args()
    mark_family()
    threading.excepthook = _note_error
    sys.unraisablehook = _note_error
    figures: Counter[str] = Counter()
    end = time.monotonic() + 60 * arguments.minutes
    while figures["runs"] < arguments.runs and time.monotonic() < end:
        figures += soak_once(arguments.seed + figures["runs"])
    print(", ".join(f"{count:,} {name}" for name, count in figures.items()))
    return 1 if figures["failed runs"] else 0


def soak_once(seed: int) -> Counter[str]:
    """One run; gives its figures."""
    print(f"seed {seed}:", end=" ", flush=True)
    faulthandler.dump_traceback_later(HARD_LIMIT, exit=True)
    trial = Trial.draw(seed)
    try:
        with tempfile.TemporaryDirectory(prefix="skorche-soak-") as folder:
            trial.run(Path(folder))
            check(trial)
        assert not UNCAUGHT, UNCAUGHT
    except Exception:  # noqa: BLE001  (told, counted, and the exit code says so)
        print(f"FAILED ({len(trial.graph.nodes)} nodes, {trial.stop}):\n{traceback.format_exc()}", flush=True)
        return figures_of(trial) + Counter({"failed runs": 1})
    finally:
        UNCAUGHT.clear()
        faulthandler.cancel_dump_traceback_later()
    figures = figures_of(trial)
    print(", ".join(f"{count} {name}" for name, count in figures.items() if name != "runs"), flush=True)
    return figures


def figures_of(trial: Trial) -> Counter[str]:
    """What is printed at the end, summed."""
    report = trial.report
    how = "worker starts that were killed" if isinstance(trial.error, skorche.EngineError) else trial.stop
    figures = Counter({"runs": 1, "kills": trial.kills, "calls": len(trial.effects)})
    figures[f"stopped by {how}"] = int(trial.has_stopped)
    if report is not None:
        figures += Counter({"items": report.admitted, "failures": len(report.failures), "reruns": report.rerun})
        figures["cancelled"] = report.cancelled
        figures["abandoned threads"] = report.abandoned_threads
    return +figures


if __name__ == "__main__":
    sys.exit(main())
