"""Runs a pipeline in a real kernel, and prints what the cell shows. `python -m observe.notebook_progress`."""

import nbformat
from nbclient import NotebookClient

CELL = """
import threading
from IPython import display as place
import skorche

shown, display = threading.Event(), place.display

def told(*bundles, **options):
    display(*bundles, **options)
    shown.set()

place.display = told

@skorche.task
def shrink(number):
    shown.wait(30)  # the run goes on until its progress has been shown
    return 1 / number

with skorche.Pipeline("photos") as pipeline:
    skorche.map(shrink, skorche.Queue(fixed_inputs=[2, 1, 0]))
report = pipeline.run(on_error="collect").wait()
"""


def main() -> None:
    """Run the cell, and print what stands below it."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    for output in notebook.cells[0].outputs:
        print(output.output_type)
        print(output.data["text/html"])
        print(output.data["text/plain"])


if __name__ == "__main__":
    main()
