"""Several inputs: the one declared first stands first in the results, however they are merged."""

import skorche


def test_results_stand_in_the_order_in_which_the_inputs_were_declared():
    with skorche.Pipeline() as pipeline:
        first = skorche.Queue(name="first", fixed_inputs=["a", "b"])
        second = skorche.Queue(name="second", fixed_inputs=["c"])
        merged = skorche.merge((second, first))

    pipeline.run().wait()

    assert merged.flush() == ["a", "b", "c"]
