"""What a plugin says it was written for, and what becomes of it."""

from __future__ import annotations

import importlib.metadata
import re
from typing import Any

import pytest

from fake_distributions import Site, method
from forget import compatibility, hooks
from forget.compatibility import ApiVersion, check_version
from forget.errors import PluginError
from forget.plugins import Plugins, load_plugins


@pytest.fixture
def site(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(compatibility, "API_VERSION", "2.3")
    return Site(tmp_path / "site", monkeypatch)


def broken(plugins: Plugins) -> dict[str, str]:
    """Return why plugins made for the test are broken; ours are for another version here."""
    made = [b for b in plugins.broken if b.provider.distribution != "forget-llm"]
    return {b.provider.plugin: b.reason for b in made}


def declared(version: Any) -> str:
    return f"FORGET_API_VERSION = {version!r}\n"


@pytest.mark.parametrize("version", ["2.3", "2.0", None])
def test_one_that_fits_is_loaded(site: Site, version: str | None) -> None:
    site.install("made-good", method("made") + (declared(version) if version else ""))
    plugins = load_plugins()
    assert "made" in plugins.all("methods")
    assert plugins.loaded["made-good"].api_version == (version or "2.3")


@pytest.mark.parametrize(
    ("version", "remedy"),
    [
        ("2.4", "Upgrade forget: pip install --upgrade forget-llm"),
        ("2.10", "Upgrade forget: pip install --upgrade forget-llm"),
        ("3.0", "Upgrade forget: pip install --upgrade forget-llm"),
        (
            "1.9",
            "Ask for a version of made-other that is written for 2.0 or later: "
            "pip install --upgrade made-other",
        ),
    ],
)
def test_one_for_another_version_is_set_apart(site: Site, version: str, remedy: str) -> None:
    site.install("made-other", method("other") + declared(version))
    site.install("made-good", method("made") + declared("2.1"))
    plugins = load_plugins()
    ours = importlib.metadata.version("forget-llm")
    assert broken(plugins)["made-other"] == (
        f"it is written for version {version} of the plugin API, and this forget (forget-llm "
        f"{ours}) has 2.3. {remedy}"
    )
    assert set(plugins.all("methods")) & {"other", "made"} == {"made"}


@pytest.mark.parametrize("version", [1.0, 1, "1", "1.0.0", "01.0", "", "newest", (1, 0), ["1.0"]])
def test_what_is_no_version_is_set_apart(version: Any) -> None:
    with pytest.raises(PluginError) as caught:
        check_version(version, "made")
    assert str(caught.value) == (
        f'FORGET_API_VERSION must be a text such as "{hooks.API_VERSION}", but is {version!r}.'
    )


def test_a_package_speaks_for_its_modules(site: Site) -> None:
    site.install("made-package", declared("9.0"), plugin="made-top")
    package = site.folder / "made_package"
    package.mkdir()
    (site.folder / "made_package.py").rename(package / "__init__.py")
    (package / "one.py").write_text(method("one"))
    (package / "two.py").write_text(method("two") + declared("2.0"))
    points = {"made-one": "made_package.one", "made-two": "made_package.two"}
    site.metadata("made-parts", points)
    plugins = load_plugins()
    assert broken(plugins).keys() == {"made-top", "made-one"}
    assert plugins.loaded["made-two"].api_version == "2.0"


def test_an_import_that_fails_is_explained_by_the_version(site: Site) -> None:
    site.install("made-package", declared("2.7"), plugin="made-top")
    package = site.folder / "made_package"
    package.mkdir()
    (site.folder / "made_package.py").rename(package / "__init__.py")
    (package / "late.py").write_text("from forget.hooks import no_such_name\n")
    site.metadata("made-parts", {"made-late": "made_package.late"})
    assert re.match(
        r"ImportError: cannot import name 'no_such_name' .*; it is written for version 2\.7 of",
        broken(load_plugins())["made-late"],
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("requirement", "needed"),
    [
        ("forget-llm>=900", "forget-llm>=900"),
        ("Forget_LLM (<0.0.1)", "Forget_LLM<0.0.1"),
        ("forget-llm>=0", None),
        ("forget-other>=900", None),
        ('forget-llm>=900; extra == "newest"', None),
        ("not a requirement at all!", None),
    ],
)
def test_an_import_that_fails_is_explained_by_the_distribution(
    site: Site, requirement: str, needed: str | None
) -> None:
    site.install("made-new", "from forget.hooks import no_such_name\n")
    [metadata] = site.folder.glob("made_new-*/METADATA")
    metadata.write_text(f"{metadata.read_text()}Requires-Dist: {requirement}\n")
    reason, _, why = broken(load_plugins())["made-new"].partition("; ")
    assert reason.startswith("ImportError: cannot import name 'no_such_name'")
    ours = importlib.metadata.version("forget-llm")
    wanted = (needed or "").lower().replace("_", "-")
    said = f"it needs {needed}, and this is forget-llm {ours}: pip install '{wanted}'"
    assert why == (said if needed else "")


def test_a_source_tree_has_no_version(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> str:
        raise importlib.metadata.PackageNotFoundError

    monkeypatch.setattr(compatibility, "version", missing)
    site.install("made-new", "from forget.hooks import no_such_name\n")
    site.install("made-other", method("other") + declared("3.0"))
    reasons = broken(load_plugins())
    assert "; " not in reasons["made-new"]
    assert "this forget (forget-llm) has 2.3" in reasons["made-other"]


def test_versions_are_numbers_and_not_texts() -> None:
    assert ApiVersion.parse("1.10") > ApiVersion.parse("1.9")
    assert str(ApiVersion.parse("1.10")) == "1.10"


def test_the_hooks_are_those_that_are_specified() -> None:
    specified = {name for name in dir(hooks) if hasattr(getattr(hooks, name), "forget_spec")}
    assert set(hooks.HOOKS) == specified
    assert ApiVersion.parse(hooks.API_VERSION)


def test_our_own_plugins_say_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORGET_PLUGINS", raising=False)
    for point in importlib.metadata.entry_points(group="forget"):
        if point.value.startswith("forget_") and point.dist and point.dist.name == "forget-llm":
            point.load()
            assert compatibility.written_for(point.module) == hooks.API_VERSION
