"""Where the boxes of a picture stand: a layered drawing after Sugiyama.

K. Sugiyama, S. Tagawa, M. Toda, "Methods for visual understanding of hierarchical system structures", IEEE Transactions
on Systems, Man and Cybernetics 11(2), 1981: each box in a layer below all that lead to it (by longest paths), a line
over several layers broken into a *spot* in each, the order in a layer by barycentres. Coordinates follow by least
squares under that order, layer by layer, which is an isotonic regression (pool adjacent violators: M. Ayer and others,
Annals of Mathematical Statistics 26(4), 1955). `observe/summary` and `observe/svg` draw what comes out, in characters
and in pixels.

All is counted in whole units, and the same graph gives the same picture.
"""

from __future__ import annotations

import math
from bisect import bisect_right, insort
from collections.abc import Iterator, Sequence
from itertools import pairwise

from skorche.named import NamedTuple

SWEEPS = 12
"""How often the order is improved, and the coordinates; more changes little."""

STRAIGHT = 8
"""How much more it counts that a line goes straight through a layer than that boxes stand below each other."""


class Size(NamedTuple):
    """Half of the breadth of a box, across the flow, and its whole depth along it."""

    half: int
    depth: int


class Spot(NamedTuple):
    """A place in a layer: that of a box, or (box None) where a line goes through, maybe with a label."""

    layer: int
    size: Size
    box: int | None = None


class Layout(NamedTuple):
    """Spots, the layers that they stand in (from one side to the other), their centres, and the spots of each line."""

    spots: list[Spot]
    layers: list[list[int]]
    centres: list[int]
    ways: list[list[int]]


def lay_out(
    boxes: Sequence[Size], lines: Sequence[tuple[int, int]], labels: Sequence[Size | None], *, gap: int, bare: Size
) -> Layout:
    """Place boxes and lines, which go from box to box and never in a circle.

    `labels` has for each line the size of its label, which is given a spot of its own. `gap` is kept between spots,
    `bare` is the size of a spot that only a line goes through.

    >>> two = [Size(2, 3), Size(4, 3)]
    >>> lay_out(two, [(0, 1)], [None], gap=1, bare=Size(0, 0)).centres
    [4, 4]
    """
    layer_of = _layers(len(boxes), lines, [1 if label is None else 2 for label in labels])
    spots = [Spot(layer, size, box) for box, (layer, size) in enumerate(zip(layer_of, boxes, strict=True))]
    ways = []
    for (tail, head), label in zip(lines, labels, strict=True):
        between = range(layer_of[tail] + 1, layer_of[head])
        ways.append([tail, *range(len(spots), len(spots) + len(between)), head])
        spots += [Spot(layer, label if label and layer == between[0] else bare) for layer in between]
    links = _Links(len(spots), ways)
    layers = _order(spots, links)
    return Layout(spots, layers, _centres(spots, layers, links, gap), ways)


class _Links:
    """Which spots of the layers before and after each spot is connected with."""

    def __init__(self, spots: int, ways: list[list[int]]) -> None:
        self.before: list[list[int]] = [[] for _ in range(spots)]
        self.after: list[list[int]] = [[] for _ in range(spots)]
        for way in ways:
            for tail, head in pairwise(way):
                self.after[tail].append(head)
                self.before[head].append(tail)


# -- layers ---------------------------------------------------------------------------------------------------------


def _layers(boxes: int, lines: Sequence[tuple[int, int]], lengths: Sequence[int]) -> list[int]:
    """Each box as early as what leads to it allows; the beginnings of a branch as late as what follows allows."""
    after: list[list[tuple[int, int]]] = [[] for _ in range(boxes)]
    before: list[list[int]] = [[] for _ in range(boxes)]
    for (tail, head), length in zip(lines, lengths, strict=True):
        after[tail].append((head, length))
        before[head].append(tail)
    layer, order = [0] * boxes, [box for box in range(boxes) if not before[box]]
    missing = [len(heads) for heads in before]
    for box in order:  # grows as it goes: all that leads to a box stands before it
        for head, length in after[box]:
            layer[head] = max(layer[head], layer[box] + length)
            missing[head] -= 1
            if not missing[head]:
                order.append(head)
    loose = [False] * boxes
    for box in order:
        loose[box] = all(loose[tail] and len(after[tail]) == 1 for tail in before[box])
    for box in reversed(order):
        if loose[box] and after[box]:
            layer[box] = min(layer[head] - length for head, length in after[box])
    return layer


# -- order ----------------------------------------------------------------------------------------------------------


def _order(spots: list[Spot], links: _Links) -> list[list[int]]:
    """The spots of each layer, such that few lines cross; from two beginnings, since the end depends on it."""
    found = [_improved(_begin(spots, links, last_first), links) for last_first in (False, True)]
    return min(found, key=lambda one: one[0])[1]


def _improved(layers: list[list[int]], links: _Links) -> tuple[int, list[list[int]]]:
    """The best of what sweeps down and up make of it, and how many lines cross there."""
    best = (_crossings(layers, links), layers)
    for sweep in range(SWEEPS):
        if not best[0]:
            break
        layers = _swept(layers, links, down=sweep % 2 == 0)
        crossings = _crossings(layers, links)
        if crossings < best[0]:
            best = (crossings, layers)
    return best


def _begin(spots: list[Spot], links: _Links, last_first: bool) -> list[list[int]]:
    layers: list[list[int]] = [[] for _ in range(1 + max((spot.layer for spot in spots), default=-1))]
    for own in _as_followed(spots, links, last_first):
        layers[spots[own].layer].append(own)
    return layers


def _as_followed(spots: list[Spot], links: _Links, last_first: bool) -> Iterator[int]:
    """The spots in the order in which one who follows the lines comes to them, so that branches stay together."""
    seen = [False] * len(spots)
    for root in range(len(spots)):
        ahead = [] if links.before[root] else [root]
        while ahead:
            own = ahead.pop()
            if not seen[own]:
                seen[own] = True
                yield own
                ahead += links.after[own] if last_first else reversed(links.after[own])


def _swept(layers: list[list[int]], links: _Links, *, down: bool) -> list[list[int]]:
    """Each layer in the order of the means of its neighbours' positions, from one end of the picture to the other."""
    swept = [layer[:] for layer in layers]
    position = {own: float(place) for layer in swept for place, own in enumerate(layer)}
    near = links.before if down else links.after
    for layer in swept if down else reversed(swept):
        layer.sort(key=lambda own: _mean([position[one] for one in near[own]], position[own]))
        position.update((own, float(place)) for place, own in enumerate(layer))
    return swept


def _mean(values: list[float], default: float) -> float:
    return sum(values) / len(values) if values else default


def _crossings(layers: list[list[int]], links: _Links) -> int:
    """How many pairs of lines cross: pairs that stand in one order above and in the other below."""
    place = {own: number for layer in layers for number, own in enumerate(layer)}
    crossings = 0
    for layer in layers:
        ends: list[int] = []
        for own in layer:
            heads = [place[head] for head in links.after[own]]
            crossings += sum(len(ends) - bisect_right(ends, head) for head in heads)
            for head in heads:
                insort(ends, head)
    return crossings


# -- coordinates ----------------------------------------------------------------------------------------------------


def _centres(spots: list[Spot], layers: list[list[int]], links: _Links, gap: int) -> list[int]:
    """Where across the flow each spot stands: near its neighbours, in order, with room between."""
    offsets = [0] * len(spots)
    for layer in layers:
        for left, right in pairwise(layer):
            offsets[right] = offsets[left] + spots[left].size.half + gap + spots[right].size.half
    centre = [float(offset) for offset in offsets]
    both = [before + after for before, after in zip(links.before, links.after, strict=True)]
    for sweep in range(SWEEPS):
        last = sweep >= SWEEPS - 2
        near = both if last else (links.before, links.after)[sweep % 2]
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            wanted = [_wanted(own, spots, near[own], centre) for own in layer]
            slack = [(where - offsets[own], weight) for own, (where, weight) in zip(layer, wanted, strict=True)]
            for own, where in zip(layer, _in_order(slack), strict=True):
                centre[own] = where + offsets[own]
    # Rounded without their offsets, which are whole: so those in order stay in order, and the room stays.
    whole = [math.floor(where - offset + 0.5) + offset for where, offset in zip(centre, offsets, strict=True)]
    first = min((where - spot.size.half for where, spot in zip(whole, spots, strict=True)), default=0)
    return [where - first for where in whole]


def _wanted(own: int, spots: list[Spot], near: list[int], centre: list[float]) -> tuple[float, float]:
    """Where a spot would like to stand, and how much."""
    if not near:
        return centre[own], 0.1
    weights = [STRAIGHT if spots[own].box is None and spots[one].box is None else 1 for one in near]
    total = sum(weights)
    return sum(weight * centre[one] for weight, one in zip(weights, near, strict=True)) / total, total


def _in_order(wanted: list[tuple[float, float]]) -> Iterator[float]:
    """The nearest places that never go back: neighbours in the wrong order stand together at their mean."""
    pools: list[tuple[float, float, int]] = []
    for where, weight in wanted:
        pools.append((where, weight, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            right, left = pools.pop(), pools.pop()
            total = left[1] + right[1]
            pools.append(((left[0] * left[1] + right[0] * right[1]) / total, total, left[2] + right[2]))
    return (where for where, _, count in pools for _ in range(count))
