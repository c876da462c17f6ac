"""What these tests share: the engines that all must pass the same suite."""

from collections.abc import Iterator

import pytest

from .choices import NAMES, Choice, choose
from .mpirun import why_not


@pytest.fixture(params=NAMES)
def choice(request: pytest.FixtureRequest) -> Iterator[Choice]:
    """Each engine in turn."""
    with choose(request.param) as made:
        yield made


@pytest.fixture
def mpi() -> None:
    """Skip where there is no MPI, and say why."""
    if reason := why_not():
        pytest.skip(reason)
