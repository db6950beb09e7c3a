"""A model card on disk: metadata that the Hub reads, and a mark that says who wrote it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from forget.errors import OutputError, RequestError
from forget.report.card.subject import Subject
from forget.report.card.text import card_text
from forget.store.atomic import ensure_writable, write_text
from forget.verdict.findings import Finding

__all__ = ["card_content", "check_card", "write_card"]

_MARK = re.compile(r"\n<!-- written by `forget card`, sha256 ([0-9a-f]{64}) -->\n$")
_LICENSES = {"Apache-2.0": "apache-2.0", "MIT": "mit", "Gemma Terms of Use": "gemma"}
"""Licenses of the registry that the Hub knows by a name of its own."""


def check_card(path: Path, base_id: str | None) -> None:
    """Check before anything is read that a card can be written.

    Args:
        path: The card.
        base_id: What the user says the base model is called on the Hub.

    Raises:
        RequestError: That is no id of a model.
        OutputError: There is a card that somebody else has written or changed, or none can be.
        StorageError: The disk is full.
    """
    if base_id is not None:
        _check_hub_id(base_id)
    if path.is_dir() or (path.exists() and not path.is_file()):
        raise OutputError(f"{path} is a folder or a device: name a file with --to.")
    if path.is_file() and not _is_ours(path):
        raise OutputError(
            f"{path} was not written by this command, or was changed since, and is left alone. "
            "Move it away, or name another file with --to."
        )
    ensure_writable(path.absolute().parent, "folder of the card", "--to")


def _check_hub_id(name: str) -> None:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]  # it is public

    try:
        validate_repo_id(name)
    except HFValidationError as error:
        raise RequestError(
            f"--base takes an id on the Hub, OWNER/NAME, but got {name!r}."
        ) from error


def write_card(path: Path, subject: Subject) -> None:
    """Write the card of a model."""
    content = card_content(subject)
    write_text(path, f"{content}\n<!-- written by `forget card`, sha256 {_digest(content)} -->\n")


def card_content(subject: Subject) -> str:
    """Return metadata and text of a card."""
    from huggingface_hub import ModelCard

    card = ModelCard(f"---\n{_metadata(subject).to_yaml()}\n---\n\n{card_text(subject)}")
    return str(card)


def _is_ours(path: Path) -> bool:
    try:
        content = path.read_bytes().decode()
    except (OSError, UnicodeDecodeError):
        return False
    mark = _MARK.search(content)
    return mark is not None and mark[1] == _digest(content[: mark.start()])


def _digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


def _metadata(subject: Subject) -> Any:
    from huggingface_hub import ModelCardData

    related: dict[str, Any] = {}
    if subject.base_id is not None:
        related["base_model"] = subject.base_id
        related["base_model_relation"] = "adapter" if subject.adapter else "finetune"
    if subject.base is not None and subject.base.license:
        related |= _license(subject.base.license)
    return ModelCardData(
        model_name=subject.title,
        library_name="peft" if subject.adapter else "transformers",
        pipeline_tag="text-generation",
        datasets=subject.source_ids() or None,
        tags=["forget", subject.frozen["method"], *(["lora"] if subject.adapter else [])],
        eval_results=list(_results(subject)),
        **related,
    )


def _license(name: str) -> dict[str, str]:
    """Return a license as the Hub writes it; one that it does not know is named beside `other`."""
    known = _LICENSES.get(name)
    return {"license": known} if known else {"license": "other", "license_name": name}


def _results(subject: Subject) -> Iterator[Any]:
    """Yield the model's own scores; what changed is in the text, which has a place for it."""
    task = subject.checkpoint.task
    if task is not None:
        ids = subject.source_ids()
        name = task.benchmark.removeprefix("task:")
        yield _result(subject, task, ids[0] if ids else name, "test")
    for finding in subject.checkpoint.benchmarks:
        yield _result(subject, finding, finding.benchmark, None)


def _result(subject: Subject, finding: Finding, kind: str, split: str | None) -> Any:
    from huggingface_hub import EvalResult

    return EvalResult(
        task_type="text-generation",
        dataset_type=kind,
        dataset_name=subject.exam_title(finding.benchmark),
        dataset_split=split,
        metric_type=finding.metric,
        metric_value=round(finding.score, 6),
    )
