from __future__ import annotations

from typing import Any, Literal

import attrs
import pytest

from forget.errors import SettingsError
from forget.method import TrainingSettings
from forget.settings import SettingInfo, build, describe, parse_assignments, setting


@attrs.frozen(kw_only=True)
class Settings:
    lr: float = setting(1e-5, "learning rate", minimum=0)
    share: float = setting(0.5, "a share", minimum=0, maximum=1)
    ceiling: int = setting(1, "at most five", maximum=5)
    steps: int | None = setting(None, "steps", minimum=1)
    schedule: Literal["cosine", "linear"] = setting("cosine", "schedule")
    names: tuple[str, ...] = setting((), "names")
    flag: bool = setting(False, "flag")


def test_defaults_hold_where_nobody_says_otherwise() -> None:
    assert build(Settings, where="here") == Settings()


def test_later_layers_win_and_texts_convert() -> None:
    found = build(
        Settings,
        {"lr": 1e-3, "steps": 5},
        {"lr": "2e-4", "flag": "yes"},
        {"names": "a,b"},
        where="",
    )
    assert found == Settings(lr=2e-4, steps=5, flag=True, names=("a", "b"))


def test_a_later_layer_can_take_a_value_away() -> None:
    assert build(Settings, {"steps": 5}, {"steps": "none"}, where="").steps is None


def test_an_unknown_setting_is_answered_by_the_nearest_and_by_all() -> None:
    with pytest.raises(SettingsError) as caught:
        build(Settings, {"shedule": "linear"}, where="method gt-sft")
    text = str(caught.value)
    assert "There is no setting 'shedule' of method gt-sft. Did you mean schedule" in text
    assert "Its settings: lr, share, ceiling, steps, schedule, names, flag." in text


def test_an_unknown_setting_unlike_all() -> None:
    with pytest.raises(SettingsError) as caught:
        build(Settings, {"qqq": 1}, where="method gt-sft")
    assert "Did you mean" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "type_"),
    [
        ("lr", "fast", "number"),
        ("lr", True, "number"),
        ("steps", 1.5, r"integer \| none"),
        ("schedule", "square", r"cosine \| linear"),
        ("names", 3, "list of text"),
        ("flag", "perhaps", r"true \| false"),
    ],
)
def test_a_wrong_type_names_setting_owner_and_type(name: str, value: Any, type_: str) -> None:
    with pytest.raises(SettingsError, match=f"'{name}' of method x must be {type_}, but is"):
        build(Settings, {name: value}, where="method x")


@pytest.mark.parametrize(
    ("name", "value", "limits"),
    [
        ("lr", -1e-9, "at least 0"),
        ("lr", "nan", "at least 0"),
        ("share", 1.01, "between 0 and 1"),
        ("share", -0.01, "between 0 and 1"),
        ("share", float("nan"), "between 0 and 1"),
        ("steps", 0, "at least 1"),
        ("ceiling", 6, "at most 5"),
    ],
)
def test_a_value_out_of_range_names_the_limits(name: str, value: Any, limits: str) -> None:
    with pytest.raises(SettingsError, match=f"'{name}' of method x must be {limits}, but is"):
        build(Settings, {name: value}, where="method x")


@pytest.mark.parametrize(
    ("name", "value"), [("lr", 0), ("share", 0), ("share", 1), ("steps", 1), ("ceiling", 5)]
)
def test_the_limits_themselves_are_valid(name: str, value: Any) -> None:
    assert getattr(build(Settings, {name: value}, where=""), name) == value


def test_describe_lists_name_type_default_and_help_in_order() -> None:
    infos = describe(Settings)
    assert infos[0] == SettingInfo("lr", "number", 1e-5, "learning rate")
    assert infos[3] == SettingInfo("steps", "integer | none", None, "steps")
    assert [info.name for info in infos] == [f.name for f in attrs.fields(Settings)]


@pytest.mark.parametrize("info", describe(TrainingSettings), ids=lambda info: info.name)
def test_every_training_setting_has_help_and_a_valid_default(info: SettingInfo) -> None:
    assert len(info.help.split()) >= 2
    built = build(TrainingSettings, {info.name: info.default}, where="")
    assert getattr(built, info.name) == info.default


@pytest.mark.parametrize(
    "name",
    [f.name for f in attrs.fields(TrainingSettings) if isinstance(f.default, float)],
)
def test_no_training_setting_takes_nan(name: str) -> None:
    with pytest.raises(SettingsError):
        build(TrainingSettings, {name: "nan"}, where="")


def test_assignments_become_texts_by_name() -> None:
    found = parse_assignments(["lr=1e-5", " lora-rank = 8 ", "note=a=b", "steps=", "lr=2"])
    assert found == {"lr": "2", "lora_rank": "8", "note": "a=b", "steps": ""}
    assert parse_assignments([]) == {}


@pytest.mark.parametrize("assignment", ["lr", "=3", "  =3", ""])
def test_an_assignment_without_name_or_value_is_refused(assignment: str) -> None:
    with pytest.raises(SettingsError, match=r"--set takes NAME=VALUE, but got .*--set lr=1e-5"):
        parse_assignments([assignment])
