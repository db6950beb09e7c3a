"""lm-eval's task files, read without importing lm-eval or running the code that they name."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from forget.errors import DataError

__all__ = ["TaskDefinition", "task_definition", "task_folder", "task_sources"]


_CODE = ".py"
_DATA = (".csv", ".json", ".jsonl", ".tsv", ".txt")


def task_folder() -> Path:
    """Return lm-eval's own folder of task files, without importing lm-eval."""
    from importlib.util import find_spec

    spec = find_spec("lm_eval")
    if spec is None or spec.origin is None:
        raise DataError("lm-eval is not installed. Install it: pip install 'lm-eval>=0.4.13'")
    return Path(spec.origin).parent / "tasks"


def task_sources(task_file: Path) -> list[Path]:
    """List the files that make a task: its YAML, what that includes, the code it names.

    Code may import its neighbours and read the data beside it: all of them count.

    Args:
        task_file: The YAML file: absolute, or relative to lm-eval's own folder.
    """
    pending, found = [task_folder() / task_file], dict[Path, None]()
    while pending:
        path = pending.pop()
        if path in found or not path.is_file():
            continue
        found[path] = None
        if path.suffix in (_CODE, *_DATA):
            continue
        text = path.read_text(encoding="utf-8")
        pending += [path.parent / name for name in _included(text)]
        if "!function" in text:
            beside = sorted(path.parent.iterdir())
            pending += [near for near in beside if near.suffix in (_CODE, *_DATA)]
    return list(found)


class TaskDefinition(NamedTuple):
    """Where the documents of a task come from, as its file says.

    Attributes:
        hub: Dataset id on the Hugging Face Hub; empty for tasks that make their documents.
        config: Its configuration there.
        revision: Commit of the Hub repository; None takes the newest.
        scored: The split that is scored.
    """

    hub: str
    config: str | None
    revision: str | None
    scored: str


def task_definition(task_file: Path) -> TaskDefinition:
    """Read where a task's documents come from, without importing lm-eval or the task's code.

    Args:
        task_file: The YAML file: absolute, or relative to lm-eval's own folder.

    Raises:
        DataError: It is no task file.
    """
    config = _merged(task_folder() / task_file)
    arguments = config.get("dataset_kwargs") or {}
    return TaskDefinition(
        hub=str(config.get("dataset_path") or ""),
        config=config.get("dataset_name"),
        revision=arguments.get("revision"),
        scored=str(config.get("test_split") or config.get("validation_split") or ""),
    )


def _merged(path: Path) -> dict[str, Any]:
    """Return a task's YAML over what it includes, as lm-eval's ``load_yaml`` merges them."""
    try:
        content = _untagged(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"lm-eval has no task file {path}: {error.strerror}.") from error
    if not isinstance(content, dict):
        raise DataError(f"{path} is no task of lm-eval: it holds no table.")
    merged: dict[str, Any] = {}
    for name in _names(content.pop("include", [])):
        merged.update(_merged(path.parent / name))
    return {**merged, **content}


def _included(text: str) -> list[str]:
    """Read what a task's YAML includes: one file or several."""
    content = _untagged(text)
    return _names(content.get("include", [])) if isinstance(content, dict) else []


def _names(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _untagged(text: str) -> Any:
    """Read a task's YAML with `!function` as nothing: its code must not run here."""
    import yaml

    untagged: Any = type("Untagged", (yaml.SafeLoader,), {})
    untagged.add_multi_constructor("!", lambda *_: None)
    return yaml.load(text, untagged)  # noqa: S506 - derived from the safe loader
