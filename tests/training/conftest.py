"""Small things to train: a random Llama of a few thousand parameters and a dataset of sums."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from forget.completion import Completion, Message
from forget.dataset import DataAccess, Example, Verdict
from forget.method import PrepareTask, TrainingSettings, TrainTask
from forget.training import Conversation, write_examples

CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


class Sums:
    """A dataset that needs no rows from anywhere; completions differ in length."""

    name = "sums"
    title = "Sums"
    summary = "a + b"
    max_new_tokens = 16

    def load(self, split: str, data: DataAccess) -> Sequence[Example]:
        numbers = range(22) if split == "train" else range(22, 30)
        return [
            Example(
                id=f"{split}-{n}",
                question=f"What is {n} + {n}?",
                solution=f"{' '.join(['step'] * (n % 5))} {n} plus {n} is {2 * n}.".strip(),
                answer=str(2 * n),
            )
            for n in numbers
        ]

    def prompt(self, example: Example) -> list[Message]:
        return [{"role": "user", "content": example.question}]

    def verify(self, example: Example, completion: Completion) -> Verdict:
        raise NotImplementedError


class NoData:
    def rows(self, source: Any, split: str) -> Any:
        raise AssertionError("this dataset reads no rows")


def make_tokenizer() -> Any:
    """A byte-level BPE tokenizer with the chat tokens of SmolLM2 and Qwen3, trained on the spot."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator(["What is 1 + 2? plus is step user assistant"] * 4, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, eos_token="<|im_end|>", pad_token="<|endoftext|>"
    )
    tokenizer.chat_template = CHATML
    return tokenizer


def make_model(folder: Path) -> Path:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = make_tokenizer()
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def small(**changes: Any) -> TrainingSettings:
    values: dict[str, Any] = {
        "lr": 1e-2,
        "batch_size": 4,
        "micro_batch_size": 2,
        "epochs": 2.0,
        "max_length": 128,
        "dtype": "float32",
        "checkpoint_every": 3,
        "log_every": 2,
        **changes,
    }
    return TrainingSettings(**values)


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    return make_tokenizer()


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch

    torch.set_num_threads(1)  # two threads on a busy machine wait for each other
    return make_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def prepare_task(model_folder: Path, tmp_path: Path) -> Callable[..., PrepareTask]:
    def make(**changes: Any) -> PrepareTask:
        return PrepareTask(
            dataset=Sums(),
            data=NoData(),
            model=model_folder,
            settings=small(**changes),
            seed=7,
            output=tmp_path / "data",
        )

    return make


@pytest.fixture
def train_task(
    model_folder: Path, tmp_path: Path, prepare_task: Callable[..., PrepareTask]
) -> Callable[..., TrainTask]:
    """Prepare the sums and return a task; further keywords are settings."""

    def make(output: str = "run", announce: Any = None, **changes: Any) -> TrainTask:
        prepared = prepare_task(**changes)
        sums = prepared.dataset
        write_examples(
            prepared,
            (
                Conversation(e.id, sums.prompt(e), e.solution)
                for e in sums.load("train", prepared.data)
            ),
        )
        return TrainTask(
            dataset=sums,
            model=model_folder,
            data=prepared.output,
            output=tmp_path / output,
            settings=prepared.settings,
            seed=7,
            announce=announce or (lambda step, folder: None),
        )

    return make
