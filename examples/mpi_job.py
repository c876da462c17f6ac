"""A job on the ranks of an MPI program: `mpirun -n 3 python examples/mpi_job.py`. It runs without `mpirun`, too.

Every rank runs this script from top to end. Rank 0 leads the run; on the others `run()` works for it, and comes back
when the run has ended. So what comes after `wait()` is the same everywhere, and only printing needs to be left to one.
"""

import os

import skorche

LONGEST = 20_000


@skorche.task(max_workers=8)
def collatz(start: int) -> tuple[int, int]:
    """How many steps it takes from this number to 1: work for a processor."""
    number, steps = start, 0
    while number != 1:
        number = 3 * number + 1 if number % 2 else number // 2
        steps += 1
    return steps, start


@skorche.task(engine="thread")
def best(steps: list[tuple[int, int]]) -> tuple[int, int]:
    """The longest way in a list. Runs on rank 0, for it is not worth a journey."""
    return max(steps)


def search(engine: str) -> tuple[list[tuple[int, int]], skorche.Report]:
    """The longest ways, one for each thousand numbers."""
    with skorche.Pipeline("collatz") as pipeline:
        steps = skorche.map(collatz.options(engine=engine, ordered=True), skorche.Queue(fixed_inputs=range(1, LONGEST)))
        longest = skorche.map(best, skorche.batch(steps, batch_size=1000))
    report = pipeline.run().wait()
    return longest.flush(), report


if __name__ == "__main__":
    found, report = search("mpi")
    assert report.ok
    assert report.delivered == LONGEST - 1
    assert max(found) == (278, 17673)

    rank = os.environ.get("OMPI_COMM_WORLD_RANK") or os.environ.get("PMI_RANK") or "0"
    if rank == "0":
        assert found == search("thread")[0]
        print(report)
        print(f"longest below {LONGEST}: {max(found)}")
    else:
        print(f"rank {rank} has the same: {max(found)}")
