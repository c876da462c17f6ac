"""A code object as it runs, in a form that does not depend on where its source stands.

The source alone would not do: a file may have been edited since it was imported, and `-O` or an import hook may have
changed what was made of it. So both are in a fingerprint.
"""

from __future__ import annotations

import dis
from types import CodeType
from typing import Any

from skorche.canonical import Form
from skorche.named import NamedTuple

NO_MATTER = frozenset({"__doc__", "__firstlineno__", "__static_attributes__"})
"""What the body of a class notes of itself."""


FORMATS = frozenset({"FORMAT_VALUE", "CONVERT_VALUE"})
"""Instructions whose argument `dis` shows as a function."""


class Import(NamedTuple):
    """An import in a function: the module as written, how many packages up, and the names taken from it."""

    module: str
    level: int
    names: tuple[str, ...]


class CodeForm(NamedTuple):
    """A code object: its hash, the globals it names, the attributes it may ask for, what it imports."""

    digest: bytes
    names: tuple[str, ...]
    attributes: frozenset[str]
    imports: tuple[Import, ...]


def form_of(code: CodeType) -> CodeForm:
    """The form of a code object, and of those in it.

    >>> form_of(compile("a + 1", "here", "eval")).digest == form_of(compile("\\n\\na + 1", "there", "eval")).digest
    True
    """
    reader = _Reader()
    return CodeForm(
        reader.form.of(reader.read(code)),
        tuple(dict.fromkeys(reader.names)),
        frozenset(reader.attributes),
        tuple(reader.imports),
    )


class _Reader:
    def __init__(self) -> None:
        self.form = Form()
        self.names: list[str] = []
        self.attributes: set[str] = set()
        self.imports: list[Import] = []

    def read(self, code: CodeType) -> list[Any]:
        """What there is to a code object, as plain values."""
        counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
        names = (code.co_name, code.co_varnames, code.co_freevars, code.co_cellvars)
        return [*counts, *names, [self._plain(one) for one in self._instructions(code)]]

    def _instructions(self, code: CodeType) -> list[dis.Instruction]:
        kept: list[dis.Instruction] = []
        for one in dis.get_instructions(code):
            if kept and one.opname == "STORE_NAME" and one.argval in NO_MATTER:
                kept.pop()  # the value that would be stored
            elif one.opname != "EXTENDED_ARG":
                self._note(one, kept)
                kept.append(one)
        return kept

    def _plain(self, one: dis.Instruction) -> tuple[str, Any]:
        if isinstance(one.argval, CodeType):
            return one.opname, self.read(one.argval)
        if one.opcode in dis.hasjabs or one.opcode in dis.hasjrel:
            return one.opname, one.argval - one.offset
        is_plain = one.opcode in dis.hasconst or isinstance(one.argval, int | str | tuple | None)
        return one.opname, one.argval if is_plain and one.opname not in FORMATS else one.argrepr

    def _note(self, one: dis.Instruction, before: list[dis.Instruction]) -> None:
        if one.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            self.names.append(one.argval)
        elif one.opname in ("LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM"):
            self.attributes.add(one.argval)
        elif one.opname == "IMPORT_NAME" and len(before) > 1:
            self.imports.append(Import(one.argval, before[-2].argval or 0, tuple(before[-1].argval or ())))
        elif one.opname == "LOAD_CONST" and type(one.argval) is str and one.argval.isidentifier():
            self.attributes.add(one.argval)  # getattr(module, "name")
