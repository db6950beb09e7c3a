"""Each way to deprecate something, on something made up."""

from __future__ import annotations

import inspect
import warnings
from pathlib import Path
from typing import Any

import attrs
import pytest
from typing_extensions import deprecated

from forget.catalogue import load_catalogue
from forget.convert import BadValue, structure
from forget.deprecation import (
    DeprecatedSettingWarning,
    Deprecation,
    ForgetDeprecationWarning,
    RenamedMember,
    deprecated_field,
    deprecated_fields,
)
from forget.errors import SettingsError
from forget.settings import build, describe, setting, setting_names

RENAMED = Deprecation(since="0.3", removed_in="0.5", instead="Write learning_rate")
GOING = Deprecation(since="0.4", removed_in="0.6", instead="Leave it out: it changes nothing")
SAID = "is deprecated since forget 0.3 and will be gone in 0.5. Write learning_rate."


@deprecated_field("momentum", GOING)
@deprecated_field("lr", RENAMED, now="learning_rate")
@attrs.frozen(kw_only=True)
class Settings:
    learning_rate: float = setting(1e-5, "peak learning rate", minimum=0)
    momentum: float = setting(0.9, "nothing any more")


@attrs.frozen(kw_only=True)
class Derived(Settings):
    other: int = setting(1, "another one")


# --- what authors see


def test_the_constructor_takes_the_old_name() -> None:
    with pytest.warns(ForgetDeprecationWarning, match="^The field 'lr' of Settings is") as caught:
        made = Settings(lr=1e-3)  # type: ignore[call-arg]
    assert str(caught[0].message) == f"The field 'lr' of Settings {SAID}"
    assert caught[0].filename == __file__
    assert made == Settings(learning_rate=1e-3)


def test_the_old_name_can_be_read() -> None:
    for made in (Settings(learning_rate=2.0), Derived(learning_rate=2.0)):
        with pytest.warns(ForgetDeprecationWarning, match="'lr' of Settings") as caught:
            assert made.lr == 2.0  # type: ignore[attr-defined]
        assert caught[0].filename == __file__


def test_a_copy_takes_the_old_name_over_the_new() -> None:
    with pytest.warns(ForgetDeprecationWarning):
        assert attrs.evolve(Settings(), lr=3.0).learning_rate == 3.0  # type: ignore[call-arg]


def test_a_field_without_successor_works_until_it_goes() -> None:
    with pytest.warns(ForgetDeprecationWarning, match="'momentum' of Settings .*changes nothing"):
        assert Settings(momentum=0.5).momentum == 0.5


def test_what_does_not_use_it_hears_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = Settings(learning_rate=1.0)
        assert attrs.asdict(made) == {"learning_rate": 1.0, "momentum": 0.9}
        assert hash(made) == hash(Settings(learning_rate=1.0))
        assert "lr" not in inspect.signature(Settings).parameters
        assert [info.name for info in describe(Settings)] == ["learning_rate", "momentum"]


@pytest.mark.parametrize(("name", "now"), [("nothing", None), ("other", "learning_rate")])
def test_a_name_that_cannot_be_deprecated(name: str, now: str | None) -> None:
    with pytest.raises(AssertionError):
        deprecated_field(name, GOING, now=now)(attrs.define(type("Odd", (Derived,), {})))
    with pytest.raises(AssertionError, match="no field 'nowhere'"):
        deprecated_field("old", GOING, now="nowhere")(Derived)


def test_functions_and_classes_by_the_standard_decorator() -> None:
    @deprecated(RENAMED.of("made.train"), category=ForgetDeprecationWarning)
    def train() -> int:
        return 1

    with pytest.warns(ForgetDeprecationWarning, match=f"made.train {SAID}") as caught:
        assert train() == 1
    assert caught[0].filename == __file__


def test_a_member_that_is_there_already_is_left_alone() -> None:
    class Record:
        old, new = 1, 2

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        record = Record()
        RenamedMember("old", "new", RENAMED).take(record, "it")
        RenamedMember("absent", "nothing", RENAMED).take(record, "it")
    assert record.new == 2
    assert not hasattr(record, "nothing")


def test_python_hides_the_one_and_shows_the_other() -> None:
    assert issubclass(ForgetDeprecationWarning, DeprecationWarning)
    assert issubclass(DeprecatedSettingWarning, FutureWarning)
    assert not issubclass(DeprecatedSettingWarning, DeprecationWarning)


def test_a_plugin_deprecates_what_is_its_own() -> None:
    own = attrs.evolve(RENAMED, of_what="forget-made", since="1.2", removed_in="2.0")
    assert own.of("It") == (
        "It is deprecated since forget-made 1.2 and will be gone in 2.0. Write learning_rate."
    )


# --- what users see: settings


@pytest.mark.parametrize("cls", [Settings, Derived])
def test_a_setting_under_its_old_name(cls: type) -> None:
    with pytest.warns(DeprecatedSettingWarning) as caught:
        built = build(cls, {"lr": "1e-3"}, where="method x")
    assert built == cls(learning_rate=1e-3)
    assert [str(c.message) for c in caught] == [f"The setting 'lr' of method x {SAID}"]


def test_a_later_layer_wins_under_either_name() -> None:
    with pytest.warns(DeprecatedSettingWarning):
        assert build(Settings, {"learning_rate": 1}, {"lr": 2}, where="").learning_rate == 2
    with pytest.warns(DeprecatedSettingWarning):
        assert build(Settings, {"lr": 1}, {"learning_rate": 2}, where="").learning_rate == 2


def test_a_setting_under_both_names_is_refused() -> None:
    with pytest.raises(SettingsError) as caught:
        build(Settings, {"lr": 1, "learning_rate": 2}, where="method x")
    assert str(caught.value) == (
        "The setting 'lr' of method x is called 'learning_rate' now, and is there under both "
        "names. Leave 'lr' out."
    )


def test_a_setting_that_is_to_go() -> None:
    with pytest.warns(DeprecatedSettingWarning, match="'momentum' of method x is deprecated since"):
        assert build(Settings, {"momentum": "0.5"}, where="method x").momentum == 0.5


def test_limits_and_unknown_names_speak_of_the_new_name() -> None:
    with (
        pytest.warns(DeprecatedSettingWarning),
        pytest.raises(SettingsError, match="'learning_rate' of method x must be at least 0"),
    ):
        build(Settings, {"lr": -1}, where="method x")
    with pytest.raises(SettingsError, match=r"Its settings: learning_rate, momentum\.$"):
        build(Settings, {"nothing": 1}, where="method x")


def test_the_names_of_settings_include_the_old_ones() -> None:
    assert setting_names(Derived) == {"lr", "learning_rate", "momentum", "other"}
    assert set(deprecated_fields(Derived)) == {"lr", "momentum"}
    assert deprecated_fields(int) == {}


# --- what users see: registry files


@deprecated_field(
    "about", Deprecation(since="0.3", removed_in="0.5", instead="Write summary"), now="summary"
)
@attrs.frozen(kw_only=True)
class Entry:
    summary: str
    items: int = 1


def test_a_key_under_its_old_name() -> None:
    with pytest.warns(DeprecatedSettingWarning, match="^The key 'about' is deprecated .*summary"):
        assert structure({"about": "s"}, Entry) == Entry(summary="s")
    assert structure({"summary": "s"}, Entry) == Entry(summary="s")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"about": "s", "summary": "t"}, "The key 'about' is called 'summary' now"),
        ({"summary": "s", "itmes": 2}, "unknown key 'itmes' .did you mean 'items'.*"),
        ({"items": 2}, "summary: is missing"),
        (["s"], "must be a table"),
    ],
)
def test_a_record_with_an_old_name_is_checked_like_any_other(data: Any, problem: str) -> None:
    with pytest.raises(BadValue, match=problem):
        structure(data, Entry)


def test_a_registry_file_may_have_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forget.catalogue.Catalogue.__annotations__", {"methods": dict[str, Entry]})
    monkeypatch.setattr("forget.catalogue.shipped_file", lambda name: tmp_path / "shipped.toml")
    monkeypatch.setattr("forget.catalogue._references", lambda _: ())
    (tmp_path / "shipped.toml").write_text("[methods.made]\nabout = 'a method'\n")
    with pytest.warns(DeprecatedSettingWarning, match="'about'"):
        found = load_catalogue(folder=tmp_path).methods["made"]
    assert found.summary == "a method"
