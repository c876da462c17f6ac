"""How many photos are in memory at once, when photos of 36 MB travel through three tasks on threads?

The tasks take some tens of ms each, as with real photos, and the last is the slowest: the photos pile up before it as
high as the edges allow.
"""

from __future__ import annotations

import time
from statistics import median

import skorche
from benchmarks.harness import fresh
from benchmarks.harness.figure import Figure
from benchmarks.harness.job import results_of
from benchmarks.harness.memory import held_megabytes, peak_megabytes
from benchmarks.harness.turns import check, take_turns

REPEATS = 3
COUNT = 60
PHOTO_BYTES = 36_000_000
NEGATIVE = bytes(range(255, -1, -1))


def load(number: int) -> bytes:
    """A photo, every page of it touched."""
    return bytes([number]) * PHOTO_BYTES


def enhance(photo: bytes) -> bytes:
    """A new photo, as large."""
    return photo.translate(NEGATIVE)


def shrink(photo: bytes) -> bytes:
    """A thumbnail."""
    time.sleep(0.02)
    return photo[:: PHOTO_BYTES // 10]


def growth_of_pipeline() -> float:
    """Megabytes this process grew to at most while the pipeline ran."""
    held = held_megabytes()
    found = results_of(lambda: [skorche.chain([load, enhance, shrink], skorche.Queue(fixed_inputs=range(COUNT)))])
    check(found, [_expected()])
    return peak_megabytes() - held


def growth_of_loop() -> float:
    """The same for a plain loop."""
    held = held_megabytes()
    check([shrink(enhance(load(number))) for number in range(COUNT)], _expected())
    return peak_megabytes() - held


def _expected() -> list[bytes]:
    return [bytes([255 - number]) * 10 for number in range(COUNT)]


def measure(repeats: int) -> list[Figure]:
    """Growth over what is held after the imports, counted in photos; each sample in a process of its own."""
    rounds = take_turns(
        repeats,
        lambda: fresh.call("benchmarks.photos_memory", "growth_of_pipeline") * 1e6 / PHOTO_BYTES,
        lambda: fresh.call("benchmarks.photos_memory", "growth_of_loop") * 1e6 / PHOTO_BYTES,
    )
    return [
        Figure.of(
            [pipeline for pipeline, _ in rounds],
            "growth of peak memory, photos of 36 MB",
            f"for loop ({median(loop for _, loop in rounds):.1f} photos)",
            count=COUNT,
            unit="photos",
            at_most=12,
        )
    ]
