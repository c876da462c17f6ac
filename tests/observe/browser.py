"""Chromium without a window, to open a page in: what it asks for, and what it complains about.

It is spoken to over two pipes in its own language (the Chrome DevTools Protocol: JSON, each message ended by a zero
byte), so no package is needed for it. Pages come from a server of this process, which sees what is asked for that the
browser does not tell, such as an icon.
"""

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

CHROMIUM = shutil.which("chromium")
QUIET = (
    "--headless",
    "--no-sandbox",  # it does not start for root with one
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-sync",
    "--disable-breakpad",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--no-first-run",
    "--no-default-browser-check",
    "--password-store=basic",
    "--remote-debugging-pipe",
)


class Seen(NamedTuple):
    """What opening a page came to: the addresses it asked for, the complaints in the console, and what it shows."""

    requests: list[str]
    complaints: list[str]
    text: str
    facts: dict[str, Any]


FACTS = """({
    background: getComputedStyle(document.body).backgroundColor,
    boxes: document.querySelectorAll("svg g[data-node]").length,
    details: document.querySelectorAll("details").length,
    scripts: document.scripts.length,
    wider: document.documentElement.scrollWidth > innerWidth,
})"""


class Browser:
    """A running Chromium with one page."""

    def __init__(self, to: int, back: int) -> None:
        self._to, self._back = os.fdopen(to, "wb"), os.fdopen(back, "rb")
        self._number = 0
        self.events: list[dict[str, Any]] = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.ask(f"{domain}.enable", page=True)

    def ask(self, method: str, *, page: bool = False, **parameters: Any) -> dict[str, Any]:
        """Say it, and wait for the answer."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if page:
            message["sessionId"] = self._session
        self._to.write(json.dumps(message).encode() + b"\0")
        self._to.flush()
        while (answer := self._read()).get("id") != self._number:
            pass
        assert "error" not in answer, answer
        return answer["result"]

    def wait_for(self, method: str) -> None:
        """Wait until that has happened."""
        while self._read().get("method") != method:
            pass

    def _read(self) -> dict[str, Any]:
        data = bytearray()
        while (one := self._back.read(1)) != b"\0":
            assert one, "the browser has ended"
            data += one
        message = json.loads(data)
        if "method" in message:
            self.events.append(message)
        return message

    def close(self) -> None:
        """Let it end."""
        with suppress(OSError, AssertionError):
            self.ask("Browser.close")
        self._to.close()
        self._back.close()

    def said(self, method: str) -> list[dict[str, Any]]:
        """What events of a kind told."""
        return [event["params"] for event in self.events if event["method"] == method]


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """A Chromium of our own, with an empty profile."""
    assert CHROMIUM is not None
    (their_in, to), (back, their_out) = os.pipe(), os.pipe()
    command = [CHROMIUM, *QUIET, f"--user-data-dir={profile}"]
    started = subprocess.Popen(
        ["bash", "-c", f'exec "$@" 3<&{their_in} 4>&{their_out}', "bash", *command],
        pass_fds=(their_in, their_out),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"HOME": str(profile)},
    )
    os.close(their_in)
    os.close(their_out)
    chromium = None
    try:
        chromium = Browser(to, back)
        yield chromium
    finally:
        if chromium is not None:
            chromium.close()
        else:
            started.kill()
        started.wait(60)


@contextmanager
def served(page: str) -> Iterator[tuple[str, list[str]]]:
    """The address of a page, and the paths that have been asked for there."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        timeout = 1  # browsers open connections that they may never use

        def do_GET(self) -> None:
            asked.append(self.path)
            body = page.encode() if self.path == "/status.html" else b""
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False  # its end waits for them
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def open_in(chromium: Browser, page: str, *, scheme: str = "light") -> Seen:
    """Open a page on a light or a dark screen."""
    chromium.events.clear()
    scheme_feature = {"name": "prefers-color-scheme", "value": scheme}
    chromium.ask("Emulation.setEmulatedMedia", page=True, features=[scheme_feature])
    with served(page) as (address, asked):
        chromium.ask("Page.navigate", page=True, url=f"{address}/status.html")
        chromium.wait_for("Page.loadEventFired")
        facts = chromium.ask("Runtime.evaluate", page=True, expression=FACTS, returnByValue=True)
        text = chromium.ask("Runtime.evaluate", page=True, expression="document.body.innerText")
    requests = [told["request"]["url"].removeprefix(address) for told in chromium.said("Network.requestWillBeSent")]
    complaints = [told["entry"]["text"] for told in chromium.said("Log.entryAdded")]
    complaints += [str(told["args"]) for told in chromium.said("Runtime.consoleAPICalled")]
    complaints += [str(told["exceptionDetails"]) for told in chromium.said("Runtime.exceptionThrown")]
    return Seen(sorted({*requests, *asked}), complaints, text["result"]["value"], facts["result"]["value"])
