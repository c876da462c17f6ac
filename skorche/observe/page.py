"""The status page of a run: one HTML document that needs nothing else, and can be sent to others or printed.

It is read as it stands: no scripts, and a policy in it that forbids browsers to run any, or to ask for anything from
anywhere. Names, items and errors come from users, so none is trusted: all are escaped, and shown as plain text.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from pathlib import Path

from skorche.events import NodeTally
from skorche.named import NamedTuple
from skorche.observe.amounts import rate_text, share_text, size_text, time_text
from skorche.observe.diagram import Diagram
from skorche.observe.load import Load, limit_words, loads_of, workers_text
from skorche.observe.overview import FailureText, Overview
from skorche.observe.page_style import STYLE

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
LONGEST_TEXT = 20_000
"""Characters of a traceback, or of what a task printed, that are shown."""

LONGEST_LINE = 1000

SMALLEST = 0.65
"""To which part of its size a diagram shrinks with the window; from there on it can be scrolled."""


def page_of(overview: Overview, refresh: int | None = None) -> str:
    """The page. With `refresh` a browser reads it anew after so many seconds."""
    parts = [_head(overview, refresh), _header(overview), _verdict(overview), _tiles(overview)]
    parts += [_diagram(overview), _table(overview), _failures(overview), _notes(overview), _footer(overview, refresh)]
    return "\n".join([*(part for part in parts if part), "</main>", "</body>", "</html>", ""])


def write_page(path: Path, page: str) -> None:
    """Write the file beside the old one, then rename it: whoever opens `path` finds one or the other.

    Raises:
        OSError: it cannot be written.
    """
    part = path.with_name(f".{secrets.token_hex(8)}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        part.write_text(page, encoding="utf-8")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _text(text: str, longest: int = LONGEST_LINE) -> str:
    """Text as it may stand in the page: on one screen, printable, and no markup."""
    if len(text) > longest:
        half = longest // 2
        text = f"{text[:half]} ... {text[-half:]}"
    plain = (one if one.isprintable() or one in "\n\t" else one.encode("unicode_escape").decode() for one in text)
    return escape("".join(plain))


# -- above the diagram ----------------------------------------------------------------------------------------------


def _head(overview: Overview, refresh: int | None) -> str:
    again = f'<meta http-equiv="refresh" content="{refresh}">\n' if refresh is not None else ""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
{again}<link rel="icon" href="data:,">
<title>{_text(overview.name)}: {_state(overview)[1]}</title>
<style>{STYLE}</style>
</head>
<body>
<main>"""


def _state(overview: Overview) -> tuple[str, str]:
    """A class, and words."""
    if overview.running:
        return "running", "running"
    return ("ok", "ok") if overview.ok else ("bad", "not ok")


def _header(overview: Overview) -> str:
    kind, words = _state(overview)
    title = f'<h1>{_text(overview.name)} <span class="state {kind}">{words}</span></h1>'
    return f'<header>\n{title}\n<p class="soft">{_text(overview.headline)}</p>\n</header>'


def _verdict(overview: Overview) -> str:
    limit = limit_words(overview)
    words = overview.verdict or (f"{limit} limits the run" if limit else "")
    badge = '<span class="badge">bottleneck</span> ' if limit else ""
    return f'<p class="verdict">{badge}{_text(words)}</p>' if words else ""


def _tiles(overview: Overview) -> str:
    counts, around = overview.counts, overview.surroundings
    ended = sum(count for end, count in counts.items() if end != "admitted")
    tiles = [(f"{count:,}", end) for end, count in counts.items() if count or end in ("admitted", "delivered")]
    tiles += [(rate_text(ended, overview.elapsed), "items"), (time_text(overview.elapsed), "elapsed")]
    tiles += [(str(around.cores), "cores")] if around.cores else []
    tiles += [(size_text(around.resident_bytes), "memory, at most")] if around.resident_bytes else []
    shown = "".join(
        f'<div class="tile{" bad" * (name == "failed")}"><b>{_text(value)}</b><span>{name}</span></div>'
        for value, name in tiles
    )
    return f'<section class="tiles">{shown}</section>'


def _diagram(overview: Overview) -> str:
    if not overview.picture.marks:
        return ""
    diagram = Diagram(overview)
    room = f"min-width:{SMALLEST * diagram.breadth:.0f}px;max-width:{diagram.breadth:.0f}px"
    return f'<section class="card diagram">\n<div style="{room}">{diagram.text()}</div>\n</section>'


# -- the table ------------------------------------------------------------------------------------------------------


class Column(NamedTuple):
    """A heading, what it means, and the cell of each node."""

    heading: str
    meaning: str
    cells: Sequence[str]


def _table(overview: Overview) -> str:
    columns = list(_columns(overview.nodes.values(), loads_of(overview.nodes).values()))
    heads = "".join(f'<th scope="col" title="{escape(one.meaning)}">{escape(one.heading)}</th>' for one in columns)
    rows = "\n".join(
        f'<tr{_row_class(name, tally, overview)}><th scope="row">{_text(name)}{_where(name, tally)}</th>'
        + "".join(f"<td>{column.cells[number]}</td>" for column in columns)
        + "</tr>"
        for number, (name, tally) in enumerate(overview.nodes.items())
    )
    head = f'<thead><tr><th scope="col">node</th>{heads}</tr></thead>'
    key = "".join(
        f'<i class="{kind}"></i> {words} ' for kind, words in (("b", "busy"), ("s", "no input"), ("r", "no room"))
    )
    said = f'<p class="soft key">How workers spent their time: {key}</p>'
    return f'<section class="card">\n<table>\n{head}\n<tbody>\n{rows}\n</tbody>\n</table>\n{said}\n</section>'


def _columns(tallies: Iterable[NodeTally], loads: Iterable[Load]) -> Iterator[Column]:
    nodes = [*zip(tallies, loads, strict=True)]
    for name in ("received", "emitted", "failed", "cached", "filtered", "cancelled", "retried"):
        counts = [getattr(tally, name) for tally, _ in nodes]
        if any(counts) or name in ("received", "emitted", "failed"):
            yield Column(name, "items", [f"{count:,}" for count in counts])
    yield Column("time", "how its workers spent their time", [_bar(load) for _, load in nodes])
    yield Column("busy", "of the time of its workers", [share_text(load.busy) for _, load in nodes])
    yield Column("no input", "of the time: waiting for input", [share_text(load.starved) for _, load in nodes])
    yield Column(
        "no room", "of the time: waiting for room for results", [share_text(load.blocked) for _, load in nodes]
    )
    queues = [f"{tally.mean_waiting:,.1f}" if load.queued is not None else "-" for tally, load in nodes]
    yield Column("queue", "items waiting before it, on average", queues)
    yield Column("full", "of the time: its queue had no room", [share_text(load.full) for _, load in nodes])
    yield Column("p50", "half of the items took at most so long", [time_text(tally.p50) for tally, _ in nodes])
    yield Column("p99", "99 % of the items took at most so long", [time_text(tally.p99) for tally, _ in nodes])
    yield Column("busy s", "seconds, of all workers together", [f"{tally.busy_seconds:,.2f}" for tally, _ in nodes])
    yield Column("cpu s", "seconds of processor time", [f"{tally.cpu_seconds:,.2f}" for tally, _ in nodes])
    for name, heading, meaning in (
        ("bytes_in", "bytes in", "went over to its processes"),
        ("bytes_out", "bytes out", "came back from its processes"),
        ("worker_bytes", "memory", "of its largest worker process"),
    ):
        sizes = [getattr(tally, name) for tally, _ in nodes]
        if any(sizes):
            yield Column(heading, meaning, [size_text(size) if size else "-" for size in sizes])


def _bar(load: Load) -> str:
    if load.busy is None:
        return ""
    parts = [("b", load.busy), ("r", load.blocked or 0.0), ("s", load.starved or 0.0)]
    drawn = "".join(f'<i class="{kind}" style="width:{100 * part:.1f}%"></i>' for kind, part in parts if part >= 0.005)
    return f'<span class="bar">{drawn}</span>'


def _row_class(name: str, tally: NodeTally, overview: Overview) -> str:
    kinds = ["failed"] * bool(tally.failed) + ["limit"] * (name == overview.bottleneck)
    return f' class="{" ".join(kinds)}"' if kinds else ""


def _where(name: str, tally: NodeTally) -> str:
    if tally.stage == name:
        return f"<small>{_text(workers_text(tally))}</small>"
    return f"<small>with {_text(tally.stage)}</small>" if tally.stage else ""


# -- below it -------------------------------------------------------------------------------------------------------


def _failures(overview: Overview) -> str:
    if not overview.failed:
        return ""
    shown = "\n".join(_failure(number, one) for number, one in enumerate(overview.failures))
    left = overview.failed - len(overview.failures)
    more = f'<p class="soft">... and {left:,} more in report.failures</p>\n' if left > 0 else ""
    return f'<section class="card">\n<h2>Failures</h2>\n{shown}\n{more}</section>'


def _failure(number: int, failure: FailureText) -> str:
    tries = f" after {failure.attempts} attempts" if failure.attempts > 1 else ""
    said = f"<b>{_text(failure.node)}</b> failed{tries} for <code>{_text(failure.item)}</code>"
    blocks = [failure.traceback] + [f"It said:\n{failure.output}"] * bool(failure.output)
    told = "".join(f"<pre>{_text(block.strip(), LONGEST_TEXT)}</pre>" for block in blocks if block.strip())
    line = f'{number}: {said}: <span class="error">{_text(failure.error)}</span>'
    return f"<details><summary>{line}</summary>{told}</details>" if told else f"<p>{line}</p>"


def _notes(overview: Overview) -> str:
    lines = "".join(f"<li>{_text(note)}</li>" for note in overview.notes)
    return f'<section class="card">\n<h2>Notes</h2>\n<ul>{lines}</ul>\n</section>' if lines else ""


def _footer(overview: Overview, refresh: int | None) -> str:
    again = f"; a browser reads it anew every {refresh} s" if refresh is not None else ""
    when = f"as of {overview.written}" if overview.running else f"written {overview.written}"
    return f'<footer class="soft">skorche status page, {_text(when)}{again}</footer>' if overview.written else ""
