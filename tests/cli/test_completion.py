"""What shells are offered, by click's own machinery and by bash itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from forget.cli import group
from forget.cli.shells import SHELLS, VARIABLE, Bash
from report.card.conftest import MakeRun, make_carded_run  # noqa: F401 - a fixture

BASH = shutil.which("bash")


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def offered(*words: str) -> list[str]:
    """Return what may follow; the last word is the one that is being typed."""
    *before, typed = words
    complete = ShellComplete(group, {}, "forget", VARIABLE)
    return [str(item.value) for item in complete.get_completions(before, typed)]


def test_commands_and_their_options() -> None:
    assert offered("com") == ["compare", "completion"]
    assert offered("--v") == ["--version"]
    assert "--lm-eval" not in offered("run", "--l")
    assert offered("run", "--lim") == ["--limit"]
    assert offered("completion", "") == [*SHELLS]


@pytest.mark.slow
def test_names() -> None:
    assert offered("run", "--method", "gt") == ["gt-sft"]
    assert "gsm8k" in offered("run", "--dataset", "")
    assert offered("run", "--model", "smollm2-1") == ["smollm2-135m"]
    assert "demo" in offered("run", "--study", "")
    assert "self" in offered("run", "--teacher", "se")
    assert {"core10", "gt-sft", "smollm2-135m", "demo"} <= {*offered("show", "")}
    assert offered("eval", "x", "--base", "smollm2-1") == ["smollm2-135m"]


def test_several_by_commas() -> None:
    assert offered("run", "--benchmarks", "core10,mini_b") == ["core10,mini_boolq"]
    assert "mini_boolq,mini_boolq" not in offered("run", "--benchmarks", "mini_boolq,mini_")


def test_names_of_a_registry_of_ones_own(tmp_path: Path) -> None:
    study = '[studies.{}]\nextends = "demo"\nsummary = "s"\n'
    (tmp_path / "forget.toml").write_text(study.format("here"))
    (tmp_path / "other.toml").write_text(study.format("hereafter"))
    assert offered("run", "--study", "her") == ["here"]
    there = ("run", "--registry", "other.toml", "--study", "her")
    assert offered(*there) == ["here", "hereafter"]


def test_settings_are_those_of_the_method_and_have_values() -> None:
    assert offered("run", "--set", "lr_s") == ["lr_schedule="]
    assert "variant=" not in offered("run", "--set", "v")
    assert offered("run", "--method", "spin", "--set", "varian") == ["variant="]
    assert offered("run", "--set", "lr-schedule=lin") == ["lr-schedule=linear"]
    assert offered("run", "--set", "report_to=te") == ["report_to=tensorboard"]
    assert offered("run", "--set", "flow=") == []
    assert offered("run", "--method", "gt-sft", "--sweep", "flow=") == ["flow=true", "flow=false"]
    assert offered("run", "--set", "lr=") == []
    assert offered("run", "--method", "no-such", "--set", "lr_s") == ["lr_schedule="]


def test_runs_and_their_models(make_carded_run: MakeRun, tmp_path: Path) -> None:  # noqa: F811
    run = make_carded_run().relative_to(tmp_path).as_posix()
    for words in (("card",), ("report",), ("compare",), ("compare", "x"), ("run", "--restrict-to")):
        assert offered(*words, "runs/d") == [run]
    assert offered("card", f"{run}:step-000004") == [f"{run}:step-000004"]
    assert offered("card", f"{run}:") == [
        f"{run}:{n}" for n in ("base", "step-000002", "step-000004")
    ]
    there = str(tmp_path / run)
    assert offered("report", "--out", str(tmp_path), str(tmp_path)) == [there]


def test_a_run_whose_name_no_shell_can_be_told_is_not_offered(tmp_path: Path) -> None:
    for study in ("one", "two\nlines", os.fsdecode(b"no text \xff"), "[a]* b"):
        (tmp_path / "runs" / study / "m" / "d" / "gt-sft" / "seed-0").mkdir(parents=True)
    assert offered("report", "runs/") == [
        f"runs/{study}/m/d/gt-sft/seed-0" for study in ("[a]* b", "one")
    ]


def test_without_a_run_there_are_files() -> None:
    [item] = ShellComplete(group, {}, "forget", VARIABLE).get_completions(["card"], "che")
    assert (item.value, item.type) == ("che", "file")


def test_what_is_wrong_offers_nothing(tmp_path: Path) -> None:
    (tmp_path / "forget.toml").write_text("[[[")
    assert offered("run", "--study", "d") == []
    assert offered("run", "--method", "") == []


# --- shells


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_for_each_shell(shell: str) -> None:
    said = CliRunner().invoke(group, ["completion", shell])
    assert said.exit_code == 0
    assert f"{VARIABLE}={shell}_complete" in said.stdout
    assert CliRunner().invoke(group, ["completion", "tcsh"]).exit_code == 2


def test_bash_takes_the_part_behind_its_own_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(words: str, index: int) -> list[str]:
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(index))
        return Bash(group, {}, "forget", VARIABLE).complete().splitlines()

    assert asked("forget run --set lr_schedule = li", 5) == ["plain,linear"]
    assert asked("forget run --set lr_schedule =", 4) == [
        "plain,cosine", "plain,linear", "plain,constant_with_warmup",
    ]  # fmt: skip
    assert asked("forget run --set lr_sch", 3) == ["plain,lr_schedule="]
    assert asked("forget run --set lr = 1 --method gt", 7) == ["plain,gt-sft"]
    assert asked("forget run --method", 3)[0] == "plain,gt-sft"


@pytest.mark.slow
@pytest.mark.skipif(BASH is None, reason="bash is not installed")
def test_in_bash(tmp_path: Path) -> None:
    """A line is typed, bash takes it apart as it does, and calls what the script has set up."""
    script = r"""
eval "$(forget completion bash)"
complete -p forget
compopt() { printf 'compopt %s %s\n' "$@"; }
COMP_WORDS=(forget run --set lr_sch); COMP_CWORD=3; _forget_completion forget
echo "${COMPREPLY[@]}"
COMPREPLY=(); COMP_WORDS=(forget run --method gt); COMP_CWORD=3; _forget_completion forget
echo "${COMPREPLY[@]}"
COMPREPLY=(); COMP_WORDS=(forget card che); COMP_CWORD=2; _forget_completion forget
for typed in 'runs/my' 'runs/my\ st' '"runs/my'; do
    COMPREPLY=(); COMP_WORDS=(forget card "$typed"); COMP_CWORD=2; _forget_completion forget
    printf '%s\n' "${COMPREPLY[@]}"
done
"""
    run = "runs/my study/m/d/gt-sft/seed-0"
    (tmp_path / run).mkdir(parents=True)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [str(BASH), "-c", script], env={**os.environ, "PATH": path}, cwd=tmp_path,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines() == [
        "complete -o nosort -F _forget_completion forget",
        "compopt -o nospace", "lr_schedule=", "gt-sft", "compopt -o default",
        *[run.replace(" ", r"\ ")] * 2, run,
    ]  # fmt: skip
    assert done.stderr == ""


@pytest.mark.slow
@pytest.mark.parametrize("typed", ["r", "run --method g", "run --benchmarks mini_", "run --set l"])
def test_it_is_quick_and_loads_nothing_heavy(typed: str, tmp_path: Path) -> None:
    code = """
import os, sys, time
started = time.process_time()
from forget.cli import main
try:
    main()
except SystemExit:
    heavy = [name for name in ("torch", "transformers", "trl") if name in sys.modules]
    print(time.process_time() - started, *heavy)
"""
    words = ["forget", *typed.split()]
    asked = {
        VARIABLE: "bash_complete",
        "COMP_WORDS": " ".join(words),
        "COMP_CWORD": str(len(words) - 1),
    }
    times = []
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, **asked}, cwd=tmp_path,
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        *offers, last = done.stdout.splitlines()
        assert any(line.startswith("plain,") for line in offers)
        seconds, *heavy = last.split()
        assert heavy == []
        times.append(float(seconds))
    # Of the processor, which other processes do not lengthen much.
    print(f"forget {typed}<TAB>: {min(times):.3f} s; goal 0.3 s")
    assert min(times) < 0.6
