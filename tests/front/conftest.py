"""What these tests share: a clean default pipeline, and errors told without the line of the test they name."""

import re
from collections.abc import Callable, Iterator

import pytest

import skorche


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
