"""The tree in docs/explanation/onboarding.md is the tree that is there."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from docs.documents import ROOT, blocks, document

TEXT = document("docs/explanation/onboarding.md")


def tree(text: str) -> Iterator[str]:
    """Yield each path of an indented tree whose lines are ``name [name ...]   description``.

    A module that the description of a folder names is in that folder.
    """
    folders: list[tuple[int, str]] = []
    for line in text.splitlines():
        depth = len(line) - len(line.lstrip())
        names, _, description = line.strip().partition("  ")
        while folders and folders[-1][0] >= depth:
            folders.pop()
        above = folders[-1][1] if folders else ""
        for name in names.split():
            yield above + name
        if len(names.split()) == 1 and names.endswith("/"):
            folders.append((depth, above + names))
            yield from (above + names + module for module in re.findall(r"\w+\.py", description))


def named() -> set[str]:
    [block] = [b for b in blocks(TEXT) if "core/forget/" in b.text and "registry.toml  " in b.text]
    return set(tree(block.text))


def test_everything_in_the_tree_exists() -> None:
    paths = named()
    assert len(paths) > 30
    for path in sorted(paths):
        found = ROOT / path
        assert found.is_dir() if path.endswith("/") else found.is_file(), path


@pytest.mark.parametrize("folder", ["core/forget", "plugins"])
def test_everything_there_is_in_the_tree(folder: str) -> None:
    modules = {
        f"{folder}/{path.name}"
        for path in (ROOT / folder).glob("*.py")
        if not path.name.startswith("__")
    }
    packages = {f"{path.parent.relative_to(ROOT)}/" for path in ROOT.glob(f"{folder}/*/*.py")}
    assert (modules | packages) - named() == set()


def test_modules_named_in_the_text_exist() -> None:
    """`a/b.py` is a file of the core; `module.function` is a name in one."""
    for path in re.findall(r"`((?:\w+/)*\w+\.py)`", TEXT):
        assert (ROOT / "core" / "forget" / path).is_file(), path
    for module, name in re.findall(r"`((?:\w+\.)*[a-z_]+)\.([A-Za-z_]+)`", TEXT):
        file = ROOT / "core" / "forget" / f"{module.replace('.', '/')}.py"
        package = file.with_suffix("") / "__init__.py"
        if name not in ("py", "toml", "json") and (file.is_file() or package.is_file()):
            source = (file if file.is_file() else package).read_text(encoding="utf-8")
            assert re.search(rf"\b{name}\b", source), f"{module}.{name}"


def test_the_check_itself() -> None:
    text = "a.toml       x\nb/c/   y, x.py\n  d.py e.py     z\n  f/\n    g.py\nh/\n"
    assert list(tree(text)) == [
        "a.toml", "b/c/", "b/c/x.py", "b/c/d.py", "b/c/e.py", "b/c/f/", "b/c/f/g.py", "h/",
    ]  # fmt: skip
