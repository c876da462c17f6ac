"""The verdict: what limits a run, by how much, and what one change would gain, as people are told."""

from __future__ import annotations

from collections.abc import Callable

from skorche.observe.analysis import HERE, SELDOM, Analysis, StageLoad, predict, predict_processes

WORTH = 1.05
"""A gain below it is none."""
CLOSE = 1.02
"""Workers that would gain less than this beside fewer of them are not asked for."""
BUSY, COMPUTES = 0.5, 0.7


def verdict_of(analysis: Analysis) -> str:
    """The sentence.

    >>> from skorche.observe.analysis import Analysis
    >>> nothing = Analysis(0.01, 0.0, 4, 0.0, 0.0, (), {}, 0.0, admitted=3)
    >>> verdict_of(nothing)
    'it was too short to tell what limits it: 0.01 s were watched'
    """
    limit = analysis.limit
    if limit is not None:
        return _stage(analysis, limit)
    if analysis.bottleneck:
        return SENTENCES[analysis.bottleneck](analysis)
    if analysis.admitted or analysis.running:
        return f"it was too short to tell what limits it: {analysis.seconds:.2f} s were watched"
    return "nothing was done, so nothing limited it"


def _stage(analysis: Analysis, limit: StageLoad) -> str:
    name = limit.nodes[0]
    if limit.engine == "inline":
        return (
            f"`{name}` takes most of the time ({limit.load:.0%}); inline, one thing is done after the other: "
            "engine='thread' lets tasks wait side by side"
        )
    if limit.gated:
        return (
            f"`{name}` limits: {', '.join(limit.limits)} held its workers for {limit.held:.0%} of their time, so more "
            "of them gain nothing"
        )
    if limit.load < BUSY:
        head = f"nothing was busy all the time, `{name}` most: {limit.load:.0%} of it"
        if limit.items < 3 * limit.workers:
            head += f", {_count(limit.items, 'item')} for {_count(round(limit.workers), 'worker')}"
    else:
        head = f"`{name}` limits: busy {limit.load:.0%}, items waiting for it {limit.queued:.0%} of the time"
    return "; ".join([head, _advice(analysis, limit), *_idle_cores(analysis, limit)])


def _advice(analysis: Analysis, limit: StageLoad) -> str:
    """What one change would gain."""
    if limit.serial:
        return (
            "it takes one item after the other, so no workers help: let it do less, or do its work in a task before it"
        )
    if limit.pinned:
        kept = _count(max(1, round(limit.workers)), "worker")
        return f"pin=True keeps it at {kept}: let it do less, or take the pin away if more may work side by side"
    if limit.ordered and limit.blocked > SELDOM:
        return (
            f"results wait for their turn {limit.blocked:.0%} of its workers' time: without ordered=True they would not"
        )
    now, name = max(1, round(limit.workers)), limit.nodes[0]
    gains = {workers: predict(analysis, name, workers) for workers in range(now + 1, 2 * now + 1)}
    best = max(gains.values())
    if best < WORTH:
        return f"more workers gain nothing: {_next(analysis, limit)}"
    workers = next(workers for workers, one in gains.items() if one * CLOSE >= best)
    more = _count(workers - now, "worker")
    return f"+{more} (max_workers={workers}): about {gains[workers]:.1f} times"


def _next(analysis: Analysis, limit: StageLoad) -> str:
    """What else is used up."""
    loads = {f"`{stage.nodes[0]}`": stage.load for stage in analysis.stages if stage is not limit}
    words = {
        "cpu": "the cores",
        "gil": "Python's lock",
        "source": "the source",
        "sink": "the reader",
        "memory": "memory",
    }
    loads |= {words[name]: load for name, load in analysis.others.items()}
    name = max(loads, key=lambda one: loads[one], default="")
    if name and loads[name] > BUSY:
        return f"{name} would be next, at {loads[name]:.0%} now"
    return "there are too few items to share"


def _idle_cores(analysis: Analysis, limit: StageLoad) -> list[str]:
    """Those that this run leaves to others, where that matters."""
    idle = int(analysis.cores - analysis.used_cores + 0.2)
    return [f"{_count(idle, 'core')} idle"] if idle >= 1 and limit.computes >= COMPUTES else []


def _cpu(analysis: Analysis) -> str:
    cores = "the one core is" if analysis.cores == 1 else f"all {analysis.cores} cores are"
    if analysis.in_line > analysis.used_cores:
        waits = f"{analysis.in_line:.1f} workers stand in line for a core, on the average"
        return f"the cores limit, which other programs use too: {waits}; more workers gain little; {_most(analysis)}"
    return f"{cores} in use ({analysis.others['cpu']:.0%}): more workers gain nothing; {_most(analysis)}"


def _gil(analysis: Analysis) -> str:
    here = [stage for stage in analysis.stages if stage.engine in HERE and stage.cores]
    if analysis.tasks_compute_little or not here:
        small = max(analysis.stages, key=lambda stage: stage.items, default=None)
        what = f" ({small.items / analysis.seconds:,.0f} items per second through `{small.name}`)" if small else ""
        return (
            f"Python outside of the tasks limits{what}: its threads compute all the time, "
            "and most of that is none of the tasks' doing; give these more to do at once, as with batch()"
        )
    locked = analysis.others["gil"]
    heaviest = max(here, key=lambda stage: stage.cores)
    workers = max(2, analysis.cores)
    gained = predict_processes(analysis, heaviest.nodes[0], workers)
    if gained < WORTH or heaviest.engine == "async" or heaviest.serial:
        change = "more workers gain nothing"
    else:
        change = f"engine='process' for `{heaviest.name}`, {workers} workers, would give about {gained:.1f} times"
    return f"pure-Python work on threads, one at a time because of Python's lock ({locked:.0%} of the time): {change}"


def _most(analysis: Analysis) -> str:
    heaviest = max(analysis.stages, key=lambda stage: stage.cores)
    return f"`{heaviest.nodes[0]}` computes most, {heaviest.cores:.1f} of {analysis.used_cores:.1f} cores in use"


def _source(analysis: Analysis) -> str:
    name, share = _name(analysis.source), analysis.starving
    head = f"the source{name} limits: tasks could have begun something, and waited for it, {share:.0%} of the time"
    working = [stage for stage in analysis.stages if stage.load]
    if not working:
        return head
    busiest = max(working, key=lambda stage: stage.load)
    head += f"; `{busiest.nodes[0]}` was busy {busiest.load:.0%}"
    rest = max([busiest.load, *(load for name, load in analysis.others.items() if name != "source")])
    gained = max(analysis.loads) / rest
    return f"{head}: a quicker source would give up to {gained:.1f} times" if gained >= WORTH else head


def _sink(analysis: Analysis) -> str:
    busiest = max(analysis.stages, key=lambda stage: stage.load, default=None)
    gained = max(analysis.loads) / busiest.load if busiest is not None and busiest.load else 0.0
    more = f": read quicker, it would be up to {gained:.1f} times" if WORTH <= gained < 100 else ""
    if not gained or gained >= 100:
        more = ": read it while the run goes on, or leave its maxsize out"
    name = _name(analysis.output)
    return f"nobody reads output{name} in time, which was full {analysis.others['sink']:.0%} of the time{more}"


def _memory(analysis: Analysis) -> str:
    return (
        f"memory limits: sources were held {analysis.others['memory']:.0%} of the time since it was short; "
        "give it more (memory=), or have fewer or smaller items at once"
    )


def _name(queue: str) -> str:
    return f" {queue!r}" if queue and queue != "(unnamed)" else ""


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


SENTENCES: dict[str, Callable[[Analysis], str]] = {
    "cpu": _cpu,
    "gil": _gil,
    "source": _source,
    "sink": _sink,
    "memory": _memory,
}
