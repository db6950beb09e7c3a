from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterable
from pathlib import Path

import pluggy
import pytest

import forget.plugins
from fake_distributions import Site, method
from forget import hooks
from forget.catalogue import Catalogue, Entry, load_catalogue
from forget.deprecation import Deprecation, ForgetDeprecationWarning, RenamedMember
from forget.errors import PluginError, UnknownNameError
from forget.plugins import Broken, Plugins, Provider, load_plugins

OURS = {"gt-sft", "arithmetic", "gsm8k", "core10", "mini"}
DATASET = """
from forget.hooks import hookimpl

class Made:
    name = "made-data"
    title = "Made"
    summary = "made for a test"
    max_new_tokens = 8
    def load(self, split, data): return []
    def prompt(self, example): return []
    def verify(self, example, completion): raise NotImplementedError

@hookimpl
def forget_datasets():
    yield Made()
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    return Site(tmp_path / "site", monkeypatch)


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return load_catalogue(folder=tmp_path)


def broken_by_name(plugins: Plugins) -> dict[str, Broken]:
    return {broken.provider.plugin: broken for broken in plugins.broken}


# --- what works


def test_our_own_plugins_come_by_the_same_entry_points(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORGET_PLUGINS", raising=False)
    points = importlib.metadata.entry_points(group="forget")
    assert {p.name for p in points} >= OURS
    plugins = load_plugins()
    assert {p.provider.plugin for p in plugins.all("benchmarks").values()} == {"core10", "mini"}
    found = plugins.all("datasets")["arithmetic"].provider
    version = importlib.metadata.version("forget-llm")
    assert found == Provider("arithmetic", "forget-llm", version)


def test_a_plugin_is_found_with_its_provenance(site: Site, catalogue: Catalogue) -> None:
    site.install("forget-made", method("made"), plugin="made-things", version="2.5")
    plugins = load_plugins()
    found = plugins.get("methods", "made", catalogue)
    assert found.record.title == "Made"
    assert found.provider == Provider("made-things", "forget-made", "2.5")
    assert str(found.provider) == "forget-made 2.5"
    assert not plugins.broken
    [line] = [line for line in plugins.listing("methods", catalogue) if line.name == "made"]
    assert (line.kind, line.status, line.provider) == ("method", "installed", "forget-made 2.5")
    assert line.summary == "made for a test"
    assert line.remedy == ""


def test_one_plugin_may_bring_several_kinds(site: Site) -> None:
    site.install("made-both", method("made-m") + DATASET.replace("Made", "Other"))
    plugins = load_plugins()
    assert "made-m" in plugins.all("methods")
    assert "made-data" in plugins.all("datasets")


def test_what_is_not_in_the_registry_comes_last_by_name(site: Site, catalogue: Catalogue) -> None:
    site.install("made-b", method("zz-b"))
    site.install("made-a", method("aa-a"))
    names = [line.name for line in load_plugins().listing("methods", catalogue)]
    assert names == [*catalogue.methods, "aa-a", "zz-b"]


def test_one_distribution_seen_twice_is_no_conflict(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.install("made-twice", method("made"))
    Site(tmp_path / "other", monkeypatch).metadata("made-twice", {"made-twice": "made_twice"})
    assert load_plugins().all("methods")["made"].provider.distribution == "made-twice"


# --- what is broken is listed, and the rest works


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import no_such_module_anywhere", "ModuleNotFoundError: No module named 'no_such_mod"),
        ("def f(:", "SyntaxError: "),
        (
            "raise RuntimeError('first line\\n  second line')",
            "RuntimeError: first line second line",
        ),
        ("import sys\nsys.exit('not here')", "SystemExit: not here"),
        (
            "class Mute(Exception):\n    def __str__(self): raise ValueError\nraise Mute",
            "Mute: it does not say why",
        ),
    ],
)
def test_a_plugin_whose_import_fails(
    site: Site, catalogue: Catalogue, code: str, reason: str
) -> None:
    site.install("made-broken", code)
    site.install("made-good", method("made"))
    plugins = load_plugins()
    [broken] = plugins.broken
    assert broken.provider == Provider("made-broken", "made-broken", "1.0")
    assert broken.reason.startswith(reason)
    assert "\n" not in broken.reason
    assert plugins.get("methods", "made", catalogue)
    assert "arithmetic" in plugins.all("datasets")


def test_an_entry_point_whose_attribute_is_missing(site: Site) -> None:
    site.install("made-good", method("made"))
    site.metadata("made-attr", {"made-attr": "made_good:nothing"})
    plugins = load_plugins()
    assert "AttributeError" in broken_by_name(plugins)["made-attr"].reason
    assert "made" in plugins.all("methods")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("    raise ValueError('out of order')\n    yield", "ValueError: out of order"),
        ("    pass", "TypeError: 'NoneType' object is not iterable"),
    ],
)
def test_a_hook_that_fails(site: Site, body: str, reason: str) -> None:
    site.install(
        "made-hook",
        f"from forget.hooks import hookimpl\n@hookimpl\ndef forget_datasets():\n{body}\n",
    )
    plugins = load_plugins()
    assert "arithmetic" in plugins.all("datasets")
    assert broken_by_name(plugins)["made-hook"].reason == reason
    plugins.all("datasets")
    assert len(plugins.broken) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "attribute", ["name", "title", "summary", "paper", "settings", "needs", "prepare", "train"]
)
def test_a_method_that_lacks_an_attribute(site: Site, attribute: str) -> None:
    site.install("made-part", method("made", without=attribute))
    plugins = load_plugins()
    assert "made" not in plugins.all("methods")
    assert broken_by_name(plugins)["made-part"].reason == (
        f"forget_methods yielded something that is no Method: it lacks {attribute}."
    )


@pytest.mark.slow
@pytest.mark.parametrize("member", ["name", "title", "summary"])
@pytest.mark.parametrize("value", ["['made']", "None", "''", "7"])
def test_a_method_whose_words_are_none(site: Site, member: str, value: str) -> None:
    code = re.sub(rf"    {member} = .*", f"    {member} = {value}", method("made"))
    site.install("made-part", code)
    plugins = load_plugins()
    assert "gt-sft" in plugins.all("methods")
    assert broken_by_name(plugins)["made-part"].reason == (
        f"forget_methods yielded a method whose {member} is no text, but {value}."
    )


def test_a_hook_that_wants_to_end_the_command(site: Site) -> None:
    site.install("made-exit", method("made").replace("yield Made()", "raise SystemExit(3)"))
    plugins = load_plugins()
    assert "gt-sft" in plugins.all("methods")
    assert broken_by_name(plugins)["made-exit"].reason == "SystemExit: 3"


def test_what_an_import_prints_is_no_answer(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.install("made-loud", "print('a banner')\n" + method("made"))
    assert "made" in load_plugins().all("methods")
    assert tuple(capsys.readouterr()) == ("", "a banner\n")


def test_a_dataset_that_lacks_two(site: Site) -> None:
    site.install("made-part", DATASET.replace("max_new_tokens", "tokens").replace("verify", "x"))
    plugins = load_plugins()
    assert "made-data" not in plugins.all("datasets")
    assert "it lacks max_new_tokens, verify." in broken_by_name(plugins)["made-part"].reason


def test_a_benchmark_that_is_something_else(site: Site) -> None:
    code = (
        "from forget.hooks import hookimpl\n"
        "@hookimpl\ndef forget_benchmarks():\n    yield {'name': 'x'}\n"
    )
    site.install("made-dict", code)
    plugins = load_plugins()
    assert "mmlu" in plugins.all("benchmarks")
    reason = broken_by_name(plugins)["made-dict"].reason
    assert reason.startswith("forget_benchmarks yielded something that is no Benchmark: it lacks")
    assert "metric" in reason


def test_a_class_in_place_of_an_object(site: Site) -> None:
    site.install("made-class", method("made").replace("Made()", "Made"))
    plugins = load_plugins()
    assert "made" not in plugins.all("methods")
    reason = broken_by_name(plugins)["made-class"].reason
    assert "is the class Made; yield an object of it, Made()" in reason


def test_what_a_broken_plugin_would_bring_says_why(site: Site, tmp_path: Path) -> None:
    site.install("made-broken", "import no_such_module_anywhere", plugin="made", version="3.1")
    plugins, catalogue = load_plugins(), load_catalogue(folder=tmp_path)
    catalogue.methods["made"] = Entry(title="Made", summary="s", install="pip install made-broken")
    [line] = [line for line in plugins.listing("methods", catalogue) if line.name == "made"]
    assert (line.status, line.provider) == ("broken", "made-broken 3.1")
    assert "no_such_module_anywhere" in line.remedy
    with pytest.raises(
        PluginError, match=r"method 'made' .*\(made-broken 3\.1\) is broken: Module"
    ):
        plugins.get("methods", "made", catalogue)


def test_a_name_that_a_broken_plugin_may_have_brought(site: Site, catalogue: Catalogue) -> None:
    site.install("made-broken", "import no_such_module_anywhere")
    with pytest.raises(
        UnknownNameError, match=r"'made-broken' \(made-broken 1\.0\) is broken: Mod"
    ):
        load_plugins().get("methods", "whatever-it-brings", catalogue)


# --- hooks that there are not


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        ("forget_method()", r"^it implements a hook 'forget_method', which version 1\.0 of the"),
        ("forget_methods(config)", "^PluginValidationError: .*'config'"),
    ],
)
def test_a_hook_that_is_not_of_the_contract(site: Site, function: str, reason: str) -> None:
    site.install("made-typo", method("made").replace("forget_methods()", function))
    site.install("made-good", DATASET)
    plugins = load_plugins()
    assert re.search(reason, broken_by_name(plugins)["made-typo"].reason)
    assert "made" not in plugins.all("methods")
    assert "made-data" in plugins.all("datasets")


def test_an_unknown_hook_names_those_there_are_and_how_to_get_others(site: Site) -> None:
    site.install("made-typo", method("made").replace("def forget_methods", "def forget_method"))
    reason = broken_by_name(load_plugins())["made-typo"].reason
    for hook in ("forget_methods", "forget_datasets", "forget_teachers", "forget_benchmarks"):
        assert hook in reason
    assert reason.endswith("if a newer forget has it: pip install --upgrade forget-llm")


def test_a_hook_of_newer_versions_may_be_optional(site: Site) -> None:
    optional = "\n@hookimpl(optionalhook=True)\ndef forget_metrics():\n    yield 1\n"
    site.install("made-both", method("made") + optional)
    plugins = load_plugins()
    assert not plugins.broken
    assert "made" in plugins.all("methods")


def test_a_hook_that_is_to_go_warns_and_works(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    hookspec = pluggy.HookspecMarker("forget")
    going = Deprecation(since="0.3", removed_in="0.5", instead="Yield them from forget_datasets")

    def forget_corpora(path: str, mode: str) -> Iterable[str]:
        raise NotImplementedError

    spec = hookspec(
        warn_on_impl=going.warning("The hook forget_corpora"),
        warn_on_impl_args={"mode": going.warning("The argument 'mode' of forget_corpora")},
    )(forget_corpora)
    monkeypatch.setattr(hooks, "forget_corpora", spec, raising=False)
    site.install(
        "made-old",
        method("made") + "\n@hookimpl\ndef forget_corpora(mode):\n    return []\n",
    )
    with pytest.warns(ForgetDeprecationWarning) as caught:
        plugins = load_plugins()
    assert [str(warning.message) for warning in caught] == [
        f"{what} is deprecated since forget 0.3 and will be gone in 0.5. Yield them from "
        "forget_datasets."
        for what in ("The hook forget_corpora", "The argument 'mode' of forget_corpora")
    ]
    assert {Path(warning.filename).name for warning in caught} == {"made_old.py"}
    assert not plugins.broken
    assert "made" in plugins.all("methods")


def test_a_member_under_its_old_name(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    renamed = RenamedMember(
        "longest",
        "max_new_tokens",
        Deprecation(since="0.3", removed_in="0.5", instead="Call it max_new_tokens"),
    )
    monkeypatch.setattr(forget.plugins, "_RENAMED", {"datasets": [renamed]})
    site.install("made-old", DATASET.replace("max_new_tokens", "longest"))
    plugins = load_plugins()
    with pytest.warns(
        ForgetDeprecationWarning,
        match=r"The member 'longest' of a dataset of the plugin 'made-old' \(made-old 1\.0\) is",
    ):
        found = plugins.all("datasets")
    assert found["made-data"].record.max_new_tokens == 8
    assert not plugins.broken


# --- what is refused


def test_two_distributions_with_one_plugin_name(site: Site) -> None:
    site.install("made-one", method("made-1"), plugin="same", version="1.1")
    site.install("made-two", method("made-2"), plugin="same", version="2.2")
    with pytest.raises(PluginError) as caught:
        load_plugins()
    message = str(caught.value)
    assert "plugin named 'same'" in message
    assert "made-one 1.1" in message
    assert "made-two 2.2" in message


def test_a_distribution_that_takes_one_of_our_names(site: Site) -> None:
    site.install("made-thief", method("made"), plugin="gt-sft")
    with pytest.raises(PluginError, match="plugin named 'gt-sft'") as caught:
        load_plugins()
    assert "made-thief 1.0" in str(caught.value)
    assert "forget-llm" in str(caught.value)


def test_two_plugins_with_one_method_name(site: Site) -> None:
    site.install("made-one", method("same"), plugin="first", version="1.1")
    site.install("made-two", method("same"), plugin="second", version="2.2")
    plugins = load_plugins()
    with pytest.raises(PluginError) as caught:
        plugins.all("methods")
    message = str(caught.value)
    assert "method named 'same'" in message
    assert "'first' (made-one 1.1)" in message
    assert "'second' (made-two 2.2)" in message
    assert "arithmetic" in plugins.all("datasets")


def test_pending_says_how_to_install_it(catalogue: Catalogue) -> None:
    entry = Entry(title="Made", summary="s", install="pip install forget-made")
    catalogue.methods["made"] = entry
    plugins = load_plugins()
    with pytest.raises(
        PluginError, match=r"'made' \(Made\) is pending: .*: pip install forget-made"
    ):
        plugins.get("methods", "made", catalogue)
    [line] = [line for line in plugins.listing("methods", catalogue) if line.name == "made"]
    assert (line.status, line.remedy, line.provider) == ("pending", "pip install forget-made", "")


def test_unknown_names_the_nearest(catalogue: Catalogue) -> None:
    with pytest.raises(UnknownNameError) as caught:
        load_plugins().get("datasets", "gsm8", catalogue)
    message = str(caught.value)
    assert "There is no dataset named 'gsm8'. Did you mean 'gsm8k'?" in message
    assert "`forget list datasets`" in message


# --- FORGET_PLUGINS


@pytest.fixture
def two(site: Site) -> None:
    site.install("made-one", method("made-1"))
    site.install("made-two", method("made-2"))


@pytest.mark.parametrize(
    ("wanted", "methods"),
    [
        ("made-one", {"made-1"}),
        (" made-two , made-one,", {"made-1", "made-2"}),
        ("", set()),
    ],
)
@pytest.mark.usefixtures("two")
def test_a_subset(monkeypatch: pytest.MonkeyPatch, wanted: str, methods: set[str]) -> None:
    monkeypatch.setenv("FORGET_PLUGINS", wanted)
    plugins = load_plugins()
    assert set(plugins.all("methods")) == methods
    assert not plugins.all("datasets")


def test_a_subset_leaves_broken_plugins_alone(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.install("made-broken", "raise RuntimeError")
    monkeypatch.setenv("FORGET_PLUGINS", "arithmetic")
    plugins = load_plugins()
    assert not plugins.broken
    assert set(plugins.all("datasets")) == {"arithmetic"}


def test_an_unknown_plugin_in_the_subset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORGET_PLUGINS", "arithmetc")
    with pytest.raises(UnknownNameError, match=r"plugin named 'arithmetc'.*'arithmetic'.*FORGET_P"):
        load_plugins()
