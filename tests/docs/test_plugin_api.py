"""docs/reference/plugin-api.md is what the code says: `make reference` writes it."""

from __future__ import annotations

import inspect
import re
from typing import Any

import attrs
import pytest

from docs.documents import blocks, document, tables
from docs.plugin_api import PUBLIC, entries, page

PAGE = document("docs/reference/plugin-api.md")
SECTIONS = dict(re.findall(r"^### `(\w+)`\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))
ENTRIES = {name: value for _, name, value in entries()}
UNQUOTED = str.maketrans("", "", "'\"")


def test_the_page_is_what_make_reference_writes() -> None:
    assert page() == PAGE, "run `make reference` and commit what it writes"


def test_every_public_name_is_there_and_no_other() -> None:
    assert list(SECTIONS) == list(ENTRIES)
    assert re.findall(r"^## (.*)$", PAGE, re.MULTILINE) == list(PUBLIC)


def functions() -> list[tuple[str, str, Any]]:
    """List section, name and function of what is public, methods included."""
    found = [(name, name, value) for name, value in ENTRIES.items() if inspect.isfunction(value)]
    for section, cls in ENTRIES.items():
        if inspect.isclass(cls):
            found += [
                (section, name, member)
                for name, member in vars(cls).items()
                if inspect.isfunction(member) and not name.startswith(("_", "test_"))
            ]
    return found


@pytest.mark.parametrize(
    ("section", "name", "function"), functions(), ids=[f"{s}.{n}" for s, n, _ in functions()]
)
def test_a_signature_is_the_one_it_has(section: str, name: str, function: Any) -> None:
    signature = f"{name}{inspect.signature(function)}".replace("(self, ", "(").replace("(self", "(")
    written = [block.text.strip().translate(UNQUOTED) for block in blocks(SECTIONS[section])]
    assert signature.translate(UNQUOTED) in written


@pytest.mark.parametrize("name", [name for name, value in ENTRIES.items() if attrs.has(value)])
def test_every_field_of_a_record_is_there(name: str) -> None:
    cls = ENTRIES[name]
    [table] = [t for t in tables(SECTIONS[name]) if t[0][0] == "field"]
    rows = {row[0].strip("`"): row for row in table[1:]}
    own = [f for f in attrs.fields(cls) if f.name[0] != "_" and not f.inherited]
    assert list(rows) == [field.name for field in own]
    for field in own:
        _, kind, default, meaning = rows[field.name]
        assert kind == f"`{field.type}`"
        assert meaning
        if field.default is attrs.NOTHING:
            assert default == ("required" if field.init else "")
        elif isinstance(field.default, str | int | float | tuple):
            assert default == f"`{field.default!r}`"


@pytest.mark.parametrize("name", SECTIONS)
def test_everything_is_explained(name: str) -> None:
    """Each has a text besides its signature, and each field and argument its meaning."""
    prose = re.sub(r"^```.*?^```$|^\|[^\n]*$", "", SECTIONS[name], flags=re.MULTILINE | re.DOTALL)
    assert prose.strip()
    for table in tables(SECTIONS[name]):
        assert all(row[-1] for row in table[1:])
    value = ENTRIES[name]
    if inspect.isfunction(value) and inspect.signature(value).parameters:
        arguments = {row[0].strip("`") for table in tables(SECTIONS[name]) for row in table[1:]}
        missing = inspect.signature(value).parameters.keys() - arguments
        assert not missing or len(inspect.signature(value).parameters) == 1
