"""The complete program of the first users' page, with functions that work, runs as it stands there."""

import pytest

import skorche

pytestmark = pytest.mark.timeout(60)


@skorche.task
def download_file(fname):
    return f"downloads/{fname}"


@skorche.task
def unzip_file(fname):
    return fname.removesuffix(".zip")


@skorche.task
def process_images(fname_list):
    # Processes multiple images in one batch
    return [f"thumbnail of {fname}" for fname in fname_list]


@skorche.task
def process_doc(fname):
    return f"index of {fname}"


# Op predicates are not skorche tasks
def is_image(fname):
    return fname.endswith(".jpg")


def filter_fn(fname):
    return "draft" not in fname


def test_the_complete_program(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    input_files = [f"photo{number}.jpg.zip" for number in range(23)]
    input_files[4:4] = ["letter.txt.zip", "draft.txt.zip", "essay.txt.zip"]

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
    drawn = skorche.render_pipeline(filename="demo", root=queue_in)

    # Run pipeline
    skorche.run()
    report = skorche.shutdown()

    # pop all outputs from queue into list
    results = queue_out.flush()

    photos = [f"thumbnail of downloads/photo{number}.jpg" for number in range(23)]
    assert results == [
        *photos[:4],
        "index of downloads/letter.txt",
        "index of downloads/essay.txt",
        *photos[4:],
    ]
    assert (report.ok, report.admitted, report.delivered, report.filtered) == (True, 26, 25, 1)
    assert drawn in ("graphviz/demo.svg", "graphviz/demo.dot")


def test_the_notes_example_with_three_kinds():
    kinds = {"a.jpg": "img", "b.txt": "doc", "c.wav": "audio"}

    def classify(task_item):
        return kinds[task_item]

    unzipped = skorche.Queue(fixed_inputs=kinds)
    (q_img, q_doc, q_audio) = skorche.split(classify, unzipped, predicate_values=("img", "doc", "audio"))
    skorche.run()
    skorche.shutdown()

    assert (q_img.flush(), q_doc.flush(), q_audio.flush()) == (["a.jpg"], ["b.txt"], ["c.wav"])


def test_a_program_that_puts_its_inputs_and_the_sentinel():
    numbers = skorche.Queue()
    made = skorche.map(lambda number: number + 1, numbers)

    skorche.run()
    for number in range(3):
        numbers.put(number)
    numbers.put(skorche.QUEUE_SENTINEL)
    skorche.shutdown()

    assert made.flush() == [1, 2, 3]
