"""What is known of the items on each queue of a graph: followed from node to node as they are declared.

Every operator says in its own file what becomes of the types, as a rule from the `Items` it is given (one for each
queue it reads) to those it gives (one for each it fills). Rules only call methods, so an operator's file need not
import this one, and a worker never does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import GenericAlias
from typing import Any, Protocol

from skorche.errors import GraphError, Location
from skorche.events import Failure
from skorche.hints.fit import either, element, fits, in_words, members_of_row
from skorche.hints.read import Hint, Said, read
from skorche.named import NamedTuple
from skorche.options import TaskOptions
from skorche.queue import Queue


class Calls(Protocol):
    """What must be known of a task."""

    @property
    def name(self) -> str: ...
    @property
    def function(self) -> Callable[..., object]: ...
    @property
    def declared(self) -> Location: ...
    @property
    def settings(self) -> TaskOptions: ...


class Bound(Protocol):
    """What must be known of a node."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def inputs(self) -> tuple[Queue[Any], ...]: ...
    @property
    def outputs(self) -> tuple[Queue[Any], ...]: ...
    @property
    def errors(self) -> Queue[Any] | None: ...
    @property
    def task(self) -> Calls | None: ...
    @property
    def types(self) -> Rule | None: ...


class Given(NamedTuple):
    """A type that some items surely have: who gave them, of which type, and by which operators they came."""

    hint: Hint
    giver: str = ""
    first: Hint = Any
    route: tuple[str, ...] = ()


UNKNOWN = Given(Any)


class Items(NamedTuple):
    """What is known of the items on one queue. There are items of each of these types."""

    given: tuple[Given, ...] = (UNKNOWN,)

    def through(self, task: Calls, parameter: int | str = 0) -> Items:
        """What the task gives for these items, which it takes as that parameter; or as all, if it unpacks them.

        Raises:
            GraphError: it surely cannot take them.
        """
        said = read(task.function, parameter)
        for given in self.given:
            if not task.settings.unpack:
                _check(task, said, given)
                continue
            for number, member in enumerate(members_of_row(given.hint)):
                _check(task, read(task.function, number), given._replace(hint=member))
        if said.gives is Any:
            return NOTHING_KNOWN
        return Items((Given(said.gives, f"task {task.name!r} ({task.declared})", said.gives),))

    def selected(self) -> Items:
        """Some of them: those of one type may all be left out, so what follows need only take one of the types."""
        return self if len(self.given) == 1 else Items((self._joined(),))

    def gathered(self) -> Items:
        """Lists of them."""
        inner = self._joined()
        return Items((inner._replace(hint=GenericAlias(list, (inner.hint,))),))

    def beside(self, *others: Items) -> Items:
        """Tuples of one of them and one of each of the others."""
        inner = Items(tuple(items._joined() for items in (self, *others)))
        return Items((inner._joined()._replace(hint=GenericAlias(tuple, tuple(one.hint for one in inner.given))),))

    def or_value(self, value: object) -> Items:
        """They, or this value in place of some."""
        inner = self._joined()
        return self if inner.hint is Any else Items((inner._replace(hint=either([inner.hint, type(value)])),))

    def elements(self, operator: str) -> Items:
        """What the operator gets by iterating them.

        Raises:
            GraphError: they surely cannot be iterated.
        """
        for given in self.given:
            if not fits(given.hint, Iterable):
                raise _whole(operator, given)
        return Items(tuple(given._replace(hint=element(given.hint)) for given in self.given))

    def merged(self, *others: Items) -> Items:
        """They, and all of the others."""
        return Items(tuple({key: given for items in (self, *others) for key, given in items._keyed()}.values()))

    def _joined(self) -> Given:
        """All of them as one: of either type."""
        if len(self.given) == 1:
            return self.given[0]
        if any(given.hint is Any for given in self.given):
            return UNKNOWN
        hints, givers, firsts, routes = zip(*self.given, strict=True)
        names = dict.fromkeys(name for route in routes for name in route)
        return Given(either(hints), " and ".join(dict.fromkeys(givers)), either(firsts), tuple(names))

    def _keyed(self) -> list[tuple[tuple[int, str], Given]]:
        """With what tells them apart. Hints are anybody's objects, so they are not compared."""
        return [((id(given.hint), given.giver), given) for given in self.given]

    def made_by(self, node: Bound, inputs: Iterable[Items]) -> Items:
        """The same, with the operator in their story, if it made them of others."""
        if node.task is not None or self is NOTHING_KNOWN:
            return self
        old = {id(given) for items in inputs for given in items.given}
        return Items(tuple(given if id(given) in old else _told(given, node) for given in self.given))


NOTHING_KNOWN = Items()

Rule = Callable[..., Sequence[Items]]
"""From the `Items` of each input to those of each output."""


def _told(given: Given, node: Bound) -> Given:
    if given.giver or given.hint is Any:
        return given._replace(route=(*given.route, node.name))
    return given._replace(giver=node.title, first=given.hint)


def follow(node: Bound, known: Mapping[int, Items], consumers: Mapping[int, Bound]) -> dict[int, Items]:
    """What is known of queues, by `id`, now that there is this node; also of those behind it, if they were there first.

    Raises:
        GraphError: the hints of two functions surely do not fit.
    """
    found: dict[int, Items] = {}
    ahead = [node]
    while ahead:
        node = ahead.pop()
        for queue, items in _filled_by(node, {**known, **found} if found else known):
            before = found.get(id(queue)) or known.get(id(queue), NOTHING_KNOWN)
            if items is not before and dict(items._keyed()).keys() != dict(before._keyed()).keys():
                found[id(queue)] = items
                ahead += [consumers[id(queue)]] if id(queue) in consumers else []
    return found


def _filled_by(node: Bound, known: Mapping[int, Items]) -> Iterable[tuple[Queue[Any], Items]]:
    inputs = [known.get(id(queue), NOTHING_KNOWN) for queue in node.inputs]
    if node.types is not None:
        for queue, items in zip(node.outputs, node.types(*inputs), strict=True):
            yield queue, items.made_by(node, inputs)
    if node.errors is not None:
        yield node.errors, Items((Given(Failure, f"queue_errors of {node.title}", Failure),))


def _check(task: Calls, said: Said, given: Given) -> None:
    if given.hint is not said.takes and not fits(given.hint, said.takes):
        raise _misfit(task, said, given)


def _misfit(task: Calls, said: Said, given: Given) -> GraphError:
    return GraphError(
        f"task {task.name!r} ({task.declared}) cannot take what {given.giver} gives.",
        f"by its hint it takes {said.parameter}: {in_words(said.takes)}, but it would be given {_story(given)}.",
        f"put a task between them that makes the one of the other, or correct the hint that is wrong. {ESCAPE}",
    )


def _whole(operator: str, given: Given) -> GraphError:
    return GraphError(
        f"{operator} cannot iterate what {given.giver} gives.",
        f"it would be given {_story(given)}, but {in_words(given.hint)} has no elements.",
        f"leave the {operator} out, or correct the hint. {ESCAPE}",
    )


ESCAPE = "Pipeline(check_types=False), or skorche.init(check_types=False), looks at no hints."


def _story(given: Given) -> str:
    if given.hint is given.first or not given.route:
        return in_words(given.hint)
    return f"{in_words(given.hint)}, which {' and '.join(given.route)} made of {in_words(given.first)}"
