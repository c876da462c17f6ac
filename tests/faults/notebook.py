"""Runs a notebook in a real kernel, and prints what its cells said. `python -m faults.notebook MARKER`.

The cell that waits writes the id of the kernel's process to the marker, and is then interrupted as Jupyter does it.
"""

import os
import signal
import sys
import threading
from pathlib import Path

import nbformat
from engines.waiting import wait_until
from nbclient import NotebookClient

MARKER = Path(sys.argv[1])

CELLS = [
    """
import os, signal, skorche, time
from pathlib import Path

numbers_of_signals = (signal.SIGINT, signal.SIGTERM)
handlers = [signal.getsignal(number) for number in numbers_of_signals]

@skorche.task(engine="process", max_workers=2)
def double(number):
    return 2 * number

def run(task, items):
    with skorche.Pipeline() as pipeline:
        out = skorche.map(task, skorche.Queue(fixed_inputs=items))
    pipeline.run(progress=False).wait()
    return out.flush()

run(double, [1, 2, 3])
""",
    "run(skorche.task(engine='process')(lambda number: 1 / number), [0])",
    "run(double, [4])",
    f"""
def wait(seconds):
    Path({str(MARKER)!r}).write_text(str(os.getpid()) + "\\n")
    time.sleep(seconds)

run(wait, [0.3] * 100)
""",
    "[signal.getsignal(number) for number in numbers_of_signals] == handlers, run(double, [5])",
    """
live = skorche.Queue()
with skorche.Pipeline() as pipeline:
    out = skorche.map(double, live)
left_open = pipeline.run(progress=False)
""",
    "live.put(6); out.get(timeout=10)",
    "import asyncio; await asyncio.to_thread(left_open.shutdown); left_open.report.delivered",
    "[signal.getsignal(number) for number in numbers_of_signals] == handlers",
]


def interrupt() -> None:
    """Ctrl-C, when the cell waits."""
    wait_until(lambda: MARKER.exists() and MARKER.read_text().endswith("\n"), seconds=30)
    os.killpg(os.getpgid(int(MARKER.read_text())), signal.SIGINT)


def said(cell: nbformat.NotebookNode) -> str:
    """The value of a cell, or its error."""
    return " ".join(
        one.data["text/plain"] if one.output_type == "execute_result" else getattr(one, "ename", one.get("text", ""))
        for one in cell.outputs
    )


def main() -> None:
    """Run all cells."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in CELLS])
    threading.Thread(target=interrupt, daemon=True).start()
    NotebookClient(notebook, timeout=30, kernel_name="python3", allow_errors=True).execute()
    print(*[said(cell) for cell in notebook.cells], sep="\n")


if __name__ == "__main__":
    main()
