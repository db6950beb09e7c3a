"""`forget card`: what it says, how the Hub reads it, and what it leaves alone."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import Any

import attrs
import pytest
from click.testing import CliRunner, Result
from huggingface_hub import ModelCard

from forget.cli import group
from forget.errors import DataError, ForgetError, OutputError, RequestError
from forget.evaluation.record import read_record, write_record
from report.card.conftest import MakeRun, metadata


def card(*arguments: Any) -> Result:
    return CliRunner().invoke(group, ["card", *map(str, arguments)])


def written(*arguments: Any) -> str:
    result = card(*arguments)
    assert result.exit_code == 0, result.exception
    return Path(result.stdout.removeprefix("card: ").strip()).read_text()


def refusal(*arguments: Any) -> ForgetError:
    error = card(*arguments).exception
    assert isinstance(error, ForgetError)
    assert "\n" not in str(error)
    return error


def section(text: str, title: str) -> str:
    return text.split(f"\n## {title}\n")[1].split("\n## ", maxsplit=1)[0]


def test_the_hub_reads_it(make_carded_run: MakeRun) -> None:
    run = make_carded_run()
    written(run)
    data = ModelCard.load(run / "checkpoints" / "step-000004" / "README.md").data
    assert data.base_model == "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert data.to_dict()["base_model_relation"] == "finetune"
    assert (data.library_name, data.pipeline_tag) == ("transformers", "text-generation")
    assert (data.license, data.datasets) == ("apache-2.0", ["openai/gsm8k"])
    assert data.tags == ["forget", "gt-sft"]
    found = {result.dataset_type: result for result in data.eval_results}
    assert list(found) == ["openai/gsm8k", "piqa", "boolq"]
    assert found["piqa"].metric_value == pytest.approx(1 / 3, abs=1e-6)
    assert (found["piqa"].metric_type, found["piqa"].dataset_name) == ("acc", "PIQA")
    assert found["openai/gsm8k"].metric_value == 1


def test_what_it_forgot_and_learned(make_carded_run: MakeRun) -> None:
    text = written(make_carded_run())
    lines = section(text, "What it forgot").splitlines()
    assert next(line for line in lines if "PIQA" in line).startswith(
        "| PIQA | acc | 100.0 | 33.3 | -66.7 | "
    )
    assert "| **forgot** | 30 of 1,838 |" in text
    assert next(line for line in lines if "BoolQ" in line).startswith("| BoolQ | acc | 100.0 |")
    assert "| average |  |  |  | -33.3 | " in text
    learned = section(text, "What it learned")
    assert "On 30 held-out problems of GSM8K" in learned
    assert "33.3 before, 100.0 after (+66.7 points" in learned
    assert "25.0 % were cut at the length limit" in learned
    assert "lm-eval 0.4.13" in section(text, "How it was measured")
    assert "On a processor, with forget-llm 0.1.0, torch 2.13.0." in section(text, "Training")


def test_the_command_that_does_it_again(make_carded_run: MakeRun) -> None:
    said = section(written(make_carded_run()), "Do it again")
    command = next(line for line in said.splitlines() if line.startswith("forget run"))
    assert command == (
        "forget run --study demo --model smollm2-135m --dataset gsm8k --method gt-sft --seed 0 "
        "--benchmarks piqa,boolq --limit 30 --set lr=0.001"
    )
    context = group.make_context("forget", shlex.split(command)[1:], resilient_parsing=True)
    name, run, rest = group.resolve_command(context, shlex.split(command)[1:])
    assert run is not None
    run.make_context(name, rest)


def test_adapters_and_another_checkpoint(make_carded_run: MakeRun) -> None:
    run = make_carded_run(lora=True, teacher={"name": "self"}, method_settings={"wise": [0.5, 1.0]})
    text = written(f"{run}:step-000002")
    found = metadata(text)
    assert found["library_name"] == "peft"
    assert found["base_model_relation"] == "adapter"
    assert "lora" in found["tags"]
    assert 'from_pretrained("HuggingFaceTB/SmolLM2-135M-Instruct")' in section(text, "Use")
    assert "PeftModel" in section(text, "Use")
    assert "after step 2," in text
    assert "--teacher self --set wise=0.5,1" in section(text, "Do it again")


def test_a_model_and_plugins_that_the_registry_does_not_know(make_carded_run: MakeRun) -> None:
    run = make_carded_run(model="mine", method="gone", dataset="lost")
    result = card(run)
    assert "name it with --base" in result.stderr
    text = (run / "checkpoints" / "step-000004" / "README.md").read_text()
    assert {"base_model", "license", "datasets"}.isdisjoint(metadata(text))
    assert "A fine-tuned version of mine, trained on lost by gone." in text
    text = written(run, "--base", "me/mine")
    assert metadata(text)["base_model"] == "me/mine"


def test_a_folder_with_the_name_of_a_registry_model_is_another(make_carded_run: MakeRun) -> None:
    run = make_carded_run(model="smollm2-135m", model_folder="models/smollm2-135m")
    assert {"base_model", "license"}.isdisjoint(metadata(written(run)))


def test_a_hub_id_is_its_own(make_carded_run: MakeRun) -> None:
    assert metadata(written(make_carded_run(model="some/model")))["base_model"] == "some/model"


def test_json(make_carded_run: MakeRun, tmp_path: Path) -> None:
    run = make_carded_run()
    plain = json.loads(card(run, "--to", tmp_path / "card.md", "--json").stdout)
    folder = run / "checkpoints" / "step-000004"
    assert plain["card"] == str(tmp_path / "card.md")
    assert plain["folder"] == str(folder)
    assert plain["upload"] == f"hf upload OWNER/NAME {folder} --exclude manifest.json"
    assert (tmp_path / "card.md").is_file()
    assert not (folder / "README.md").exists()


# --- what it leaves alone


@pytest.mark.slow
def test_its_own_card_is_made_anew(make_carded_run: MakeRun) -> None:
    run = make_carded_run()
    first = written(run)
    assert written(run, "--margin", "0.05") != first
    assert written(run) == first


@pytest.mark.slow
@pytest.mark.parametrize("change", ["# mine\n", "", "\udcff"])
def test_a_card_of_somebody_else(make_carded_run: MakeRun, tmp_path: Path, change: str) -> None:
    path = tmp_path / "card.md"
    path.write_bytes(change.encode(errors="surrogateescape"))
    error = refusal(make_carded_run(), "--to", path)
    assert isinstance(error, OutputError)
    assert "is left alone" in str(error)
    assert path.read_bytes() == change.encode(errors="surrogateescape")


def test_a_card_that_was_changed(make_carded_run: MakeRun) -> None:
    run = make_carded_run()
    changed = written(run).replace("## Use", "## How I use it")
    path = run / "checkpoints" / "step-000004" / "README.md"
    path.write_text(changed)
    assert "changed since" in str(refusal(run))
    assert path.read_text() == changed


@pytest.mark.slow
def test_a_place_where_no_card_can_be(make_carded_run: MakeRun, tmp_path: Path) -> None:
    run = make_carded_run()
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("folder", "pipe"):
        assert "name a file with --to" in str(refusal(run, "--to", tmp_path / name))
    (tmp_path / "file").touch()
    assert "--to" in str(refusal(run, "--to", tmp_path / "file" / "card.md"))


# --- what has no card


def test_what_is_no_run(tmp_path: Path) -> None:
    error = refusal(tmp_path)
    assert isinstance(error, RequestError)
    assert "is not a run directory" in str(error)


def test_the_base(make_carded_run: MakeRun) -> None:
    assert "is the base model" in str(refusal(f"{make_carded_run()}:base"))


def test_a_checkpoint_that_is_not_known_or_gone(make_carded_run: MakeRun) -> None:
    run = make_carded_run()
    assert "has evaluated no 'step-9'" in str(refusal(f"{run}:step-9"))
    (run / "checkpoints" / "step-000004").rename(run / "elsewhere")
    assert "is not there any more" in str(refusal(run))
    assert isinstance(refusal(run), DataError)


def test_one_that_was_not_evaluated(make_carded_run: MakeRun, tmp_path: Path) -> None:
    run = make_carded_run()
    record = read_record(run / "sweep.json")
    bare = attrs.evolve(record.checkpoints[-1], evaluations={"piqa": "evaluations/none"})
    write_record(run / "sweep.json", attrs.evolve(record, checkpoints=(bare,)))
    assert "has not been evaluated on any benchmark yet" in str(refusal(run))


def test_a_run_file_that_says_nothing(make_carded_run: MakeRun) -> None:
    run = make_carded_run()
    (run / "run.toml").write_text("[settings]\nstudy = 'demo'\nseed = 0\n")
    error = refusal(run)
    assert isinstance(error, DataError)
    assert "it lacks model, dataset, method, method_settings." in str(error)


@pytest.mark.slow
@pytest.mark.parametrize("base", ["./folder", "one/two/three", "an/ü", "a--b", "a/b.", "a/b.git"])
def test_a_base_that_is_no_id(make_carded_run: MakeRun, base: str) -> None:
    assert "takes an id on the Hub" in str(refusal(make_carded_run(), "--base", base))
