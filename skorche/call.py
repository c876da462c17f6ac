"""What a step calls for each item: made from what the user gave, in one form to travel and one for a worker.

    function                    called as it is
    Unpacking(function)         `f(*item)`
    Placing(function, ...)      `f(constant, element of the item, ...)`
    Making(class, arguments)    each worker makes an instance of its own, calls that, and closes it at its end
    Awaiting(function)          an engine with an event loop awaits it; for the others a loop of the worker's does

`open_call` gives the form for a worker. Functions that need nothing of all this are their own form, at no cost.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from skorche.errors import InternalError, WorkerStartError, text_of

CO_COROUTINE, CO_ASYNC_GENERATOR = 0x80, 0x200
"""As in `inspect`, which takes 5 ms to import."""

Ends = list[Callable[[], Any]]
"""What a worker does at its end, the last first."""


class Unpacking:
    """Calls a function with the elements of an item: those of a dict by their keys.

    >>> Unpacking(pow)((2, 3)), Unpacking(pow)({"base": 2, "exp": 3})
    (8, 8)
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, item: Any) -> Any:
        return self.function(**item) if isinstance(item, dict) else self.function(*item)

    def __getstate__(self) -> dict[str, Any]:
        return {"function": portable(self.function)}


class Around:
    """Calls another function, which workers may need in a form of their own."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def calling(self, function: Callable[..., Any]) -> Any:
        """The same around another function."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__ | {"function": function})
        return other

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"function": portable(self.function)}


class Placing(Around):
    """Calls a function with constants, and with the elements of an item in their places; an item `alone` is none.

    >>> Placing(pow, [None, 2], {"mod": None}, {0: 1, "mod": 0}, alone=False)((5, 4))  # pow(4, 2, mod=5)
    1
    """

    def __init__(
        self,
        function: Callable[..., Any],
        args: list[Any],
        keywords: dict[str, Any],
        from_item: dict[int | str, int],
        *,
        alone: bool,
    ) -> None:
        super().__init__(function)
        self._args, self._keywords, self.alone, self.from_item = args, keywords, alone, from_item
        self._positions = [(key, place) for key, place in from_item.items() if isinstance(key, int)]
        self._names = [(key, place) for key, place in from_item.items() if isinstance(key, str)]

    def __call__(self, item: Any) -> Any:
        given = (item,) if self.alone else item
        args = self._args[:]
        for position, place in self._positions:
            args[position] = given[place]
        keywords = self._keywords | {name: given[place] for name, place in self._names}
        return self.function(*args, **keywords)

    @property
    def constants(self) -> dict[int | str, Any]:
        """The arguments that are the same for all items, by position or by name."""
        given: list[tuple[int | str, Any]] = [*enumerate(self._args), *self._keywords.items()]
        return {key: value for key, value in given if key not in self.from_item}


class Making:
    """A class and the arguments of its constructor, for workers to make an instance from.

    >>> Making(complex, (1, 2), {}).make()
    (1+2j)
    """

    def __init__(self, kind: type[Any], args: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        self.kind, self.args, self.keywords = kind, args, keywords
        self.__name__ = kind.__name__
        self._own: Callable[..., Any] | None = None

    def make(self) -> Any:
        """A new instance.

        Raises:
            WorkerStartError: the constructor raised, which no item is to blame for.
        """
        try:
            return self.kind(*self.args, **self.keywords)
        except BaseException as error:  # whatever it raises: nothing can be done in this worker
            raise WorkerStartError(
                f"a worker cannot make its {self.__name__}: {text_of(error)}",
                "the constructor of the class raised, so no item can be worked on there.",
                "see the traceback of the cause; what the constructor needs must be there for every worker.",
            ) from error

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """A call outside of runs, with an instance made for such calls when the first one comes."""
        if self._own is None:
            self._own = self.kind(*self.args, **self.keywords)
        return self._own(*args, **keywords)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"kind": portable(self.kind), "_own": None}


class Answer:
    """An item with what awaiting its call has given: a value, or an error."""

    __slots__ = ("error", "item", "value")

    def __init__(self, item: Any, value: Any, error: BaseException | None) -> None:
        self.item, self.value, self.error = item, value, error

    def result(self) -> Any:
        """The value; raises the error."""
        if self.error is not None:
            raise self.error
        return self.value


async def settle(function: Callable[[Any], Coroutine[Any, Any, Any]], item: Any) -> Answer:
    """Await the call for one item, however it ends."""
    try:
        return Answer(item, await function(item), None)
    except BaseException as error:  # noqa: BLE001  (also what would end the loop: it fails the item, as on threads)
        return Answer(item, None, error)


class Awaiting:
    """A function whose calls must be awaited. The step is given an `Answer`, since somebody has awaited before."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, answer: Any) -> Any:
        if type(answer) is not Answer:
            raise InternalError("an async task was run where nobody awaits it.")
        return answer.result()

    def __getstate__(self) -> dict[str, Any]:
        return {"function": portable(self.function)}


class PerWorkerCall:
    """A call that makes its own form for a worker."""

    def opened(self, ends: Ends) -> Callable[..., Any]:
        """What the worker calls; `ends` is what it does at its end.

        Raises:
            WorkerStartError: it cannot be made, whatever the item.
        """
        raise NotImplementedError  # each kind of call has its own

    def __call__(self, item: Any) -> Any:
        """Nobody calls it as it is."""
        raise InternalError(f"a {type(self).__name__} was called where nobody has opened it.")


class _Loop:
    """An event loop in the worker's own thread: one item at a time is run to its end."""

    def __init__(self, function: Callable[..., Any], ends: Ends) -> None:
        from asyncio import Runner, new_event_loop  # 40 ms to import: only async tasks need it

        runner = Runner(loop_factory=new_event_loop)  # which so is not set as the thread's, where a user may have one
        self._complete = runner.get_loop().run_until_complete
        ends.append(runner.close)
        inner: Ends = []
        self._function = self._complete(self._open(function, inner))
        if inner:
            ends.append(lambda: self._complete(await_ends(inner)))

    async def _open(self, function: Callable[..., Any], ends: Ends) -> Callable[..., Any]:
        return open_call(function, ends)

    def __call__(self, item: Any) -> Any:
        return self._complete(settle(self._function, item)).result()


async def await_ends(ends: Ends) -> None:
    """The end of a worker that has an event loop: what is done there may have to be awaited."""
    while ends:
        ended = ends.pop()()
        if hasattr(ended, "__await__"):
            await ended


def open_call(call: Callable[..., Any], ends: Ends) -> Callable[..., Any]:
    """The form of a call for one worker, who keeps what it needs for itself; `ends` is what to do with that at its end.

    Raises:
        WorkerStartError: it cannot be made, whatever the item.
    """
    if isinstance(call, Making):
        made: Callable[..., Any] = call.make()
        if callable(close := getattr(made, "close", None)):
            ends.append(close)
        return made
    if isinstance(call, PerWorkerCall):
        return call.opened(ends)
    if isinstance(call, Awaiting):
        return _Loop(call.function, ends)
    if type(call) is partial:
        inner = open_call(call.func, ends)
        return call if inner is call.func else partial(inner, *call.args, **call.keywords)
    if type(call) is Unpacking:
        inner = open_call(call.function, ends)
        return call if inner is call.function else Unpacking(inner)
    around: Any = call
    if isinstance(around, Around):
        inner = open_call(around.function, ends)
        return call if inner is around.function else around.calling(inner)
    return call


def close_all(ends: Ends, complain: Callable[[str], None]) -> None:
    """The worker's end. What raises is told, while the error is being handled, and keeps nothing else from its end."""
    while ends:
        try:
            ends.pop()()
        except Exception:  # noqa: BLE001  (the work is done, and its results count)
            complain("what a worker had made for a task could not be closed")


# -- what kind of function it is ------------------------------------------------------------------------------------


def is_async(function: object) -> bool:
    """Whether a call gives a coroutine.

    >>> class Reader:
    ...     async def __call__(self, item): ...
    >>> is_async(Reader()), is_async(partial(Reader())), is_async(len)
    (True, True, False)
    """
    return bool(_flags_of(function) & CO_COROUTINE)


def is_async_generator(function: object) -> bool:
    """Whether a call gives an asynchronous generator."""
    return bool(_flags_of(function) & CO_ASYNC_GENERATOR)


def name_of(function: Callable[..., object]) -> str:
    """The name people know a function by.

    >>> name_of(partial(len)), name_of(Unpacking(len))
    ('len', 'Unpacking')
    """
    if isinstance(function, partial):
        return name_of(function.func)
    return getattr(function, "__name__", type(function).__name__)


def makes_callables(kind: object) -> bool:
    """Whether it is a class whose instances can be called.

    >>> makes_callables(Unpacking), makes_callables(int)
    (True, False)
    """
    return isinstance(kind, type) and any("__call__" in vars(one) for one in kind.__mro__)


def _flags_of(function: Any) -> int:
    while isinstance(function, partial | Around):
        function = function.func if isinstance(function, partial) else function.function
    if isinstance(function, Making):
        function = function.kind.__call__
    for one in (function, getattr(type(function), "__call__", None)):  # noqa: B004  (its code is asked for)
        code = getattr(one, "__code__", None)
        if code is not None:
            return int(code.co_flags)
    return 0


# -- how it travels -------------------------------------------------------------------------------------------------


class _ByName:
    """Pickles as a module and a name, where the name holds a wrapper of the function (such as a Task)."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name

    def __reduce__(self) -> tuple[Callable[[str, str], Any], tuple[str, str]]:
        return _unwrapped, (self.module, self.name)


class _ByParts:
    """Pickles as a function with fixed arguments, of which the function itself goes by name."""

    def __init__(self, fixed: partial[Any]) -> None:
        self.fixed = fixed

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return _fixed, (portable(self.fixed.func), self.fixed.args, self.fixed.keywords)


def _fixed(function: Callable[..., Any], args: tuple[Any, ...], keywords: dict[str, Any]) -> partial[Any]:
    return partial(function, *args, **keywords)


def _unwrapped(module: str, name: str) -> Any:
    from importlib import import_module

    return _look_up(import_module(module), name).__wrapped__


def _look_up(module: Any, name: str) -> Any:
    found = module
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def portable(function: Any) -> Any:
    """What to pickle in place of a function that a decorator hides under its own name: a reference by name.

    A decorated function cannot be pickled by name, because the name gives the decorator's object. By value it would
    drag its globals along. What stands in `__main__` has to go by value all the same.
    """
    if type(function) is partial and portable(function.func) is not function.func:
        return _ByParts(function)
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    if not module or not name or module == "__main__" or "<" in name:
        return function
    found = _look_up(sys.modules.get(module), name)
    if function is getattr(found, "__wrapped__", None):
        return _ByName(module, name)
    return function
