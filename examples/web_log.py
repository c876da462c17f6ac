"""What a web server's log says: hits per status, the pages asked for most, and the lines that nobody can read.

The log is made up here, in a temporary folder, with some broken lines. Every line is parsed; what cannot be parsed
goes to a reject file, with the reason. The hits go two ways: all are counted by status, those with a page by path.
"""

import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

import skorche

LINES = 5000
BROKEN = 37
PAGES = ["/", "/about", "/blog", "/blog/1", "/blog/2", "/shop", "/shop/cart", "/search"]
FORMAT = re.compile(
    r'(?P<host>\S+) - - \[(?P<time>[^]]+)\] "GET (?P<path>\S+) HTTP/1\.1" (?P<status>\d{3}) (?P<size>\d+)'
)


class Hit(NamedTuple):
    """What is wanted of a line."""

    path: str
    status: int


def make_log(path: Path) -> Counter[int]:
    """Write a log, and count the statuses in it."""
    random, statuses = Random(4), Counter[int]()
    broken = set(random.sample(range(LINES), BROKEN))
    with path.open("w") as log:
        for number in range(LINES):
            status = random.choices([200, 304, 404, 500], [80, 10, 8, 2])[0]
            page = random.choices(PAGES, range(len(PAGES), 0, -1))[0]
            line = f'10.0.0.{number % 250} - - [21/Nov/2026:10:00:00 +0000] "GET {page} HTTP/1.1" {status} 512'
            log.write((line[: len(line) // 2] if number in broken else line) + "\n")
            statuses[status] += number not in broken
    return statuses


def read_lines(path: Path) -> Iterator[str]:
    """A generator, read as there is room for its lines: the log may be larger than the memory."""
    with path.open() as log:
        for line in log:
            yield line.rstrip("\n")


@skorche.task(max_workers=2)
def parse(line: str) -> Hit:
    found = FORMAT.fullmatch(line)
    if found is None:
        raise ValueError("not a line of a log")
    return Hit(found["path"], int(found["status"]))


def count_status(counts: Counter[int], hit: Hit) -> Counter[int]:
    counts[hit.status] += 1  # in place is fine: each run begins with a copy of `initial`
    return counts


def count_page(counts: Counter[str], hit: Hit) -> Counter[str]:
    counts[hit.path] += 1
    return counts


def found_a_page(hit: Hit) -> bool:
    return hit.status in (200, 304)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        log, rejects = Path(folder, "access.log"), Path(folder, "rejects.txt")
        expected = make_log(log)

        with rejects.open("w") as rejected, skorche.Pipeline("web_log") as pipeline:

            def reject(failure: skorche.Failure) -> None:
                rejected.write(f"{failure.error}: {failure.item}\n")

            failures: skorche.Queue[skorche.Failure] = skorche.Queue(name="failures")
            lines = skorche.flat_map(read_lines, skorche.Queue(name="logs", fixed_inputs=[log]))
            hits = skorche.map(parse, lines, queue_errors=failures)
            all_hits, others = skorche.tee(hits)
            statuses = skorche.reduce(count_status, all_hits, initial=Counter[int]())
            found = skorche.filter(found_a_page, others)
            pages = skorche.reduce(count_page, found, initial=Counter[str]())
            top = skorche.map(lambda counts: counts.most_common(3), pages, queue_out=skorche.Queue(name="top pages"))
            skorche.sink(reject, failures)
            report = pipeline.run().wait()

        refused = rejects.read_text().splitlines()

    (by_status,) = statuses.flush()
    (most,) = top.flush()

    assert by_status == expected
    assert sum(by_status.values()) == LINES - BROKEN
    assert [page for page, _ in most] == ["/", "/about", "/blog"]
    assert len(refused) == BROKEN
    assert all(line.startswith("not a line of a log: 10.0.0.") for line in refused)
    assert report.ok  # what went to the reject file is handled
    assert report.nodes["parse"].failed == BROKEN
    print(f"{sum(by_status.values())} hits, {len(refused)} rejected, most on {most[0][0]}")


if __name__ == "__main__":
    main()
