"""Put items in while the pipeline runs, take results as they come, close when there is no more.

One thread writes questions; the loop below reads answers at the same time. Neither queue grows
without end: `put` waits for room when the pipeline is behind, and the bounded output queue holds
the pipeline back when the reader is.
"""

import threading

import skorche


@skorche.task(max_workers=4)
def square(number: int) -> int:
    return number * number


def write_numbers(numbers: "skorche.Queue[int]", count: int) -> None:
    for number in range(count):
        numbers.put(number)
    numbers.close()


def main() -> None:
    with skorche.Pipeline("live") as pipeline:
        numbers: skorche.Queue[int] = skorche.Queue(name="numbers")
        squares = skorche.map(square, numbers, queue_out=skorche.Queue(name="squares", maxsize=100))

    with pipeline.run() as run:
        writer = threading.Thread(target=write_numbers, args=(numbers, 1000))
        writer.start()
        received = []
        for result in squares:  # in the order of completion; ends when all is done
            received.append(result)
        writer.join()
        report = run.wait()

    assert sorted(received) == [number * number for number in range(1000)]
    assert report.ok
    assert report.delivered == 1000
    print(f"{len(received)} results, taken while the run went on")


if __name__ == "__main__":
    main()
