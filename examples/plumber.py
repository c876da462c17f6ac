"""Graphs as dicts: the first program and the diamond of `pipelines`, and coroutines written for it, unchanged."""

import asyncio
import uuid

import skorche

COUNT = 20


shown: list[tuple[str, str]] = []


class StringFuncs:
    """The coroutines of the first program, as on the page of `pipelines`, but that the last notes what that prints."""

    @classmethod
    async def reverse(cls, self=None, q_elt: tuple | None = None):
        return q_elt[0][::-1]

    @classmethod
    async def input_coro(cls, self=None, output_q: asyncio.Queue | None = None):
        acc = [str(uuid.uuid4()) for _ in range(COUNT)]
        for i in acc:
            await output_q.put(i)
            await asyncio.sleep(0)

    @classmethod
    async def output_coro(cls, self, q_elt):
        shown.append(q_elt)


FIRST_PROGRAM = {
    "nodes": {
        "inp": {"coro": StringFuncs.input_coro},
        "rev": {"coro": StringFuncs.reverse},
        "out": {"coro": StringFuncs.output_coro},
    },
    "graph": {
        "inp": ("rev", "out"),
        "rev": ("out",),
        "out": None,
    },
}


def make_strings(count: int):
    """An input node is a generator."""
    for number in range(count):
        yield f"String {number}"


def reverse(text: str) -> str:
    return text[::-1]


async def to_upper(text: str) -> str:
    await asyncio.sleep(0)
    return text.upper()


def to_lower(texts: tuple[str, str]) -> str:
    """Its inputs are aggregated: what n1 and n2 made of one string."""
    return " ".join(texts).lower()


def same(text: str) -> str:
    return text


DIAMOND = {
    "nodes": {
        "inp": {"coro": make_strings, "args": {"count": COUNT}},
        "n1": {"coro": reverse},
        "n2": {"coro": to_upper},
        "n3": {"coro": to_lower},
        "n4": {"coro": same, "properties": {"aggregate_inputs": False}},
    },
    "graph": {
        "inp": ("n1",),
        "n1": ("n2", "n3"),
        "n2": ("n3", "n4"),
        "n3": ("n4",),
        "n4": None,
    },
}


if __name__ == "__main__":
    first = skorche.from_graph(FIRST_PROGRAM, name="first_program", style="processor", coro_map=lambda coro: coro)
    first.run().wait()
    assert len(shown) == COUNT
    assert all(backwards == text[::-1] for text, backwards in shown)

    diamond = skorche.from_graph(DIAMOND, name="diamond")
    print(f"drawn: {diamond.render('plumber')}")
    report = diamond.run().wait()
    made = diamond.outputs["n4"].flush()
    backwards = [f"String {number}"[::-1] for number in range(COUNT)]
    assert sorted(made) == sorted(
        [text.upper() for text in backwards] + [f"{text} {text}".lower() for text in backwards]
    )
    assert report.delivered == COUNT
    print(f"{len(shown)} strings with their reverse, {len(made)} results of the diamond")
