"""docs/reference/errors.md: every error there is, and what is really printed."""

from __future__ import annotations

import errno
import inspect
import re
import tomllib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import pytest

from docs.documents import ROOT, blocks, commands, document, split_command, tables
from fake_distributions import RENAMED_SETTING, Site, method
from foreign_results import make_results
from forget.cli import main
from forget.deprecation import DeprecatedSettingWarning, ForgetDeprecationWarning
from forget.errors import ForgetError
from forget.plan import RunRequest, plan
from forget.session import open_session
from forget.store import runfile
from forget.store.lock import exclusive
from inference.families import make_family
from scheduler.slurm.fake_commands import FakeCommands

PAGE = document("docs/reference/errors.md")
SECTIONS = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))
WARNINGS = (ForgetDeprecationWarning, DeprecatedSettingWarning)
SHOWN_AS = "/data/study"
"""What the page calls the folder that a command is run in."""
ELSEWHERE = {r"process \d+ on \S+": "process 4242 on node-1", r"off by [\d.]+\d": "off by 0.18"}
"""What is something else on another machine, and what the page has there."""


def modules() -> list[str]:
    """List the modules of core and plugins that define an error of forget's."""
    return [
        ".".join(path.relative_to(folder).with_suffix("").parts)
        for folder in (ROOT / "core", ROOT / "plugins")
        for path in sorted(folder.rglob("*.py"))
        if re.search(r"^class \w+\(\w*(?:Error|Failed)\):", path.read_text("utf-8"), re.MULTILINE)
    ]


def errors() -> dict[str, type[ForgetError]]:
    """Return every class of error by name."""
    for name in modules():
        import_module(name)

    def below(cls: type[ForgetError]) -> Iterator[type[ForgetError]]:
        yield cls
        for child in cls.__subclasses__():
            yield from below(child)

    ours = [cls for cls in below(ForgetError) if cls.__module__.startswith("forget")]
    return {cls.__name__: cls for cls in ours}


ERRORS = errors()
EXAMPLES = [name for name in ERRORS if name != "ForgetError"]
QUICK = [name for name in EXAMPLES if name != "UnsupportedModelError"]


# --- the folder in which an example is run


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in ("FORGET_DATA", "FORGET_PLUGINS"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def registry(name: str) -> str:
    """Return the registry file that an example is about."""
    [block] = [block for block in blocks(SECTIONS[name]) if block.language in ("toml", "text")]
    assert tomllib.loads(block.text)
    return block.text


class Prepared:
    """What an example needs besides its command; most need nothing."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._monkeypatch = monkeypatch

    def make(self, name: str) -> AbstractContextManager[None]:
        """Make it; it holds as long as the context."""
        prepare: Callable[[], AbstractContextManager[None] | None] = getattr(
            self, f"for_{name}", lambda: None
        )
        return prepare() or nullcontext()

    def for_WorkError(self) -> None:
        (self.folder / "mirror").mkdir()

    def for_DataError(self) -> None:
        (self.folder / "mirror").mkdir()

    def for_CatalogueError(self) -> None:
        (self.folder / "forget.toml").write_text(registry("CatalogueError"))

    def for_PluginError(self) -> None:
        (self.folder / "forget.toml").write_text(registry("PluginError"))

    def for_SlurmError(self) -> None:
        (self.folder / "forget.toml").write_text(registry("SlurmError"))
        said = "slurm_load_partitions: Unable to contact slurm controller (connect failure)"
        fakes = FakeCommands(self.folder / "bin", self._monkeypatch)
        for command in ("sinfo", "squeue", "sbatch", "scancel", "scontrol"):
            fakes.answer(command, error=said, status=1)

    def for_OutputError(self) -> None:
        (self.folder / "results").touch()

    def for_CheckFailed(self) -> None:
        for name, scores in (("before", [1.0] * 90), ("after", [1.0, 1.0, 0.0] * 30)):
            make_results(self.folder / name, {"winogrande": {"acc": scores}})

    def for_UnsupportedModelError(self) -> None:
        make_family("bloom", self.folder / "bloom")

    def for_FrozenRunError(self) -> None:
        session = open_session(out=self.folder)
        [run] = plan(RunRequest(method="gt-sft"), session).runs
        run.folder.data.mkdir(parents=True)
        runfile.freeze(run.folder.runfile, run.frozen(), {})

    @contextmanager
    def for_BusyError(self) -> Iterator[None]:
        [run] = plan(RunRequest(method="gt-sft"), open_session(out=self.folder)).runs
        with exclusive(run.folder.lock, "train"):
            yield

    def for_StorageError(self) -> None:
        def full(*_: object) -> NoReturn:
            raise OSError(errno.ENOSPC, "No space left on device")

        # The one thing that is no real one: a disk that is full takes long to make.
        self._monkeypatch.setattr("forget.store.atomic.os.replace", full)
        self._monkeypatch.setattr("forget.store.atomic.os.rename", full)


def said(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    """Run the example of an error; return its exit status and the last line on the screen."""
    [command] = commands("errors.md", SECTIONS[name], "forget")
    [words] = split_command(command.line)
    with Prepared(folder, monkeypatch).make(name), pytest.raises(SystemExit) as exit_:
        main(words[1:])
    text = capsys.readouterr().err.replace(str(folder), SHOWN_AS)
    for pattern, shown in ELSEWHERE.items():
        text = re.sub(pattern, shown, text)
    lines = text.splitlines()
    assert isinstance(exit_.value.code, int)
    return exit_.value.code, next(line for line in lines if line.startswith("forget: "))


def check(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, line = said(name, folder, monkeypatch, capsys)
    [command] = commands("errors.md", SECTIONS[name], "forget")
    assert command.output.split() == line.split(), line
    assert status == ERRORS[name].exit_status


@pytest.mark.slow
@pytest.mark.parametrize("name", QUICK)
def test_what_is_printed(
    name: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    check(name, folder, monkeypatch, capsys)


@pytest.mark.slow
def test_what_is_printed_of_a_model(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    check("UnsupportedModelError", folder, monkeypatch, capsys)


# --- the page


def test_every_error_has_its_row() -> None:
    [found] = [t for t in tables(PAGE) if t[0] == ["error", "exit status", "what it says"]]
    rows = {
        name: [str(cls.exit_status), (inspect.getdoc(cls) or "").partition("\n")[0]]
        for name, cls in ERRORS.items()
    }
    linked = {re.sub(r"\[`(\w+)`\].*", r"\1", row[0]).strip("`"): row[1:] for row in found[1:]}
    shown = {name: [status, text.replace("``", "`")] for name, (status, text) in rows.items()}
    assert linked == shown


def test_every_error_has_its_section() -> None:
    assert set(SECTIONS) == {*EXAMPLES, *(cls.__name__ for cls in WARNINGS)}
    for name, text in SECTIONS.items():
        assert "**What to do.**" in text, name


def test_errors_elsewhere_are_found() -> None:
    assert {"SlurmError", "BusyError"} <= set(ERRORS)
    assert "forget.scheduler.slurm.client" in modules()


@pytest.mark.filterwarnings("default::forget.deprecation.DeprecatedSettingWarning")
def test_what_is_printed_of_a_setting(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is deprecated yet: the page shows a setting that is made up, of a made-up plugin."""
    site = Site(folder / "site", monkeypatch)
    site.install("made-old", RENAMED_SETTING + method("made", settings="Settings"))
    with pytest.raises(SystemExit):
        main(["run", "--method", "made", "--set", "sharpness=2", "--dry-run"])
    line, *_ = capsys.readouterr().err.splitlines()
    [block] = [b for b in blocks(SECTIONS["DeprecatedSettingWarning"]) if b.language == "text"]
    assert block.text.split() == line.split()
