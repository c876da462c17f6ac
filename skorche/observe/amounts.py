"""Times, rates, sizes and shares as people read them."""

from __future__ import annotations

TIME_UNITS = (("s", 1.0), ("ms", 1e-3), ("us", 1e-6))
SIZE_UNITS = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))


def time_text(seconds: float | None) -> str:
    """A time in its unit.

    >>> time_text(0.0123), time_text(None)
    ('12.3 ms', '-')
    """
    if seconds is None:
        return "-"
    for unit, size in TIME_UNITS:
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def rate_text(count: int, seconds: float) -> str:
    """So many in such a time.

    >>> rate_text(12345, 4.0), rate_text(1, 4.0), rate_text(0, 0.0)
    ('3,086/s', '0.25/s', '0/s')
    """
    rate = count / seconds if seconds > 0 else 0.0
    return f"{rate:,.0f}/s" if rate >= 1000 else f"{rate:.3g}/s"


def size_text(size: int) -> str:
    """A number of bytes.

    >>> size_text(12_345_678), size_text(0)
    ('12.3 MB', '0 B')
    """
    for unit, least in SIZE_UNITS:
        if size >= least:
            return f"{size / least:.3g} {unit}"
    return f"{size} B"


def share_text(share: float | None) -> str:
    """A share in percent.

    >>> share_text(0.984), share_text(0.001), share_text(None)
    ('98 %', '0 %', '-')
    """
    return "-" if share is None else f"{100 * share:.0f} %"


def count_text(count: int, what: str) -> str:
    """So many of them.

    >>> count_text(1, "item"), count_text(12345, "item"), count_text(2, "process")
    ('1 item', '12,345 items', '2 processes')
    """
    ending = "" if count == 1 else "es" if what.endswith("s") else "s"
    return f"{count:,} {what}{ending}"
