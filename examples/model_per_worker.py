"""A class as a task: each worker loads the model once, before its first item, and lets go of it at its end.

What the instance holds (weights, a lock, a connection, a temporary file) never travels, so none of it has to be
picklable: only the arguments of the constructor do.
"""

import json
import math
import pathlib
import sqlite3
import tempfile
import threading

import skorche

WORKERS = 2
WORDS = ["good", "bad", "fine", "awful", "great"]


@skorche.task(max_workers=WORKERS)
class Sentiment:
    """A model: a word is worth what the file of weights says."""

    def __init__(self, weights: pathlib.Path, log: pathlib.Path) -> None:
        self.weights = json.loads(weights.read_text())
        self.lock = threading.Lock()  # cannot be pickled, and need not be
        self.seen = sqlite3.connect(":memory:")  # belongs to the thread that opened it, which is its worker
        self.seen.execute("create table seen (word text)")
        self.log = log
        note(log, "loaded")

    def __call__(self, text: str) -> float:
        words = text.split()
        with self.lock:
            self.seen.executemany("insert into seen values (?)", [(word,) for word in words])
        return math.fsum(self.weights[word] for word in words)

    def close(self) -> None:
        """The worker ends."""
        self.seen.close()
        note(self.log, "closed")


def note(log: pathlib.Path, what: str) -> None:
    """Add a line to the log: one write, which those of other processes cannot break up."""
    with log.open("a") as file:
        file.write(what + "\n")


def rate_texts(engine: str, folder: pathlib.Path) -> list[str]:
    """Rate texts on this engine; gives what was noted meanwhile."""
    weights, log = folder / "weights.json", folder / f"{engine}.log"
    weights.write_text(json.dumps({word: len(word) / 4 for word in WORDS}))
    texts = [f"{WORDS[number % 5]} {WORDS[number % 3]}" for number in range(1000)]

    with skorche.Pipeline(f"ratings on {engine}") as pipeline:
        model = Sentiment(weights, log)  # loads nothing: the arguments are kept, and each worker loads its own
        ratings = skorche.map(model, skorche.Queue(name="texts", fixed_inputs=texts))
    report = pipeline.run(engine=engine).wait()

    assert ratings.flush() == [sum(len(word) for word in text.split()) / 4 for text in texts]
    assert report.ok
    return log.read_text().split()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        for engine in ("inline", "thread", "process"):
            noted = rate_texts(engine, pathlib.Path(folder))
            loaded = noted.count("loaded")
            assert 1 <= loaded <= WORKERS  # once per worker that had something to do, not once per text
            assert noted.count("closed") == loaded
            print(f"{engine}: 1000 texts, the model was loaded by no more than {WORKERS} workers")
