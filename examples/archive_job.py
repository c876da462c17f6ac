"""Download archives, shrink their photos, index their documents; stop it, start it, and it goes on.

The site is `archive_site.py`, on this machine; two of its files are corrupt, and both are named at
the end while everything else is done.

    urls -> download -> unzip -> unbatch -> filter(is_not_done) -> split(kind_of)
            4 threads   2 threads                                     |
            3 attempts                                                |
        +----------------------------+--------------------------------+
        | photo                      | text                           | html
     batch(10)                  filter(is_not_empty)             filter(is_not_empty)
        |                            |                                |
     thumbnails, 2 processes    index_text                       index_page
        |                            |                                |
     unbatch                         |                                |
        +----------------------------+------ merge -------------------+
                                               |
                                            results

Paths travel, not bytes. Every file is written with `skorche.atomic`, so a file that exists is
complete, and a second run skips it; what failed has no file, and is tried again.

    archive_job_output/
        archives/archive-000.zip                as downloaded
        members/archive-000/photo-00.jpg        as unzipped
        thumbnails/archive-000/photo-00.jpg
        results/archive-000/photo-00.jpg.json   one for each finished member
        manifest.jsonl                          all results, sorted
        status.html                             how the run goes, and went: open it in a browser
"""

import argparse
import collections
import hashlib
import html.parser
import io
import json
import shutil
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from archive_site import CORRUPT_ARCHIVE, CORRUPT_PHOTO, fetch, serve
from PIL import Image

import skorche

FOLDERS = ("archives", "members", "thumbnails", "results")
THUMBNAIL_SIZE = (128, 128)

Result = dict[str, Any]


# The tasks: plain functions of a path, and callable as such.


@skorche.task(max_workers=4, retries=2, backoff=0.05)
def download(url: str, *, directory: Path = Path()) -> Path:
    """Keep the archive behind `url` in `directory`; one that is there already is not fetched again."""
    archive = directory / PurePosixPath(url).name
    if not archive.exists():
        with skorche.atomic(archive) as path:
            path.write_bytes(fetch(url))
    return archive


@skorche.task(max_workers=2)
def unzip(archive: Path) -> list[Path]:
    """The members of the archive, as files; a corrupt archive is thrown away, to be fetched again."""
    directory = archive.parent.parent / "members" / archive.stem
    if not directory.exists():
        try:
            with skorche.atomic(directory) as path, zipfile.ZipFile(archive) as members:
                members.extractall(path)
        except zipfile.BadZipFile:
            archive.unlink()
            raise
    return sorted(directory.iterdir())


@skorche.task(engine="process", max_workers=2, isolate=True)
def thumbnails(photos: list[Path]) -> list[Result]:
    """Shrink a handful of photos in one call; with `isolate`, a corrupt one costs only itself."""
    return [shrink(photo) for photo in photos]


@skorche.task
def index_text(document: Path) -> Result:
    return index(document, document.read_text().split())


@skorche.task
def index_page(document: Path) -> Result:
    reader = PageReader()
    reader.feed(document.read_text())
    reader.close()
    return index(document, reader.words)


# The predicates.


def is_not_done(member: Path) -> bool:
    return not result_path(member).exists()


def kind_of(member: Path) -> str:
    return {".jpg": "photo", ".txt": "text", ".html": "html"}[member.suffix]


def is_not_empty(document: Path) -> bool:
    return document.stat().st_size > 0


# What the tasks are made of.


def shrink(photo: Path) -> Result:
    content = io.BytesIO()
    with Image.open(photo) as image:
        size = list(image.size)
        image.thumbnail(THUMBNAIL_SIZE)
        image.save(content, "JPEG")
    with skorche.atomic(sibling(photo, "thumbnails")) as path:
        path.write_bytes(content.getvalue())
    digest = hashlib.sha256(content.getvalue()).hexdigest()
    return keep_result(photo, size=size, thumbnail=digest)


def index(document: Path, words: list[str]) -> Result:
    counts = collections.Counter(words)
    return keep_result(document, words=len(words), distinct=len(counts), first=min(words))


class PageReader(html.parser.HTMLParser):
    """Gathers the words of a page, without those of its styles."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    def handle_data(self, data: str) -> None:
        if self.cdata_elem is None:
            self.words.extend(data.split())


def keep_result(member: Path, **found: Any) -> Result:
    result = {"member": member_name(member), "kind": kind_of(member), **found}
    with skorche.atomic(result_path(member)) as path:
        path.write_text(json.dumps(result))
    return result


def sibling(member: Path, folder: str) -> Path:
    return member.parents[2] / folder / member_name(member)


def result_path(member: Path) -> Path:
    return sibling(member, "results").with_name(member.name + ".json")


def member_name(member: Path) -> str:
    return f"{member.parent.name}/{member.name}"


# The job.


def declare(urls: list[str], directory: Path) -> tuple[skorche.Pipeline, skorche.Queue[Result]]:
    """The pipeline drawn above, and the queue of its results; nothing runs yet."""
    with skorche.Pipeline("archive_job") as pipeline:
        archives = skorche.Queue(name="archives", fixed_inputs=urls)
        results: skorche.Queue[Result] = skorche.Queue(name="results")
        fetched = skorche.chain([download.bind(directory=directory / "archives"), unzip], archives)
        members = skorche.filter(is_not_done, skorche.unbatch(fetched))
        photos, texts, pages = skorche.split(kind_of, members, predicate_values=("photo", "text", "html"))
        photos = skorche.unbatch(skorche.map(thumbnails, skorche.batch(photos, batch_size=10)))
        texts = skorche.map(index_text, skorche.filter(is_not_empty, texts))
        pages = skorche.map(index_page, skorche.filter(is_not_empty, pages))
        skorche.merge((photos, texts, pages), queue_out=results)
    log(f"the picture: {pipeline.render(filename='archive_job', root=archives)}")
    return pipeline, results


def run_job(urls: list[str], directory: Path) -> tuple[skorche.Report, list[Result]]:
    """Run the pipeline; failures are collected, so that everything else is done."""
    pipeline, results = declare(urls, directory)
    with pipeline.run(on_error="collect", page=directory / "status.html") as run:
        log(f"running; the status page: {directory / 'status.html'}")
        report = run.wait()
    return report, results.flush()


def run_plain(urls: list[str], directory: Path) -> tuple[list[Result], list[str]]:
    """The same functions in a plain loop: what the pipeline must find, and what must fail."""
    results: list[Result] = []
    failed: list[str] = []
    for url in urls:
        try:
            members = unzip(download(url, directory=directory / "archives"))
        except zipfile.BadZipFile:
            failed.append(PurePosixPath(url).name)
            continue
        for member in members:
            try:
                results.extend(finish(member))
            except OSError:
                failed.append(member_name(member))
    return sort_results(results), failed


def finish(member: Path) -> list[Result]:
    if kind_of(member) == "photo":
        return thumbnails([member])
    if not is_not_empty(member):
        return []
    return [index_text(member) if kind_of(member) == "text" else index_page(member)]


def read_results(urls: list[str], directory: Path) -> list[Result]:
    """What is done, in this run and before, for these archives."""
    patterns = [PurePosixPath(url).with_suffix("").name + "/*.json" for url in urls]
    found = skorche.files(*patterns, root=directory / "results", missing_ok=True)
    return sort_results(json.loads(path.read_bytes()) for path in found)


def sort_results(results: Iterable[Result]) -> list[Result]:
    return sorted(results, key=lambda result: str(result["member"]))


def write_manifest(results: list[Result], directory: Path) -> Path:
    manifest = directory / "manifest.jsonl"
    with skorche.atomic(manifest) as path:
        path.write_text("".join(json.dumps(result) + "\n" for result in results))
    return manifest


def name_of(item: str | Path | list[Path]) -> str:
    """An archive by its file, a member by its archive and file; a photo on its own comes as a list of one."""
    path = Path(item[0] if isinstance(item, list) else item)
    return path.name if path.suffix == ".zip" else member_name(path)


def tell_failures(report: skorche.Report) -> list[str]:
    """Print each failure in a line, and give the names of what failed."""
    failures = sorted(report.failures, key=lambda failure: name_of(failure.item))
    for failure in failures:
        print(f"failed in {failure.node}: {name_of(failure.item)}: {failure.error!r}")
    return [name_of(failure.item) for failure in failures]


def clear(directory: Path) -> None:
    """Remove what earlier runs made, and nothing else that may lie in the folder."""
    for folder in FOLDERS:
        shutil.rmtree(directory / folder, ignore_errors=True)
    for file in ("manifest.jsonl", "status.html"):
        (directory / file).unlink(missing_ok=True)


def log(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def read_options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--output", type=Path, default=Path("archive_job_output"), metavar="DIR")
    parser.add_argument("--archives", type=int, default=36, metavar="N", help="how many archives, at least 3")
    parser.add_argument("--fresh", action="store_true", help="forget what earlier runs made, and start over")
    options = parser.parse_args(arguments)
    if options.archives < 3:
        parser.error("--archives is below 3: number 1 is the corrupt one, and 2 holds the corrupt photo")
    return options


def main(arguments: list[str] | None = None) -> int:
    options = read_options(arguments)
    if options.fresh:
        clear(options.output)

    log(f"making {options.archives} archives")
    with serve(options.archives) as site, tempfile.TemporaryDirectory() as elsewhere:
        before = read_results(site.urls, options.output)
        report, found = run_job(site.urls, options.output)
        done = read_results(site.urls, options.output)
        manifest = write_manifest(done, options.output)
        site.busy.clear()  # a plain loop does not try again
        started = time.monotonic()
        expected, expected_failures = run_plain(site.urls, Path(elsewhere))
        plain_seconds = time.monotonic() - started

    print(report)
    failed = tell_failures(report)
    print(f"{len(before)} already done, skipped; {len(found)} done now; {len(failed)} failed; see {manifest}")
    print(f"pipeline {report.elapsed:.2f} s, plain loop over the same functions {plain_seconds:.2f} s")

    assert sort_results([*before, *found]) == done == expected, "pipeline and plain loop differ"
    assert failed == sorted(expected_failures) == [CORRUPT_ARCHIVE, CORRUPT_PHOTO], failed
    print("pipeline and plain loop agree; what failed is what had to fail")
    return 0


if __name__ == "__main__":
    sys.exit(main())
