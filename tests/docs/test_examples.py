"""Each file of `examples/` runs, asserts its result, and leaves with 0; so does the first users' program."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from engines.mpirun import start_ranks, why_not

EXAMPLES = Path(__file__).parents[2] / "examples"
SAID = {
    "archive_job.py": "pipeline and plain loop agree",
    "archive_site.py": "the same each time",
    "autotune.py": "orders/s, ",
    "crawler.py": "1998 titles; at most 200 requests at a time",
    "demo.py": "('1.pgm', (8, 6), 1.0)",
    "extraction_functions.py": "2 pages, the same by both files",
    "failures.py": "every failure was seen",
    "first_program.py": "['it is 2', 'it is 4', 'it is 6']",
    "live.py": "1000 results",
    "model_per_worker.py": "process: 1000 texts, the model was loaded by no more than 2 workers",
    "mpi_job.py": "longest below 20000: (278, 17673)",
    "multi_path.py": "| Evaluate(both) |",
    "plumber.py": "20 strings with their reverse, 40 results of the diamond",
    "web_log.py": "4963 hits, 37 rejected, most on /",
    "web_service.py": "each was answered",
}

FIRST_USERS_PROGRAM = """\
import skorche

@skorche.task
def download_file(fname):
    pass

@skorche.task
def unzip_file(fname):
    pass

@skorche.task
def process_images(fname_list):
    # Processes multiple images in one batch
    pass

@skorche.task
def process_doc(fname):
    pass

# Op predicates are not skorche tasks
def is_image(fname):
    pass

def filter_fn(fname):
    pass

if __name__ == "__main__":
    input_files = ["file1.zip", "file2.zip", "file3.zip"]

    # input and output queues
    queue_in = skorche.Queue(name="inputs", fixed_inputs=input_files)
    queue_out = skorche.Queue(name="outputs")

    # chain together two tasks sequentially
    q_unzipped = skorche.chain([download_file, unzip_file], queue_in)

    # split based on file type
    (q_img, q_doc) = skorche.split(is_image, q_unzipped)

    # image processing branch
    q_img_batch = skorche.batch(q_img, batch_size=10)
    q_img_out = skorche.map(process_images, q_img_batch)
    q_img_out = skorche.unbatch(q_img_out)

    # doc processing branch
    q_doc_filtered = skorche.filter(filter_fn, q_doc)
    q_doc_out = skorche.map(process_doc, q_doc_filtered)

    # merge branches to output queue
    queue_out = skorche.merge((q_img_out, q_doc_out), queue_out=queue_out)

    # Visualise pipeline. Writes to ./graphviz/demo.svg
    skorche.render_pipeline(filename="demo", root=queue_in)

    # Run pipeline
    skorche.run()
    skorche.shutdown()

    # pop all outputs from queue into list
    results = queue_out.flush()
"""


def run_program(*command: object, folder: Path) -> str:
    """What the program printed, run in `folder` with warnings as errors; it must leave with 0."""
    program = [sys.executable, "-W", "error", *map(str, command)]
    done = subprocess.run(program, cwd=folder, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def read_manifest(folder: Path) -> list[dict[str, object]]:
    lines = (folder / "archive_job_output" / "manifest.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_every_example_says_what_it_must_say():
    assert sorted(SAID) == sorted(path.name for path in EXAMPLES.glob("*.py"))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", sorted(SAID))
def test_an_example_runs_and_asserts_its_result(name: str, tmp_path: Path):
    said = run_program(EXAMPLES / name, folder=tmp_path)

    assert SAID[name] in said


@pytest.mark.timeout(120)
def test_the_mpi_job_gives_on_three_ranks_what_it_gives_on_threads(tmp_path: Path):
    if reason := why_not():
        pytest.skip(reason)

    done = start_ranks(3, "-W", "error", EXAMPLES / "mpi_job.py", folder=tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "mpi, 2 serving ranks" in done.stdout
    assert SAID["mpi_job.py"] in done.stdout  # which rank 0 has compared with the run on threads
    for rank in (1, 2):
        assert f"rank {rank} has the same: (278, 17673)" in done.stdout


@pytest.mark.timeout(120)
def test_demo_draws_its_pipeline_in_the_current_folder(tmp_path: Path):
    run_program(EXAMPLES / "demo.py", folder=tmp_path)

    drawn = [path.name for path in (tmp_path / "graphviz").iterdir()]
    assert "demo.svg" in drawn or "demo.dot" in drawn  # without the dot program, its text is written


@pytest.mark.timeout(120)
def test_the_archive_job_names_its_two_failures_and_does_the_rest(tmp_path: Path):
    said = run_program(EXAMPLES / "archive_job.py", "--archives", 6, folder=tmp_path)

    manifest = read_manifest(tmp_path)
    names = [result["member"] for result in manifest]
    assert "failed in unzip: archive-001.zip: BadZipFile" in said
    assert "failed in thumbnails: archive-002/photo-01.jpg: OSError" in said
    assert f"0 already done, skipped; {len(manifest)} done now; 2 failed" in said
    assert names == sorted(names)
    assert {result["kind"] for result in manifest} == {"photo", "text", "html"}


@pytest.mark.timeout(120)
def test_a_second_run_of_the_archive_job_skips_what_is_done(tmp_path: Path):
    run_program(EXAMPLES / "archive_job.py", "--archives", 6, folder=tmp_path)
    first = read_manifest(tmp_path)

    said = run_program(EXAMPLES / "archive_job.py", "--archives", 6, folder=tmp_path)

    assert f"{len(first)} already done, skipped; 0 done now; 2 failed" in said
    assert read_manifest(tmp_path) == first


@pytest.mark.timeout(120)
def test_the_archive_job_does_only_what_is_missing(tmp_path: Path):
    run_program(EXAMPLES / "archive_job.py", "--archives", 6, folder=tmp_path)
    first = read_manifest(tmp_path)
    (tmp_path / "archive_job_output" / "results" / f"{first[0]['member']}.json").unlink()

    said = run_program(EXAMPLES / "archive_job.py", "--archives", 6, folder=tmp_path)

    assert f"{len(first) - 1} already done, skipped; 1 done now; 2 failed" in said
    assert read_manifest(tmp_path) == first


@pytest.mark.timeout(120)
def test_the_archive_job_starts_over_when_asked(tmp_path: Path):
    run_program(EXAMPLES / "archive_job.py", "--archives", 6, folder=tmp_path)

    said = run_program(EXAMPLES / "archive_job.py", "--archives", 6, "--fresh", folder=tmp_path)

    assert "0 already done, skipped" in said


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("is_relevant", "results"), [("pass", "[]"), ("return True", "[None, None, None]")])
def test_the_first_users_program_runs_unchanged(is_relevant: str, results: str, tmp_path: Path):
    program = FIRST_USERS_PROGRAM.replace("filter_fn(fname):\n    pass", f"filter_fn(fname):\n    {is_relevant}")
    (tmp_path / "program.py").write_text(program + "    print(results)\n")

    said = run_program("program.py", folder=tmp_path)

    assert said == f"{results}\n"
