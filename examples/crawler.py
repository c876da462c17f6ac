"""An async crawler: 200 requests at a time, and no more than 400 in 0.2 seconds, against a small server of its own.

The server is slow on purpose, counts how many it serves at a time, and has pages that are missing or never come. The
parsing is an ordinary task on a thread of its own: an async task is for waiting.
"""

import asyncio
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import skorche

PAGES = 2000
AT_ONCE = 200
RATE, WINDOW = 400, 0.2
MISSING, SILENT = 404, 7


class Site:
    """A site on the loopback interface, in a thread with an event loop of its own."""

    def __init__(self) -> None:
        self.port = 0
        self.now = self.most = self.served = 0
        self._up = threading.Event()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        number = int(request.split()[1].removeprefix("/page/"))
        await asyncio.sleep(0.1)
        if number == SILENT:
            await reader.read()  # no answer, until the crawler hangs up
        elif number == MISSING:
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        else:
            body = f"<title>Page {number}</title>".encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        self.now -= 1
        self.served += 1
        writer.close()

    async def _serve(self) -> None:
        self._stopped = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0, backlog=AT_ONCE)
        self.port = server.sockets[0].getsockname()[1]
        self._up.set()
        async with server:
            await self._stopped.wait()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve for as long as the block goes on."""
        thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        thread.start()
        self._up.wait()
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(self._stopped.set)
            thread.join()


class NotFound(Exception):
    """There is no such page."""


polite = skorche.rate("site", RATE, per=WINDOW)
started: list[float] = []


@skorche.task(max_workers=AT_ONCE, unpack=True, timeout=5, retries=2, retry_on=ConnectionError, limits=[polite])
async def fetch(port: int, number: int) -> str:
    """Get a page. When it takes longer than the timeout, the coroutine is cancelled, and only this page fails."""
    started.append(time.monotonic())
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET /page/{number} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    finally:
        writer.close()
    if " 404 " in head.splitlines()[0]:
        raise NotFound(f"page {number}")
    return body


@skorche.task
def read_title(page: str) -> str:
    """What stands in the title."""
    found = re.search("<title>(.*)</title>", page)
    return found[1] if found else ""


def crawl(site: Site) -> tuple[list[str], list[skorche.Failure]]:
    """All titles, in the order of the pages, and what could not be had."""
    addresses = [(site.port, number) for number in range(PAGES)]
    failures: skorche.Queue[skorche.Failure] = skorche.Queue(name="failures")
    with skorche.Pipeline("crawler") as pipeline:
        queue = skorche.Queue(name="pages", fixed_inputs=addresses)
        pages = skorche.map(fetch, queue, queue_errors=failures)
        titles = skorche.map(read_title, pages, queue_out=skorche.Queue(name="titles"))
    pipeline.run().wait()
    return titles.flush(), failures.flush()


if __name__ == "__main__":
    site = Site()
    with site.running():
        titles, failures = crawl(site)

    assert titles == [f"Page {number}" for number in range(PAGES) if number not in (MISSING, SILENT)]
    assert {failure.item[1]: type(failure.error) for failure in failures} == {
        MISSING: NotFound,
        SILENT: skorche.TaskTimeout,
    }
    assert site.most <= AT_ONCE
    assert all(later - start >= WINDOW for start, later in zip(started, started[RATE:], strict=False))
    print(f"{len(titles)} titles; at most {AT_ONCE} requests at a time; 2 pages could not be had")
