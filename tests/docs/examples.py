"""The distributions below docs/examples, and what the pages that show them print of them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest

from docs.documents import DOCS, ROOT, blocks
from fake_distributions import Site

__all__ = ["ExampleDistribution", "printed_files"]

_SHOWN = (".jsonl", ".py", ".toml", ".yaml")


def printed_files(page: str) -> dict[str, str]:
    """Return the files that a page prints, by path; `forget.toml` is the reader's own."""
    printed = {block.file: block.text for block in blocks(page) if block.file}
    return {path: text for path, text in printed.items() if path != "forget.toml"}


@attrs.frozen
class ExampleDistribution:
    """A plugin in the documentation.

    Attributes:
        name: Its distribution, and its folder below docs/examples.
    """

    name: str

    @property
    def folder(self) -> Path:
        """Where it is."""
        return DOCS / "examples" / self.name

    @property
    def project(self) -> dict[str, Any]:
        """What its pyproject.toml says of it."""
        text = (self.folder / "pyproject.toml").read_text(encoding="utf-8")
        return dict(tomllib.loads(text)["project"])

    def files(self) -> dict[str, str]:
        """Return the files that its page prints, by path."""
        return {
            path.relative_to(self.folder).as_posix(): path.read_text(encoding="utf-8")
            for path in self.folder.rglob("*")
            if path.suffix in _SHOWN
        }

    @contextmanager
    def installed(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """Install it as `pip install --editable` would: its folder and its metadata."""
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        monkeypatch.syspath_prepend(self.folder)
        project = self.project
        points, version = project["entry-points"]["forget"], project["version"]
        Site(folder, monkeypatch).metadata(project["name"], points, version)
        yield
        module = self.name.replace("-", "_")
        for name in [n for n in sys.modules if n.partition(".")[0] == module]:
            del sys.modules[name]

    def passed(self) -> int:
        """Run its tests as its author does and return how many pass; all must.

        The settings of our own pytest hold, so that warnings are errors.
        """
        command = [sys.executable, "-B", "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider"]
        done = subprocess.run(
            [*command, "-c", str(ROOT / "pyproject.toml"), str(self.folder / "tests")],
            env={**os.environ, "PYTHONPATH": str(self.folder), "PYTEST_ADDOPTS": ""},
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout
        return int(re.findall(r"(\d+) passed", done.stdout)[0])
