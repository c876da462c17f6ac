"""What all tests share: nothing left behind, a clean default pipeline, errors without line numbers, how hard to try.

`--hypothesis-profile=fuzz` (what `make fuzz` says) tries each law on many more graphs.
"""

import gc
import os
import re
import signal
from collections.abc import Callable, Iterator

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy, imported in a test, would leave threads of its own behind

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
    """What a shell has its background jobs ignore would be ignored by all programs that tests start."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def pytest_collection_finish() -> None:
    """What has been collected is no garbage until the end: to look at it each time took three seconds of a hundred."""
    gc.collect()
    gc.freeze()


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
