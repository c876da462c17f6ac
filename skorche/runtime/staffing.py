"""What an engine is told of the workers of a stage: that there are to be others, or that none is needed any more."""

from __future__ import annotations

from skorche.runtime.command import Ended, Resize
from skorche.runtime.engine import Engine, Releasing, Resizable


def staff(engine: Engine, command: Resize | Ended) -> None:
    """Tell it, if the workers are those of one stage."""
    if isinstance(command, Resize):
        assert isinstance(engine, Resizable)
        engine.resize(command.stage, command.workers, command.most)
    elif isinstance(engine, Releasing):
        engine.release(command.stage)
