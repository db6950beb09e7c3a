"""Every relative link leads to a file that is there, and every anchor to a heading."""

from __future__ import annotations

import re

import pytest

from docs.documents import ROOT, document, documents, headings, prose

_LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_REFERENCE = re.compile(r"^\[[^\]]+\]:\s+(?P<target>\S+)", re.MULTILINE)


def broken_links(name: str, text: str) -> list[str]:
    """List the links of a document that lead nowhere."""
    found = []
    for match in (*_LINK.finditer(prose(text)), *_REFERENCE.finditer(prose(text))):
        target = match["target"]
        if re.match(r"^[a-z]+:", target):  # another site: not checked without a network
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / name).parent / path if path else ROOT / name
        inside = file.resolve().is_relative_to(ROOT)
        if not inside or not file.exists():
            found.append(f"{target}: there is no such file")
        elif anchor and anchor not in headings(file.read_text("utf-8") if path else text):
            found.append(f"{target}: there is no such heading")
    return found


@pytest.mark.parametrize("name", documents())
def test_links_lead_somewhere(name: str) -> None:
    assert broken_links(name, document(name)) == []


def test_the_index_leads_to_every_document() -> None:
    linked = {match["target"] for match in _LINK.finditer(document("docs/README.md"))}
    folders = (
        "tutorials",
        "how-to",
        "methods",
        "examples",
        "reference",
        "explanation",
        "changelog",
    )
    here = {f"{path.parent.name}/{path.name}" for path in (ROOT / "docs").glob("*/*.md")}
    assert {path.partition("/")[0] for path in here} == set(folders)
    assert here - linked == set()


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("[a](README.md)", 0),
        ("[a](nowhere.md)", 1),
        ("[a](README.md#for-developers)", 0),
        ("[a](README.md#for-developer)", 1),
        ("[a](../outside.md)", 1),
        ("# One `two`: three\n[a](#one-two-three)", 0),
        ("[a](#one)", 1),
        ("[a](https://example.org/nowhere)", 0),
        ("```\n[a](nowhere.md)\n```\n", 0),
        ("[a]: nowhere.md", 1),
    ],
)
def test_the_check_itself(text: str, broken: int) -> None:
    assert len(broken_links("README.md", text)) == broken
