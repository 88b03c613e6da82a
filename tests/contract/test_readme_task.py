"""The task that the README shows can be loaded, ordered as shown, and run."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from reportd.tasks import call
from reportd.tasks.loading import LoadedTask, load

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """`myapp.jobs` as shown, beside an HTTP client that is no dependency of ours."""
    [text] = re.findall(r"```python\n(# myapp/jobs\.py\n.+?)```", README, re.DOTALL)
    client = ModuleType("httpx")
    client.AsyncClient = type("AsyncClient", (), {})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "httpx", client)
    (tmp_path / "myapp").mkdir()
    (tmp_path / "myapp" / "jobs.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield "myapp.jobs"
    for name in ("myapp", "myapp.jobs"):
        sys.modules.pop(name, None)


def test_the_task_that_is_shown_is_the_kind_that_is_ordered(module: str) -> None:
    [loaded] = load([module])
    assert isinstance(loaded, LoadedTask), loaded
    assert f"values ('{loaded.name}', '{{\\\"source\\\": \\\"records.example\\\"}}')" in README
    assert call.parameters(loaded.task, {"source": "records.example"})
    assert loaded.services["http"].name == "http"
    assert loaded.schema["properties"]["pages"]["minimum"] == 1
