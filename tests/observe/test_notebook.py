"""In a notebook a run is one table below its cell, updated in place."""

import re
from pathlib import Path

import pytest
from engines.programs import run_program


@pytest.mark.timeout(120)
def test_a_run_in_a_notebook_is_a_table_that_is_updated_until_its_end():
    pytest.importorskip("nbclient")

    ended = run_program(Path(__file__).with_name("notebook_progress.py"), seconds=100)

    kind, html, *plain = re.sub(r"[\d.]+/s", "N/s", ended.stdout).splitlines()
    row = (
        '<tr><td>{}</td><td><progress value="3" max="3"></progress></td><td>100 %</td><td>3/3</td><td>N/s</td><td></td>'
    )
    failed = '<td style="color: #c00; font-weight: bold">1 failed</td></tr>'
    assert kind == "display_data"
    assert html == f"<table>{row.format('photos')}{failed}{row.format('shrink')}{failed}</table>"
    assert plain == ["photos: 3/3, 100 %, N/s, 1 failed", "  shrink: 3/3, 100 %, N/s, 1 failed"]
