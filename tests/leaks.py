"""Nothing is left behind: a look before and after each test. No kind and no name is excused; see `engines.census`.

A test that leaves something running on purpose ends it itself; what is about to end may take a while for it.
"""

from collections.abc import Iterator

import pytest
from engines.census import Census, check_nothing_left, mark_family, use_own_folder

mark_family()

PATIENCE = 2.0
"""Seconds in which what is about to end may end."""


@pytest.fixture(scope="session", autouse=True)
def _own_temporary_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Temporary files of these tests, and of what they start, lie apart from those of all others."""
    use_own_folder(tmp_path_factory.mktemp("temporary", numbered=False))


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """No thread, process, open file, shared memory or temporary file stays after a test."""
    before = Census.now()
    yield
    check_nothing_left(before, PATIENCE)
