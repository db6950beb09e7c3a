"""Who writes a setting under its old name is told so in a line, and gets what was meant."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pytest

from fake_distributions import RENAMED_SETTING, Site, method
from forget.cli import _warning_shower, main
from tiny_models import make_hollow_model

pytestmark = pytest.mark.filterwarnings(
    "default::forget.deprecation.DeprecatedSettingWarning"  # as it is for users
)

SAID = (
    "forget: The setting 'sharpness' of method made is deprecated since forget 0.3 and will be "
    "gone in 0.5. Write beta.\n"
)


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A study of two runs by a method that has such a setting."""
    site = Site(tmp_path / "site", monkeypatch)
    site.install("made-old", RENAMED_SETTING + method("made", settings="Settings"))
    model = make_hollow_model(tmp_path / "model")
    (tmp_path / "forget.toml").write_text(
        "[methods.made]\ntitle = 'Made'\nsummary = 's'\n"
        "[studies.mine]\nextends = 'demo'\nmethods = ['made']\nseeds = [0, 1]\n"
        "settings = { sharpness = 2 }\n"
    )
    monkeypatch.chdir(tmp_path)
    return ["run", "--study", "mine", "--model", str(model), "--dry-run", "--json"]


def settled(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[list[float], str]:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    said = capsys.readouterr()
    assert exit_.value.code == 0, said.err
    runs = json.loads(said.out)["runs"]
    return [run["settings"]["method_settings"]["beta"] for run in runs], said.err


def test_a_study_may_have_the_old_name(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert settled(command, capsys) == ([2.0, 2.0], SAID)


def test_so_may_the_command_line(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert settled([*command, "--set", "sharpness=3"], capsys) == ([3.0, 3.0], SAID)


def test_the_new_name_wins_over_the_study(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert settled([*command, "--set", "beta=4"], capsys) == ([4.0, 4.0], SAID)


def test_other_warnings_are_shown_as_python_shows_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown: list[object] = []
    monkeypatch.setattr(warnings, "showwarning", lambda *parts: shown.append(parts))
    _warning_shower()("something else", RuntimeWarning, "a.py", 3)
    assert shown == [("something else", RuntimeWarning, "a.py", 3)]
