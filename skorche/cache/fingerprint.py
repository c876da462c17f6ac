"""The fingerprint of code: its own form, and that of all it refers to, as far as it is the user's.

What a function does depends on its code, its defaults, what it has enclosed, and on the globals it names. Of those,
the user's functions, classes and modules are followed; packages and Python itself stand for themselves by their
version. What cannot be followed is refused by name: a result found for other code is worse than one made twice.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from skorche.cache.classes import class_members, functions_in, generated, source_of_class
from skorche.cache.code import CodeForm, Import, form_of
from skorche.cache.contents import FolderError, write_file
from skorche.cache.imports import imported, name_of_import
from skorche.cache.lookups import (
    GETTERS,
    MACHINERY,
    WAYS,
    Look,
    UnknownCodeError,
    lookup_of,
    misuse,
    misuse_of_import,
    misuse_of_module,
    refuse,
)
from skorche.cache.owner import Owner, owner_of, owner_of_import
from skorche.cache.source import Source, Sources
from skorche.cache.wrappers import CALLS, called_code, identity_of, taken_apart
from skorche.canonical import Form, FormlessError, label_of
from skorche.errors import shorten

PLAIN = frozenset({"builtins", "collections", "queue", "_queue"})
"""Modules of classes whose methods are known to do nothing but change their object."""
STATELESS = frozenset({("_thread", "lock"), ("_thread", "RLock"), ("_thread", "_local")})
"""Classes whose objects begin empty in each process."""
DATA = (bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset, Path)
"""What people know by its value."""
_MISSING = object()


class Code:
    """What is known of code for one look at a program; `own` is the package that is the user's in any case."""

    def __init__(self, own: str | None = None) -> None:
        self.own = own
        self.sources = Sources()
        self._forms: dict[CodeType, CodeForm] = {}
        self._digests: dict[int, tuple[object, bytes]] = {}

    def form_of(self, code: CodeType) -> CodeForm:
        """The form of a code object, made once."""
        if code not in self._forms:
            self._forms[code] = form_of(code)
        return self._forms[code]

    def owner_of(self, code: object) -> Owner:
        """Whose a function or class is."""
        module = code.__globals__.get("__name__") if isinstance(code, FunctionType) else None
        return owner_of(module or getattr(code, "__module__", None), self.own)

    def fingerprint(self) -> Fingerprint:
        """A fingerprint to be taken."""
        return Fingerprint(self)

    def write(self, form: Form, value: Any) -> bool:
        """Write what stands for code into the form of an item; each function and class is looked at once."""
        if not isinstance(value, type | ModuleType | FunctionType | BuiltinFunctionType | MethodType):
            return False
        if id(value) not in self._digests:
            self._digests[id(value)] = value, self.fingerprint().of(value)
        form.put_bytes(b"#", self._digests[id(value)][1])
        return True


class Fingerprint:
    """One fingerprint: what was met first is written where it is met, and is a number from there on.

    `parts` tells people what went in.
    """

    def __init__(self, code: Code) -> None:
        self._code = code
        self.form = Form(None, self._write, ordered=True)
        self.parts: dict[str, None] = {}
        self._met: dict[int, tuple[int, object]] = {}
        self._modules: set[tuple[int, object]] = set()
        self._versioned: set[int] = set()

    def of(self, value: object) -> bytes:
        """The fingerprint of a value that is, or holds, code.

        Raises:
            FormlessError: it cannot be fingerprinted (`UnknownCodeError`), or holds what has no canonical form.
        """
        return self.form.of(value)

    def _is_new(self, tag: bytes, value: object) -> bool:
        """Whether it is met for the first time; else its number is written."""
        is_new = id(value) not in self._met
        number, _ = self._met.setdefault(id(value), (len(self._met), value))  # which is kept: its id stays its own
        if is_new:
            self.form.put(tag, label_of(value))
        else:
            self.form.put(b"@", str(number))
        return is_new

    # -- values that stand for code -----------------------------------------------------------------------------------

    def _write(self, form: Form, value: Any) -> bool:
        """Write a value if it is code, or wraps some."""
        if isinstance(value, FunctionType):
            self._write_function(value)
        elif isinstance(value, type):
            self._write_class(value)
        elif isinstance(value, MethodType):
            form.put(b"m")
            form.write((value.__self__, value.__func__))
        elif isinstance(value, BuiltinFunctionType):
            self._write_builtin(value)
        elif isinstance(value, Path):
            with suppress(FolderError):  # of which the name is written
                write_file(form, value, [])
        elif isinstance(value, ModuleType):
            self._write_module(value, Look(value.__name__, None))
        else:
            return self._write_wrapper(form, value)
        return True

    def _write_wrapper(self, form: Form, value: Any) -> bool:
        kind = type(value)
        if (kind.__module__, kind.__name__) in STATELESS:
            form.put(b"k", label_of(kind))
        elif isinstance(value, GETTERS):
            form.put(b"w", kind.__name__)
            form.write(value.__reduce__()[1])
        elif isinstance(value, CALLS):
            inner, fixed = taken_apart(value)
            form.put(b"w", kind.__name__)
            form.write(inner)
            self._write_fixed(inner, fixed)
        elif kind.__name__ == "_lru_cache_wrapper":
            form.write(value.__wrapped__)
        elif kind.__module__ == "skorche.tasks":
            form.put(b"task", str(value.settings.unpack))
            self.write_task(value.function, value.settings.version, value.name)
        else:
            return False
        return True

    def write_task(self, function: Any, version: object = None, name: str = "") -> None:
        """Write a task's function and what is fixed of its arguments; a version stands for the code, and only for that.

        What else makes a function another one is written all the same: what it encloses, its defaults, and the state
        of its object. The task's `name` tells functions apart that have none.
        """
        if version is None:
            self.form.write(function)
            return
        identity = identity_of(function, name)
        if not identity:
            raise UnknownCodeError(
                "version= stands for the code of a function that can be told from others by its name, and "
                f"{label_of(called_code(function)[-1])} cannot"
            )
        self.form.put(b"version", *identity)
        self.form.write(version)
        self.parts[f"{identity[0]}, version {version!r}"] = None
        outside, self._versioned = self._versioned, {id(one) for one in called_code(function)}
        self._write_named(identity[0], function)
        self._versioned = outside

    def _write_fixed(self, function: Any, fixed: dict[str, Any]) -> None:
        """Arguments that are the same for all items."""
        for name, value in fixed.items():
            self.form.put(b"fixed", name)
            self._write_named(f"{name} of {label_of(function)}", value)

    def _write_builtin(self, value: Any) -> None:
        owner = value.__self__
        if owner is not None and not isinstance(owner, ModuleType):
            self.form.put(b"m", value.__name__)
            self.form.write(owner)
            return
        module = value.__module__ or getattr(owner, "__name__", None)
        self._write_foreign(value, owner_of(module, self._code.own))

    def _write_foreign(self, value: Any, owner: Owner) -> None:
        """What is not the user's: by its name, and its version."""
        if owner.kind == "user":
            raise UnknownCodeError(f"{label_of(value)} is compiled code, and belongs to no installed distribution")
        if lookup := lookup_of(value):
            raise UnknownCodeError(f"it cannot be told what is called: {lookup} is handed on as a value")
        self._write_version(label_of(value), owner)

    def _write_version(self, name: str, owner: Owner) -> None:
        if owner.kind == "package" and not owner.version:
            raise UnknownCodeError(f"{name} is code that belongs to no installed distribution")
        self.form.put(b"v", name, owner.version)
        if owner.version:
            self.parts[owner.version] = None

    # -- functions ----------------------------------------------------------------------------------------------------

    def _write_function(self, function: FunctionType, *, in_class: bool = False) -> None:
        if not self._is_new(b"F", function):
            return
        if id(function) in self._versioned:
            self._write_state(function, None)
            return
        owner = self._code.owner_of(function)
        if owner.kind != "user":
            self._write_foreign(function, owner)
            self._write_enclosed(function, None)
            return
        label, code = label_of(function), function.__code__
        form = self._code.form_of(code)
        source = self._code.sources.of_function(code.co_filename, code.co_name, code.co_firstlineno)
        if source is None and not (in_class and code.co_filename.startswith("<")):
            raise UnknownCodeError(f"the source of {label} cannot be found")
        ways = sorted(form.attributes & WAYS)
        if ways:
            raise UnknownCodeError(f"it cannot be told what {label} calls: it asks for {ways[0]}")
        self.parts[f"function {label}"] = None
        self.form.put(b"code", source.text if source else "")
        self.form.put_bytes(b"#", form.digest)
        self._write_state(function, source)
        look = Look(label, form.attributes, source)
        self._write_globals(look, form.names, function.__globals__)
        found = [self._import(look, one, function.__globals__) for one in form.imports]
        for module, taken in filter(None, found):  # after all: each may have put its module into that of another
            self._write_module(module, taken)

    def _write_state(self, function: FunctionType, source: Source | None) -> None:
        """What makes functions of the same code different ones."""
        label = label_of(function)
        self._write_named(f"the defaults of {label}", function.__defaults__)
        self._write_named(f"the keyword defaults of {label}", function.__kwdefaults__)
        for name, value in sorted(vars(function).items()):
            if name != "__wrapped__":  # which it encloses, or has no need of
                self.form.put(b"own", name)
                self._write_named(f"{label}.{name}", value)
        self._write_enclosed(function, source)

    def _write_enclosed(self, function: FunctionType, source: Source | None) -> None:
        """What a function has enclosed. One that wraps another has enclosed that."""
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            try:
                value = cell.cell_contents
            except ValueError:
                value = None  # not set yet: nobody could have called it
            self.form.put(b"cell", name)
            if not _is_log(name, value, source):
                self._write_named(f"{name}, which {label_of(function)} encloses", value)

    def _write_globals(self, look: Look, names: tuple[str, ...], known: Mapping[str, Any]) -> None:
        for name in sorted(names):
            value = known.get(name, getattr(builtins, name, _MISSING))
            if isinstance(value, ModuleType):
                self.form.put(b"global", name)
                self._write_module(value, look._replace(attributes=None) if look.takes_whole(name) else look)
            elif lookup := lookup_of(value) or (name in WAYS and name):
                refuse(look.label, misuse(lookup, name, look.source))
                self.form.put(b"builtin", lookup)
            elif name not in known:
                self.form.put(b"missing" if value is _MISSING else b"builtin", name)
            elif not _is_log(name, value, look.source):
                self.form.put(b"global", name)
                self._write_named(f"the global {name} of {look.label}", value)

    def _write_named(self, what: str, value: object) -> None:
        """Write a value that has a name for people."""
        if value is sys.modules:
            raise UnknownCodeError(f"{what} is sys.modules, which holds all modules there are")
        try:
            self.form.write(value)
        except UnknownCodeError:
            raise
        except FormlessError as error:
            raise UnknownCodeError(f"{what} is a {error.kind} object, whose state cannot be told") from error
        if isinstance(value, DATA):
            self.parts[f"{what}: {shorten(value, 60)}"] = None

    # -- modules ------------------------------------------------------------------------------------------------------

    def _write_module(self, module: ModuleType, look: Look) -> None:
        """A module: its version, or, if it is the user's, what of it can be meant, or all."""
        name, held = module.__name__, vars(module)
        owner = owner_of(name, self._code.own)
        if owner.kind != "user":
            refuse(look.label, misuse_of_module(module, look.attributes or frozenset(), look.source))
            self._write_version(name, owner)
            return
        self.form.put(b"U", name)
        if "__dict__" in (look.attributes or ()):
            look = look._replace(attributes=None)
        if (id(module), look.scope) in self._modules:
            return
        self._modules.add((id(module), look.scope))
        for attribute in sorted(held.keys() - MACHINERY if look.attributes is None else look.attributes & held.keys()):
            value = held[attribute]
            self.form.put(b"of", attribute)
            if isinstance(value, ModuleType):
                self._write_module(value, look._replace(attributes=None) if look.takes_whole(attribute) else look)
            else:
                self._write_named(f"{name}.{attribute}", value)

    def _import(self, look: Look, one: Import, known: Mapping[str, Any]) -> tuple[ModuleType, Look] | None:
        """An import in a function, and what it takes. What is the user's has to be imported, to be looked at."""
        name = name_of_import(one, known)
        taken = (look.attributes or frozenset()) | {*one.names, *name.split(".")}
        owner = owner_of_import(name, self._code.own)
        if owner.kind != "user":
            refuse(look.label, misuse_of_import(name, taken, look.source))
            self._write_version(name, owner)
            return None
        try:
            module = imported(name, one.names)
        except BaseException as error:
            raise UnknownCodeError(f"{look.label} imports {name}, which fails: {error}") from error
        if module is None:
            self.form.put(b"missing", name)  # the function may get on without it; once it is there, that is seen
            return None
        top = name.partition(".")[0]
        is_whole = not one.names and look.takes_whole(top)
        return module if one.names else sys.modules[top], look._replace(attributes=None if is_whole else taken)

    # -- classes ------------------------------------------------------------------------------------------------------

    def _write_class(self, kind: type) -> None:
        owner = self._code.owner_of(kind)
        if owner.kind != "user" and id(kind) not in self._versioned:
            self._write_foreign(kind, owner)
            return
        if not self._is_new(b"C", kind) or id(kind) in self._versioned:
            return
        self.parts[f"class {label_of(kind)}"] = None
        self.form.write([type(kind), *kind.__bases__])
        known, source = source_of_class(kind, self._code.sources)
        if source is not None:
            self.form.put(b"code", source.text)
            self._write_body_names(kind, source, known)
        for name, member in class_members(kind):
            self.form.put(b"of", name)
            self._write_member(kind, name, member)

    def _write_body_names(self, kind: type, source: Source, known: Mapping[str, Any]) -> None:
        """What the body of a class names may have gone into it, and be seen nowhere else."""
        for name in sorted(source.names):
            value = known.get(name, _MISSING)
            if value is not _MISSING and value is not kind and not (isinstance(value, ModuleType) or lookup_of(value)):
                self.form.put(b"global", name)
                self._write_named(f"{name}, which {label_of(kind)} names", value)

    def _write_member(self, kind: type, name: str, member: Any) -> None:
        for one in functions_in(member):
            if not isinstance(one, FunctionType):
                self._write_named(f"{label_of(kind)}.{name}", one)
            elif not generated(kind, one):
                self._write_function(one, in_class=True)


def _is_log(name: str, value: object, source: Source | None) -> bool:
    """Whether it is a collection, or a number, that the function only writes to: nothing of it can come back."""
    if source is None or name not in source.written_only:
        return False
    return type(value).__module__ in PLAIN and not isinstance(value, Callable | type)  # type: ignore[arg-type]  # a class
