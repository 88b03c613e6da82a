"""Modules of tasks: imported by name, their tasks matched with their services. What is broken is named, not fatal."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from types import ModuleType
from typing import Any

from reportd.errors import TaskBroken
from reportd.job import storable
from reportd.tasks.definition import Service, Task
from reportd.tasks.schema import Schema, schema_of


@dataclass(frozen=True, slots=True)
class LoadedTask:
    """A task that can run: `services` fill its arguments; `schema` is what the INSERT trigger checks of its params."""

    task: Task[..., Any]
    module: str
    services: Mapping[str, Service[Any]]
    schema: Schema
    content_hash: str

    @property
    def name(self) -> str:
        """The kind."""
        return self.task.name


@dataclass(frozen=True, slots=True)
class BrokenTask:
    """A task that can't run, and why."""

    name: str
    module: str
    error: TaskBroken


@dataclass(frozen=True, slots=True)
class BrokenModule:
    """A module that could not be imported: nobody knows which tasks it has."""

    module: str
    error: TaskBroken
    name: None = None


def load(modules: Iterable[str]) -> list[LoadedTask | BrokenTask | BrokenModule]:
    """The tasks of `modules` (dotted names), in order of name, and what is wrong with the rest."""
    broken: list[BrokenModule] = []
    found: dict[str, list[tuple[Task[..., Any], ModuleType]]] = {}
    for name in dict.fromkeys(modules):
        try:
            module = _imported(name)
        except TaskBroken as error:
            broken.append(BrokenModule(name, error))
            continue
        for task in _members(module, Task):
            same = found.setdefault(task.name, [])
            if all(other is not task for other, _ in same):
                same.append((task, module))
    return [*(_loaded(name, places) for name, places in sorted(found.items())), *broken]


def _imported(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        frames = [each for each in traceback.extract_tb(error.__traceback__) if not each.filename.startswith("<frozen")]
        own = [each for each in frames if each.filename not in (__file__, importlib.__file__)]
        place = f" ({PurePath(own[-1].filename).name}, line {own[-1].lineno})" if own else ""
        said = storable(f"{type(error).__name__}: {error}")
        hint = "put its folder on PYTHONPATH, or install it" if _is_missing(error, name) else None
        raise TaskBroken(
            f"module {name} can't be imported: {said}{place}" + (f"; {hint}" if hint else ""),
            traceback=storable("".join(traceback.format_list(own[-8:]))),
        ) from error


def _is_missing(error: BaseException, name: str) -> bool:
    return isinstance(error, ModuleNotFoundError) and f"{name}.".startswith(f"{error.name}.")


def _loaded(name: str, places: list[tuple[Task[..., Any], ModuleType]]) -> LoadedTask | BrokenTask:
    task, module = places[0]
    if len(places) > 1:
        listed = ", ".join(module.__name__ for _, module in places)
        return BrokenTask(
            name, module.__name__, TaskBroken(f"several tasks are called {name!r}, in {listed}; rename all but one")
        )
    try:
        services = _services(task, {each.name: each for each in _members(module, Service)})
    except TaskBroken as error:
        return BrokenTask(name, module.__name__, error)
    return LoadedTask(task, module.__name__, services, schema_of(task.params), _hash(task))


def _services(task: Task[..., Any], offered: Mapping[str, Service[Any]]) -> dict[str, Service[Any]]:
    """Which service fills which argument: the one of its name, else the only one of its type. Raises TaskBroken."""
    chosen: dict[str, Service[Any]] = {}
    for argument, hint in task.wants.items():
        fitting = [each for each in offered.values() if hint is not None and each.provides is hint]
        if argument in offered:
            chosen[argument] = offered[argument]
        elif len(fitting) == 1:
            chosen[argument] = fitting[0]
        elif argument not in task.optional:
            names = ", ".join(each.name for each in fitting or offered.values()) or "none"
            problem = (
                "several services are of its type" if fitting else "no @service of its name or type is in the module"
            )
            raise TaskBroken(f"task {task.name}: argument {argument} can't be filled: {problem} (services: {names})")
    return chosen


def _members(module: ModuleType, kind: type[Any]) -> list[Any]:
    return [each for each in vars(module).values() if isinstance(each, kind)]


def _hash(task: Task[..., Any]) -> str:
    """Names the version of the task: the text of the file that it is in."""
    try:
        file = inspect.getsourcefile(task.function)
        source = Path(file).read_bytes() if file else b""
    except (OSError, TypeError):
        source = b""
    return hashlib.sha256(source + task.name.encode()).hexdigest()
