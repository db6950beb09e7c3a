"""Every command line in documents and epilogs is one that the program takes."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import attrs
import click
import pytest

from docs.documents import (
    DOCS,
    ROOT,
    Command,
    blocks,
    commands,
    document,
    documents,
    epilogs,
    inline_code,
    split_command,
)
from forget.catalogue import Catalogue, load_catalogue
from forget.cli import group, main
from forget.method import TrainingSettings
from forget.plugins import Plugins, load_plugins

TEXTS = {name: document(name) for name in documents()} | dict(epilogs())
COMMANDS = [c for name, text in TEXTS.items() for c in commands(name, text, "forget")]
REFUSED = [c for c in COMMANDS if c.refused]
NEEDS_A_RUN = "holds a run with other settings"
SET_UP = "docs/reference/errors.md"
"""Its examples need more than a command, which `test_errors` gives them."""

# What the example plugins bring; they are not installed where the tests run.
EXAMPLE = {
    "methods": {"short-answers", "dpo"},
    "datasets": {"doubling"},
    "teachers": {"parrot"},
    "benchmarks": {"opposites", "measures"},
}
EXAMPLE_SETTINGS = {
    "short-answers": {"prefix"},
    "dpo": {"beta", "pairs", "questions", "samples", "keep_truncated"},
}


def where_and_line(command: Command) -> str:
    return f"{command.where}: {command.line}"


def parse(words: list[str]) -> click.Context:
    """Parse the words after `forget` by click's own parser; nothing is executed."""
    outer = click.Context(group, info_name="forget")
    if words[:1] == [] or words[0].startswith("-"):
        return group.make_context("forget", list(words))
    name, command, rest = group.resolve_command(outer, list(words))
    assert command is not None
    if isinstance(command, click.Group) and rest[:1] and rest[0] in command.commands:
        outer = command.make_context(name, list(rest), parent=outer)
        name, command = rest[0], command.commands[rest[0]]
        rest = rest[1:]
    return command.make_context(name, rest, parent=outer)


def words_of(line: str) -> list[str]:
    [words] = [words for words in split_command(line) if words[:1] == ["forget"]]
    return words[1:]


@cache
def plugins() -> Plugins:
    return load_plugins()


def registry_blocks(text: str) -> Iterator[str]:
    """Yield the blocks of a document that are registry files."""
    sections = {field.name for field in attrs.fields(Catalogue)}
    for block in blocks(text):
        if block.language == "toml" and tomllib.loads(block.text).keys() <= sections:
            yield block.text


def catalogue_of(name: str, folder: Path) -> Catalogue:
    """Return the registry as the reader of a document has it, with what the document adds."""
    named = re.findall(r"--registry (\S+\.toml)", TEXTS[name])
    layers = [ROOT / file for file in named if (ROOT / file).is_file()]
    for index, text in enumerate(registry_blocks(TEXTS[name])):
        layers.append(folder / f"{index}.toml")
        layers[-1].write_text(text, encoding="utf-8")
    return load_catalogue(layers, folder)


class Names:
    """The names that a reader of one document can use, with those of plugins that it has made."""

    def __init__(self, catalogue: Catalogue, text: str = "") -> None:
        self._catalogue = catalogue
        self._made = re.findall(r"^\$ forget new plugin (\S+) --kind (\w+)", text, re.MULTILINE)

    def known(self, kind: Any) -> set[str]:
        """Return the names of one kind."""
        names = set(getattr(self._catalogue, kind))
        if kind not in EXAMPLE:
            return names
        names |= plugins().all(kind).keys() | EXAMPLE[kind]
        names |= {name for name, made in self._made if f"{made}s" == kind}
        return names | self._catalogue.suites.keys() if kind == "benchmarks" else names

    def everything(self) -> set[str]:
        """Return the names that `forget show` takes."""
        kinds = ("methods", "datasets", "teachers", "benchmarks", "models", "studies", "suites")
        return {name for kind in kinds for name in self.known(kind)}

    def teacher_settings(self, teacher: str | None) -> set[str]:
        """Return the names that ``--set teacher.NAME`` takes, prefix included."""
        entry = self._catalogue.teachers.get(teacher or "")
        found = plugins().all("teachers").get((entry and entry.kind) or teacher or "")
        fields = attrs.fields(found.record.settings) if found is not None else ()
        return {f"teacher.{name}" for name in ("model", "family", *(f.name for f in fields))}

    def settings(self, method: str | None) -> set[str]:
        """Return the names of a method's settings."""
        found = plugins().all("methods").get(method or "")
        settings = {field.name for field in attrs.fields(TrainingSettings)}
        if found is not None:
            settings |= {field.name for field in attrs.fields(found.record.settings)}
        return settings | EXAMPLE_SETTINGS.get(method or "", set())

    def unknown(self, values: dict[str, Any]) -> list[str]:
        """List the names in a command's parsed values that nothing has."""
        found = []
        for option, kind in (
            ("method", "methods"),
            ("dataset", "datasets"),
            ("teacher", "teachers"),
            ("study", "studies"),
            ("benchmarks", "benchmarks"),
        ):
            for name in (values.get(option) or "").split(","):
                if name and name not in self.known(kind):
                    found.append(f"{option} {name}")
        for option in ("model", "base"):
            name = values.get(option)
            if name and "/" not in name and name not in self.known("models"):
                found.append(f"{option} {name}")
        found += [f"name {name}" for name in values.get("names") or () if self._is_unknown(name)]
        if "name" in values and values["name"] not in self.everything():
            found.append(f"name {values['name']}")
        for assignment in values.get("assignments") or ():
            name = assignment.partition("=")[0]
            known = self.settings(values.get("method"))
            if name not in known | self.teacher_settings(values.get("teacher")):
                found.append(f"setting {name}")
        return found

    def _is_unknown(self, name: str) -> bool:
        """Tell whether a name is neither a path nor of a dataset, benchmark or suite."""
        return "/" not in name and name not in self.known("datasets") | self.known("benchmarks")

    def unknown_in_path(self, path: str) -> list[str]:
        """List the names in ``runs/STUDY/MODEL/DATASET/METHOD/seed-N`` that nothing has."""
        kinds = ("studies", "models", "datasets", "methods")
        parts = path.split("/")[1:5]
        return [
            f"{part} in {path}"
            for part, kind in zip(parts, kinds, strict=False)
            if not re.match(r"[A-Z<$*]", part) and not self._names(part, self.known(kind), kind)
        ]

    @staticmethod
    def _names(part: str, known: set[str], kind: str) -> bool:
        """A method's folder may have labels besides: ``gt-sft-lr-3e-05``."""
        labelled = kind == "methods" and part.startswith(tuple(f"{name}-" for name in known))
        return part in known or labelled


@pytest.fixture
def names(request: pytest.FixtureRequest, tmp_path: Path) -> Names:
    where = request.node.callspec.params.get("command") or request.node.callspec.params["name"]
    name = where.where if isinstance(where, Command) else where
    return Names(catalogue_of(name, tmp_path), TEXTS[name])


def test_there_are_commands_to_check() -> None:
    assert {c.where for c in COMMANDS} >= {
        "README.md",
        "docs/tutorials/first-run.md",
        "docs/how-to/writing-a-plugin.md",
        "forget.cli.run_command",
    }


@pytest.mark.parametrize("command", COMMANDS, ids=where_and_line)
def test_a_command_parses_and_its_names_exist(command: Command, names: Names) -> None:
    try:
        values = parse(words_of(command.line)).params
    except click.exceptions.Exit:  # --help, --version
        return
    except click.ClickException as error:
        pytest.fail(error.format_message())
    if not command.refused:
        assert names.unknown(values) == []


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_commands_in_running_text_exist(name: str) -> None:
    for code in inline_code(TEXTS[name]):
        words = code.split()
        if words[0] != "forget" or len(words) == 1 or words[1].isupper():
            continue
        command: click.Command | None = group
        if not words[1].startswith("-"):
            command = group.get_command(click.Context(group), words[1])
        if isinstance(command, click.Group) and command is not group and words[2:]:
            command = command.commands.get(words[2], command)
        assert command is not None, code
        options = {option for parameter in command.params for option in parameter.opts}
        options |= {"-h", "--help"}
        for word in words[1:]:
            if word.startswith("-"):
                assert word.partition("=")[0] in options, code


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_paths_of_runs_name_what_exists(name: str, names: Names) -> None:
    for path in re.findall(r"\bruns/[\w.$<>*-]+(?:/[\w.$<>*-]+)*", TEXTS[name]):
        assert names.unknown_in_path(path) == []


@pytest.mark.parametrize("name", documents())
def test_registry_files_in_documents_load(name: str, tmp_path: Path) -> None:
    catalogue_of(name, tmp_path)


def of_an_example(command: Command) -> bool:
    """Say whether a command needs the method of an example, whose own tests have it then."""
    return parse(words_of(command.line)).params.get("method") in EXAMPLE["methods"]


@pytest.mark.parametrize(
    "command",
    [
        c
        for c in REFUSED
        if NEEDS_A_RUN not in c.output and c.where != SET_UP and not of_an_example(c)
    ],
    ids=where_and_line,
)
def test_a_mistake_is_answered_as_documented(
    command: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answered_as_documented(command, tmp_path, monkeypatch, capsys)


def answered_as_documented(
    command: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Give a wrong command in an empty folder, which it leaves empty."""
    monkeypatch.chdir(tmp_path)
    for variable in ("FORGET_DATA", "FORGET_PLUGINS"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(SystemExit) as exit_:
        main(words_of(command.line))
    assert exit_.value.code == 2
    assert capsys.readouterr().err.split() == command.output.split()
    assert list(tmp_path.iterdir()) == []


# --- make


def make_targets() -> set[str]:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z][a-z-]*):", text, re.MULTILINE))


@pytest.mark.parametrize("name", documents())
def test_make_targets_exist(name: str) -> None:
    lines = [c.line for c in commands(name, TEXTS[name], "make")]
    lines += [code for code in inline_code(TEXTS[name]) if code.startswith("make ")]
    for line in lines:
        for words in split_command(line):
            if words[:1] == ["make"]:
                wanted = [w for w in words[1:] if not w.startswith("-") and "=" not in w]
                assert set(wanted) <= make_targets(), line


def test_the_makefile_explains_its_targets() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    heading = text.partition("\n\n")[0]
    assert set(re.findall(r"make ([a-z-]+)", heading)) == make_targets() - {"clean"}
    [phony] = re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert set(phony.split()) == make_targets()


# --- the checks themselves


@pytest.mark.parametrize(
    "line",
    [
        "forget rnu",
        "forget run --methd gt-sft",
        "forget list method",
        "forget show",
        "forget eval x",
    ],
)
def test_a_wrong_command_would_be_found(line: str) -> None:
    with pytest.raises(click.ClickException):
        parse(words_of(line))


def test_a_wrong_name_would_be_found(tmp_path: Path) -> None:
    names = Names(load_catalogue(folder=tmp_path))
    line = "forget run --method gt-stf --model a --study b --benchmarks core10,c --set lrr=1"
    assert names.unknown(parse(words_of(line)).params) == [
        "method gt-stf",
        "study b",
        "benchmarks c",
        "model a",
        "setting lrr",
    ]
    assert names.unknown_in_path("runs/demo/smollm2-135m/arithmetik/gt-sft/seed-0") == [
        "arithmetik in runs/demo/smollm2-135m/arithmetik/gt-sft/seed-0"
    ]


def test_commands_are_found_in_all_kinds_of_blocks() -> None:
    text = (
        "Text `forget list`.\n\n"
        "```console\n$ forget show \\\n    gt-sft\nforget: no\n$ X=1 forget report --json | jq .\n"
        "{}\n```\n\n"
        "    forget list      # a comment\n    other line\n\n"
        "```text\nforget in a text\n```\n"
    )
    assert list(commands("x.md", text, "forget")) == [
        Command("x.md", "forget show gt-sft", "forget: no"),
        Command("x.md", "X=1 forget report --json | jq .", "{}"),
        Command("x.md", "forget list      # a comment", ""),
    ]
    assert words_of("X=1 forget report --json | jq .") == ["report", "--json"]
    assert inline_code(text) == ["forget list"]
    assert DOCS.is_dir()
