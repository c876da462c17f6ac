"""A web service with a pipeline behind it, and a client that asks it, in one program.

    POST /report    a document; answers with a report of it, as JSON
    POST /reports   many documents, a line each; answers with a line of JSON for each, as soon as it is done

A request puts its documents into the pipeline, which all requests share, and waits for what comes of
them. Parsing takes time of the CPU, so it is done on processes, and the event loop goes on answering.
While the pipeline is full, `put_async` waits, so a client that sends too much is slowed down.

    documents -> parse -> measure -> reports
                   |   2 processes
                   +-> failed

A document that cannot be parsed is answered with an error, and harms no other. When the service
stops, what is in the pipeline is finished first.
"""

import asyncio
import collections
import html.parser
import itertools
import json
from collections.abc import AsyncIterator, Iterable
from typing import NamedTuple

from aiohttp import ClientSession, web

import skorche

REQUESTS = 300
LINES = 200

Answer = dict[str, object]


class Document(NamedTuple):
    """A text, and the number of the request it came with."""

    number: int
    text: str


class Report(NamedTuple):
    number: int
    words: int
    most_common: str


# The tasks: plain functions, which know nothing of the web.


@skorche.task(engine="process", max_workers=2)
def parse(document: Document) -> tuple[int, list[str]]:
    reader = PageReader()
    reader.feed(document.text)
    reader.close()
    if not reader.words:
        raise ValueError("there is no word in it")
    return document.number, reader.words


@skorche.task
def measure(parsed: tuple[int, list[str]]) -> Report:
    number, words = parsed
    ((most_common, _),) = collections.Counter(words).most_common(1)
    return Report(number, len(words), most_common)


class PageReader(html.parser.HTMLParser):
    """Gathers the words of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    def handle_data(self, data: str) -> None:
        self.words.extend(data.split())


# The service.


class Reporter:
    """The pipeline, as the requests see it: documents in, each answered to the one who asked."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[Report]] = {}
        with skorche.Pipeline("web_service") as self.pipeline:
            self._documents: skorche.Queue[Document] = skorche.Queue(name="documents", maxsize=32)
            self._failed: skorche.Queue[skorche.Failure] = skorche.Queue(name="failed")
            parsed = skorche.map(parse, self._documents, queue_errors=self._failed)
            self._reports = skorche.map(measure, parsed, queue_out=skorche.Queue(name="reports"))

    async def live(self, service: web.Application) -> AsyncIterator[None]:
        """Run as long as the service does; the end of the block finishes what is in the pipeline."""
        async with self.pipeline.run(progress=False):
            answering = asyncio.create_task(self._answer())
            yield
        await answering

    async def _answer(self) -> None:
        try:
            await asyncio.gather(self._give_reports(), self._give_failures())
        finally:  # if the run has failed, nobody may wait for ever
            for answer in self._waiting.values():
                answer.cancel()

    async def _give_reports(self) -> None:
        async for report in self._reports:
            if answer := self._answer_to(report.number):
                answer.set_result(report)

    async def _give_failures(self) -> None:
        async for failure in self._failed:
            if answer := self._answer_to(failure.item.number):
                answer.set_exception(failure.error)

    def _answer_to(self, number: int) -> asyncio.Future[Report] | None:
        """None if the client has gone away meanwhile."""
        answer = self._waiting.get(number)
        return None if answer is None or answer.done() else answer

    async def report(self, text: str) -> Report:
        """Put a document into the pipeline, and wait for what comes of it."""
        number = next(self._numbers)
        answer: asyncio.Future[Report] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            await self._documents.put_async(Document(number, text))
            return await answer
        finally:
            del self._waiting[number]


REPORTER = web.AppKey("REPORTER", Reporter)


async def answer_one(request: web.Request) -> web.Response:
    answer = await make_answer(request, await request.text())
    return web.json_response(answer, status=422 if "error" in answer else 200)


async def answer_many(request: web.Request) -> web.StreamResponse:
    """Answer in the order in which the reports are done."""
    lines = (await request.text()).splitlines()
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    await response.prepare(request)
    for done in asyncio.as_completed([make_answer(request, line) for line in lines]):
        await response.write(json.dumps(await done).encode() + b"\n")
    return response


async def make_answer(request: web.Request, text: str) -> Answer:
    try:
        report = await request.app[REPORTER].report(text)
    except ValueError as error:
        return {"error": str(error)}
    return {"words": report.words, "most_common": report.most_common}


def make_service() -> web.Application:
    service = web.Application()
    reporter = service[REPORTER] = Reporter()
    service.cleanup_ctx.append(reporter.live)
    service.add_routes([web.post("/report", answer_one), web.post("/reports", answer_many)])
    return service


# The client.


def page(number: int) -> str:
    return f"<html><p>page {number}</p>" + "<p>word</p>" * number + "</html>"


def expected(numbers: Iterable[int]) -> list[Answer]:
    return [{"words": number + 2, "most_common": "word" if number > 1 else "page"} for number in numbers]


async def ask_one(session: ClientSession, text: str) -> tuple[int, Answer]:
    async with session.post("/report", data=text) as response:
        return response.status, await response.json()


async def ask_many(session: ClientSession, texts: list[str]) -> list[Answer]:
    async with session.post("/reports", data="\n".join(texts)) as response:
        return [json.loads(line) async for line in response.content]


async def ask_all(url: str) -> None:
    """Ask everything at the same time, and see that each answer is the right one."""
    pages = [page(number) for number in range(REQUESTS)]
    lines = [*map(page, range(LINES)), "<html></html>"]
    async with ClientSession(url) as session:
        answers = await asyncio.gather(*(ask_one(session, text) for text in pages))
        streamed, wordless, more = await asyncio.gather(
            ask_many(session, lines), ask_one(session, "<html></html>"), ask_many(session, lines)
        )

    no_word: Answer = {"error": "there is no word in it"}
    assert answers == [(200, answer) for answer in expected(range(REQUESTS))]
    assert wordless == (422, no_word)
    for reports in (streamed, more):
        assert sorted(reports, key=str) == sorted([*expected(range(LINES)), no_word], key=str)


async def main() -> None:
    service = make_service()
    runner = web.AppRunner(service)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0]
        await ask_all(f"http://{host}:{port}")
    finally:
        await runner.cleanup()

    run = service[REPORTER].pipeline.last_run
    assert run is not None
    assert run.report is not None
    assert (run.report.delivered, run.report.failed) == (REQUESTS + 2 * LINES, 3)
    print(f"{run.report.admitted} documents, three of them without a word: each was answered")


if __name__ == "__main__":
    asyncio.run(main())
