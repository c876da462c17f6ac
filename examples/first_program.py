"""Two tasks in a row: each on threads of its own, the results in input order."""

import skorche


@skorche.task(max_workers=2)
def double(number):
    return 2 * number


@skorche.task
def describe(number):
    return f"it is {number}"


if __name__ == "__main__":
    numbers = skorche.Queue(name="numbers", fixed_inputs=[1, 2, 3])
    sentences = skorche.chain([double, describe], numbers)

    skorche.run()  # returns at once
    skorche.shutdown()  # waits, and raises if a task failed

    results = sentences.flush()
    assert results == ["it is 2", "it is 4", "it is 6"]
    print(results)
