"""A kernel keeps its account also when a step itself breaks."""

from skorche.kernel import Kernel, Step
from skorche.ops.function import Mapping
from skorche.ops.unbatch import Unbatching


class Breaking:
    """A step that notes some of what it does, and then has no memory left."""

    def __init__(self, error):
        self.error = error

    def run(self, items, paths, record):
        record.fail(paths[0], items[0], ValueError("noted before"))
        record.expansions.append((paths[1], 0))
        record.passed = record.filtered = 1
        raise self.error


def test_a_step_that_breaks_fails_each_of_its_items_once():
    error = MemoryError()
    kernel = Kernel((Step(Mapping(abs), (1,)), Step(Breaking(error), (~0,))), ports=1)

    outcome = kernel.run([-1, -2, -3])

    assert outcome.ports == [([], ())]
    assert [(trouble.step, trouble.path, trouble.item) for trouble in outcome.troubles] == [
        (1, 0, 1),
        (1, 1, 2),
        (1, 2, 3),
    ]
    assert all(trouble.error is error for trouble in outcome.troubles)
    assert outcome.expansions == []
    assert outcome.counts[1][:5] == (3, 0, 0, 0, 0)


def test_what_earlier_steps_did_stays():
    kernel = Kernel((Step(Unbatching(), (1,)), Step(Breaking(MemoryError()), (~0,))), ports=1)

    outcome = kernel.run([[1, 2], [3]])

    assert outcome.expansions == [(0, 2), (1, 1)]
    assert [(trouble.path, trouble.item) for trouble in outcome.troubles] == [((0, 0), 1), ((0, 1), 2), ((1, 0), 3)]
