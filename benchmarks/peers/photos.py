"""A job with files: photos are read, decoded and made small, and written as PNG with a hash of each."""

from __future__ import annotations

import io
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

SEED = 7
WIDTH, HEIGHT, SMALL = 1200, 900, 256

Paths = tuple[str, str]
"""The photo, and where the small one is to be written."""


def read(paths: Paths) -> tuple[str, bytes]:
    """The first task: the bytes of the photo, and where to write."""
    photo, target = paths
    return target, Path(photo).read_bytes()


def shrink(item: tuple[str, bytes]) -> tuple[str, Image]:
    """The second: decode, and make small."""
    from PIL import Image

    target, data = item
    image = Image.open(io.BytesIO(data))
    image.load()  # all of it: `thumbnail` alone would decode a coarser one
    image.thumbnail((SMALL, SMALL))
    return target, image


def write(item: tuple[str, Image]) -> tuple[str, str]:
    """The third: the name and the hash, with the PNG written."""
    target, image = item
    image.save(target, "PNG")
    return Path(target).name, sha256(image.tobytes()).hexdigest()


def all_three(paths: Paths) -> tuple[str, str]:
    """The whole job as one function, for peers that know no second step."""
    return write(shrink(read(paths)))


def make(folder: Path, count: int) -> None:
    """Write so many JPEG files, the same for the same count."""
    import numpy
    from PIL import Image

    random = numpy.random.default_rng(SEED)
    grain = random.integers(-12, 13, (HEIGHT, WIDTH, 1), dtype=numpy.int16)
    for number in range(count):
        colours = random.integers(0, 256, (HEIGHT // 50, WIDTH // 50, 3), dtype=numpy.uint8)
        smooth = Image.fromarray(colours).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
        pixels = numpy.asarray(smooth) + numpy.roll(grain, 37 * number)
        photo = Image.fromarray(pixels.clip(0, 255).astype(numpy.uint8))
        photo.save(folder / f"{number:04}.jpg", "JPEG", quality=88)


def paths(folder: str, count: int, target: str) -> list[Paths]:
    """What the first task is given."""
    photos = sorted(Path(folder).glob("*.jpg"))[:count]
    return [(str(photo), str(Path(target) / f"{photo.stem}.png")) for photo in photos]
