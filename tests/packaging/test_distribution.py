"""What is built: a wheel and an sdist that hold all that is needed and nothing else."""

from __future__ import annotations

import email
import json
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from built_distributions import ROOT, build

if find_spec("hatchling") is None:
    pytest.skip("hatchling is not installed; nothing can be built", allow_module_level=True)

PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT: dict[str, Any] = PYPROJECT["project"]
VERSION = PROJECT["version"]
INFO = f"forget_llm-{VERSION}.dist-info"
PACKAGES = {Path(package).name: ROOT / package for package in
            PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]}  # fmt: skip
LIGHT = ("attrs", "cattrs", "click", "pluggy", "rich", "tomli-w")
"""What `forget list` needs of the dependencies; what these need themselves is added."""


class Built(NamedTuple):
    """The files that were built."""

    sdist: Path
    wheel: Path
    wheel_from_sdist: Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("built")
    sdist = build(ROOT, "sdist", folder / "sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    [unpacked] = (folder / "unpacked").iterdir()
    return Built(
        sdist,
        build(ROOT, "wheel", folder / "wheel"),
        build(unpacked, "wheel", folder / "again"),
    )


def content(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def sources() -> Iterator[str]:
    """Yield the path in the wheel of every file of our packages."""
    for name, folder in PACKAGES.items():
        for path in folder.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield f"{name}/{path.relative_to(folder).as_posix()}"


@pytest.mark.slow
def test_the_names_of_the_files(built: Built) -> None:
    assert built.sdist.name == f"forget_llm-{VERSION}.tar.gz"
    assert built.wheel.name == f"forget_llm-{VERSION}-py3-none-any.whl"


def test_the_wheel_holds_every_file_of_the_packages_and_no_other(built: Built) -> None:
    names = {name for name in content(built.wheel) if not name.startswith(INFO)}
    assert names == {*sources(), "forget/registry.toml", "forget/constraints.txt"}


def test_the_wheel_holds_what_is_not_python(built: Built) -> None:
    files = content(built.wheel)
    assert files["forget/registry.toml"] == (ROOT / "registry.toml").read_bytes()
    assert files["forget/constraints.txt"] == (ROOT / "constraints.txt").read_bytes()
    assert "forget/py.typed" in files  # PEP 561: without it, type checkers ignore the annotations
    assert files[f"{INFO}/licenses/LICENSE"] == (ROOT / "LICENSE").read_bytes()
    mini = {name for name in files if name.startswith("forget_benchmarks/mini/")}
    tasks = {Path(name).stem for name in mini if name.endswith(".yaml")}
    assert tasks >= {
        Path(name).stem for name in (ROOT / "plugins/forget_benchmarks/mini").glob("*.yaml")
    }
    assert "forget_benchmarks/mini/_mini_mmlu_template_yaml" in mini
    page = {Path(name).suffix for name in files if name.startswith("forget/report/page/assets/")}
    assert page == {".html", ".css", ".js"}


def test_what_every_template_of_a_task_includes_is_there(built: Built) -> None:
    files = content(built.wheel)
    for name, text in files.items():
        for line in text.decode().splitlines() if name.endswith(".yaml") else ():
            key, _, value = line.partition(": ")
            if key == "include":
                assert f"{Path(name).parent.as_posix()}/{value.strip()}" in files, name


def test_entry_points(built: Built) -> None:
    text = content(built.wheel)[f"{INFO}/entry_points.txt"].decode()
    lines = [line for line in text.splitlines() if line]
    expected = ["[console_scripts]", "forget = forget.cli:main", "[forget]"]
    points = PROJECT["entry-points"]["forget"]
    assert sorted(lines) == sorted([*expected, *(f"{k} = {v}" for k, v in points.items())])
    files = content(built.wheel)
    for module in points.values():
        path = module.replace(".", "/")
        assert f"{path}/__init__.py" in files or f"{path}.py" in files


def test_metadata(built: Built) -> None:
    text = content(built.wheel)[f"{INFO}/METADATA"].decode()
    metadata = email.message_from_string(text)
    assert metadata["Name"] == PROJECT["name"]
    assert set(metadata["Requires-Python"].split(",")) == set(PROJECT["requires-python"].split(","))
    assert metadata["License-Expression"] == "Apache-2.0"
    assert text.partition("\n\n")[2] == (ROOT / "README.md").read_text(encoding="utf-8")
    required = [line for line in metadata.get_all("Requires-Dist") or [] if "extra ==" not in line]
    assert len(required) == len(PROJECT["dependencies"])


def test_the_sdist_holds_what_building_and_testing_need(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {"pyproject.toml", "registry.toml", "LICENSE", "README.md", "PKG-INFO"}
    assert names >= wanted
    assert names >= {"tests/packaging/test_distribution.py", "docs/README.md"}
    more = {
        "Makefile",
        "CITATION.cff",
        "CONTRIBUTING.md",
        "constraints.txt",
        "benchmarks",
        "slurm",
        ".gitignore",
    }
    tops = {name.partition("/")[0] for name in names}
    assert tops <= wanted | {"core", "plugins", "tests", "docs"} | more
    assert not [n for n in names if "__pycache__" in n or n.endswith((".pyc", ".egg-info"))]


def test_the_wheel_made_from_the_sdist_is_the_same(built: Built) -> None:
    assert content(built.wheel_from_sdist) == content(built.wheel)


# --- the wheel alone


@pytest.fixture(scope="module")
def environment(built: Built, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return a `sys.path` of the unpacked wheel and the light dependencies."""
    wheel = tmp_path_factory.mktemp("wheel")
    with zipfile.ZipFile(built.wheel) as archive:
        archive.extractall(wheel)
    light = tmp_path_factory.mktemp("light")
    for name in with_requirements(LIGHT):
        for top in {
            file.parts[0] for file in distribution(name).files or () if ".." not in file.parts
        }:
            target = Path(str(distribution(name).locate_file(top)))
            if target.exists() and not (light / top).exists() and top != "__pycache__":
                (light / top).symlink_to(target)
    return [str(wheel), str(light)]


def with_requirements(names: tuple[str, ...]) -> set[str]:
    """Return distributions with all they need here, extras left out."""
    from packaging.requirements import Requirement

    found: set[str] = set()
    left = list(names)
    while left:
        name = left.pop()
        if name in found:
            continue
        found.add(name)
        for line in distribution(name).requires or ():
            need = Requirement(line)
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                left.append(need.name)
    return found


def run(environment: list[str], code: str, folder: Path) -> str:
    """Run code with the standard library and `environment`, and nothing else of this one."""
    prepare = (
        "import sys, sysconfig\n"
        "standard = {sysconfig.get_path('stdlib'), sysconfig.get_path('platstdlib')}\n"
        "sys.path[:] = [p for p in sys.path if p in standard or p.endswith('lib-dynload')]\n"
        f"sys.path[:0] = {environment!r}\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-B", "-c", prepare + code],
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_wheel_works_alone(environment: list[str], tmp_path: Path) -> None:
    found = json.loads(
        run(environment, "from forget.cli import main; main(['list', '--json'])", tmp_path)
    )
    lines = {(line["kind"], line["name"]): line for line in found}
    for name, module in PROJECT["entry-points"]["forget"].items():
        kind = module.partition(".")[0].removeprefix("forget_").removesuffix("s")
        if kind == "benchmark":  # a plugin of many
            continue
        assert lines[kind, name]["status"] == "installed"
        assert lines[kind, name]["provider"] == f"forget-llm {VERSION}"
    assert ("study", "demo") in lines
    assert "broken" not in {line["status"] for line in found}


def test_its_registry_is_found_beside_the_package(environment: list[str], tmp_path: Path) -> None:
    code = (
        "import forget, forget.catalogue as c, forget.shipped as s, forget_methods\n"
        "shipped = map(s.shipped_file, (c.SHIPPED, 'constraints.txt'))\n"
        "print(forget.__file__, forget_methods.__file__, *shipped, sep='\\n')\n"
        "print(forget.__version__)"
    )
    package, plugin, registry, versions, version = run(environment, code, tmp_path).split()
    wheel = Path(environment[0])
    assert Path(package) == wheel / "forget" / "__init__.py"
    assert Path(plugin).is_relative_to(wheel)
    assert Path(registry) == wheel / "forget" / "registry.toml"
    assert Path(versions) == wheel / "forget" / "constraints.txt"
    assert version == VERSION


@pytest.mark.slow
def test_it_does_not_need_the_large_libraries_to_explain_itself(
    environment: list[str], tmp_path: Path
) -> None:
    for arguments in (["--help"], ["show", "gt-sft"], ["show", "mini"], ["run", "--help"]):
        assert run(environment, f"from forget.cli import main; main({arguments!r})", tmp_path)


# --- by the tools of those who publish and install


@pytest.mark.slow
@pytest.mark.skipif(find_spec("twine") is None, reason="twine is not installed")
def test_an_index_would_take_it(built: Built) -> None:
    """Metadata and description are what an index takes, and renders."""
    files = [str(built.sdist), str(built.wheel)]
    succeeds("-m", "twine", "check", "--strict", *files)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("check_wheel_contents") is None, reason="it is not installed")
def test_the_wheel_has_no_usual_fault(built: Built) -> None:
    """Nothing twice, no bytecode, no tests, no other folder at the top than ours."""
    options = ["--config", str(ROOT / "pyproject.toml")]
    succeeds("-m", "check_wheel_contents", *options, str(built.wheel))


def test_the_templates_of_plugins_are_there(built: Built) -> None:
    templates = ROOT / "core/forget/scaffold/templates"
    written = {f"forget/scaffold/templates/{path.relative_to(templates).as_posix()}"
               for path in templates.rglob("*.jinja")}  # fmt: skip
    assert len(written) > 9
    assert written <= content(built.wheel).keys()


def succeeds(*arguments: str) -> None:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_is_cited_by_its_own_version() -> None:
    import yaml

    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert (cited["version"], cited["license"]) == (VERSION, PROJECT["license"])
