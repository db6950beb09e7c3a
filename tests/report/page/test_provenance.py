from __future__ import annotations

from forget.report.page.provenance import origins


def test_what_is_common_is_told_once() -> None:
    said = {
        "a": {"settings": {"lr": 1e-5, "seed": 0}, "provenance": {"git": "abc", "gpus": ["H200"]}},
        "b": {"settings": {"lr": 1e-5, "seed": 1}, "provenance": {"git": "abc"}},
    }
    found = origins(said)
    assert found.runs == ["a", "b"]
    assert found.common == {"settings.lr": "1e-05", "provenance.git": "abc"}
    assert found.differing == {"settings.seed": ["0", "1"], "provenance.gpus": ['["H200"]', ""]}


def test_of_one_run_all_is_common() -> None:
    found = origins({"a": {"settings": {"seed": 0}}})
    assert found.common == {"settings.seed": "0"}
    assert found.differing == {}


def test_nothing_is_known() -> None:
    assert origins({}) == ([], {}, {})
