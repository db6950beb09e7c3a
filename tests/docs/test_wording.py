"""What no file of the project may say: paths of one machine, and how it came about."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.documents import ROOT, source_files

FORBIDDEN = {
    "a path of one machine": r"(?<![\w.~/-])/(?:work|root|home|opt)/\w|/tmp/w\b",
    "a package index by address": r"\bpypi\.org\b|\bpythonhosted\b",
    "a number of the tracker": r"\bissues? ?#\d|\b(?:PR|pull request) ?#\d|\(#\d+\)",
    "how it came about": r"\b(?:in|during|since) (?:this|the last|the previous) session\b",
}
SUFFIXES = ("", ".md", ".py", ".toml", ".txt", ".yaml", ".yml", ".sh")
FILES = [*source_files(*SUFFIXES), *sorted(ROOT.glob(".ci/*"))]


def said(text: str) -> list[str]:
    """List what a text says that it should not, with its lines."""
    return [
        f"{what}, line {number}: {line.strip()}"
        for what, pattern in FORBIDDEN.items()
        for number, line in enumerate(text.splitlines(), start=1)
        if re.search(pattern, line, re.IGNORECASE)
    ]


@pytest.mark.slow
def test_no_file_says_what_is_of_this_machine_or_of_its_making() -> None:
    found = {
        path.relative_to(ROOT).as_posix(): lines
        for path in FILES
        if path != Path(__file__) and (lines := said(path.read_text(encoding="utf-8")))
    }
    assert len(FILES) > 150
    assert found == {}


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("see /work/main/docs", "a path of one machine"),
        ("'/root/x'", "a path of one machine"),
        ("in /tmp/w/cache", "a path of one machine"),
        ("as said in issue #12", "a number of the tracker"),
        ("fixed (#12)", "a number of the tracker"),
        ("added in this session", "how it came about"),
        ("from https://pypi.org/simple", "a package index by address"),
    ],
)
def test_it_would_be_found(line: str, what: str) -> None:
    assert [found.partition(",")[0] for found in said(line)] == [what]


@pytest.mark.parametrize(
    "line",
    [
        "session = open_session(out=out)",
        '@pytest.fixture(scope="session")',
        "the options of this `Session`, on this session's machine",
        "plugins/work/x and /tmp/x",
        "an issue of taste",
        "a tissue (#: a mark)",
        "weights from PyPI",
    ],
)
def test_it_is_narrow(line: str) -> None:
    assert said(line) == []
