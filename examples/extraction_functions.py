"""The components of `extraction.yaml`: a pipeline that is data, and the functions that it names.

As a program it runs the pipeline, in both forms it can be written in, on two pages. What each component was given and
what it made of it is logged as INFO. skorche imports nothing that a spec names: the program gives it the functions.
"""

import logging
import sys
from pathlib import Path

import skorche

FOLDER = Path(__file__).parent


@skorche.task
def ImagePreprocessor(document_id: str, page_num: int) -> str:  # noqa: N802  (what the specs call it)
    """An image of the page that a model can read."""
    return f"image of {document_id}, page {page_num}"


@skorche.task
class OCRModel:
    """Reads an image. Each worker makes an instance of its own, which would load the weights of the model."""

    def __init__(self) -> None:
        self.words = {"image": "text"}

    def __call__(self, page_id: str) -> str:
        kind, rest = page_id.split(" ", 1)
        return f"{self.words[kind]} {rest}"


@skorche.task
async def ExtractionModel(page_id: str) -> dict[str, str]:  # noqa: N802  (what the specs call it)
    """What the text says; a model that some service keeps, which is waited for."""
    return {"source": page_id, "total": "12.50"}


def main() -> None:
    """Run both files, and compare."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    results = []
    for name in ("extraction.yaml", "extraction_lists.yaml"):
        pipeline = skorche.load(FOLDER / name, functions=sys.modules[__name__])
        for page_num in range(2):
            pipeline.give(document_id="D0", page_num=page_num)
        pipeline.run().shutdown()
        results.append(pipeline.outputs["extractions"].flush())

    assert results[0] == results[1]
    assert results[0][1] == {"source": "text of D0, page 1", "total": "12.50"}
    print(f"{len(results[0])} pages, the same by both files")


if __name__ == "__main__":
    main()
