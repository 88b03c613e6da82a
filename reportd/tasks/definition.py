"""What a task and a service are: functions that `@task` and `@service` make known to the daemon.

```python
from collections.abc import AsyncIterator

from pydantic import BaseModel
from reportd import TaskContext, service, task

class Download(BaseModel):
    source: str
    pages: int = 10

@service
async def records() -> AsyncIterator[Records]:         # opened once, when first wanted; closed when the daemon ends
    async with Records.connect() as client:
        yield client

@task(timeout_s=3600, max_attempts=5)
async def download(params: Download, ctx: TaskContext, records: Records) -> dict[str, int]:
    "Bring the latest records here."
    done = await ctx.restored("page", 0)               # where an earlier attempt got to
    for page in range(done, params.pages):
        await records.copy(params.source, page)
        await ctx.checkpoint("page", page + 1)
        ctx.progress(100 * (page + 1) / params.pages, f"page {page + 1}")
    return {"pages": params.pages}                     # jobs.result
```

A decorated function stays callable, so it is tested like any other.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, ParamSpec, TypeVar, get_args, get_type_hints, overload

from pydantic import BaseModel

from reportd.job import Backoff
from reportd.tasks.context import SyncTaskContext, TaskContext

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")

Isolation = Literal["loop", "process"]

_NAME = re.compile(r"[a-z0-9_-]{1,63}")
_RESERVED = frozenset({"deliver"})


@dataclass(frozen=True, slots=True, eq=False)
class Task(Generic[P, R]):
    """A function as a kind of job. `wants` are its arguments that services fill, each with its annotation.

    Limits that are None come from the job's queue, else from the configuration; `memory_mb` and `cpu_s` hold for
    isolation `process` alone.
    """

    function: Callable[P, R]
    name: str
    title: str
    is_async: bool
    params: type[BaseModel] | None = None
    params_argument: str | None = None
    context_argument: str | None = None
    wants: Mapping[str, Any] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()
    queue: str | None = None
    priority: int | None = None
    timeout_s: float | None = None
    max_attempts: int | None = None
    backoff: Backoff | None = None
    brief: bool = False
    isolation: Isolation = "loop"
    memory_mb: int | None = None
    cpu_s: int | None = None
    never_retry: tuple[type[BaseException], ...] = ()

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function itself, as a test does."""
        return self.function(*args, **kwargs)


@dataclass(frozen=True, slots=True, eq=False)
class Service(Generic[S]):
    """Something that tasks share, such as a pool of connections. `provides` is its type, None where not annotated."""

    name: str
    provides: Any
    open: Callable[[], AbstractAsyncContextManager[S]]


@overload
def task(function: Callable[P, R], /) -> Task[P, R]: ...
@overload
def task(
    *,
    name: str | None = None,
    queue: str | None = None,
    priority: int | None = None,
    timeout_s: float | None = None,
    max_attempts: int | None = None,
    backoff: Backoff | float | None = None,
    brief: bool = False,
    isolation: Isolation = "loop",
    memory_mb: int | None = None,
    cpu_s: int | None = None,
    never_retry: Collection[type[BaseException]] = (),
) -> Callable[[Callable[P, R]], Task[P, R]]: ...
def task(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    queue: str | None = None,
    priority: int | None = None,
    timeout_s: float | None = None,
    max_attempts: int | None = None,
    backoff: Backoff | float | None = None,
    brief: bool = False,
    isolation: Isolation = "loop",
    memory_mb: int | None = None,
    cpu_s: int | None = None,
    never_retry: Collection[type[BaseException]] = (),
) -> Any:
    """Make a function a kind of job, of the function's name with `-` for `_`, or of `name`.

    Its arguments: a pydantic model, the job's params; a `TaskContext` (`SyncTaskContext` in a plain function); all
    others are services, by name or type. All are optional, in any order. An async function runs in the daemon's event
    loop, a plain one in a thread, with isolation `process` either in a process that can be killed and has limits:
    `memory_mb`, and `cpu_s` of CPU time per attempt.

    `brief` marks work of milliseconds: claimed ahead, completed in batches, without progress or checkpoints. `backoff`
    is a `Backoff`, or seconds between attempts. Exceptions of `never_retry` end the job at once.
    Errors: TypeError or ValueError at the decoration, for what can't be a task.
    """

    def decorate(function: Callable[..., Any]) -> Task[..., Any]:
        made: Task[..., Any] = Task(
            function=function,
            name=_checked_name(function, name),
            title=_title(function),
            is_async=inspect.iscoroutinefunction(function),
            queue=queue,
            priority=priority,
            timeout_s=timeout_s,
            max_attempts=max_attempts,
            backoff=backoff if backoff is None or isinstance(backoff, Backoff) else Backoff(delay_s=float(backoff)),
            brief=brief,
            isolation=isolation,
            memory_mb=memory_mb,
            cpu_s=cpu_s,
            never_retry=tuple(never_retry),
            **_arguments(function),
        )
        _check_limits(made)
        return made

    return decorate if function is None else decorate(function)


def service(function: Callable[[], AsyncIterator[S]], /) -> Service[S]:
    """Make an async generator function that yields once a service of its name and of the type that it yields.

    What comes before the yield opens the service, what comes after closes it. Errors: TypeError for other functions.
    """
    if not inspect.isasyncgenfunction(function):
        raise TypeError(f"@service {function.__name__}: must be an async function that yields the service once")
    if inspect.signature(function).parameters:
        raise TypeError(f"@service {function.__name__}: must take no arguments")
    yielded = get_args(get_type_hints(function).get("return"))
    return Service(function.__name__, yielded[0] if yielded else None, asynccontextmanager(function))


def _arguments(function: Callable[..., Any]) -> dict[str, Any]:
    """Which argument is what, as fields of the Task."""
    hints = get_type_hints(function)
    made: dict[str, Any] = {}
    wants: dict[str, Any] = {}
    optional: set[str] = set()
    own = TaskContext if inspect.iscoroutinefunction(function) else SyncTaskContext
    for argument in inspect.signature(function).parameters.values():
        if argument.kind in (argument.POSITIONAL_ONLY, argument.VAR_POSITIONAL, argument.VAR_KEYWORD):
            raise TypeError(f"@task {function.__name__}: {argument} can't be filled; give every argument a name")
        hint = hints.get(argument.name)
        if isinstance(hint, type) and issubclass(hint, BaseModel) and "params" not in made:
            made |= {"params": hint, "params_argument": argument.name}
        elif hint is own or (hint is None and argument.name == "ctx"):
            made["context_argument"] = argument.name
        elif hint in (TaskContext, SyncTaskContext):
            raise TypeError(f"@task {function.__name__}: {argument.name} must be a {own.__name__}")
        else:
            wants[argument.name] = hint
            if argument.default is not argument.empty:
                optional.add(argument.name)
    return made | {"wants": wants, "optional": frozenset(optional)}


def _title(function: Callable[..., Any]) -> str:
    lines = inspect.cleandoc(function.__doc__ or "").splitlines()
    return lines[0].rstrip(".") if lines else function.__name__.replace("_", " ").capitalize()


def _checked_name(function: Callable[..., Any], name: str | None) -> str:
    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
        raise TypeError(f"@task {function.__name__}: yields; a task returns its result")
    name = function.__name__.lower().replace("_", "-") if name is None else name
    if not _NAME.fullmatch(name) or name in _RESERVED:
        raise ValueError(f"@task {function.__name__}: {name!r} can't name a kind; use a-z, 0-9, _ and -, at most 63")
    return name


def _check_limits(task: Task[..., Any]) -> None:
    """Raises ValueError for what the database would refuse, while the author still sees the line."""
    in_process = task.isolation == "process"
    for is_wrong, said in (
        (task.queue is not None and not _NAME.fullmatch(task.queue), f"{task.queue!r} is no queue's name"),
        (task.priority is not None and not -9 <= task.priority <= 9, "priority must be between -9 and 9"),
        (task.timeout_s is not None and task.timeout_s <= 0, "timeout_s must be above 0"),
        (task.max_attempts is not None and not 1 <= task.max_attempts <= 1000, "max_attempts must be 1 to 1000"),
        (task.isolation not in get_args(Isolation), 'isolation must be "loop" or "process"'),
        (task.brief and (in_process or not task.is_async), "a brief task is async and runs in the loop"),
        (not in_process and (task.memory_mb or task.cpu_s), 'memory_mb and cpu_s need isolation="process"'),
        (task.memory_mb is not None and task.memory_mb < 64, "memory_mb must be 64 or more"),
        (task.cpu_s is not None and task.cpu_s < 1, "cpu_s must be 1 or more"),
    ):
        if is_wrong:
            raise ValueError(f"@task {task.name}: {said}")
