"""Results that are printed as they come end with the run, however that ends."""

import pytest

import skorche
from skorche.cli.lines import Lines


@pytest.mark.timeout(30)
def test_a_run_whose_input_breaks_off_is_cancelled_and_nobody_waits_for_its_results(capsys):
    with skorche.Pipeline() as pipeline:
        skorche.map(abs, skorche.Queue(name="numbers"))
    lines = Lines(pipeline, as_json=False, as_they_come=True)

    with pytest.raises(OSError, match="the disk is gone"), pipeline.run(progress=False) as run, lines.following(run):
        raise OSError("the disk is gone")
    assert not run.running
