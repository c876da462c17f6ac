"""What must be true of a trial: each item is accounted for, comes out as the graph means, and ran as often as was told.

A killed worker may fail the item it was on. The graph's meaning is then taken again with those items failed, and what
came out must be exactly that: whatever else is missing was lost, and whatever else is there was made up.
"""

from collections import Counter

from laws.behaviour import Label, Node, trouble
from laws.pipelines import label_of, leaves
from laws.reference import Meaning, interpret

import skorche

from .trial import SourceBroke, Trial

Failed = tuple[str, str]


def check(trial: Trial) -> None:
    """Fail if anything was lost, doubled or made up."""
    failed = failures_of(trial)
    meant = interpret(trial.graph)
    check_account(trial)
    if trial.has_stopped:
        check_reason(trial)
        check_subset(trial, meant)
    else:
        died = (failed - Counter(told(meant.failures))) & deaths_of(trial)
        meant = interpret(trial.graph, frozenset(died))  # with what follows, such as a sum without them that fails too
        extra = died + (failed - Counter(told(meant.failures)))
        check_extra(trial, extra)
        meant = interpret(trial.graph, frozenset(extra))
        assert failed == Counter(told(meant.failures)), differences(failed, Counter(told(meant.failures)))
        check_ends(trial, meant)
    check_effects(trial, meant)


def told(failures: list[tuple[str, Label]]) -> list[Failed]:
    """Failures that can be counted."""
    return [(node, repr(label)) for node, label in failures]


def nodes_of(trial: Trial) -> dict[str, Node]:
    """The graph's nodes by the names they have in the report."""
    return dict(zip(trial.report.nodes, trial.graph.nodes, strict=True))


def failures_of(trial: Trial) -> Counter[Failed]:
    """What the report lists."""
    nodes = nodes_of(trial)
    return Counter((nodes[one.node].name, repr(label_of(one.item))) for one in trial.report.failures)


def deaths_of(trial: Trial) -> Counter[Failed]:
    """Of these, what a worker died of, or did not end in time."""
    nodes, deadly = nodes_of(trial), (skorche.WorkerCrash, skorche.TaskTimeout)
    died = [one for one in trial.report.failures if isinstance(one.error, deadly)]
    return Counter((nodes[one.node].name, repr(label_of(one.item))) for one in died)


def check_account(trial: Trial) -> None:
    """Every item that came in has an end."""
    report = trial.report
    ends = (report.delivered, report.filtered, report.failed, report.cancelled)
    assert report.admitted == sum(ends), (report.admitted, ends)
    if not trial.has_stopped:
        assert report.cancelled == 0


def check_reason(trial: Trial) -> None:
    """Only what the trial did has ended the run."""
    error = trial.error
    allowed: tuple[type[BaseException], ...] = (skorche.EngineError,) if trial.kills >= 3 else ()
    reasons = {"cancel": (skorche.RunCancelled,), "source": (SourceBroke,), "raise": (Exception,), "none": ()}
    assert isinstance(error, (*reasons[trial.stop], *allowed)), repr(error)
    assert not isinstance(error, skorche.InternalError), repr(error)


def check_extra(trial: Trial, extra: Counter[Failed]) -> None:
    """What failed beyond the graph's own troubles: no more than one item for each kill, and for nothing else."""
    nodes = nodes_of(trial)
    late = 0
    for one in trial.report.failures:
        node = nodes[one.node]
        if (node.name, repr(label_of(one.item))) in extra:
            late += isinstance(one.error, skorche.TaskTimeout)
            expected = isinstance(one.error, (skorche.WorkerCrash, skorche.TaskTimeout))
            assert expected or trouble(node, label_of(one.item)) is not None, repr(one)
    assert extra.total() <= trial.kills + late, (extra, trial.kills)


def check_ends(trial: Trial, meant: Meaning) -> None:
    """Each end has what the graph means, in input order; of lists whose members nobody can know, the members."""
    for queue, kind in trial.graph.ends.items():
        came, wanted = [label_of(item) for item in trial.ends[queue]], meant.flushed(queue)
        if kind == "loose":
            came, wanted = sorted(leaves(came), key=repr), sorted(leaves(wanted), key=repr)
        assert came == wanted, (queue, differences(Counter(map(repr, came)), Counter(map(repr, wanted))))


def check_subset(trial: Trial, meant: Meaning) -> None:
    """A stopped run has made nothing up. Failures are left aside: it does not try again."""
    for queue, kind in trial.graph.ends.items():
        came, wanted = [label_of(item) for item in trial.ends[queue]], meant.flushed(queue)
        if kind == "loose":
            came, wanted = leaves(came), leaves(wanted)
        honest = Counter(repr(label) for label in came if "failure" not in repr(label))
        assert not honest - Counter(map(repr, wanted)), (queue, honest - Counter(map(repr, wanted)))


def check_effects(trial: Trial, meant: Meaning) -> None:
    """No call was made twice beyond what the report tells, and none twice by itself where that was forbidden.

    Lists whose members nobody can know, and lists that are divided, are left aside.
    """
    tallies = dict(zip([node.name for node in trial.graph.nodes], trial.report.nodes.values(), strict=True))
    again = 0
    for node in trial.graph.nodes:
        if node.op == "map" and not node.isolate and not node.loose:
            more, retried = excess(trial, node, meant), tallies[node.name].retried
            if not node.idempotent:
                assert more.total() <= retried, (node.name, "ran twice", more, retried)
            again += max(0, more.total() - retried)
    assert again <= trial.report.rerun, (again, "ran again, and told were", trial.report.rerun)


def excess(trial: Trial, node: Node, meant: Meaning) -> Counter[str]:
    """How often the node was called more than once for the same arrival of an item."""
    known = Counter(repr(label) for queue in node.inputs for _, label in meant.queues[queue])
    calls = Counter(label for name, label in trial.effects if name == node.name)
    return Counter({label: count - known[label] for label, count in calls.items() if count > known[label] > 0})


def differences(came: Counter[str] | Counter[Failed], wanted: Counter[str] | Counter[Failed]) -> str:
    """The first few of each side."""
    lost, more = list((wanted - came).elements()), list((came - wanted).elements())  # type: ignore[operator]  # both are Counters
    return f"{len(lost)} lost: {lost[:5]}; {len(more)} too many: {more[:5]}"
