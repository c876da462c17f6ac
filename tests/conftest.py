"""What all tests share: nothing left behind, a clean default pipeline, errors without line numbers, how hard to try.

`--hypothesis-profile=fuzz` (what `make fuzz` says) tries each law on many more graphs.
"""

import os
import re
import signal
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, settings
from leaks import _own_temporary_folder, nothing_is_left  # noqa: F401  (fixtures: imported, they are for all tests)

import skorche

COMMON = settings(
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

settings.register_profile("ci", COMMON, max_examples=500)
settings.register_profile("fuzz", COMMON, max_examples=int(os.environ.get("EXAMPLES", "20000")))
settings.load_profile("ci")


def pytest_configure() -> None:
    """A shell that starts something in the background has it ignore Ctrl-C, and so would all programs of the tests."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _clean_default_pipeline(nothing_is_left: None) -> Iterator[None]:  # noqa: F811  (the fixture of that name)
    skorche.init()
    yield
    skorche.init()


@pytest.fixture
def told() -> Callable[[pytest.ExceptionInfo[BaseException]], str]:
    """The text of a caught error, with `here` for each file and line."""

    def tell(caught: pytest.ExceptionInfo[BaseException]) -> str:
        return re.sub(r"[^\s(]*\.py:\d+", "here", str(caught.value))

    return tell
