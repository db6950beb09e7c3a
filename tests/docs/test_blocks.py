"""Every block of code in a document is run, in order, in a folder of the document's own."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from pathlib import Path

import pytest
import yaml

from docs.documents import ROOT, blocks, document, documents
from docs.running import BEGINNINGS, ITS_OWN, TRIED, Reader, beginning, is_run

SMALL = Path(__file__).with_name("small.toml")
SHOWN = ("text", "latex", "")
"""Languages of blocks that are not code of ours: output, layouts, formulas."""

_FIRST_RUN = "forget run --method gt-sft --limit 10 --max-steps 4"


RUN = [
    name
    for name in documents()
    if any(map(is_run, blocks(document(name))))
    and beginning(document(name)) not in (ITS_OWN, TRIED)
]


@pytest.fixture(scope="session")
def first_run(tmp_path_factory: pytest.TempPathFactory, smollm2: Path) -> Path:
    """See `BEGINNINGS`."""
    folder = tmp_path_factory.mktemp("first-run")
    Reader(folder).type(_FIRST_RUN)
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
    Reader(folder).read(text)


@pytest.mark.parametrize("name", documents())
def test_a_block_is_run_or_read_or_a_reason_is_given(name: str) -> None:
    assert beginning(document(name)) in BEGINNINGS
    for block in blocks(document(name)):
        if block.why_not is not None:
            assert block.language in ("console", "python"), block
        elif (block.file or "").endswith(".jsonl"):
            assert all(map(json.loads, block.text.splitlines()))
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
