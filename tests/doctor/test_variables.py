"""Variables that are set, what they do, and those that nobody reads."""

from __future__ import annotations

import os

import pytest

from forget.doctor.variables import _MEANINGS, variables


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name in _MEANINGS or name.startswith("FORGET_")]:
        monkeypatch.delenv(name)


def test_nothing_is_said_of_what_is_not_set() -> None:
    assert list(variables()) == []


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("HF_HUB_OFFLINE", "1", "1: models are not fetched from the Hub"),
        ("HF_HUB_OFFLINE", "0", "'0', which is as good as not set"),
        ("CUDA_VISIBLE_DEVICES", "2,3", "2,3: the only GPUs that are used"),
        ("CUDA_VISIBLE_DEVICES", "", "'': the only GPUs that are used"),
        ("TOKENIZERS_PARALLELISM", "true", "true: whether tokenizers use all cores"),
        ("FORGET_DATA", "/data", "/data: the data mirror, unless --data names another"),
    ],
)
def test_what_is_set(name: str, value: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    [check] = variables()
    assert (check.area, check.name) == ("variables", name)
    assert check.look() == (text, "fine", "", "")


@pytest.mark.parametrize("name", ["HF_TOKEN", "HTTPS_PROXY"])
def test_no_secret_is_shown(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "hf_abcdef")
    [check] = variables()
    assert check.look().text.startswith("set: ")


def test_what_commands_set_themselves_is_no_news(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    assert list(variables()) == []


@pytest.mark.parametrize(
    ("name", "meant"),
    [("FORGET_DATE", ", or set what is meant: FORGET_DATA"), ("FORGET_XYZZY_PLUGH_QUUX", "")],
)
def test_a_variable_that_nobody_reads(
    name: str, meant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "secret")
    [check] = variables()
    found = check.look()
    assert found.state == "note"
    assert "secret" not in found.text
    assert found.remedy.startswith(f"unset {name}{meant}")
