"""An engine without a model, a sweep that dies, and what a sweep leaves on the disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest

from forget.evaluation.exam import Exam, Marked
from forget.evaluation.items import Item
from forget.evaluation.sweep import Evaluation, Sweep
from forget.inference.engine import Batch, Complete, Engine, Request, RunningModel, Work
from forget.inference.machine import Machine
from forget.progress import Silent
from forget.store.layout import Workspace

DIGEST = "d" * 64
CPU = Machine(device="cpu", device_name="", dtype="float32")
MODEL = Path(__file__).parent
"""Where a model would be; what answers by heart reads nothing of it."""


class Killed(BaseException):
    """What a signal raises: nothing may catch it and go on."""


@attrs.define
class Sheet:
    """An engine that knows all answers by heart: a hash of what is asked.

    Attributes:
        batch: Requests in a batch.
        kill_after: Raise after so many batches; never if None.
        version: Part of the fingerprint.
        facts: What it has to say of any work.
        prepared: Model folders by whose tokenizer requests were prepared.
        loads: Model folders that were loaded.
        asked: The batches that were answered.
    """

    batch: int = 3
    kill_after: int | None = None
    version: str = "1"
    name: str = "sheet"
    facts: Mapping[str, int] = attrs.field(factory=dict)
    prepared: list[Path] = attrs.field(factory=list)
    loads: list[Path] = attrs.field(factory=list)
    asked: list[list[Request]] = attrs.field(factory=list)

    def fingerprint(self) -> Mapping[str, str]:
        return {"engine": self.name, "device": "none", "dtype": "exact", "version": self.version}

    def prepare(self, requests: Sequence[Request], folder: Path) -> Work:
        self.prepared.append(folder)
        order = range(len(requests) - 1, -1, -1)  # any order will do, but not that of the requests
        parts = [tuple(order[i : i + self.batch]) for i in range(0, len(order), self.batch)]
        kind = "generate" if isinstance(requests[0], Complete) else "score"
        batches = [Batch(part, float(len(part)), kind) for part in parts]
        return Work(requests=requests, batches=batches, ready=requests, facts=self.facts)

    def load(self, folder: Path) -> RunningModel:
        self.loads.append(folder)
        return self

    def answer(self, work: Work, batch: Batch) -> list[Any]:
        if self.kill_after is not None and len(self.asked) == self.kill_after:
            raise Killed
        self.asked.append([work.requests[index] for index in batch.requests])
        return [by_heart(work.ready[index]) for index in batch.requests]

    def release(self) -> None:
        pass

    def reshaped(self) -> Engine:
        return attrs.evolve(self, batch=1)


def by_heart(request: Request) -> list[Any]:
    digest = hashlib.sha256(repr(request).encode()).digest()
    # A float that JSON must carry to the last bit.
    return [-int.from_bytes(digest[:7], "big") / 1e15, digest[7] % 2 == 0]


@attrs.define
class Interrupted:
    """An engine that dies before the batch after the last one it is granted."""

    engine: Engine
    granted: int
    asked: int = 0

    @property
    def name(self) -> str:
        return self.engine.name

    def fingerprint(self) -> Mapping[str, str]:
        return self.engine.fingerprint()

    def prepare(self, requests: Sequence[Request], folder: Path) -> Work:
        return self.engine.prepare(requests, folder)

    def load(self, folder: Path) -> RunningModel:
        return _Counting(self, self.engine.load(folder))

    def release(self) -> None:
        self.engine.release()

    def reshaped(self) -> Engine:
        return self.engine.reshaped()


@attrs.define
class _Counting:
    owner: Interrupted
    model: RunningModel

    def answer(self, work: Work, batch: Batch) -> list[Any]:
        if self.owner.asked == self.owner.granted:
            raise Killed
        self.owner.asked += 1
        return self.model.answer(work, batch)


class Notes(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        self.lines.append(text)


def run(sweep: Sweep, model: Path = MODEL, digest: str = DIGEST) -> list[Evaluation]:
    return sweep.run(model, digest, "base", Silent())


def content(root: Path) -> dict[str, bytes]:
    """Return all that is below a folder, by path, to the byte; but not the seconds it took."""
    return {
        path.relative_to(root).as_posix(): _timeless(path) if path.is_file() else b""
        for path in sorted(root.rglob("*"))
    }


def _timeless(file: Path) -> bytes:
    if file.name != "manifest.json":
        return file.read_bytes()
    plain = json.loads(file.read_bytes())
    assert plain["details"].pop("time").keys() <= {"score", "generate"}
    return json.dumps(plain).encode()


def undisturbed(exams: Sequence[Exam], folder: Path) -> dict[str, bytes]:
    run(Sweep(Workspace(folder), Sheet(), exams))
    return content(folder)


def journals(workspace: Workspace) -> list[Path]:
    return sorted(workspace.root.rglob("*.jsonl"))


def killed(sweep: Sweep, model: Path = MODEL) -> list[Path]:
    """Run a sweep that dies; return the journals that are there then."""
    with pytest.raises(Killed):
        run(sweep, model)
    return journals(sweep.workspace)


@attrs.define
class Stub:
    """An exam with a fixed name, as one whose prompts changed although its key did not."""

    asked: Sequence[Request]
    name: str = "stub"
    metric: str = "acc"

    def key(self) -> str:
        return f"{self.name}-0"

    def check(self) -> None:
        pass

    def requests(self, tokenizer_folder: Path) -> list[Request]:
        return list(self.asked)

    def mark(self, responses: Sequence[Any], tokenizer_folder: Path | None = None) -> Marked:
        items = [
            Item(
                task="stub",
                doc_id=index,
                doc_hash=str(index),
                score=response[0],
                metrics={"acc": response[0]},
                prompt="",
                target="",
                response=response,
            )
            for index, response in enumerate(responses)
        ]
        return Marked(items, sum(item.score for item in items) / len(items), {})


def flip(path: Path) -> None:
    """Change one byte in the middle: the size stays."""
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


def raise_score(folder: Path) -> None:
    file = folder / "results.json"
    plain = json.loads(file.read_text())
    file.write_text(json.dumps(plain | {"score": 1.0}))
