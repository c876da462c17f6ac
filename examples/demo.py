"""Images and documents, each in its zip file: download, unzip, then each kind its own way.

The images are made here, in the simplest format there is (binary PGM: a line for the size, a byte
for each pixel), so this runs with nothing else installed. "Downloading" is copying.
"""

import shutil
import tempfile
import zipfile
from pathlib import Path

import skorche


@skorche.task
def download_file(fname):
    return Path(shutil.copy(fname, fname.parent.parent / "downloaded"))


@skorche.task
def unzip_file(fname):
    # Each archive holds a single file
    with zipfile.ZipFile(fname) as archive:
        return Path(archive.extract(archive.namelist()[0], fname.parent.parent / "unzipped"))


@skorche.task
def process_images(fname_list):
    # Processes multiple images in one batch
    return [(fname.name, *measure_image(fname)) for fname in fname_list]


@skorche.task
def process_doc(fname):
    return (fname.name, len(fname.read_text().split()))


# Op predicates are not skorche tasks
def is_image(fname):
    return fname.suffix == ".pgm"


def filter_fn(fname):
    return fname.stat().st_size > 0


def measure_image(fname):
    """The size of the image, and its mean brightness."""
    header, _, pixels = fname.read_bytes().partition(b"\n255\n")
    width, height = map(int, header.split()[1:])
    return (width, height), sum(pixels) / len(pixels)


def make_files(directory):
    """Zip files 1 to 24 below `directory`: two of three hold an image, each sixth an empty document."""
    for name in ("remote", "downloaded", "unzipped"):
        (directory / name).mkdir()
    return [make_file(directory / "remote" / f"file{number}.zip", number) for number in range(1, 25)]


def make_file(fname, number):
    with zipfile.ZipFile(fname, "w") as archive:
        if number % 3:
            archive.writestr(f"{number}.pgm", b"P5\n8 6\n255\n" + bytes([number]) * 48)
        else:
            archive.writestr(f"{number}.txt", "" if number % 6 == 0 else "word " * number)
    return fname


def expected_results():
    for number in range(1, 25):
        if number % 3:
            yield (f"{number}.pgm", (8, 6), number)
        elif number % 6:
            yield (f"{number}.txt", number)


if __name__ == "__main__":
    workspace = tempfile.TemporaryDirectory()
    input_files = make_files(Path(workspace.name))

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

    workspace.cleanup()
    assert results == list(expected_results())
    print(*results, sep="\n")
