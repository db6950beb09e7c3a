from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from forget.catalogue import Catalogue, StudyEntry, load_catalogue
from forget.errors import CatalogueError, UnknownNameError
from forget.plugins import load_plugins

ROOT = Path(__file__).resolve().parents[1]

SIX = {"gt-sft", "sf-sft", "cf-sft", "grpo", "spin", "pi"}
CORE10 = [
    "arc_challenge",
    "arc_easy",
    "hellaswag",
    "winogrande",
    "piqa",
    "boolq",
    "openbookqa",
    "truthfulqa_mc2",
    "mmlu",
    "ifeval",
]


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return load_catalogue(folder=tmp_path_factory.mktemp("empty"))


@pytest.fixture
def overlay(tmp_path: Path) -> Any:
    def write(text: str, name: str = "extra.toml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def settings(catalogue: Catalogue, study: str, dataset: str, method: str) -> dict[str, Any]:
    entry = catalogue.study(study)
    return entry.settings_for(entry.models[0], dataset, method)


# --- the shipped registry


@pytest.mark.parametrize(
    ("study", "models", "datasets", "benchmarks"),
    [
        ("phase1", ("qwen3-1.7b",), ("gsm8k", "math", "triviaqa"), ("core10",)),
        ("phase2", ("qwen3-4b",), ("gsm8k", "math", "triviaqa"), ("core10",)),
        ("demo", ("smollm2-135m",), ("arithmetic",), ("mini",)),
    ],
)
def test_studies_are_the_trackers(
    shipped: Catalogue, study: str, models: Any, datasets: Any, benchmarks: Any
) -> None:
    entry = shipped.study(study)
    assert (entry.models, entry.datasets, entry.benchmarks) == (models, datasets, benchmarks)
    assert set(entry.methods) == SIX
    assert len(entry.methods) == 6
    assert entry.summary


def test_methods_are_the_trackers(shipped: Catalogue) -> None:
    titles = {name: entry.title for name, entry in shipped.methods.items()}
    assert titles == {
        "gt-sft": "GT-SFT",
        "sf-sft": "SF-SFT",
        "cf-sft": "CF-SFT",
        "grpo": "GRPO",
        "spin": "SELF/SPIN",
        "pi": "PI",
    }
    assert all(entry.paper for entry in shipped.methods.values())


def test_core10_is_the_trackers_ten(shipped: Catalogue) -> None:
    assert list(shipped.suites["core10"].benchmarks) == CORE10
    assert len(shipped.suites["mini"].benchmarks) == 10


def test_hub_ids_of_the_students(shipped: Catalogue) -> None:
    assert shipped.models["qwen3-1.7b"].hub == "Qwen/Qwen3-1.7B"
    assert shipped.models["qwen3-4b"].hub == "Qwen/Qwen3-4B"


IN_ROUNDS = {
    "spin": {
        "lr": 5e-7, "lr_schedule": "linear", "warmup": 0.1, "weight_decay": 0.0,
        "batch_size": 64, "checkpoint_every": 200,
    },
    "pi": {"questions_per_round": 2000, "batch_size": 64, "epochs": 1, "checkpoint_every": 50},
}  # fmt: skip


@pytest.mark.parametrize("study", ["phase1", "phase2"])
@pytest.mark.parametrize("method", sorted(SIX - {"grpo"}))
@pytest.mark.parametrize(
    ("dataset", "max_length"), [("gsm8k", 2048), ("math", 3072), ("triviaqa", 512)]
)
def test_settings_of_the_study_without_rollouts_at_each_step(
    shipped: Catalogue, study: str, method: str, dataset: str, max_length: int
) -> None:
    assert settings(shipped, study, dataset, method) == {
        "lr": 1e-5,
        "lr_schedule": "cosine",
        "warmup": 0.05,
        "weight_decay": 0.01,
        "batch_size": 16,
        "micro_batch_size": 4,
        "epochs": 3,
        "checkpoint_every": 100,
        "max_length": max_length,
        **IN_ROUNDS.get(method, {}),
    }


@pytest.mark.parametrize("study", ["phase1", "phase2"])
@pytest.mark.parametrize(
    ("dataset", "response", "prompt"),
    [("gsm8k", 1024, 512), ("math", 1024, 512), ("triviaqa", 256, 256)],
)
def test_grpo_settings_of_the_study(
    shipped: Catalogue, study: str, dataset: str, response: int, prompt: int
) -> None:
    found = settings(shipped, study, dataset, "grpo")
    expected = {
        "lr": 1e-6,
        "batch_size": 64,
        "num_generations": 4,
        "beta": 0.0,
        "epochs": 15,
        "checkpoint_every": 200,
        "max_completion_length": response,
        "max_prompt_length": prompt,
    }
    assert expected.items() <= found.items()


def test_the_clusters_cap_is_the_trackers(shipped: Catalogue) -> None:
    assert shipped.clusters["study"].memory_cap_gb == 96


def test_every_method_of_the_study_has_its_plugin(shipped: Catalogue) -> None:
    assert [name for name in SIX if shipped.methods[name].install] == []
    assert load_plugins().all("methods").keys() >= SIX


def test_a_study_that_is_not_there(shipped: Catalogue) -> None:
    with pytest.raises(UnknownNameError, match=r"no study named 'phase3'\. Did you mean 'phase"):
        shipped.study("phase3")


def test_suites_become_their_benchmarks_each_once(shipped: Catalogue) -> None:
    found = shipped.benchmark_names(["mmlu", "core10", "copa", "mmlu"])
    assert found == ["mmlu", *(name for name in CORE10 if name != "mmlu"), "copa"]
    assert shipped.benchmark_names([]) == []


# --- layers


def test_an_overlay_adds_and_overrides_key_by_key(overlay: Any, tmp_path: Path) -> None:
    extra = overlay(
        """
        [models.tiny]
        title = "Tiny"
        summary = "made for a test"
        family = "llama3"

        [models.smollm2-135m]
        title = "Other title"

        [studies.demo.settings]
        lr = 3e-3
        """
    )
    before = load_catalogue(folder=tmp_path)
    after = load_catalogue([extra], tmp_path)
    assert after.models["tiny"].title == "Tiny"
    assert after.models["smollm2-135m"].title == "Other title"
    assert after.models["smollm2-135m"].wheel == before.models["smollm2-135m"].wheel
    changed = {**before.studies["demo"].settings, "lr": 3e-3}
    assert after.studies["demo"].settings == changed
    assert after.studies["phase1"] == before.studies["phase1"]


def test_lists_are_replaced_whole(overlay: Any, tmp_path: Path) -> None:
    extra = overlay('[studies.demo]\nmethods = ["spin"]\nbenchmarks = "mini_piqa, mini_boolq"')
    study = load_catalogue([extra], tmp_path).study("demo")
    assert study.methods == ("spin",)
    assert study.benchmarks == ("mini_piqa", "mini_boolq")


def test_layers_win_in_their_order(overlay: Any, tmp_path: Path) -> None:
    overlay("[studies.demo]\nlimit = 1\ntask_limit = 1", "forget.toml")
    first = overlay("[studies.demo]\nlimit = 2\nseeds = [2]", "first.toml")
    second = overlay("[studies.demo]\nseeds = [3, 4]", "second.toml")
    study = load_catalogue([first, second], tmp_path).study("demo")
    assert (study.limit, study.task_limit, study.seeds) == (2, 1, (3, 4))


def test_forget_toml_of_the_working_folder_is_read(
    overlay: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overlay("[studies.demo]\nlimit = 7", "forget.toml")
    monkeypatch.chdir(tmp_path)
    assert load_catalogue().study("demo").limit == 7
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert load_catalogue().study("demo").limit == 50


def test_a_study_takes_what_it_lacks_from_the_one_it_extends(overlay: Any, tmp_path: Path) -> None:
    extra = overlay(
        '[studies.mine]\nsummary = "mine"\nextends = "phase1"\nseeds = [0, 1, 2]\n'
        'methods = ["spin"]'
    )
    catalogue = load_catalogue([extra], tmp_path)
    mine, parent = catalogue.study("mine"), catalogue.study("phase1")
    assert (mine.seeds, mine.methods) == ((0, 1, 2), ("spin",))
    assert (mine.models, mine.settings, mine.overrides) == (
        parent.models,
        parent.settings,
        parent.overrides,
    )


def test_tables_of_an_extended_study_are_taken_key_by_key(overlay: Any, tmp_path: Path) -> None:
    extra = overlay(
        """
        [studies.mine]
        summary = "mine"
        extends = "phase1"
        settings = { epochs = 1 }
        teachers = { sf-sft = "self" }
        overrides = [{ method = "grpo", settings = { beta = 0.5 } }]
        """
    )
    catalogue = load_catalogue([extra], tmp_path)
    mine, parent = catalogue.study("mine"), catalogue.study("phase1")
    assert mine.settings == {**parent.settings, "epochs": 1}
    assert mine.teachers == {**parent.teachers, "sf-sft": "self"}
    assert mine.overrides[:-1] == parent.overrides
    assert mine.settings_for("q", "gsm8k", "grpo")["beta"] == 0.5
    assert mine.settings_for("q", "gsm8k", "grpo")["lr"] == 1e-6


def test_overrides_apply_in_order_to_the_runs_they_match(overlay: Any, tmp_path: Path) -> None:
    extra = overlay(
        """
        [studies.mine]
        summary = "mine"
        models = ["any/model", "other/model"]
        datasets = ["gsm8k", "math"]
        methods = ["spin", "pi"]
        benchmarks = ["core10"]
        settings = { lr = 1.0, epochs = 1 }
        overrides = [
          { settings = { lr = 2.0 }, method = "spin" },
          { settings = { lr = 3.0 }, method = "spin", dataset = "math" },
          { settings = { epochs = 2 }, model = "other/model" },
        ]
        """
    )
    study: StudyEntry = load_catalogue([extra], tmp_path).study("mine")
    assert study.settings_for("any/model", "gsm8k", "pi") == {"lr": 1.0, "epochs": 1}
    assert study.settings_for("any/model", "gsm8k", "spin") == {"lr": 2.0, "epochs": 1}
    assert study.settings_for("other/model", "math", "spin") == {"lr": 3.0, "epochs": 2}
    assert study.settings == {"lr": 1.0, "epochs": 1}


# --- what can be wrong

STUDY = """[studies.mine]
summary = "mine"
models = ["any/model"]
datasets = ["gsm8k"]
methods = ["spin"]
benchmarks = ["core10"]
"""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            '[methods.mine]\ntitle = "M"\nsumary = "s"',
            ["[methods.mine]", "unknown key 'sumary' (did you mean 'summary'?)", "title, summary"],
        ),
        ('[methods.mine]\ntitle = "M"', ["[methods.mine]", "summary: is missing"]),
        (
            "[studies.demo]\nlimit = 'many'",
            ["[studies.demo]", "limit: must be integer | none, but is 'many'"],
        ),
        ("[studies.demo]\nlimit = true", ["[studies.demo]", "limit: must be integer | none"]),
        (
            "[studies.demo]\nseeds = [0, 'one']",
            ["[studies.demo]", "seeds", "must be integer, but is 'one'"],
        ),
        ("[studies.demo]\nsettings = 3", ["[studies.demo]", "settings: must be a table"]),
        (
            STUDY + "[[studies.mine.overrides]]\nmethod = 'spin'",
            ["[studies.mine]", "overrides", "settings: is missing"],
        ),
        (
            STUDY + "[[studies.mine.overrides]]\nmetod = 'spin'\nsettings = {}",
            ["[studies.mine]", "overrides", "did you mean 'method'?"],
        ),
        (
            "[models.smollm2-135m.wheel]\nfile = 3",
            ["[models.smollm2-135m]", "wheel.file: must be text, but is 3"],
        ),
        (
            "[clusters.study]\nscheduler = 'cron'",
            ["[clusters.study]", "scheduler: must be one of local, slurm, but is 'cron'"],
        ),
        (
            STUDY.replace("spin", "spim"),
            ["[studies.mine]", "key 'methods'", "no 'spim'", "mean 'spin'", "Valid names: cf-sft"],
        ),
        (
            STUDY.replace("gsm8k", "gsm"),
            ["[studies.mine]", "key 'datasets'", "no 'gsm'", "'gsm8k'", "Valid names: arithmetic"],
        ),
        (
            STUDY + "[[studies.mine.overrides]]\nmethod = 'pj'\nsettings = {}",
            ["[studies.mine]", "key 'overrides'", "no 'pj'", "Valid names: cf-sft, grpo"],
        ),
        (
            STUDY + "[[studies.mine.overrides]]\nmodel = 'any/modle'\nsettings = {}",
            ["[studies.mine]", "key 'overrides'", "no 'any/modle'", "mean 'any/model'"],
        ),
        (
            "[teachers.t]\ntitle = 'T'\nsummary = 's'\nfamily = 'f'\nmodel = 'qwen3-1.7'",
            ["[teachers.t]", "key 'model'", "no 'qwen3-1.7'", "'qwen3-1.7b'", "Valid names: gemma"],
        ),
        (
            "[studies.demo]\nextends = 'phase'",
            ["[studies.demo]", "key 'extends'", "no 'phase'", "'phase1'"],
        ),
        (
            "[studies.demo]\nextends = 'phase2'",
            ["[studies.demo]", "key 'extends'", "no 'phase2'", "Valid names: phase1."],
        ),
        (
            "[studies.demo]\nextends = 3",
            ["[studies.demo]", "extends: must be text | none, but is 3"],
        ),
        (
            "[studies.demo]\nextends = ['phase1']",
            ["[studies.demo]", "extends: must be text | none"],
        ),
        ("[method.mine]\ntitle = 'M'", ["unknown section [method]", "methods, datasets, teachers"]),
        ("methods = 3", ["methods must be a table, but is 3"]),
        ("studies = 3", ["studies must be a table, but is 3"]),
        ("studies = ['demo']", ["studies must be a table"]),
        ("[studies]\ndemo = 3", ["[studies.demo]", "must be a table"]),
        ("[methods]\nspin = 'x'", ["[methods.spin]", "must be a table"]),
        ("[methods.mine\n", ["cannot be read", "line 1"]),
        ("a = 1\na = 2", ["cannot be read", "Cannot overwrite"]),
    ],
)
@pytest.mark.parametrize("name", ["extra.toml", "forget.toml"])
def test_a_wrong_file_is_named_with_key_and_choices(
    overlay: Any, tmp_path: Path, text: str, says: list[str], name: str
) -> None:
    path = overlay(text, name)
    with pytest.raises(CatalogueError) as caught:
        load_catalogue([] if name == "forget.toml" else [path], tmp_path)
    message = str(caught.value)
    assert str(path) in message
    for part in says:
        assert part in message


def test_the_file_that_is_wrong_is_the_one_that_is_named(overlay: Any, tmp_path: Path) -> None:
    good = overlay("[studies.demo]\nlimit = 2", "good.toml")
    bad = overlay("[studies.phase1]\nmethods = ['spim']", "bad.toml")
    with pytest.raises(CatalogueError) as caught:
        load_catalogue([bad, good], tmp_path)
    assert str(bad) in str(caught.value)
    assert str(good) not in str(caught.value)


def test_a_registry_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"There is no registry file .*nowhere\.toml"):
        load_catalogue([tmp_path / "nowhere.toml"], tmp_path)


def test_a_registry_file_that_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="cannot be read"):
        load_catalogue([tmp_path], tmp_path)


def test_a_registry_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "binary.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CatalogueError, match=r"binary\.toml cannot be read"):
        load_catalogue([path], tmp_path)


@pytest.mark.parametrize("profile", sorted(ROOT.glob("slurm/*.toml")), ids=lambda path: path.stem)
def test_profiles_of_clusters_can_be_laid_over_the_registry(profile: Path) -> None:
    name, cluster = load_catalogue([profile]).cluster(profile.stem)
    assert (name, cluster.scheduler) == (profile.stem, "slurm")
    assert cluster.gpus_per_job == 1


def test_a_cluster_is_chosen(tmp_path: Path) -> None:
    shipped = load_catalogue(folder=tmp_path)
    assert shipped.cluster(None)[0] == "study"
    (tmp_path / "forget.toml").write_text(
        '[clusters.a]\nsummary = "a"\nscheduler = "slurm"\n'
        '[clusters.b]\nsummary = "b"\nscheduler = "local"\n'
    )
    several = load_catalogue(folder=tmp_path)
    with pytest.raises(CatalogueError, match=r"2 clusters of the registry use Slurm: study, a\."):
        several.cluster(None)
    with pytest.raises(CatalogueError, match=r"'b' has the scheduler 'local'.*study, a"):
        several.cluster("b")
    with pytest.raises(UnknownNameError, match=r"'stuy'.*Did you mean 'study'"):
        several.cluster("stuy")
