"""A chunk that is worked on in slices becomes what it becomes as a whole."""

from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from skorche.kernel import Kernel, Outcome, Step
from skorche.ops.filter import Filtering
from skorche.ops.function import Mapping
from skorche.ops.split import Splitting
from skorche.ops.unbatch import Unbatching

KERNEL = Kernel(
    (
        Step(Splitting(lambda number: number % 2 == 0, (True, False), "even"), (1, 2)),
        Step(Filtering(lambda number: number % 3), (3,)),
        Step(Filtering(lambda number: 60 % number), (~1,)),  # 0 fails
        Step(Mapping(lambda number: [number] * (number % 4)), (4,)),
        Step(Unbatching(), (~0,)),
    ),
    ports=2,
)


def told(outcome: Outcome) -> tuple[object, ...]:
    """All of it but the times, in lists."""
    return (
        [(list(items), list(paths)) for items, paths in outcome.ports],
        [None if count is None else count[:5] for count in outcome.counts],
        [(trouble.step, trouble.path, trouble.item, str(trouble.error)) for trouble in outcome.troubles],
        sorted(outcome.dropped),
        outcome.expansions,
    )


@given(st.lists(st.integers(0, 30), min_size=1, max_size=12), st.lists(st.integers(1, 11), max_size=3, unique=True))
def test_slices_of_a_chunk_add_up_to_it(items: list[int], cuts: list[int]) -> None:
    stops = sorted(cut for cut in cuts if cut < len(items))
    slices = [slice(*ends) for ends in zip([0, *stops], [*stops, len(items)], strict=True)]
    run = partial(KERNEL.run, entry=0)

    first, *others = [run(items[one], range(len(items))[one]) for one in slices]
    first.add(others)

    assert told(first) == told(run(items))
