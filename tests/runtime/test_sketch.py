"""Quantiles at constant memory."""

import pytest

from skorche.runtime.sketch import Sketch


def test_without_values_there_is_no_quantile():
    assert Sketch().quantile(0.5) is None


@pytest.mark.parametrize("share", [0.01, 0.5, 0.9, 0.99, 1.0])
@pytest.mark.parametrize("unit", [1e-8, 1e-3, 60.0])
def test_a_quantile_is_within_five_percent(share: float, unit: float):
    sketch = Sketch()
    for number in range(1, 1001):
        sketch.add(number * unit, 1)

    assert sketch.quantile(share) == pytest.approx(share * 1000 * unit, rel=0.05)


def test_a_weight_counts_as_so_many_values():
    sketch = Sketch()

    sketch.add(0.001, 99)
    sketch.add(1.0, 1)

    assert sketch.count == 100
    assert sketch.quantile(0.5) == pytest.approx(0.001, rel=0.05)
    assert sketch.quantile(1.0) == pytest.approx(1.0, rel=0.05)


def test_no_time_at_all_counts_as_the_shortest_that_is_told_apart():
    sketch = Sketch()

    sketch.add(0.0, 1)

    assert sketch.quantile(0.5) == pytest.approx(1e-9, rel=0.05)
