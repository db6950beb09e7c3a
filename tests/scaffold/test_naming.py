"""What new plugins are called, and which names are refused, by whom they are taken."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from fake_distributions import Site, method
from forget.catalogue import Catalogue, load_catalogue
from forget.errors import RequestError
from forget.plugins import load_plugins
from forget.scaffold.naming import KINDS, PluginKind, check_free, names_of


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return load_catalogue(folder=tmp_path)


def refusal(name: str, kind: PluginKind, catalogue: Catalogue) -> str:
    with pytest.raises(RequestError) as failure:
        check_free(names_of(name, kind), catalogue, load_plugins())
    return str(failure.value)


def test_everything_is_called_after_the_plugin() -> None:
    assert attrs.asdict(names_of("cf-sft_2b", "method")) == {
        "name": "cf-sft_2b",
        "kind": "method",
        "distribution": "forget-cf-sft-2b",
        "module": "forget_cf_sft_2b",
        "label": "cf_sft_2b",
        "cls": "CfSft2bMethod",
        "title": "Cf sft 2b",
    }


@pytest.mark.parametrize(
    ("name", "cls"), [("my-teacher", "MyTeacher"), ("teacher", "TeacherTeacher"), ("x", "XTeacher")]
)
def test_a_class_is_never_called_like_what_its_module_imports(name: str, cls: str) -> None:
    assert names_of(name, "teacher").cls == cls


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_free_name(kind: PluginKind, catalogue: Catalogue) -> None:
    check_free(names_of("a" * 28, kind), catalogue, load_plugins())


@pytest.mark.parametrize(
    ("name", "proposal"),
    [
        ("Short Answers", "Try 'short-answers'."),
        ("short--answers", "Try 'short-answers'."),
        ("a.b", "Try 'a-b'."),
        ("x-", "Try 'x'."),
        ("a" * 29, f"Try '{'a' * 28}'."),
        ("../x", "Try 'x'."),
        ("forget-", "Try 'forget'."),
        ("Forget Me", "Try 'me'."),
        ("x\n", "Try 'x'."),
    ],
)
def test_a_wrong_name_has_a_right_one_beside_it(name: str, proposal: str) -> None:
    with pytest.raises(RequestError) as failure:
        names_of(name, "method")
    assert str(failure.value).startswith(f"{name!r} cannot be the name of a plugin. {proposal} ")
    assert "lower-case letters" in str(failure.value)


@pytest.mark.parametrize("name", ["", "2nd", "é", "-"])
def test_a_wrong_name_that_suggests_nothing(name: str) -> None:
    with pytest.raises(RequestError, match=r"cannot be the name of a plugin\. A name has "):
        names_of(name, "method")


@pytest.mark.parametrize("name", ["forget-short-answers", "forget_short-answers"])
def test_the_prefix_is_not_doubled(name: str) -> None:
    with pytest.raises(RequestError, match="call the plugin 'short-answers'"):
        names_of(name, "method")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "kind", "says"),
    [
        ("gt-sft", "method", "a method named 'gt-sft' already: forget-llm"),
        ("gsm8k", "dataset", "a dataset named 'gsm8k' already: forget-llm"),
        ("vllm", "teacher", "a teacher named 'vllm' already: forget-llm"),
        ("mini_piqa", "benchmark", "a benchmark named 'mini_piqa' already: forget-llm"),
        ("gt-sft", "dataset", "a plugin named 'gt-sft' already: forget-llm"),
        ("llm", "method", "distribution 'forget-llm' is installed already"),
        ("methods", "method", "a Python package named 'forget_methods' already"),
    ],
)
def test_a_name_that_is_taken(name: str, kind: PluginKind, says: str, catalogue: Catalogue) -> None:
    said = refusal(name, kind, catalogue)
    assert says in said
    assert said.endswith(f"Choose another name for the new {kind}.")


def test_what_others_bring_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, catalogue: Catalogue
) -> None:
    """A plugin that is broken has its name too, and one that is not loaded."""
    site = Site(tmp_path / "site", monkeypatch)
    site.install("forget-theirs", method("made"), plugin="theirs")
    site.install("forget-broken", "1 / 0", plugin="ruin")
    assert "named 'made' already: forget-theirs 1.0" in refusal("made", "method", catalogue)
    assert "named 'theirs' already: forget-theirs 1.0" in refusal("theirs", "dataset", catalogue)
    assert "named 'ruin' already: forget-broken 1.0" in refusal("ruin", "method", catalogue)
    monkeypatch.setenv("FORGET_PLUGINS", "mini")
    assert "named 'gt-sft' already: forget-llm" in refusal("gt-sft", "method", catalogue)


def test_what_the_registry_defines_is_taken(tmp_path: Path) -> None:
    """What waits for its plugin is not."""
    (tmp_path / "forget.toml").write_text(
        "[suites.mine]\nsummary = 's'\nbenchmarks = ['mini_piqa']\n"
        "[teachers.owl]\ntitle = 'T'\nsummary = 's'\nkind = 'transformers'\nfamily = 'x'\n"
        "[methods.waiting]\ntitle = 'T'\nsummary = 's'\ninstall = 'pip install forget-waiting'\n"
    )
    catalogue = load_catalogue(folder=tmp_path)
    assert "a suite of benchmarks named 'mine'" in refusal("mine", "benchmark", catalogue)
    assert "a teacher named 'owl'" in refusal("owl", "teacher", catalogue)
    check_free(names_of("waiting", "method"), catalogue, load_plugins())
    check_free(names_of("mine", "method"), catalogue, load_plugins())
