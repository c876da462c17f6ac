"""Source as a tree, without what does not matter: comments, docstrings, decorators, and where it stands.

A tree also tells what the code object does not: which names are only written to.
"""

from __future__ import annotations

import ast
import copy
import linecache
from collections import defaultdict
from collections.abc import Iterable, Mapping

from skorche.named import NamedTuple

WRITERS = frozenset(
    {"add", "append", "appendleft", "clear", "discard", "extend", "extendleft", "insert", "put", "update"}
)
"""Methods of Python's collections, and queues, that change them and give nothing back."""


class Use(NamedTuple):
    """A place where a name stands. Of what is called there: which arguments are names themselves, as texts."""

    line: int
    constants: tuple[bool, ...] | None


class Source(NamedTuple):
    """What is read off the source of one function or class.

    `bare` are names of which more than an attribute is taken: `f(module)`, but not `module.f()`.
    """

    text: str
    written_only: frozenset[str]
    names: frozenset[str]
    uses: Mapping[str, tuple[Use, ...]]
    bare: frozenset[str]


class Sources:
    """The sources of one look at a program: each file is read once."""

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}
        self._read: dict[tuple[str, str, int], Source | None] = {}

    def of_function(self, file: str, name: str, line: int) -> Source | None:
        """The source of a function, by its code's name and first line (all lambdas of the line); None: it is lost."""
        key = (file, name, line)
        if key not in self._read:
            self._read[key] = _summary(self._file(file).functions.get((name, line), ()))
        return self._read[key]

    def of_class(self, file: str, qualname: str) -> Source | None:
        """The source of a class, by its qualified name."""
        key = (file, qualname, 0)
        if key not in self._read:
            self._read[key] = _summary(self._file(file).classes.get(qualname, ()))
        return self._read[key]

    def _file(self, name: str) -> _File:
        if name not in self._files:
            self._files[name] = _File(name)
        return self._files[name]


class _File:
    """The functions of a file by name and first line, its classes by qualified name."""

    def __init__(self, name: str) -> None:
        self.functions: dict[tuple[str, int], list[ast.AST]] = defaultdict(list)
        self.classes: dict[str, list[ast.AST]] = defaultdict(list)
        linecache.checkcache(name)
        try:
            self._enter(ast.parse("".join(linecache.getlines(name))), "")
        except (SyntaxError, ValueError):
            return  # it was changed into what is no Python, say: what it held is lost

    def _enter(self, node: ast.AST, around: str) -> None:
        for child in ast.iter_child_nodes(node):
            inner = around
            if isinstance(child, ast.Lambda):
                self.functions["<lambda>", child.lineno].append(child)
                inner = f"{around}<lambda>.<locals>."
            elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                line = min([child.lineno, *(one.lineno for one in child.decorator_list)])
                self.functions[child.name, line].append(child)
                inner = f"{around}{child.name}.<locals>."
            elif isinstance(child, ast.ClassDef):
                self.classes[around + child.name].append(child)
                inner = f"{around}{child.name}."
            self._enter(child, inner)


def _summary(nodes: list[ast.AST] | tuple[()]) -> Source | None:
    if not nodes:
        return None
    names: frozenset[str] = frozenset().union(*(_loaded(node) for node in nodes))
    return Source(
        "\n".join(ast.dump(_bare(node)) for node in nodes),
        frozenset(name for name in names if all(_is_written_only(name, node) for node in nodes)),
        names,
        _uses(nodes),
        frozenset().union(*(_bare_names(node) for node in nodes)),
    )


def _bare(node: ast.AST) -> ast.AST:
    """A copy without docstrings, and without the decorators of a function, which show in what they have made."""
    node = copy.deepcopy(node)
    for one in ast.walk(node):
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and _has_docstring(one):
            del one.body[0]
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        node.decorator_list = []
    elif isinstance(node, ast.ClassDef):
        node.decorator_list = [one for one in node.decorator_list if not _makes_task(one)]
    return node


def _has_docstring(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    first = node.body[0]
    return isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)


def _makes_task(decorator: ast.expr) -> bool:
    """Whether it says how to run the class as a task, which is no part of what that does."""
    named = decorator.func if isinstance(decorator, ast.Call) else decorator
    return (isinstance(named, ast.Attribute) and named.attr == "task") or _is_name(named, "task")


def _loaded(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def _is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _is_written_only(name: str, node: ast.AST) -> bool:
    """Whether nothing that the name stands for can come back into the code: `seen.append(item)`, `count[item] += 1`."""
    uses = [one for one in ast.walk(node) if _is_name(one, name)]
    writes = [found for one in ast.walk(node) if (found := _written(one)) is not None and _is_name(found, name)]
    return len(uses) == len(writes)


def _written(statement: ast.AST) -> ast.AST | None:
    """What a statement writes to without asking it for anything."""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        called = statement.value.func
        return called.value if isinstance(called, ast.Attribute) and called.attr in WRITERS else None
    if isinstance(statement, ast.AugAssign):
        target: ast.expr = statement.target
        return target.value if isinstance(target, ast.Subscript) else target
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
        return target.value if isinstance(target, ast.Subscript) else None
    return None


def _uses(nodes: Iterable[ast.AST]) -> dict[str, tuple[Use, ...]]:
    """Where each name, or attribute, stands."""
    found: dict[str, list[Use]] = defaultdict(list)
    for node in nodes:
        calls = {id(one.func): one for one in ast.walk(node) if isinstance(one, ast.Call)}
        for one in ast.walk(node):
            if isinstance(one, ast.Name | ast.Attribute):
                name = one.id if isinstance(one, ast.Name) else one.attr
                call = calls.get(id(one))
                found[name].append(Use(one.lineno, None if call is None else _constants(call)))
    return {name: tuple(uses) for name, uses in found.items()}


def _constants(call: ast.Call) -> tuple[bool, ...] | None:
    """Which arguments are names that stand there as texts; None if it cannot be told which ones there are."""
    if any(isinstance(one, ast.Starred) for one in call.args) or any(one.arg is None for one in call.keywords):
        return None
    values = [one.value if isinstance(one, ast.Constant) else None for one in call.args]
    return tuple(isinstance(one, str) and one.isidentifier() for one in values)


def _bare_names(node: ast.AST) -> set[str]:
    """Names and attributes of which more than an attribute is taken, and what is imported under such names."""
    asked = {id(one.value) for one in ast.walk(node) if isinstance(one, ast.Attribute)}
    bare = {
        one.id if isinstance(one, ast.Name) else one.attr
        for one in ast.walk(node)
        if isinstance(one, ast.Name | ast.Attribute) and id(one) not in asked
    }
    for one in ast.walk(node):
        for alias in one.names if isinstance(one, ast.Import | ast.ImportFrom) else ():
            if (alias.asname or alias.name.partition(".")[0]) in bare:
                bare.update(alias.name.split("."))
    return bare
