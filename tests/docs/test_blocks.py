"""Every block of code in a document is run, in order, in a folder of the document's own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from docs.documents import ROOT, Block, blocks, document, documents

SMALL = Path(__file__).with_name("small.toml")
SHOWN = ("text", "latex", "")
"""Languages of blocks that are not code of ours: output, layouts, formulas."""

BEGINNINGS = {
    "a small demo": "the embedded default, made small by a forget.toml (tests/docs/small.toml)",
    "the first run": "what the first tutorial's first run leaves behind",
    "nothing": "an empty folder",
}
_BEGINNING = re.compile(r"^<!-- begins with: (.*) -->$", re.MULTILINE)
_NEEDS = re.compile(r"\s# needs \S.*$")
_STATUS = re.compile(r"# status (\d)$")
_FIRST_RUN = "forget run --method gt-sft --limit 10 --max-steps 4"


def beginning(text: str) -> str:
    """Return what a document's folder has before its first block."""
    found = _BEGINNING.findall(text)
    return found[0] if found else "a small demo"


def is_run(block: Block) -> bool:
    """Whether a block is run, or written down for those that are."""
    return not block.why_not and (bool(block.file) or block.language in ("console", "python"))


RUN = [name for name in documents() if any(map(is_run, blocks(document(name))))]


def lines(text: str) -> Iterator[tuple[str, str]]:
    """Yield the commands of a block of the language `console`, each with the output shown."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command = re.match(r"(?:.*\\\n)*.*\n?", part)
        assert command is not None
        yield command[0].strip(), part[command.end() :]


def headings(output: str) -> list[list[str]]:
    """Return the heads of tables in what a terminal shows: the words of each cell."""
    heads = [line for line in output.splitlines() if line.startswith("┃")]
    return [[cell.strip() for cell in line.strip("┃").split("┃")] for line in heads]


def run(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    unwanted = ("FORGET_DATA", "FORGET_PLUGINS", "FORGET_TEST_DATA", "PYTEST_CURRENT_TEST")
    env = {key: value for key, value in os.environ.items() if key not in unwanted}
    return subprocess.run(
        words, cwd=folder, env={**env, "PATH": path, "COLUMNS": "120"}, text=True,
        stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=1200,
    )  # fmt: skip


def run_block(block: Block, folder: Path) -> None:
    """Run a block, or write it to the file it is; fail if it does not do what the document says."""
    if block.file:
        path = folder / block.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")
    elif block.language == "python":
        done = run([sys.executable, "-c", block.text], folder)
        assert done.returncode == 0, f"{block.text}\n{done.stderr}"
    else:
        for command, shown in lines(block.text):
            if not _NEEDS.search(command):
                run_command(command, shown, folder)


def run_command(command: str, shown: str, folder: Path) -> None:
    refused = shown.startswith("forget: ")
    stated = _STATUS.search(command)
    expected = int(stated[1]) if stated else 2 if refused else 0
    done = run(["bash", "-c", command], folder)
    said = f"$ {command}\n{done.stdout}\n{done.stderr}"
    assert done.returncode == expected, said
    if refused:
        assert shown.split() == done.stderr.split(), said
    for heading in headings(shown):
        assert heading in headings(done.stdout), said


@pytest.fixture(scope="session")
def first_run(tmp_path_factory: pytest.TempPathFactory, smollm2: Path) -> Path:
    """See `BEGINNINGS`."""
    folder = tmp_path_factory.mktemp("first-run")
    run_command(_FIRST_RUN, "", folder)
    return folder


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", RUN)
def test_the_blocks_of_a_document(
    name: str, tmp_path: Path, request: pytest.FixtureRequest, smollm2: Path
) -> None:
    text = document(name)
    folder = tmp_path / "first"
    match beginning(text):
        case "the first run":
            shutil.copytree(request.getfixturevalue("first_run"), folder)
        case "a small demo":
            folder.mkdir()
            shutil.copy(SMALL, folder / "forget.toml")
        case _:
            folder.mkdir()
    wanted = [block for block in blocks(text) if is_run(block)]
    if any("--data mirror" in block.text for block in wanted):
        (folder / "mirror").symlink_to(request.getfixturevalue("data_root"))
    for part in ("benchmarks", "docs"):  # what a document names is where it is in a clone
        (folder / part).symlink_to(ROOT / part)
    for block in wanted:
        run_block(block, folder)


@pytest.mark.parametrize("name", documents())
def test_a_block_is_run_or_read_or_a_reason_is_given(name: str) -> None:
    assert beginning(document(name)) in BEGINNINGS
    for block in blocks(document(name)):
        if block.why_not is not None:
            assert len(block.why_not) > 10, block
        elif block.language == "json":
            json.loads(block.text)
        elif block.language == "toml":
            tomllib.loads(block.text)
        elif block.language == "yaml" and "!function" not in block.text:
            yaml.safe_load(block.text)
        else:
            assert is_run(block) or block.language in SHOWN, block


@pytest.mark.parametrize("name", documents())
def test_what_is_only_shown_has_no_commands(name: str) -> None:
    """A block of the language `console` is where commands are."""
    for block in blocks(document(name)):
        if block.language in SHOWN:
            shown = [line for line in block.text.splitlines() if "[OPTIONS]" not in line]
            assert not [line for line in shown if re.match(r"\s*(\$ )?forget [a-z]+ ", line)]
