"""A task in a spec: a function by its name, and how it is to run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from skorche.call import makes_callables
from skorche.errors import GraphError
from skorche.limits import AnyLimit, limit, rate
from skorche.options import TaskOptions, changed_options
from skorche.spec.document import Entry, listed
from skorche.spec.findings import Findings
from skorche.spec.registry import Registry, bound
from skorche.spec.shape import mapping_of, plain_mapping_of, text_of
from skorche.tasks import Task, TaskClass, task, task_of

PER_SECOND = 1.0


def read_limits(entry: Entry, findings: Findings) -> dict[str, AnyLimit | None]:
    """Limits and rates by name: `gpu: 1`, `api: {most: 5, per: 1.0}`; None for one that has no meaning."""
    found: dict[str, AnyLimit | None] = {}
    for name, given in mapping_of(entry, "limits", _names(entry), findings).items():
        found[name] = None
        with findings.at(given.where):
            if isinstance(given.content, dict):
                parts = mapping_of(given, f"the limit {name!r}", ("most", "per"), findings)
                most: Any = parts["most"].plain() if "most" in parts else None
                found[name] = rate(name, most, per=parts["per"].plain()) if "per" in parts else limit(name, most)
            else:
                found[name] = limit(name, given.plain())
    return found


def _names(entry: Entry) -> list[str]:
    return list(entry.content) if isinstance(entry.content, dict) else []


class TaskReader:
    """Tasks of one spec, from what stands beside the names of their functions."""

    def __init__(self, registry: Registry, limits: Mapping[str, AnyLimit | None], findings: Findings) -> None:
        self._registry, self._limits, self._findings = registry, limits, findings

    def function(self, entry: Entry, what: str = "the function") -> Callable[..., Any] | None:
        """The function of that name."""
        found: Callable[..., Any] | None = self._registry.find(entry.content, entry.where, self._findings, what)
        return found

    def predicate(self, entry: Entry, beside: Mapping[str, Entry]) -> Callable[..., Any] | None:
        """A function, with its `arguments` if it has any."""
        function, arguments = self.function(entry), self._arguments(beside)
        return None if function is None else bound(function, arguments)

    def _arguments(self, beside: Mapping[str, Entry]) -> dict[str, Any]:
        if "arguments" not in beside:
            return {}
        return plain_mapping_of(beside["arguments"], "arguments", self._findings)

    def task(self, entry: Entry, beside: Mapping[str, Entry], *, binds: bool = True) -> Task[Any, Any] | None:
        """The task of that name, with the `name`, `instance`, `arguments` and `options` that stand beside it."""
        function = self.function(entry)
        name = text_of(beside["name"], "the name", self._findings) if "name" in beside else entry.content
        arguments = self._arguments(beside) if binds else {}
        options = self._options(beside["options"]) if "options" in beside else {}
        if function is None or name is None:
            return None
        return self._findings.tried(
            entry.where, lambda: self._made(function, beside, arguments, {"name": name, **options})
        )

    def _made(
        self,
        function: Callable[..., Any],
        beside: Mapping[str, Entry],
        arguments: Mapping[str, Any],
        options: Mapping[str, Any],
    ) -> Task[Any, Any]:
        real = self._instance(function, beside["instance"]) if "instance" in beside else task_of(function)
        return (real.bind(**arguments) if arguments else real).options(**options)

    def _instance(self, function: Callable[..., Any], given: Entry) -> Task[Any, Any]:
        """A task whose workers make an instance of a class each, with these arguments."""
        kind = function if isinstance(function, TaskClass) else task(function) if makes_callables(function) else None
        if not isinstance(kind, TaskClass):
            raise GraphError(
                "`instance` was given beside a function.",
                "it holds the arguments that a class is made with, for each worker.",
                "give `arguments`, or name a class whose instances can be called.",
            )
        if isinstance(given.content, dict):
            made: Task[Any, Any] = kind(**{str(key): one.plain() for key, one in given.content.items()})
        else:
            made = kind(*(one.plain() for one in listed(given)))
        return made

    def _options(self, entry: Entry) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, given in mapping_of(entry, "options", TaskOptions._fields, self._findings).items():
            value, fine = self._option(name, given)
            if not fine:
                continue
            with self._findings.at(given.where):
                changed_options(TaskOptions(), {name: value})
                found[name] = value
        return found

    def _option(self, name: str, given: Entry) -> tuple[Any, bool]:
        """The value of an option, and whether it could be read."""
        if name == "limits":
            limits = [self._limit(one) for one in listed(given)]
            return limits, None not in limits
        if name == "retry_on":
            errors = [self._registry.find_error(one.content, one.where, self._findings) for one in listed(given)]
            several = isinstance(given.content, list) or not errors
            return tuple(errors) if several else errors[0], None not in errors
        value = given.plain()
        if name == "engine" and value is not None and not isinstance(value, str):
            self._findings.add(given.where, f"the engine is {given.kind}.", "it goes by its name.", "give a text.")
            return None, False
        return value, True

    def _limit(self, entry: Entry) -> AnyLimit | None:
        if isinstance(entry.content, str) and entry.content in self._limits:
            return self._limits[entry.content]
        mend = f"Otherwise add it to `limits`, such as `{entry.content}: 1`."
        self._findings.unknown(entry.where, "the limit", entry.content, self._limits, mend)
        return None
