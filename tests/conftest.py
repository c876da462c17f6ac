"""What all tests share: a clean default pipeline, errors told without line numbers, and how hard the laws are tried.

`--hypothesis-profile=fuzz` (what `make fuzz` says) tries each law on many more graphs.
"""

import os
import re
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, settings

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


@pytest.fixture(autouse=True)
def _clean_default_pipeline() -> Iterator[None]:
    skorche.init()
    yield
    skorche.init()


@pytest.fixture
def told() -> Callable[[pytest.ExceptionInfo[BaseException]], str]:
    """The text of a caught error, with `here` for each file and line."""

    def tell(caught: pytest.ExceptionInfo[BaseException]) -> str:
        return re.sub(r"[^\s(]*\.py:\d+", "here", str(caught.value))

    return tell
