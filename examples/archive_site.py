"""A small web site on the loopback address, serving zip archives made from a fixed seed.

Each archive holds photos, text documents and HTML documents, a few of them empty. Like any real
collection it has its faults: archive 1 is not a zip file at all, one photo in archive 2 is cut off
in the middle, and every third archive answers 503 when it is first asked for.

The same seed gives the same bytes, so `archive_job.py` can name what must fail. Run alone, this
file makes the archives twice, fetches every one of them over HTTP and compares.
"""

import contextlib
import http.server
import io
import random
import threading
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field

from PIL import Image

SEED = 20
CORRUPT_ARCHIVE = "archive-001.zip"
CORRUPT_PHOTO = "archive-002/photo-01.jpg"
WORDS = ("stone", "river", "lamp", "thread", "garden", "copper", "window", "letter", "winter", "bread", "harbour")

# The site is on this machine: a proxy named in the environment must not stand in between.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def make_archives(count: int) -> dict[str, bytes]:
    """The served files by name; the bytes of an archive depend on its number alone."""
    return {f"archive-{number:03}.zip": make_archive(number) for number in range(count)}


def make_archive(number: int) -> bytes:
    name = f"archive-{number:03}"
    if f"{name}.zip" == CORRUPT_ARCHIVE:
        return b"<html>The page you asked for has moved.</html>"
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for member, data in make_members(name, random.Random(f"{SEED} {number}")):
            archive.writestr(zipfile.ZipInfo(member), data)
    return content.getvalue()


def make_members(archive: str, chance: random.Random) -> Iterator[tuple[str, bytes]]:
    for index in range(chance.randint(4, 8)):
        photo = make_photo(chance)
        cut = f"{archive}/photo-{index:02}.jpg" == CORRUPT_PHOTO
        yield f"photo-{index:02}.jpg", photo[: len(photo) // 2] if cut else photo
    for index in range(chance.randint(2, 5)):
        yield f"note-{index:02}.txt", make_text(chance).encode()
    for index in range(chance.randint(1, 4)):
        yield f"page-{index:02}.html", make_page(chance).encode()


def make_photo(chance: random.Random) -> bytes:
    """A JPEG of 640 x 480: a gradient in red, one in green, noise in blue."""
    across = Image.linear_gradient("L").resize((640, 480))
    down = across.transpose(Image.Transpose.ROTATE_90).resize((640, 480))
    noise = Image.frombytes("L", (160, 120), chance.randbytes(160 * 120)).resize((640, 480))
    content = io.BytesIO()
    Image.merge("RGB", chance.sample([across, down, noise], 3)).save(content, "JPEG")
    return content.getvalue()


def make_text(chance: random.Random) -> str:
    """A few lines of words; every fourth document or so is empty."""
    if chance.random() < 0.25:
        return ""
    return "\n".join(" ".join(chance.choices(WORDS, k=8)) for _ in range(chance.randint(2, 40)))


def make_page(chance: random.Random) -> str:
    text = make_text(chance)
    if not text:
        return ""
    paragraphs = "\n".join(f"<p>{line}</p>" for line in text.splitlines())
    return f"<html><head><style>p {{ margin: 0 }}</style></head><body>\n{paragraphs}\n</body></html>"


@dataclass
class Site:
    """What is served, how far away it is, and which archives still have a 503 to give."""

    archives: dict[str, bytes]
    latency: float = 0.1
    busy: set[str] = field(default_factory=set)
    address: str = ""

    @property
    def urls(self) -> list[str]:
        return [f"{self.address}/{name}" for name in self.archives]


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = False  # so that server_close() joins the threads of the requests too

    def __init__(self, site: Site) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.site = site


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        site, name = self.server.site, self.path.removeprefix("/")
        time.sleep(site.latency)
        if name in site.busy:
            site.busy.discard(name)
            self.send_error(503, "Busy, please come back")
        elif name in site.archives:
            self.answer(site.archives[name])
        else:
            self.send_error(404)

    def answer(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing: one line per request would bury what the job says."""


@contextlib.contextmanager
def serve(count: int) -> Iterator[Site]:
    """Serve `count` archives while the block lasts; no thread and no socket is left after it."""
    archives = make_archives(count)
    server = _Server(Site(archives, busy=set(list(archives)[::3])))
    server.site.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="archive site")
    thread.start()
    try:
        yield server.site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def fetch(url: str) -> bytes:
    """The bytes behind `url`; a refusal is raised as the `HTTPError` it is, with its socket closed."""
    try:
        with OPENER.open(url, timeout=30) as answer:
            return bytes(answer.read())
    except urllib.error.HTTPError as refusal:
        refusal.close()
        raise


def main() -> None:
    with serve(count=6) as site:
        refused = set(site.busy)
        for url in site.urls:
            with contextlib.suppress(urllib.error.HTTPError):
                fetch(url)
        fetched = [fetch(url) for url in site.urls]

    assert refused == {"archive-000.zip", "archive-003.zip"}
    assert not site.busy
    assert fetched == list(make_archives(6).values())
    print(f"{len(fetched)} archives, {sum(map(len, fetched))} bytes, the same each time")


if __name__ == "__main__":
    main()
