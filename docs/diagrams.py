"""Draws `graphviz/`: a picture for each operator, those of the two large examples, and two of runs.

python docs/diagrams.py           writes graphviz/<name>.dot and graphviz/<name>.svg
python docs/diagrams.py --check   fails, and names what differs, if a picture is missing or its DOT text is old

Pictures themselves are not compared: each release of Graphviz draws a little differently.
"""

import argparse
import contextlib
import io
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import skorche
from skorche.events import NodeTally, RunFinished
from skorche.observe.diagram import diagram_of
from skorche.observe.dot import dot_of, dot_text
from skorche.observe.load import load_picture
from skorche.observe.outcome import Shape
from skorche.observe.overview import Overview

ROOT = Path(__file__).resolve().parents[1]
DIRECTORY = ROOT / "graphviz"
DEMO_STATUS = "demo_status"


# What the pictures are about. Only the names are seen: nothing here runs, but for the last picture.


def download_file(fname):
    return fname


def unzip_file(fname):
    return fname


def process_images(fname_list):
    return fname_list


def process_doc(fname):
    return fname


def is_image(fname):
    return True


def classify(fname):
    return "img"


def filter_fn(fname):
    return True


def read_lines(fname):
    return ["line"]


def count_words(count, line):
    return count + len(line.split())


def write_page(page):
    pass


def add(left, right, scale):
    return left


def has_suffix(fname):
    return "." in fname


def read_photo(fname):
    if fname == "b.jpg":
        raise OSError("b.jpg is cut off")
    return fname


def read_note(fname):
    raise OSError(f"{fname} is on a disk that is gone")


def publish(text):
    return text


def ran(received, emitted, busy=0.0, of=0.0, stage="", workers=0):
    times = {"busy_seconds": busy, "worker_seconds": of, "watched_seconds": of / max(workers, 1)}
    return NodeTally(received, emitted, stage=stage, engine="thread" * bool(stage), workers=workers, **times)


# The pictures.


def draw_map():
    skorche.map(download_file, queue("q_inputs"), queue_out=queue("q_outputs"))


def draw_chain():
    skorche.chain([download_file, unzip_file], queue("q_inputs"), queue_out=queue("q_unzipped"))


def draw_split():
    skorche.split(is_image, queue("q_unzipped"), queue_out=(queue("q_img"), queue("q_doc")))


def draw_split_many():
    values = ("img", "doc", "audio")
    skorche.split(
        classify, queue("q_unzipped"), predicate_values=values, queue_out=[queue(f"q_{value}") for value in values]
    )


def draw_batch():
    batches = skorche.batch(queue("q_img"), batch_size=10, queue_out=queue("q_img_batch"))
    skorche.map(process_images, batches, queue_out=queue("q_img_processed"))


def draw_unbatch():
    processed = skorche.map(process_images, queue("q_img_batch"))
    skorche.unbatch(processed, queue_out=queue("q_img_processed"))


def draw_filter():
    skorche.filter(filter_fn, queue("q_doc"), queue_out=queue("q_doc_filtered"))


def draw_merge():
    skorche.merge((queue("q_img_out"), queue("q_doc_out")), queue_out=queue("q_out"))


def draw_flat_map():
    skorche.flat_map(read_lines, queue("q_files"), queue_out=queue("q_lines"))


def draw_reduce():
    skorche.reduce(count_words, queue("q_lines"), initial=0, queue_out=queue("q_total"))


def draw_sink():
    skorche.sink(write_page, queue("q_pages"))


def draw_tee():
    skorche.tee(queue("q_img"), queue_out=(queue("q_thumbnails"), queue("q_faces")))


def draw_zip():
    left, right = skorche.tee(queue("q_img"))
    pairs = (skorche.map(process_images, left), skorche.map(classify, right))
    skorche.zip(pairs, queue_out=queue("q_img_classified"))


def draw_apply():
    prices, taxes = queue("q_prices"), queue("q_taxes")
    skorche.apply(add, prices, taxes, scale=2, queue_out=queue("q_totals"))
    skorche.apply(add, prices, 0, scale=3, queue_out=queue("q_tripled"))


def draw_demo():
    queue_in, queue_out = queue("inputs"), queue("outputs")
    q_unzipped = skorche.chain([download_file, unzip_file], queue_in)
    q_img, q_doc = skorche.split(is_image, q_unzipped)
    q_img_out = skorche.unbatch(skorche.map(process_images, skorche.batch(q_img, batch_size=10)))
    q_doc_out = skorche.map(process_doc, skorche.filter(filter_fn, q_doc))
    skorche.merge((q_img_out, q_doc_out), queue_out=queue_out)


def queue(name: str) -> skorche.Queue:
    return skorche.Queue(name=name)


DRAWN: dict[str, Callable[[], None]] = {
    "map": draw_map,
    "chain": draw_chain,
    "split": draw_split,
    "split_many": draw_split_many,
    "batch": draw_batch,
    "unbatch": draw_unbatch,
    "filter": draw_filter,
    "merge": draw_merge,
    "flat_map": draw_flat_map,
    "reduce": draw_reduce,
    "sink": draw_sink,
    "tee": draw_tee,
    "zip": draw_zip,
    "apply": draw_apply,
    "demo": draw_demo,
}


def declare(draw: Callable[[], None]) -> skorche.Pipeline:
    with skorche.Pipeline() as pipeline:
        draw()
    return pipeline


def declare_archive_job() -> skorche.Pipeline:
    """The example's own pipeline; declaring it draws it too, which is let go somewhere else."""
    sys.path.insert(0, str(ROOT / "examples"))
    import archive_job

    with (
        tempfile.TemporaryDirectory() as elsewhere,
        contextlib.chdir(elsewhere),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        pipeline, _ = archive_job.declare([], Path("archive_job_output"))
    return pipeline


def declare_plumber() -> skorche.Pipeline:
    """The diamond of the example."""
    sys.path.insert(0, str(ROOT / "examples"))
    import plumber

    return skorche.from_graph(plumber.DIAMOND, name="diamond")


def run_status() -> tuple[skorche.Pipeline, skorche.Report]:
    """A run in which one of two branches failed, and an item of the other."""
    with skorche.Pipeline("status") as pipeline:
        photos, notes = skorche.split(has_suffix, skorche.Queue("files", fixed_inputs=["a.jpg", "b.jpg", "x", "c.jpg"]))
        published = skorche.map(publish, skorche.map(read_note, notes))
        skorche.merge((skorche.map(read_photo, photos), published), queue_out=queue("pages"))
    return pipeline, pipeline.run(on_error="collect", engine="inline", progress=False).wait()


DEMO_RUN = {
    "download_file": ran(1000, 1000, 21.8, of=35.0, stage="download_file", workers=4),
    "unzip_file": ran(1000, 1000, 4.79, of=8.79, stage="unzip_file", workers=1),
    "Split(is_image)": ran(1000, 1000, 0.0181, stage="unzip_file"),
    "Batch(10)": ran(800, 80),
    "process_images": ran(80, 80, 8.91, of=9.03, stage="process_images", workers=1),
    "Unbatch": ran(80, 800, 0.00305, stage="process_images"),
    "Filter(filter_fn)": ran(200, 150, 0.00156, stage="unzip_file")._replace(filtered=50),
    "process_doc": ran(150, 147, 1.04, of=8.79, stage="process_doc", workers=1)._replace(failed=3),
    "Merge": ran(947, 947),
}
"""What was counted in a run of the demo, with tasks that sleep: times are others each time, and pictures are kept."""


def demo_overview() -> Overview:
    """That run, as its report tells of it."""
    graph = declare(draw_demo).graph
    record = RunFinished("demo", 9.08, 1000, 947, 50, 3, 0, 0, 3, 0, (), DEMO_RUN)
    report = skorche.Report.of(record, shape=Shape(tuple(graph.nodes), graph.single))
    return report.overview()._replace(bottleneck="process_images")


def pictures() -> dict[str, tuple[skorche.Pipeline, skorche.Report | None]]:
    """All that is drawn, by the names of the files; with the report of what has run."""
    declared = {name: declare(draw) for name, draw in DRAWN.items()} | {
        "archive_job": declare_archive_job(),
        "plumber": declare_plumber(),
    }
    return {name: (pipeline, None) for name, pipeline in declared.items()} | {"status": run_status()}


# Written, or compared.


def write(directory: Path) -> None:
    for name, (pipeline, report) in pictures().items():
        pipeline.render(name, directory=str(directory), format="dot", status=report)
        print(pipeline.render(name, directory=str(directory), status=report))
    overview = demo_overview()
    (directory / f"{DEMO_STATUS}.dot").write_text(dot_of(load_picture(overview)))
    (directory / f"{DEMO_STATUS}.svg").write_text(diagram_of(overview))
    print(directory / f"{DEMO_STATUS}.svg")


def differences(directory: Path) -> list[str]:
    """What is missing or old, a line for each."""
    found = []
    fresh = {name: dot_text(pipeline.graph, status=report) for name, (pipeline, report) in pictures().items()}
    fresh[DEMO_STATUS] = dot_of(load_picture(demo_overview()))
    for name, wanted in fresh.items():
        text, picture = directory / f"{name}.dot", directory / f"{name}.svg"
        found += [f"{path} is missing" for path in (text, picture) if not path.exists()]
        if text.exists() and text.read_text() != wanted:
            found.append(f"{text} is not what would be drawn now")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Draw the pictures of the documentation.")
    parser.add_argument("--check", action="store_true", help="compare the DOT text instead; 1 if it differs")
    parser.add_argument("--directory", type=Path, default=DIRECTORY, metavar="DIR")
    options = parser.parse_args(arguments)
    if not options.check:
        write(options.directory)
        return 0
    found = differences(options.directory)
    for line in found:
        print(line, file=sys.stderr)
    if found:
        print("`make diagrams` draws them anew.", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
