"""`apply`: a task with several arguments, some from queues, others constant."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from skorche.call import Placing
from skorche.errors import GraphError, shorten
from skorche.events import Failure
from skorche.graph import SCOPE, AnyQueue
from skorche.ops.map import map
from skorche.ops.tee import tee
from skorche.ops.zip import zip
from skorche.queue import Queue
from skorche.tasks import Task, refuse_queues, task_of

B = TypeVar("B")


def apply(
    task: Callable[..., B],
    *args: Any,
    after: Queue[Any] | Sequence[Queue[Any]] | None = None,
    queue_out: Queue[B] | None = None,
    queue_errors: Queue[Failure] | None = None,
    **kwargs: Any,
) -> Queue[B]:
    """Call the task with one item from each queue among its arguments; what is no queue is given as it is.

    The queues are read in step, as by `zip`. With constants only the task is called once. `after=[queue]` waits for an
    item of a queue, in step too, without taking its value. A queue may be read by several `apply`s: it is teed.

    >>> def add(left, right, scale):
    ...     return scale * (left + right)
    >>> with Pipeline() as pipeline:
    ...     total = apply(add, Queue(fixed_inputs=[1, 2]), Queue(fixed_inputs=[10, 20]), scale=2)
    >>> report = pipeline.run().wait()
    >>> total.flush()
    [22, 44]

    Order of completion. One from each in, one out. Holds what waits for its partners, as `zip` does.

    Raises:
        GraphError: the task cannot be called, what is `after` is no queue, or a queue is read by another operator.
    """
    real = task_of(task)
    later = [after] if isinstance(after, Queue) else list(after or ())
    _check_arguments(real, (*args, *kwargs.values()), later)
    _check_fit(real, args, kwargs)
    given = [one for one in (*args, *kwargs.values()) if isinstance(one, Queue)]
    queues = list({id(one): one for one in (*given, *later)}.values())
    place = {id(queue): position for position, queue in enumerate(queues)}
    named: list[tuple[int | str, Any]] = [*enumerate(args), *kwargs.items()]
    from_item = {key: place[id(one)] for key, one in named if isinstance(one, Queue)}
    placing = Placing(real.function, _constants(args), _constants(kwargs), from_item, alone=len(queues) == 1)
    placed: Task[Any, B] = Task(placing, real.name, real.settings)
    placed.declared = real.declared
    graph = SCOPE.graph
    with graph.whole():
        if graph.check_types:
            _check_types(real, named)
        made = map(placed, _in_step(queues), queue_out=queue_out, queue_errors=queue_errors)
        for queue in queues:
            graph.shared.setdefault(id(queue), "")
    return made


def _check_types(task: Task[Any, Any], arguments: Sequence[tuple[int | str, Any]]) -> None:
    """What is known of each queue must fit the parameter it is given as."""
    from skorche.hints.items import NOTHING_KNOWN  # a worker, which declares nothing, does without

    for parameter, given in arguments:
        if isinstance(given, Queue):
            SCOPE.graph.types.get(id(given), NOTHING_KNOWN).through(task, parameter)


def _check_arguments(task: Task[Any, Any], arguments: Sequence[object], after: Sequence[object]) -> None:
    name = task.name
    if task.settings.unpack:
        raise GraphError(
            f"apply was given {name}, a task with unpack=True.",
            "its items are no tuples of arguments: apply gives it the arguments one by one.",
            "leave unpack out, or give map a queue of tuples.",
        )
    for constant in arguments:
        if not isinstance(constant, Queue):
            refuse_queues(f"apply({name})", constant)
    for one in after:
        if not isinstance(one, Queue):
            raise GraphError(
                f"apply({name}) was given after={shorten(one)}.",
                f"{type(one).__name__} objects are no queues, so there is nothing to wait for.",
                "give a list of queues that other operators fill.",
            )


def _check_fit(task: Task[Any, Any], args: Sequence[object], kwargs: Mapping[str, object]) -> None:
    """The arguments must be those of the function, where that can be told."""
    from inspect import signature  # declaring needs it anyway, for dataclasses

    try:
        parameters = signature(task.function)
    except (TypeError, ValueError):  # of some built-in functions nothing is known
        return
    try:
        parameters.bind(*args, **kwargs)
    except TypeError as error:
        raise GraphError(
            f"apply was given arguments that do not fit {task.name} ({task.declared}): {error}.",
            f"it is called as {task.name}{parameters}.",
            "give it one argument for each parameter that has no default.",
        ) from None


def _constants(given: Any) -> Any:
    """The arguments without the queues, which only this process knows."""
    if isinstance(given, dict):
        return {name: None if isinstance(one, Queue) else one for name, one in given.items()}
    return [None if isinstance(one, Queue) else one for one in given]


def _in_step(queues: list[AnyQueue]) -> AnyQueue:
    """One queue of all their items in tuples; of an empty tuple, once, if there are no queues."""
    if not queues:
        once: AnyQueue = Queue(fixed_inputs=[()])
        SCOPE.graph.single[id(once)] = once
        return once
    shared = [_share_of(queue) for queue in queues]
    return zip(shared) if len(shared) > 1 else shared[0]


def _share_of(queue: AnyQueue) -> AnyQueue:
    """The queue itself, if nobody reads it; else, if `apply` does, one more branch of a tee between them."""
    graph, branch = SCOPE.graph, Queue[Any]()
    reader = graph.consumers.get(id(queue))
    if reader is None or graph.shared.get(id(queue)) is None:
        return queue
    if graph.shared[id(queue)] == reader.name:  # it is the tee
        outputs = (*reader.outputs, branch)
        graph.replace(reader, reader._replace(outputs=outputs, types=lambda items: (items,) * len(outputs)))
        return branch
    own: AnyQueue = Queue()
    graph.redirect(queue, own)
    tee(queue, queue_out=(own, branch))
    graph.shared[id(queue)] = graph.consumers[id(queue)].name
    return branch
