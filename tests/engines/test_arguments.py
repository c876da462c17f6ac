"""How a function gets its arguments: `bind`, `unpack=True`, partials, methods and callables, on every engine."""

import functools
from typing import Any

import pytest

import skorche

from .choices import Choice
from .runs import mapping
from .tasks import Scale

pytestmark = pytest.mark.timeout(60)


def volume(width: int, height: int, depth: int = 1, *, scale: int = 1) -> int:
    return width * height * depth * scale


@skorche.task(unpack=True)
def area(width: int, height: int) -> int:
    return width * height


class Shelf:
    """Something with methods of several arguments."""

    def __init__(self, depth: int) -> None:
        self.depth = depth

    def volume(self, width: int, height: int) -> int:
        return width * height * self.depth

    def __call__(self, width: int, height: int) -> int:
        return self.volume(width, height)


class AsyncShelf(Shelf):
    """The same, to be awaited."""

    async def __call__(self, width: int, height: int) -> int:  # type: ignore[override]  # which is the point
        return self.volume(width, height)


PAIRS = [(2, 3), [4, 5], range(6, 8)]


@pytest.mark.parametrize(
    ("function", "wanted"),
    [
        (volume, [6, 20, 42]),
        (functools.partial(volume, depth=10), [60, 200, 420]),
        (functools.partial(volume, 10), [60, 200, 420]),
        (Shelf(10).volume, [60, 200, 420]),
        (Shelf(10), [60, 200, 420]),
        (lambda width, height: width + height, [5, 9, 13]),
        (max, [3, 5, 7]),
    ],
    ids=["function", "keywords", "first argument", "method", "callable", "lambda", "built-in"],
)
def test_the_elements_of_an_item_are_the_arguments_of_any_callable(
    choice: Choice, function: Any, wanted: list[int]
) -> None:
    engine = None if choice.engine == "async" else choice.engine
    pipeline, out = mapping(function, PAIRS, unpack=True)

    pipeline.run(engine=engine).wait()

    assert out.flush() == wanted


@pytest.mark.parametrize("engine", [None, "inline", "process"])
def test_the_elements_of_an_item_are_the_arguments_of_what_is_awaited(engine: str | None) -> None:
    pipeline, out = mapping(AsyncShelf(10), PAIRS, unpack=True)

    pipeline.run(engine=engine).wait()

    assert out.flush() == [60, 200, 420]


def test_a_decorated_function_travels_by_its_name_and_can_still_be_called_as_it_is(choice: Choice) -> None:
    engine = None if choice.engine == "async" else choice.engine
    with skorche.Pipeline() as pipeline:
        out = skorche.map(area, skorche.Queue(fixed_inputs=PAIRS))

    pipeline.run(engine=engine).wait()

    assert out.flush() == [6, 20, 42]
    assert area(2, 3) == 6


def test_bound_arguments_go_with_unpacked_ones(choice: Choice) -> None:
    engine = None if choice.engine == "async" else choice.engine
    task = skorche.task(volume).bind(depth=2).options(unpack=True, retries=1).bind(scale=100)
    with skorche.Pipeline() as pipeline:
        out = skorche.map(task, skorche.Queue(fixed_inputs=PAIRS))

    pipeline.run(engine=engine).wait()

    assert out.flush() == [1200, 4000, 8400]
    assert (task.name, task.settings.retries, task(2, 3)) == ("volume", 1, 1200)


def test_methods_and_partials_take_whole_items_without_it(choice: Choice) -> None:
    functions = [Scale(3).apply, functools.partial(pow, 3), Scale(3), functools.partial(Scale(3).apply)]
    with skorche.Pipeline() as pipeline:
        outs = [skorche.map(choice.form(function), skorche.Queue(fixed_inputs=[1, 2])) for function in functions]

    pipeline.run(engine=choice.engine).wait()

    assert [out.flush() for out in outs] == [[3, 6], [3, 9], [3, 6], [3, 6]]


def test_an_item_that_cannot_be_unpacked_fails_alone(choice: Choice) -> None:
    engine = None if choice.engine == "async" else choice.engine
    pipeline, out = mapping(volume, [(2, 3), 4, (5, 6)], unpack=True)

    report = pipeline.run(engine=engine, on_error="collect").wait()

    assert out.flush() == [6, 30]
    assert [(failure.item, type(failure.error)) for failure in report.failures] == [(4, TypeError)]


def test_who_does_not_unpack_does_not_pay_for_it() -> None:
    assert skorche.task(volume).call is volume
    assert skorche.task(max_workers=2)(volume).call is volume
