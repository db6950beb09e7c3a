"""The registry files that were read, plugins that are there, and each that is broken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fake_distributions import Site, method
from forget.catalogue import registry_files
from forget.doctor.diagnosis import Found
from forget.doctor.plugins import plugins
from forget.session import Session

Open = Callable[..., Session]


def look(session: Session) -> dict[str, Found]:
    return {check.name: check.look() for check in plugins(session)}


def test_those_that_ship(open_lazily: Open) -> None:
    found = look(open_lazily())
    assert list(found) == ["registry", "installed"]
    assert found["registry"].text == str(registry_files()[0])
    assert found["installed"].text.startswith("6 methods, 4 datasets, 3 teachers")
    assert " of forget-llm " in found["installed"].text


def test_registry_files_in_their_order(open_lazily: Open, tmp_path: Path) -> None:
    extra = tmp_path / "more.toml"
    open_lazily()  # goes to the folder
    for file in (extra, tmp_path / "forget.toml"):
        file.write_text("")
    text = look(open_lazily(registries=[extra]))["registry"].text
    shipped = registry_files()[0]
    assert text == f"{shipped}, then {tmp_path}/forget.toml, then {extra}; the last one wins"


def test_those_of_others(
    open_lazily: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(tmp_path / "site", monkeypatch)
    site.install("forget-made", method("made"), version="2.1")
    site.install("forget-bad", "import no_such_module\n", version="0.3")
    found = look(open_lazily())
    assert "7 methods" in found["installed"].text
    assert "forget-made 2.1" in found["installed"].text
    bad = found["forget-bad"]
    assert (bad.state, bad.remedy) == ("note", "mend it, or: pip uninstall forget-bad")
    assert bad.text.startswith("broken (forget-bad 0.3): ")
    assert "no_such_module" in bad.text


def test_none(open_lazily: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    open_lazily()
    monkeypatch.setenv("FORGET_PLUGINS", "")
    found = look(open_lazily())["installed"]
    assert (found.state, "unset FORGET_PLUGINS" in found.remedy) == ("problem", True)
    monkeypatch.setattr("forget.discovery.entry_points", lambda group: [])
    monkeypatch.delenv("FORGET_PLUGINS")
    found = look(open_lazily())["installed"]
    assert (found.state, found.command) == ("problem", "pip install forget-llm")


def test_some(open_lazily: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    open_lazily()
    monkeypatch.setenv("FORGET_PLUGINS", "gt-sft,gsm8k")
    found = look(open_lazily())["installed"]
    assert found.text.startswith("1 methods, 1 datasets, 0 teachers, 0 benchmarks of forget-llm ")
    assert found.text.endswith("; FORGET_PLUGINS=gt-sft,gsm8k leaves others out")
