"""What is written is sound as it is: linted, typed, tested, installed, used."""

from __future__ import annotations

import json
import os
import shutil
import site
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from fake_distributions import Site
from forget.cli import group
from forget.plugins import load_plugins
from forget.scaffold.naming import KINDS, PluginKind, names_of
from forget.scaffold.writing import COMMANDS, render, write

ROOT = Path(__file__).parents[2]
SHORTEST_AND_LONGEST = ("a", "a-name-of-the-longest-length", "a" * 28)
NAMES = {kind: names_of(f"made-{kind}", kind) for kind in KINDS}
LIKE_OURS = "A,B,C4,C90,D,E,F,I,N,PT,PTH,RET,RUF,SIM,UP,W"
"""Rules of our own that hold in a plugin too."""


def _is_there(distribution: str) -> bool:
    """Say whether something is installed; to look for pip's module would undo setuptools' hooks."""
    try:
        return bool(version(distribution))
    except PackageNotFoundError:
        return False


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a plugin of each kind, in a folder of its name."""
    folder = tmp_path_factory.mktemp("made")
    for names in NAMES.values():
        write(render(names, "0.1.0"), folder / names.name)
    return folder


@pytest.fixture
def installed(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install them as `pip install --editable` would: their folders and their metadata."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    metadata = Site(tmp_path / "site", monkeypatch)
    for names in NAMES.values():
        monkeypatch.syspath_prepend(made / names.name)
        metadata.metadata(names.distribution, {names.name: names.module}, "0.1.0")
    yield
    for name in [n for n in sys.modules if n.startswith("forget_made_")]:
        del sys.modules[name]


def run(command: Sequence[str | Path], folder: Path, **environment: str) -> str:
    """Run a command that must succeed."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTEST_ADDOPTS": "", "PYTHONDONTWRITEBYTECODE": "1", **environment},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def forget(*arguments: str) -> Any:
    result = CliRunner().invoke(group, [*arguments, "--json"], catch_exceptions=False)
    return json.loads(result.stdout)


# --- as it is written


@pytest.mark.slow
@pytest.mark.parametrize("name", SHORTEST_AND_LONGEST)
def test_it_is_linted_and_formatted(name: str, tmp_path: Path) -> None:
    """By its own configuration and by rules of ours, whatever the length of its name."""
    ruff = shutil.which("ruff", path=f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}")
    if ruff is None:
        pytest.skip("ruff is not installed")
    for kind in KINDS:
        write(render(names_of(name, kind), "0.1.0"), tmp_path / kind)
        run([ruff, "check", "--no-cache", "."], tmp_path / kind)
        run([ruff, "format", "--no-cache", "--check", "."], tmp_path / kind)
        ours = ["--extend-select", LIKE_OURS, "--ignore", "D203,D212,D213,D4,D105,D107"]
        run([ruff, "check", "--no-cache", *ours, "."], tmp_path / kind)


@pytest.mark.slow
def test_its_types_hold(made: Path, tmp_path: Path) -> None:
    if find_spec("mypy") is None:
        pytest.skip("mypy is not installed")
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent"]
    options = ["--cache-dir", str(tmp_path), "--explicit-package-bases", "--namespace-packages"]
    roots = [made / names.name for names in NAMES.values()]
    path = os.pathsep.join(map(str, [*roots, ROOT / "core", *(root / "tests" for root in roots)]))
    said = run([*command, *options, *roots], ROOT, MYPYPATH=path)
    assert "no issues found in 9 source files" in said


# --- installed


@pytest.mark.slow
@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_listed_and_shown(kind: PluginKind) -> None:
    names = NAMES[kind]
    [line] = [line for line in forget("list", f"{kind}s") if line["name"] == names.name]
    assert (line["status"], line["title"]) == ("installed", names.title)
    assert line["provider"] == f"{names.distribution} 0.1.0"
    assert not load_plugins().broken
    shown = forget("show", names.name)
    assert (shown["kind"], shown["plugin"]) == (kind, names.name)


@pytest.mark.usefixtures("installed")
def test_the_setting_of_the_method_is_shown() -> None:
    shown = forget("show", NAMES["method"].name)["settings"]
    [share] = [setting for setting in shown if setting["name"] == "share"]
    assert (share["type"], share["default"]) == ("number", 0.5)


@pytest.mark.slow
@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("kind", KINDS)
def test_the_command_of_its_readme_can_be_planned(
    kind: PluginKind, tmp_path: Path, tiny_model: Path
) -> None:
    command = COMMANDS[kind].format(name=NAMES[kind].name).split()[1:]
    model: Sequence[str] = ()
    if kind == "teacher":  # which must be of another family than the student
        registry = tmp_path / "forget.toml"
        registry.write_text(
            "[models.tiny]\ntitle = 'T'\nsummary = 's'\nfamily = 'llama'\n"
            f"folder = '{tiny_model}'\n"
        )
        model = ("--registry", str(registry), "--model", "tiny")
    else:
        model = ("--model", str(tiny_model))
    planned = forget(*command, *model, "--dry-run", "--out", str(tmp_path / "out"))
    assert len(planned["runs"]) == 1


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_its_tests_pass(kind: PluginKind, made: Path) -> None:
    """As its author runs them, with warnings as errors."""
    folder = made / NAMES[kind].name
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error"]
    ignored = ["-W", "ignore:Unclosed context <zmq:ResourceWarning"]
    said = run([*command, *ignored], folder, PYTHONPATH=str(folder))
    assert " passed" in said


class Environment:
    """A virtual environment that has all that this one has, and what pip puts into it."""

    def __init__(self, folder: Path) -> None:
        run([sys.executable, "-m", "venv", "--without-pip", folder], folder.parent)
        self.python = folder / "bin" / "python"
        [packages] = (folder / "lib").glob("python*/site-packages")
        ours = "; ".join(f"site.addsitedir({path!r})" for path in site.getsitepackages())
        (packages / "ours.pth").write_text(f"import site; {ours}\n")

    def install(self, project: Path) -> None:
        """Install a project editably, without a network."""
        pip = [sys.executable, "-m", "pip", "--python", self.python, "install", "--quiet"]
        options = ["--no-deps", "--no-build-isolation", "--no-index", "--editable"]
        run([*pip, *options, project], project)

    def forget(self, *arguments: str | Path, folder: Path) -> Any:
        """Run a command of `forget` and return what it printed as JSON."""
        return json.loads(run([self.python, "-m", "forget", *arguments, "--json"], folder))


@pytest.mark.slow
@pytest.mark.skipif(
    not all(map(_is_there, ("pip", "hatchling", "editables"))),
    reason="pip, hatchling and editables are not installed; nothing can be installed",
)
def test_a_method_from_the_command_to_the_tracker(tmp_path: Path, tiny_model: Path) -> None:
    """Written, installed by pip, listed, run, and shown by `forget status`."""
    environment = Environment(tmp_path / "venv")
    command: Mapping[str, Any] = {"folder": tmp_path}
    new = ["-m", "forget", "new", "plugin", "brief", "--kind", "method"]
    run([environment.python, *new], tmp_path)
    environment.install(tmp_path / "forget-brief")
    [line] = [m for m in environment.forget("list", "methods", **command) if m["name"] == "brief"]
    assert (line["status"], line["provider"]) == ("installed", "forget-brief 0.1.0")
    small = ["max_steps=2", "batch_size=2", "micro_batch_size=2", "drift_prompts=0", "share=0.01"]
    settings = [f"--set={assignment}" for assignment in small]
    out = ["--out", tmp_path / "out"]
    found = environment.forget(
        "run", "--method", "brief", "--model", tiny_model, "--benchmarks", "mini_piqa",
        "--limit", "4", *settings, *out, **command,
    )  # fmt: skip
    assert found["checkpoints"][-1]["step"] == 2
    [state] = environment.forget("status", *out, **command)["training"]
    assert (state["method"], state["state"]) == ("Brief", "done")
