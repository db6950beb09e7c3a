"""Runs the blocks of code of a document, as a reader does who types them one after the other."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from docs.documents import Block, blocks

__all__ = ["BEGINNINGS", "ITS_OWN", "TRIED", "Reader", "beginning", "is_run"]

ITS_OWN = "an environment of its own"
TRIED = "tests of its own"
BEGINNINGS = {
    "a small demo": "the embedded default, made small by a forget.toml (tests/docs/small.toml)",
    "the first run": "what the first tutorial's first run leaves behind",
    "nothing": "an empty folder",
    ITS_OWN: "forget installed elsewhere: tests/packaging/test_fresh_environment.py",
    TRIED: "what tests of this one document set up: its blocks are tried by them",
}
"""What a document's folder has before its first block; a comment in it says which."""

_BEGINNING = re.compile(r"^<!-- begins with: (.*) -->$", re.MULTILINE)
_NEEDS = re.compile(r"\s# needs \S.*$")
_STATUS = re.compile(r"# status (\d)$")
_UNWANTED = ("FORGET_", "PYTEST_", "PYTHON", "VIRTUAL_ENV")


def beginning(text: str) -> str:
    """Return which of `BEGINNINGS` a document has."""
    found = _BEGINNING.findall(text)
    return found[0] if found else "a small demo"


def is_run(block: Block) -> bool:
    """Whether a block is run, or is a file of those that are."""
    return not block.why_not and (bool(block.file) or block.language in ("console", "python"))


def lines(text: str) -> Iterator[tuple[str, str]]:
    """Yield the commands of a block of the language `console`, each with the output shown."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command = re.match(r"(?:.*\\\n)*.*\n?", part)
        assert command is not None
        yield command[0].strip(), part[command.end() :]


def table_heads(output: str) -> list[list[str]]:
    """Return the heads of tables in what a terminal shows: the words of each cell."""
    heads = [line for line in output.splitlines() if line.startswith("┃")]
    return [[cell.strip() for cell in line.strip("┃").split("┃")] for line in heads]


class Reader:
    """Someone at a terminal, with a document beside it.

    Args:
        folder: Where they begin.
        python: The interpreter of their environment.
        variables: More variables of their environment.
    """

    def __init__(
        self,
        folder: Path,
        python: Path = Path(sys.executable),
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self._python = python
        self._home = str(folder.parent)
        self._left = folder.with_name(f"{folder.name}.left")
        kept = {key: v for key, v in os.environ.items() if not key.startswith(_UNWANTED)}
        path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
        self._variables = {**kept, "PATH": path, "COLUMNS": "120", **(variables or {})}

    def read(self, text: str) -> None:
        """Run all of a document that is run."""
        for block in filter(is_run, blocks(text)):
            self.take(block)

    def take(self, block: Block) -> None:
        """Run a block, or write the file it is; fail if that is not as the document says."""
        if block.file:
            path = self.folder / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            done = self._run([str(self._python), "-c", block.text])
            assert done.returncode == 0, f"{block.text}\n{done.stderr}"
        else:
            for command, shown in lines(block.text):
                if not _NEEDS.search(command):
                    self.type(command, shown)

    def type(self, command: str, shown: str = "") -> None:
        """Type a command, after which the document shows some output."""
        refused = shown.startswith("forget: ")
        stated = _STATUS.search(command)
        expected = int(stated[1]) if stated else 2 if refused else 0
        leaving = f"trap 'pwd >{shlex.quote(str(self._left))}' EXIT"
        done = self._run(["bash", "-c", f"{leaving}\n{command}"])
        self.folder = Path(self._left.read_text().strip())  # where the next one is typed
        said = f"$ {command}\n{done.stdout}\n{done.stderr}"
        assert done.returncode == expected, said
        if refused:  # documents have their folder at home
            assert shown.split() == done.stderr.replace(self._home, "~").split(), said
        for head in table_heads(shown):
            assert head in table_heads(done.stdout), said

    def _run(self, words: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words, cwd=self.folder, env=self._variables, text=True, stdin=subprocess.DEVNULL,
            capture_output=True, check=False, timeout=1800,
        )  # fmt: skip
