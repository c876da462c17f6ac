"""How the results of a chunk leave a worker: slice by slice into the spool, and from there together."""

import itertools
import socket
import time
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

import skorche
from skorche.cut import Cut
from skorche.deadly import Deadly
from skorche.engines.process.job import Job
from skorche.engines.process.member import Member
from skorche.engines.process.packing import Piece, Sealing
from skorche.engines.process.slices import Assignment, LoadedStage, Slicer
from skorche.engines.process.slot import SLOT_BYTES, SPOOL_END, SPOOLED
from skorche.engines.process.voice import Voice
from skorche.engines.process.wire import CUT, END, HEADER, PART, PARTS, Frame, Work
from skorche.engines.transfer import LEAST_BYTES
from skorche.runtime.chunk import Chunk

from . import parcels

pytestmark = pytest.mark.timeout(60)

COUNT = 20
SLICE_SECONDS = 0.0015


def keep_busy() -> None:
    """As long as makes an item a slice of its own."""
    end = time.perf_counter() + SLICE_SECONDS
    while time.perf_counter() < end:
        pass


def double_slowly(number: int) -> int:
    keep_busy()
    return 2 * number


def repeat_slowly(number: int) -> bytes:
    keep_busy()
    return bytes([number]) * (SPOOL_END // 8)


def job_of(function: Callable[[int], Any], items: Sequence[int]) -> Job:
    """A chunk of these items."""
    with skorche.Pipeline() as pipeline:
        skorche.map(skorche.task(function, engine="process"), skorche.Queue(fixed_inputs=items))
    (stage,) = pipeline.plan().stages
    return Job(7, stage, Chunk(items, range(len(items)), 0))


def work_off(
    job: Job,
    look: Callable[[bytes, bytes], None] = lambda data, spooled: None,
    cut: Cut | None = None,
    *,
    may_be_cut: bool = True,
) -> list[Frame]:
    """What a worker sends of the job. `look` is called with what it sends at once, and what is in the spool then."""
    sent = bytearray()

    def send(pieces: Sequence[Piece]) -> None:
        data = b"".join(pieces)
        look(data, bytes(shared[SLOT_BYTES : SLOT_BYTES + slot[SPOOLED]]))
        sent.extend(data)

    here, there = socket.socketpair()
    with here, there, memoryview(bytearray(SPOOL_END)) as shared:
        slot = shared[:SLOT_BYTES].cast("q")
        slicer = Slicer(slot, shared[SLOT_BYTES:], Voice(there.fileno(), slot), here.fileno(), send, cut or Cut())
        items = job.chunk.items
        work = Work(0, 0, single=False, timed=False, indices=None, sizes=None, deadly={}, may_be_cut=may_be_cut)
        stage = LoadedStage(job.stage.kernel, Sealing(), most_items=0, most_bytes=0)
        slicer.go_through(Assignment(job.ticket, work, items, range(len(items))), stage)
        assert slot[SPOOLED] == 0
    return list(frames_of(bytes(sent)))


def frames_of(data: bytes) -> list[Frame]:
    found = []
    while data:
        length, kind, ticket, first, last = HEADER.unpack_from(data)
        found.append(Frame(kind, ticket, first, last, data[HEADER.size : HEADER.size + length]))
        data = data[HEADER.size + length :]
    return found


def test_slices_leave_in_one_message_and_the_last_in_another():
    frames = work_off(job_of(double_slowly, range(COUNT)))

    assert [frame.kind for frame in frames] == [PARTS, END]
    assert [(first, last) for first, last, _ in frames[0].parts()] == [(index, index) for index in range(COUNT - 1)]
    assert [(frame.first, frame.last) for frame in frames] == [(0, COUNT - 2), (COUNT - 1, COUNT - 1)]


class Watched:
    """Items up to a number are quick, on the next ones somebody looks so often."""

    def __init__(self, quick: int, looks: int) -> None:
        self.cut, self.quick, self.looks, self.done = Cut(), quick, looks, list[int]()

    def __call__(self, number: int) -> int:
        self.done.append(number)
        for _ in range(self.looks if number >= self.quick else 0):
            self.cut.look()
        return number


@pytest.mark.parametrize("quick", [10, 50_000])
def test_a_slice_that_takes_far_too_long_ends_and_with_it_the_chunk(quick: int):
    watched = Watched(quick, looks=2)
    items = range(quick + 1000)

    frames = work_off(job_of(watched, items), cut=watched.cut)

    assert frames[-1].kind == CUT
    assert watched.done == list(range(quick + 1))
    assert frames[-1].parts()[-1][1] == quick


def test_a_chunk_that_may_not_be_cut_is_gone_through_in_small_slices():
    watched = Watched(50_000, looks=2)

    frames = work_off(job_of(watched, range(50_010)), cut=watched.cut, may_be_cut=False)

    assert frames[-1].kind == END
    assert watched.done == list(range(50_010))
    slices = [(first, last) for frame in frames for first, last, _ in frame.parts()]
    assert (slices[0][0], slices[-1][1]) == (0, 50_009)
    assert all(one[1] + 1 == other[0] for one, other in itertools.pairwise(slices))
    assert any(last == 50_000 for _, last in slices)


def test_one_slice_is_a_message_of_its_own():
    (frame,) = work_off(job_of(double_slowly, [3]))

    assert (frame.kind, frame.parts()) == (END, [(0, 0, frame.body)])


def test_what_the_spool_has_no_room_for_leaves_at_once_with_what_is_in_it():
    frames = work_off(job_of(repeat_slowly, range(COUNT)))

    assert [frame.kind for frame in frames] == [*[PARTS, PART] * 2, PARTS, END]
    spans = [(first, last) for frame in frames for first, last, _ in frame.parts()]
    assert spans == [(index, index) for index in range(COUNT)]


@pytest.mark.parametrize("function", [double_slowly, repeat_slowly])
def test_results_are_joined_in_order(function: Callable[[int], Any]):
    job = job_of(function, range(COUNT))
    job.frames = work_off(job)

    again = job.absorb()

    ((results, paths),) = job.outcome.ports
    assert (again, list(job.left), list(paths)) == ([], [], [*range(COUNT)])
    assert results == [function(number) for number in range(COUNT)]
    (count,) = job.outcome.counts
    assert count is not None
    assert (count.received, count.emitted) == (COUNT, COUNT)
    assert job.outcome.seconds >= COUNT * SLICE_SECONDS
    assert job.outcome.bytes_out == sum(len(body) for frame in work_off(job) for _, _, body in frame.parts())


class Sent(NamedTuple):
    """The end of a chunk: all that goes to the parent, and what was in the spool when that began."""

    stream: bytes
    spooled: bytes


def end_of(job: Job) -> Sent:
    found: list[Sent] = []
    work_off(job, lambda data, spooled: found.append(Sent(data, spooled)))
    (sent,) = found
    return sent


@pytest.mark.parametrize(
    ("arrived", "known"),
    [("nothing", COUNT - 1), ("half", COUNT - 1), ("the spool", COUNT - 1), ("more", COUNT - 1), ("all", COUNT)],
)
def test_a_worker_that_dies_while_it_sends_has_told_each_result_once(arrived: str, known: int):
    job = job_of(double_slowly, range(COUNT))
    sent = end_of(job)
    whole = HEADER.size + len(sent.spooled)
    length = {"nothing": 0, "half": whole // 2, "the spool": whole, "more": whole + 5, "all": len(sent.stream)}[arrived]
    here, there = socket.socketpair()
    with here, there:
        here.setblocking(False)
        process: Any = SimpleNamespace(slot=[0] * (SLOT_BYTES // 8), spooled=sent.spooled, channel=here)
        member = Member(process)
        member.jobs.append(job)
        there.sendall(sent.stream[:length])
        assert member.read()
        job.frames += member.frames()

    member.save_spooled()
    again = job.absorb()

    ((results, paths),) = job.outcome.ports
    assert (again, [*paths], [*job.left]) == ([], [*range(known)], [*range(known, COUNT)])
    assert results == [2 * number for number in range(known)]


def test_what_has_come_back_before_does_not_count_again():
    job = job_of(double_slowly, range(COUNT))
    process: Any = SimpleNamespace(slot=[0] * (SLOT_BYTES // 8), spooled=end_of(job).spooled, channel=None)
    member = Member(process)
    member.jobs.append(job)
    job.left = [COUNT - 2, COUNT - 1]  # the rest of it, once more in the same worker

    member.save_spooled()
    job.absorb()

    assert [(items, [*paths]) for items, paths in job.outcome.ports] == [([2 * (COUNT - 2)], [COUNT - 2])]
    assert job.left == [COUNT - 1]


def test_nothing_with_a_buffer_beside_it_fits_into_the_spool():
    assert LEAST_BYTES >= SPOOL_END - SLOT_BYTES


def test_of_results_that_leave_together_one_that_cannot_be_unpickled_fails_alone():
    with skorche.Pipeline() as pipeline:
        task = skorche.task(parcels.make_fragile, engine="process", max_workers=1)
        out = skorche.map(task, skorche.Queue(fixed_inputs=range(COUNT)))

    report = pipeline.run(progress=False, on_error="collect").wait(40)

    (failure,) = report.failures
    assert (failure.item, type(failure.error)) == (3, skorche.TransferError)
    assert [parcel.number for parcel in out.flush()] == [number for number in range(COUNT) if number != 3]
    assert report.rerun == 0


def test_items_whose_worker_died_on_them_are_told_from_others_in_one_message():
    job = job_of(double_slowly, range(COUNT))
    together, last = work_off(job)
    death = Deadly(0, skorche.WorkerCrash("it died"))
    job.deadly = dict.fromkeys(range(COUNT - 2), death)
    assert not job.is_over(together)
    assert not job.is_over(last)

    job.deadly[COUNT - 2] = death
    assert job.is_over(together)
    assert not job.is_over(last)
