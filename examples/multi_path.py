"""Two tables on ways of their own, put together in one step: what can run at the same time does.

The picture in characters comes first. After the run there is a coloured one, in graphviz/: multi_path.png where
Graphviz is installed, else multi_path.svg.
"""

import skorche

CSV = "3,4\n6,8\n"
DATABASE = [(1, 3), (2, 2)]


def load_csv(text):
    return [tuple(map(float, line.split(","))) for line in text.splitlines()]


def load_database(rows):
    return [tuple(map(float, row)) for row in rows]


def normalize(rows, norm):
    """Each row divided by its length in that norm."""
    lengths = [sum(abs(value) ** norm for value in row) ** (1 / norm) for row in rows]
    return [tuple(value / length for value in row) for row, length in zip(rows, lengths, strict=True)]


def augment(rows):
    """The rows, and their mirror images."""
    return [*rows, *(row[::-1] for row in rows)]


def evaluate(augmented, normalized):
    return {"rows": len(augmented) + len(normalized), "largest": max(map(max, augmented + normalized))}


def step(name, function, **arguments):
    return skorche.task(name=name)(function).bind(**arguments)


if __name__ == "__main__":
    with skorche.Pipeline("multi-path") as pipeline:
        csv = skorche.apply(step("LoadData(csv)", load_csv), CSV)
        csv = skorche.apply(step("ProcessData(normalize-l1)", normalize, norm=1), csv)
        csv = skorche.apply(step("AugmentData(augment)", augment), csv)

        database = skorche.apply(step("LoadData(database)", load_database), DATABASE)
        database = skorche.apply(step("ProcessData(normalize-l2)", normalize, norm=2), database)

        skorche.apply(step("Evaluate(both)", evaluate), csv, database)

    print(pipeline.summary())

    report = pipeline.run().wait()
    result = report.results["Evaluate(both)"]

    assert set(report.status.values()) == {"ok"}
    assert result["rows"] == 6
    assert abs(result["largest"] - 3 / 10**0.5) < 1e-12

    print(report)
    print("drawn:", pipeline.render("multi_path", format="png", status=report))
