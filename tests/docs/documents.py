"""What the documents of the project hold: links, blocks of code, commands, tables."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

__all__ = [
    "DOCS",
    "ROOT",
    "Block",
    "Command",
    "blocks",
    "commands",
    "document",
    "documents",
    "epilogs",
    "headings",
    "inline_code",
    "markdown",
    "prose",
    "source_files",
    "split_command",
    "tables",
]

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

_OUTPUT_FOLDERS = {
    "runs", "evaluations", "reports", "requests", "slurm", "dist", "build", "site", "_build",
    "__pycache__",
}  # fmt: skip
_OUTPUT_INSIDE = _OUTPUT_FOLDERS - {"requests", "slurm"}  # of which there are packages of ours
_FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_FENCE_AND_BEFORE = re.compile(
    r"(?:^<!-- not run: (?P<why_not>[^>]*?) -->\n+)?"
    r"(?:^(?:`|<!-- file: )(?P<file>[\w./-]+)(?:`:\n| -->)\n)?" + _FENCE.pattern,
    re.MULTILINE | re.DOTALL,
)
_INDENTED = re.compile(r"(?<=\n\n)(?: {4}.*\n|\n(?= {4}))+")
_HTML_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


class Block(NamedTuple):
    """A block of code; an indented one has no language.

    Attributes:
        language: What it is marked as.
        text: What it holds.
        file: The file that it is, where a line or a comment before it names one.
        why_not: Why it is not run, where a comment before it says so.
    """

    language: str
    text: str
    file: str | None = None
    why_not: str | None = None


class Command(NamedTuple):
    """A command line in a document.

    Attributes:
        where: The document.
        line: The command line, continuation lines joined.
        output: What the document shows of its output.
    """

    where: str
    line: str
    output: str

    @property
    def refused(self) -> bool:
        """Whether the document shows it as a mistake."""
        return self.output.startswith("forget: ")


def source_files(*suffixes: str) -> list[Path]:
    """List the project's own files with one of these suffixes (``""``: no suffix)."""
    folders = [
        folder
        for folder in ROOT.iterdir()
        if folder.is_dir() and folder.name not in _OUTPUT_FOLDERS and folder.name[0] != "."
    ]
    found = [path for path in ROOT.iterdir() if path.is_file() and path.name[0] != "."]
    for folder in folders:
        found += [path for path in folder.rglob("*") if path.is_file()]
    return sorted(path for path in found if path.suffix in suffixes and _is_source(path))


def _is_source(path: Path) -> bool:
    """Say whether a file is of ours: not an output, and not in a tool's own folder."""
    parts = path.relative_to(ROOT).parts[1:]
    return not _OUTPUT_INSIDE & set(parts) and all(part[0] != "." for part in parts[:-1])


def documents() -> list[str]:
    """List all Markdown files, relative to the project."""
    return [path.relative_to(ROOT).as_posix() for path in source_files(".md")]


def document(name: str) -> str:
    """Read a document by its path relative to the project."""
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(text: str) -> list[Block]:
    """Return the blocks of code of a Markdown text, fenced ones first."""
    fenced = [
        Block(m["language"], m["text"], m["file"], m["why_not"])
        for m in _FENCE_AND_BEFORE.finditer(text)
    ]
    rest = _FENCE.sub("", text)
    return fenced + [Block("", _dedented(m[0])) for m in _INDENTED.finditer(rest)]


def prose(text: str) -> str:
    """Return a Markdown text without blocks of code and comments."""
    return _INDENTED.sub("\n", _HTML_COMMENT.sub("", _FENCE.sub("", text)))


def inline_code(text: str) -> list[str]:
    """Return what stands between backticks in a Markdown text, white space normalised."""
    return [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", prose(text))]


def headings(text: str) -> list[str]:
    """Return the anchors of a Markdown text as GitHub makes them."""
    anchors: list[str] = []
    for heading in re.findall(r"^#+ (.*)$", prose(text), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", plain.strip().lower()).replace(" ", "-")
        seen = sum(anchor == slug for anchor in anchors)
        anchors.append(f"{slug}-{seen}" if seen else slug)
    return anchors


def tables(text: str) -> list[list[list[str]]]:
    """Return the tables of a Markdown text: rows of cells, the heading first."""
    found: list[list[list[str]]] = []
    open_table = False
    for line in prose(text).splitlines():
        if not line.startswith("|"):
            open_table = False
            continue
        if not open_table:
            found.append([])
        open_table = True
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if not all(re.fullmatch(r":?-+:?", cell) for cell in cells):
            found[-1].append([re.sub(r"\\([|<])", r"\1", cell) for cell in cells])
    return found


def markdown(heading: list[str], rows: list[list[str]]) -> str:
    """Write a table."""
    lines = [heading, ["---"] * len(heading), *rows]
    text = "\n".join(f"| {' | '.join(map(_escaped, line))} |" for line in lines)
    return text.replace("|  |", "| |").replace("|  |", "| |") + "\n"


def _escaped(cell: str) -> str:
    """Escape what would end a cell, and outside of code what would begin a tag."""
    outside = re.sub(r"(`[^`]*`)|<", lambda match: match[1] or "\\<", cell)
    return outside.replace("|", "\\|")


def commands(where: str, text: str, program: str) -> Iterator[Command]:
    """Yield the command lines of `program` in a document's blocks of code.

    In a block marked `console` they follow a prompt, and their output follows them; elsewhere they
    are the lines that start with the program's name.
    """
    for block in blocks(text):
        if block.language == "console":
            yield from _in_console(where, block.text, program)
        elif block.language in ("", "sh", "bash"):
            for line in _joined(block.text).splitlines():
                if line.split()[:1] == [program]:
                    yield Command(where, line.strip(), "")


def epilogs() -> Iterator[tuple[str, str]]:
    """Yield module name and epilog, as a block of code, of every command's help."""
    modules = ["forget.cli"]
    folder = ROOT / "core" / "forget" / "cli"
    modules += [f"forget.cli.{path.stem}" for path in sorted(folder.glob("*_command.py"))]
    for name in modules:
        lines = import_module(name)._EPILOG.splitlines()
        yield name, "```sh\n" + "\n".join(line.strip() for line in lines) + "\n```\n"


def split_command(line: str) -> list[list[str]]:
    """Split a shell line into the words of its commands, at pipes and ``&&``.

    Comments and assignments in front of a command are dropped.
    """
    found: list[list[str]] = [[]]
    for word in shlex.split(line, comments=True):
        if word in ("|", "&&", ";"):
            found.append([])
        elif found[-1] or not re.match(r"^\w+=", word):
            found[-1].append(word)
    return found


def _in_console(where: str, text: str, program: str) -> Iterator[Command]:
    for part in re.split(r"^\$ ", _joined(text), flags=re.MULTILINE)[1:]:
        line, _, output = part.partition("\n")
        if any(words[:1] == [program] for words in split_command(line)):
            yield Command(where, line, output.strip())


def _joined(text: str) -> str:
    """Join lines that end in a backslash with the next one."""
    return re.sub(r"\\\n\s*", "", text)


def _dedented(text: str) -> str:
    return re.sub(r"^ {4}", "", text, flags=re.MULTILINE)
