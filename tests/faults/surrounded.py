"""A module with a task and no guard: its top level runs wherever it is imported or run, and says so."""

import functools
import os
import sys

import skorche

print("top level", flush=True)

OFFSET = 10
FACTOR = 2


def double(number):
    return FACTOR * number


class Adder:
    def __init__(self, offset):
        self.offset = offset

    def add(self, number):
        return number + self.offset

    def __call__(self, number):
        return number + self.offset


def adding(offset):
    def add(number):
        return double(number) + offset

    return add


@skorche.task
def decorated(number):
    return double(number)


TASKS = [
    double,
    lambda number: number + OFFSET,
    adding(3),
    functools.partial(max, 2),
    functools.partial(pow, exp=2),
    Adder(4).add,
    Adder(5),
    decorated,
    "a{}".format,
    abs,
]

with skorche.Pipeline() as pipeline:
    outs = []
    for one in TASKS:
        plain = one if isinstance(one, skorche.Task) else skorche.task(one)
        outs.append(skorche.map(plain.options(engine=sys.argv[1]), skorche.Queue(fixed_inputs=[1, 2, 3])))
    pids = skorche.map(skorche.task(engine=sys.argv[1])(lambda _: os.getpid()), skorche.Queue(fixed_inputs=[0]))
    outs.append(skorche.map(lambda pid: pid != os.getpid(), pids))
pipeline.run(progress=False).wait()
for out in outs:
    print(*out.flush())
