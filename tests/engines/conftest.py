"""What these tests share: each must leave nothing behind."""

from collections.abc import Iterator

import pytest

from .census import Census, check_nothing_left, mark_family
from .choices import NAMES, Choice, choose

mark_family()


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """No thread, process or open file stays after a test."""
    before = Census.now()
    yield
    check_nothing_left(before)


@pytest.fixture(params=NAMES)
def choice(request: pytest.FixtureRequest) -> Iterator[Choice]:
    """Each engine in turn."""
    with choose(request.param) as made:
        yield made
