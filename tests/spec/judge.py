"""Random component specs, and who judges them: by the rules of the form alone. Nothing of skorche is imported here.

The runners `make0`, `make1`, ... give so many outputs, which tell what they were made of.
"""

import random
from typing import Any

Spec = dict[str, Any]


def made_of(runner: str, values: list[object]) -> list[str]:
    """What a runner gives."""
    count = int(runner.removeprefix("make"))
    return [f"{runner}.{number}({', '.join(map(str, values))})" for number in range(count)]


# -- drawing ---------------------------------------------------------------------------------------------------------


def draw(seed: int) -> Spec:
    """A spec that may be right, and, every other time, with something changed at random that may be wrong."""
    chance = random.Random(seed)
    names = [f"c{number}" for number in range(chance.randint(1, 7))]
    inputs = [f"in{number}" for number in range(chance.randint(0, 3))]
    known, components = list(inputs), []
    for name in names:
        outputs = chance.sample(["x", "y", "z"], chance.randint(0 if components else 1, 3))
        taken = chance.sample(known, min(len(known), chance.randint(0, 3)))
        before = [one["name"] for one in components]
        components.append(
            {
                "name": name,
                "runner": f"make{len(outputs)}",
                "inputs": taken,
                "outputs": outputs,
                "dependencies": chance.sample(before, min(len(before), chance.choice([0, 0, 0, 1, 2]))),
            }
        )
        known += [f"{name}.{output}" for output in outputs]
    wanted = chance.sample(known, min(len(known), chance.randint(1, 3)))
    outputs = list(dict.fromkeys(one if chance.random() < 0.7 else one.rpartition(".")[2] for one in wanted))
    chance.shuffle(components)
    spec = {"inputs": inputs, "outputs": outputs, "components": components}
    if seed % 2:
        change(spec, chance)
    return spec


def change(spec: Spec, chance: random.Random) -> None:
    """Reconnect, rename or take away something."""
    one, other = chance.choice(spec["components"]), chance.choice(spec["components"])
    kind = chance.choice(["rename", "reconnect", "remove", "depend", "name", "input", "output", "repeat"])
    if kind == "rename" and one["inputs"]:
        one["inputs"][0] += "q"
    elif kind == "reconnect" and other["outputs"]:
        one["inputs"].append(f"{other['name']}.{other['outputs'][0]}")
    elif kind == "remove":
        spec["components"].remove(one)
    elif kind == "depend":
        one["dependencies"].append(other["name"])
    elif kind == "name":
        one["name"] = other["name"]
    elif kind == "input" and spec["inputs"]:
        spec["inputs"].pop()
    elif kind == "output":
        spec["outputs"].append(chance.choice(["x", "y", "nothing", f"{one['name']}.x"]))
    elif kind == "repeat" and one["outputs"]:
        one["outputs"].append(one["outputs"][0])


def written(spec: Spec, *, lists: bool) -> Spec:
    """The spec in the form with mappings, or with a list for each."""
    keys = ("runner", "inputs", "outputs", "dependencies")
    bodies = [(one["name"], {key: one[key] for key in keys}) for one in spec["components"]]
    components = [{name: _listed(body) if lists else body} for name, body in bodies]
    whole = {"name": "random", "inputs": spec["inputs"], "outputs": spec["outputs"], "components": components}
    return {"pipeline": _listed(whole) if lists else whole}


def _listed(mapping: Spec) -> list[Spec]:
    return [{key: value} for key, value in mapping.items()]


# -- judging ---------------------------------------------------------------------------------------------------------


def judge(spec: Spec, row: Spec) -> dict[str, object] | None:
    """The value of each output, or None if the spec is wrong."""
    by_name = {one["name"]: one for one in spec["components"]}
    lists = [spec["outputs"], [one["name"] for one in spec["components"]]]
    lists += [one[key] for one in spec["components"] for key in ("inputs", "outputs", "dependencies")]
    if not spec["components"] or any(len(set(names)) < len(names) for names in lists):
        return None
    published: dict[str, object] = {name: row[name] for name in spec["inputs"]}
    waiting = dict(by_name)
    while waiting:
        ready = next((one for one in waiting.values() if _is_ready(one, published, by_name, waiting)), None)
        if ready is None:
            return None
        del waiting[ready["name"]]
        given = made_of(ready["runner"], [published[name] for name in ready["inputs"]])
        published |= {f"{ready['name']}.{name}": value for name, value in zip(ready["outputs"], given, strict=True)}
    results = {}
    for name in spec["outputs"]:
        full = [known for known in published if known.endswith(f".{name}")] if "." not in name else [name]
        if not full and name in spec["inputs"]:
            full = [name]
        if len(full) != 1 or full[0] not in published:
            return None
        results[name] = published[full[0]]
    return results


def _is_ready(one: Spec, published: Spec, by_name: Spec, waiting: Spec) -> bool:
    after = all(name in by_name and name not in waiting for name in one["dependencies"])
    return after and all(name in published for name in one["inputs"])
