"""What people declare first: `Task`, a function, or a class, and how to run it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, Concatenate, Generic, Literal, Protocol, TypeVar, cast, overload

from skorche.call import Awaiting, Making, Unpacking, is_async, is_async_generator, makes_callables, name_of
from skorche.errors import GraphError, Location, nearest, shorten
from skorche.limits import AnyLimit
from skorche.options import EngineChoice, OnError, TaskOptions, changed_options
from skorche.queue import Queue

A = TypeVar("A")
B = TypeVar("B")
A_contra = TypeVar("A_contra", contravariant=True)
B_co = TypeVar("B_co", covariant=True)

ASYNC_WORKERS = 32
"""Items of an async task in flight, unless it says otherwise: one that waits costs no thread."""


class Task(Generic[A_contra, B_co]):
    """A function and how to run it. Calling a task calls the function.

    >>> @task(retries=2)
    ... def add_one(number: int) -> int:
    ...     return number + 1
    >>> add_one(1), add_one.name
    (2, 'add_one')
    """

    def __init__(self, function: Callable[..., B_co], name: str | None, options: TaskOptions) -> None:
        kept = ("__dict__",) if hasattr(function, "__code__") else ()  # what an object keeps for itself stays its own
        functools.update_wrapper(cast(Any, self), function, updated=kept)
        self.function = function
        self.name = name or name_of(function)
        self.is_async = is_async(function)
        self._options = options
        code = getattr(function, "__code__", None)
        self.declared = Location(code.co_filename, code.co_firstlineno) if code else Location.of_caller()

    def __call__(self, item: A_contra, /, *args: object, **kwargs: object) -> B_co:
        return self.function(item, *args, **kwargs)

    @overload
    def __get__(self, instance: None, owner: type) -> Task[A_contra, B_co]: ...
    @overload
    def __get__(self, instance: object, owner: type | None = None) -> Task[Any, B_co]: ...
    def __get__(self, instance: object, owner: type | None = None) -> Task[Any, B_co]:
        """What a class has for a method: bound to the instance, as its function would be."""
        bind = getattr(self.function, "__get__", None)
        bound = self.function if bind is None else bind(instance, owner)
        return self if bound is self.function else Task(bound, self.name, self._options)

    def __repr__(self) -> str:
        return f"<Task {self.name} at {self.declared}>"

    @property
    def settings(self) -> TaskOptions:
        """The options as they are now, frozen."""
        return self._options

    @property
    def node_name(self) -> str:
        """What its nodes are called: by the tag too, where it has one."""
        tag = self._options.tag
        return f"{self.name}({tag})" if tag else self.name

    @property
    def call(self) -> Callable[..., Any]:
        """What a step calls with an item: the function, or what awaits it, unpacks the item, or makes an instance."""
        call: Callable[..., Any] = Unpacking(self.function) if self._options.unpack else self.function
        return Awaiting(call) if self.is_async else call

    @property
    def workers(self) -> int:
        """How many items may be worked on at a time."""
        return self._options.max_workers or (ASYNC_WORKERS if self.is_async else 1)

    def options(self, **changes: Any) -> Task[A_contra, B_co]:
        """A copy with other options; `tag` becomes part of the node's name.

        >>> task(abs).options(max_workers=4, tag="wide").settings.max_workers
        4

        Raises:
            GraphError: an option does not exist or its value has no meaning.
        """
        name = changes.pop("name", self.name)
        return Task(self.function, name, changed_options(self._options, changes))

    def bind(self, **arguments: Any) -> Task[A_contra, B_co]:
        """A copy whose function has these keyword arguments fixed.

        >>> @task
        ... def scale(number, by=1):
        ...     return number * by
        >>> scale.bind(by=3)(5)
        15
        """
        for name, value in arguments.items():
            refuse_queues(f"{self.name}.bind({name}=...)", value)
        _check_names(self, arguments)
        return Task(functools.partial(self.function, **arguments), self.name, self._options)


def _check_names(task: Task[Any, Any], names: Iterable[str]) -> None:
    """Raise for arguments that the function has no parameters for, where that can be told."""
    from inspect import Parameter, signature  # declaring needs it anyway, for dataclasses

    try:
        parameters = signature(task.function).parameters.values()
    except (TypeError, ValueError):  # of some built-in functions nothing is known
        return
    if any(one.kind is Parameter.VAR_KEYWORD for one in parameters):
        return
    known = [one.name for one in parameters if one.kind is not Parameter.POSITIONAL_ONLY]
    for name in names:
        if name not in known:
            raise GraphError(
                f"task {task.name!r} ({task.declared}) was given the argument {name!r}.",
                f"its parameters are {', '.join(known) or 'none'}.",
                f"{nearest(name, known)}Otherwise leave it out.",
            )


def refuse_queues(who: str, value: object) -> None:
    """Raise for a queue where only a constant is of use, also in a list of them."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple | set) else (value,)
    if any(isinstance(one, Queue) for one in inside):
        raise GraphError(
            f"{who} was given {shorten(value)}, which is or holds a queue.",
            "the task would get the queue itself, not its items.",
            "give each queue to skorche.apply as an argument of its own.",
        )


class TaskClass(Task[A_contra, B_co]):
    """A class as a task: calling it keeps the arguments and gives a `Task`; each worker makes an instance of its own.

    >>> @task
    ... class Scale:
    ...     def __init__(self, by):
    ...         self.by = by
    ...     def __call__(self, number):
    ...         return number * self.by
    >>> triple = Scale(by=3)
    >>> triple.name, triple(5)
    ('Scale', 15)

    One whose constructor needs no arguments may be given to an operator as it is.
    """

    def __init__(self, kind: type[Callable[..., B_co]], name: str | None, options: TaskOptions) -> None:
        super().__init__(Making(kind, (), {}), name, options)
        functools.update_wrapper(cast(Any, self), kind, updated=())
        self._kind = kind

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return Task(Making(self._kind, args, kwargs), self.name, self._options)

    def __mro_entries__(self, bases: tuple[object, ...]) -> tuple[type[Callable[..., B_co]]]:
        """Who inherits from it inherits from the class."""
        return (self._kind,)

    def options(self, **changes: Any) -> TaskClass[A_contra, B_co]:
        """A copy with other options; see `Task.options`."""
        name = changes.pop("name", self.name)
        return TaskClass(self._kind, name, changed_options(self._options, changes))


class CallableClass(Protocol[A_contra, B_co]):
    """An instance of a class that can be a task."""

    def __call__(self, item: A_contra, /) -> B_co: ...


@overload
def task(function: type[CallableClass[A, B]], /) -> TaskClass[A, B]: ...
@overload
def task(function: Callable[Concatenate[A, ...], B], /) -> Task[A, B]: ...
@overload
def task(
    function: None = None,
    /,
    *,
    name: str | None = None,
    engine: EngineChoice = None,
    max_workers: int | None = None,
    retries: int = 0,
    backoff: float = 0.5,
    retry_on: type[BaseException] | tuple[type[BaseException], ...] = Exception,
    timeout: float | None = None,
    on_error: OnError | None = None,
    ordered: bool = False,
    idempotent: bool = True,
    isolate: bool = False,
    tag: str | None = None,
    max_items_per_worker: int | None = None,
    max_worker_memory: int | str | None = None,
    unpack: Literal[False] = False,
    limits: Iterable[AnyLimit] = (),
    cache: bool = False,
    version: str | int | None = None,
    reload: bool = False,
    pin: bool = False,
    fuse: bool = True,
) -> Callable[[Callable[Concatenate[A, ...], B]], Task[A, B]]: ...
@overload
def task(
    function: None = None, /, *, unpack: Literal[True], **options: Any
) -> Callable[[Callable[..., B]], Task[Any, B]]: ...
def task(function: Any = None, /, *, name: str | None = None, **options: Any) -> Any:
    """Make a function, or a class, a task, with or without options; of a task one with these too. It can be called.

    An `async def` runs on an event loop, whatever the engine of the run, but "inline"; `max_workers` are then its items
    in flight. Calling a class whose instances can be called gives a task: see `TaskClass`.

    Options: `engine` ("thread", the default, "process", "inline", or an executor), `max_workers` (1, async 32),
    `unpack` (True: an item is a tuple, whose elements are the arguments, or a dict of them by their names),
    `retries` (0) with `backoff` (seconds, doubled each time, full jitter) `retry_on` these exceptions, `timeout`
    (seconds per item), `on_error` ("raise" or "collect"), `ordered` (keep the order in the stream), `idempotent`
    (False: no item ever runs twice), `isolate` (a failed list is tried again in halves, down to single members),
    `limits` (what it shares with other tasks; see `limit` and `rate`), `pin` (True: `run(workers="auto")` leaves its
    `max_workers` as they are, as for a function that must run serially), `fuse` (False: it
    does not travel through worker processes together with other tasks; see docs/operators.md#chain).

    `cache=True` keeps results in the store of the run (`run(store=...)`), and finds them there again while neither the
    item, nor the code, nor anything before it has changed; see docs/cache.md. `version` stands for the code where that
    cannot be told, and `reload=True` makes the results of this task, and of all after it, anew.

    For worker processes only: `max_items_per_worker` (a process that has done so many items of this task is replaced)
    and `max_worker_memory` (so is one that has grown larger: bytes, or a text such as "500MB"). Nothing is lost by it,
    and no item runs twice. A task that runs on threads is refused with them, unless `run(engine=...)` says so.

    >>> @task
    ... def double(number: int) -> int:
    ...     return 2 * number
    >>> @task(name="half", max_workers=4)
    ... def divide(number: int) -> float:
    ...     return number / 2
    >>> double(4), divide(4), divide.name
    (8, 2.0, 'half')

    Raises:
        GraphError: it is not callable, is an asynchronous generator, or an option is unknown or has no meaning.
    """
    settings = changed_options(TaskOptions(), options)

    def decorate(given: Any) -> Task[Any, Any]:
        if isinstance(given, Task):
            return given.options(**options if name is None else options | {"name": name})
        return _task_from(given, name, settings)

    return decorate if function is None else decorate(function)


def _task_from(given: Any, name: str | None, options: TaskOptions) -> Task[Any, Any]:
    """A task from what was decorated, which a class may be too. Given to an operator, a class is just a function."""
    if not makes_callables(given):
        return task_of(given, name, options)
    if is_async(getattr(given, "close", None)) and not is_async(given.__call__):
        raise GraphError(
            f"close() of {given.__name__} is async, and its __call__ is not.",
            "it runs where there is no event loop, so nobody could await its end.",
            "make both of them async, or neither.",
        )
    return TaskClass(given, name, options)


def task_of(function: Any, name: str | None = None, options: TaskOptions | None = None) -> Task[Any, Any]:
    """A task from a function; a task as it is."""
    if isinstance(function, Task):
        return function
    if not callable(function):
        kind, mend = type(function), "give a function, or decorate one with @skorche.task."
        if kind.__module__ != "builtins" and not isinstance(function, Queue):
            mend = f"give a function, or one of its methods; or give {kind.__name__} a __call__(self, item)."
        raise GraphError(
            f"{shorten(function)} was given as a task.", f"{kind.__name__} objects cannot be called.", mend
        )
    if is_async_generator(function):
        raise GraphError(
            f"{name_of(function)} is an asynchronous generator.",
            "a task gives one result for an item, and a generator gives none that can be awaited.",
            "gather what it gives in a list, and return that; unbatch makes items of its elements.",
        )
    return Task(function, name, options or TaskOptions())
