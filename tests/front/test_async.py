"""Pipelines in an async program: the event loop goes on, nothing is lost, and nothing hangs."""

import asyncio
import gc
import itertools
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from engines.programs import run_program

import skorche
from skorche import Pipeline, Queue, QueueClosed, RunCancelled

pytestmark = pytest.mark.timeout(60)

PATIENCE = 20.0
"""Seconds any of these tests waits for what must come at once."""
ENGINES = ["inline", "thread", "process", pytest.param(partial(ThreadPoolExecutor, 2), id="executor")]


def double(number):
    return 2 * number


def doubling(source=None, *, maxsize=None, ends=None):
    """A pipeline, its input, and its output with a bound of `ends`."""
    numbers = Queue(name="numbers", fixed_inputs=source, maxsize=maxsize)
    with Pipeline() as pipeline:
        doubled = skorche.map(double, numbers, queue_out=Queue(maxsize=ends))
    return pipeline, numbers, doubled


def gated(source=None, *, maxsize=None):
    """A pipeline whose task waits for a gate; the gate, its input and its output."""
    gate, numbers = threading.Event(), Queue(name="numbers", fixed_inputs=source, maxsize=maxsize)
    with Pipeline() as pipeline:
        out = skorche.map(lambda number: gate.wait(PATIENCE) and number, numbers)
    return pipeline, gate, numbers, out


async def collect(queue):
    return [item async for item in queue]


async def put_all(items, queue):
    for item in items:
        await queue.put_async(item)
    queue.close()


async def until(condition):
    while not condition():
        await asyncio.sleep(0)


# -- run_async -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
def test_run_async_gives_the_report_of_a_run(engine):
    pipeline, _, doubled = doubling(range(100))

    report = asyncio.run(pipeline.run_async(engine=engine))

    assert (report.delivered, doubled.flush()) == (100, list(range(0, 200, 2)))


@pytest.mark.parametrize("engine", ENGINES)
def test_it_raises_the_error_of_the_task(engine):
    with Pipeline() as pipeline:
        skorche.map(lambda number: 1 // number, Queue(fixed_inputs=[1, 0]))

    with pytest.raises(ZeroDivisionError):
        asyncio.run(pipeline.run_async(engine=engine))

    assert pipeline.last_run.report.failed == 1


def test_it_takes_the_options_of_run():
    with Pipeline() as pipeline:
        skorche.map(lambda number: 1 // number, Queue(fixed_inputs=[1, 0]))

    report = asyncio.run(pipeline.run_async(on_error="collect", progress=False))

    assert (report.delivered, report.failed) == (1, 1)


def test_the_loop_goes_on_while_a_run_does():
    pipeline, gate, _, out = gated([1])

    async def main():
        running = asyncio.create_task(pipeline.run_async())
        await until(lambda: pipeline.last_run is not None)
        gate.set()  # nobody else does
        return (await running).delivered

    assert (asyncio.run(main()), out.flush()) == (1, [1])


def test_a_run_that_has_ended_is_not_waited_for():
    pipeline, _, _ = doubling([1])
    run = pipeline.run()
    run.wait()

    assert asyncio.run(run.wait_async()) is run.report


def test_a_run_may_be_awaited_by_many_and_in_another_thread_than_the_main_one():
    pipeline, gate, _, _ = gated([1, 2])
    seen = []

    async def main():
        run = pipeline.run()
        waiting = [asyncio.create_task(run.wait_async()) for _ in range(10)]
        await asyncio.sleep(0)
        gate.set()
        seen.extend(await asyncio.gather(*waiting))

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    thread.join(PATIENCE)

    assert [report.delivered for report in seen] == [2] * 10


# -- put_async and async for -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
def test_putting_running_and_reading_go_along_in_one_loop(engine):
    pipeline, numbers, doubled = doubling(maxsize=4, ends=4)

    async def main():
        async with asyncio.TaskGroup() as group:
            running = group.create_task(pipeline.run_async(engine=engine))
            group.create_task(put_all(range(500), numbers))
            reading = group.create_task(collect(doubled))
        return running.result().delivered, sorted(reading.result())

    assert asyncio.run(main()) == (500, list(range(0, 1000, 2)))


def test_a_result_comes_before_the_next_item_is_put():
    pipeline, numbers, doubled = doubling()

    async def main():
        seen = []
        async with pipeline.run():
            await numbers.put_async(1)
            async for number in doubled:
                seen.append(number)
                if number > 100:
                    numbers.close()
                else:
                    await numbers.put_async(number)
        return seen

    assert asyncio.run(main()) == [2, 4, 8, 16, 32, 64, 128]


def test_none_is_an_ordinary_item():
    with Pipeline() as pipeline:
        out = skorche.map(lambda item: item, Queue(fixed_inputs=[None, (), 0]))

    async def main():
        async with pipeline.run():
            return await collect(out)

    assert asyncio.run(main()) == [None, (), 0]


def test_reading_ends_by_raising_the_error_of_the_run():
    with Pipeline() as pipeline:
        out = skorche.map(lambda number: 1 // number, Queue(fixed_inputs=[1, 0]))
    seen = []

    async def main():
        pipeline.run()
        async for number in out:
            seen.append(number)

    with pytest.raises(ZeroDivisionError):
        asyncio.run(main())

    assert seen == [1]
    assert pipeline.last_run.join(PATIENCE).failed == 1


def test_a_task_group_is_told_of_a_failed_run_by_all_who_wait_for_it():
    with Pipeline() as pipeline:
        out = skorche.map(lambda number: 1 // number, Queue(fixed_inputs=[0]))

    async def main():
        async with asyncio.TaskGroup() as group:
            group.create_task(pipeline.run_async())
            group.create_task(collect(out))

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(main())

    assert {type(error) for error in caught.value.exceptions} == {ZeroDivisionError}


def test_a_reader_that_waits_since_before_the_run_gets_its_results():
    pipeline, _, doubled = doubling([1, 2])

    async def main():
        reading = asyncio.create_task(collect(doubled))
        await asyncio.sleep(0)
        await pipeline.run_async()
        return await reading

    assert asyncio.run(main()) == [2, 4]


def test_a_queue_without_a_run_gives_what_is_put():
    queue = Queue()

    async def main():
        reading = asyncio.create_task(collect(queue))
        await asyncio.sleep(0)
        for number in (1, 2):
            queue.put(number)
            await asyncio.sleep(0)
        threading.Thread(target=queue.close).start()
        return await reading

    assert asyncio.run(main()) == [1, 2]


def test_put_async_refuses_what_put_refuses():
    pipeline, numbers, doubled = doubling()
    numbers.close()

    for queue in (numbers, doubled, Queue(fixed_inputs=[1])):
        with pytest.raises(QueueClosed):
            asyncio.run(queue.put_async(1))
    asyncio.run(Queue().put_async(skorche.QUEUE_SENTINEL))

    assert pipeline.run().wait().admitted == 0


def test_put_async_waits_for_room_and_one_that_is_cancelled_has_put_nothing():
    pipeline, gate, numbers, out = gated(maxsize=1)
    put = []

    async def put_for_ever():
        for number in itertools.count():
            await numbers.put_async(number)  # it gives way to others only when it waits for room
            put.append(number)

    async def main():
        async with pipeline.run():
            putting = asyncio.create_task(put_for_ever())
            await until(lambda: put)
            putting.cancel()
            gate.set()
            with pytest.raises(asyncio.CancelledError):
                await putting

    asyncio.run(main())

    assert out.flush() == put


def test_put_async_wakes_and_raises_when_the_run_stops():
    pipeline, gate, numbers, _ = gated(maxsize=1)

    async def main():
        run = pipeline.run()
        putting = asyncio.create_task(put_all(itertools.count(), numbers))
        await until(lambda: run.statistics()["<lambda>"].received)
        run.cancel()
        with pytest.raises(QueueClosed, match="its run has stopped"):
            await putting
        gate.set()
        with pytest.raises(RunCancelled):
            await run.wait_async()

    asyncio.run(main())


def test_what_many_tasks_put_into_a_narrow_queue_arrives_once():
    pipeline, numbers, doubled = doubling(maxsize=1)

    async def put(start):
        for number in range(start, start + 20):
            await numbers.put_async(number)

    async def main():
        async with pipeline.run():
            await asyncio.gather(*(put(start) for start in range(0, 2000, 20)))

    asyncio.run(main())

    assert sorted(doubled.flush()) == list(range(0, 4000, 2))


def test_many_readers_in_loops_and_threads_share_the_items():
    pipeline, _, doubled = doubling(range(20_000), ends=10)
    in_thread: list[int] = []
    thread = threading.Thread(target=lambda: in_thread.extend(doubled))

    async def main():
        thread.start()
        async with pipeline.run():
            return await asyncio.gather(*(collect(doubled) for _ in range(20)))

    in_loop = asyncio.run(main())
    thread.join(PATIENCE)

    assert sorted([*itertools.chain(*in_loop), *in_thread]) == list(range(0, 40_000, 2))


@pytest.mark.parametrize("seed", range(5))
def test_readers_that_are_cancelled_at_any_time_lose_no_item(seed):
    choose = random.Random(seed)
    pipeline, numbers, doubled = doubling()
    seen = []

    async def read():
        async for number in doubled:
            seen.append(number)

    async def main():
        async with pipeline.run():
            readers = [asyncio.create_task(read()) for _ in range(10)]
            for number in range(500):
                await numbers.put_async(number)
                reader = choose.choice(readers)
                reader.cancel()
                readers.remove(reader)
                readers.append(asyncio.create_task(read()))
                await asyncio.sleep(choose.choice([0, 0, 0.0001]))
            numbers.close()
            await asyncio.wait(readers)

    asyncio.run(main())

    assert sorted(seen) == list(range(0, 1000, 2))


def test_a_reader_that_finds_much_lets_others_go_on():
    pipeline, _, doubled = doubling(range(10_000))
    pipeline.run().wait()
    turns = []

    async def others():
        while True:
            turns.append(1)
            await asyncio.sleep(0)

    async def main():
        task = asyncio.create_task(others())
        items = await collect(doubled)
        task.cancel()
        return len(items)

    assert asyncio.run(main()) == 10_000
    assert len(turns) >= 99


def test_leaving_a_loop_early_leaves_the_rest_and_nothing_hangs():
    pipeline, _, doubled = doubling(range(1000), ends=2)

    async def main():
        async with pipeline.run() as run:
            async for _ in doubled:
                break
        return run.report.delivered

    assert asyncio.run(main()) == 1000
    assert doubled.flush() == list(range(2, 2000, 2))


# -- async with ------------------------------------------------------------------------------------------------------


def test_the_end_of_a_block_closes_inputs_and_waits():
    pipeline, numbers, doubled = doubling()

    async def main():
        async with pipeline.run() as run:
            await numbers.put_async(1)
        return run.report.delivered

    assert (asyncio.run(main()), doubled.flush()) == (1, [2])


def test_a_block_that_raises_cancels_its_run_and_waits_for_it():
    pipeline, _, _ = doubling(itertools.count())

    async def main():
        async with pipeline.run():
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        asyncio.run(main())

    assert not pipeline.last_run.running


# -- cancelling ------------------------------------------------------------------------------------------------------


def test_a_run_that_a_signal_has_ended_cancels_who_asks_for_it_later():
    pipeline, numbers, doubled = doubling()
    run = pipeline.run(progress=False)
    run.interrupt(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        run.wait()

    for asking in (run.wait_async, lambda: collect(doubled), lambda: numbers.put_async(1)):
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(asking())
    with pytest.raises(QueueClosed):
        numbers.put(1)


@pytest.mark.parametrize("engine", ENGINES)
def test_cancelling_who_waits_cancels_the_run_and_waits_for_its_end(engine):
    pipeline, _, doubled = doubling(itertools.count())

    async def main():
        running = asyncio.create_task(pipeline.run_async(engine=engine))
        await anext(aiter(doubled))
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        return pipeline.last_run.running

    assert asyncio.run(main()) is False
    report = pipeline.last_run.report
    assert report.admitted == report.delivered + report.cancelled
    assert not report.ok


def test_a_timeout_of_asyncio_cancels_the_run():
    pipeline, _, _ = doubling(itertools.count())

    async def main():
        async with asyncio.timeout(0.01):
            await pipeline.run_async()

    with pytest.raises(TimeoutError):
        asyncio.run(main())

    assert not pipeline.last_run.running


def test_a_shield_leaves_the_run_alone():
    pipeline, gate, _, out = gated([1])

    async def main():
        run = pipeline.run()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(waiting := asyncio.ensure_future(run.wait_async())), 0.01)
        gate.set()
        return (await waiting).delivered

    assert (asyncio.run(main()), out.flush()) == (1, [1])


def test_the_loop_goes_on_while_a_cancelled_run_ends():
    pipeline, gate, _, out = gated([1, 2])

    async def main():
        running = asyncio.create_task(pipeline.run_async())
        await until(lambda: pipeline.last_run and pipeline.last_run.statistics()["<lambda>"].received)
        running.cancel()
        await asyncio.sleep(0)
        still = running.done()
        gate.set()  # what is in flight ends
        with pytest.raises(asyncio.CancelledError):
            await running
        return still

    assert (asyncio.run(main()), out.flush()) == (False, [1])


def test_cancelled_once_more_it_kills_what_is_in_flight():
    with Pipeline() as pipeline:
        skorche.map(time.sleep, Queue(fixed_inputs=[1000]))

    async def main():
        running = asyncio.create_task(pipeline.run_async(engine="process"))
        await until(lambda: pipeline.last_run and pipeline.last_run.statistics()["sleep"].received)
        began = time.monotonic()
        running.cancel()
        await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        return time.monotonic() - began

    assert asyncio.run(main()) < 4  # the grace is five seconds
    assert pipeline.last_run.report.cancelled == 1


def test_a_loop_that_is_closed_with_somebody_in_line_does_no_harm():
    pipeline, numbers, doubled = doubling()
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda loop, context: None)  # "Task was destroyed but it is pending!"

    async def leave_behind():
        tasks = [collect(doubled), pipeline.run_async(), collect(doubled)]
        return [asyncio.create_task(task) for task in tasks], await asyncio.sleep(0)

    left = loop.run_until_complete(leave_behind())
    loop.close()
    numbers.put(1)
    report = pipeline.shutdown()
    del left
    gc.collect()

    assert (report.delivered, doubled.flush()) == (1, [2])


# -- weight ----------------------------------------------------------------------------------------------------------


def test_a_program_that_awaits_nothing_does_not_import_asyncio():
    program = """
import skorche, sys

with skorche.Pipeline() as pipeline:
    out = skorche.map(abs, skorche.Queue(fixed_inputs=[-1]), queue_out=skorche.Queue(maxsize=1))
with pipeline.run(progress=False):
    print(list(out), "asyncio" in sys.modules)
"""

    assert run_program("-c", program).stdout == "[1] False\n"
