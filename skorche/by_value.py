"""Functions of `__main__` as bytes, for processes that have another `__main__`: by their code and what it refers to.

cloudpickle does this for whatever there is, and takes 20 ms to import, at both ends. Here the plain case is done: a
function without a closure that refers to modules, to other functions of `__main__`, and to what pickle can do. All else
is refused. As with cloudpickle, functions that go together share their globals, which are a copy.
"""

from __future__ import annotations

import builtins
import marshal
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from io import BytesIO
from pickle import Pickler, PicklingError
from types import CodeType, FunctionType, ModuleType
from typing import Any

MAIN = "__main__"
OF_A_MODULE = ("__name__", "__package__", "__file__")
OF_A_FUNCTION = (
    *("__name__", "__qualname__", "__module__", "__doc__"),
    *("__defaults__", "__kwdefaults__", "__annotations__"),
)


def dump_by_value(value: object, protocol: int) -> bytes:
    """Pickle, with functions of `__main__` by value.

    Raises:
        Exception: something in it is not plain, or cannot be pickled at all; or cloudpickle was told to take modules by
            value, which is its business.
    """
    cloudpickle = sys.modules.get("cloudpickle")
    if cloudpickle is not None and cloudpickle.list_registry_pickle_by_value():
        raise PicklingError("cloudpickle has modules that it is to take by value")
    file = BytesIO()
    _Pickler(file, protocol).dump(value)
    return file.getvalue()


class _Pickler(Pickler):
    def __init__(self, file: BytesIO, protocol: int) -> None:
        super().__init__(file, protocol)
        self._main = vars(sys.modules[MAIN])
        self._base = {name: self._main[name] for name in OF_A_MODULE if name in self._main}

    def reducer_override(self, value: Any) -> Any:
        """How to pickle what is no plain value; all that is of `__main__`, and no plain function, is refused."""
        if type(value) is ModuleType:
            return _reduced_module(value)
        module = getattr(value, "__module__", None)
        if module is None and isinstance(value, FunctionType | type):  # which pickle would look for in `__main__`
            raise PicklingError(f"{value!r} is of no module")
        if module != MAIN:
            return NotImplemented
        plain = type(value) is FunctionType and value.__globals__ is self._main and value.__closure__ is None
        if not plain or getattr(value, "__type_params__", None):
            raise PicklingError(f"{type(value).__name__} is no plain function")
        return self._reduced_function(value)

    def _reduced_function(self, function: FunctionType) -> tuple[Any, ...]:
        refers = {name: self._main[name] for name in _global_names(function.__code__) if name in self._main}
        own = {name: getattr(function, name) for name in OF_A_FUNCTION}
        made = (marshal.dumps(function.__code__), self._base)
        return _make, made, (own, function.__dict__, refers), None, None, _fill


def _reduced_module(module: ModuleType) -> tuple[Callable[[str], ModuleType], tuple[str]]:
    name = module.__name__
    if name == MAIN or sys.modules.get(name) is not module or hasattr(module, "__path__"):  # which may need its modules
        raise PicklingError(f"{name} is no plain module")
    return import_module, (name,)


def _global_names(code: CodeType) -> Iterator[str]:
    """What the code, and that of functions and classes inside, may mean a global by."""
    from dis import get_instructions  # a worker, which only loads, does without

    for instruction in get_instructions(code):
        if instruction.opname.endswith(("_GLOBAL", "_GLOBALS", "_NAME")):
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _global_names(constant)


def _make(code: bytes, own_globals: dict[str, Any]) -> FunctionType:
    own_globals["__builtins__"] = builtins
    return FunctionType(marshal.loads(code), own_globals)


def _fill(function: FunctionType, state: tuple[dict[str, Any], dict[str, Any], dict[str, Any]]) -> None:
    """What it refers to may refer back to it, so that comes when the function is there."""
    own, attributes, refers = state
    for name, value in own.items():
        setattr(function, name, value)
    function.__dict__.update(attributes)
    function.__globals__.update(refers)
