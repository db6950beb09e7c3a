"""The model being trained: loaded whole or with an adapter, and written as others read it."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from forget.errors import ModelError
from forget.inference.loading import ATTENTION
from forget.inference.weights import check_model_folder
from forget.method import TrainingSettings

__all__ = ["drop_reference_copy", "load_student", "model_writer", "quiet"]


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers' progress bars and hints off the screen."""
    from transformers.utils import logging as library

    logging: Any = library  # its functions carry no types
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def load_student(
    model: Path, settings: TrainingSettings, seed: int, checkpoint: Path | None
) -> Any:
    """Load the model to train, in the number format of the settings.

    Args:
        model: Folder of the base model.
        settings: A LoRA rank above 0 freezes the base and adds adapters to all linear layers
            but the output head, as in QLoRA (Dettmers et al. 2023, section 4).
        seed: Seed of the adapters' first weights.
        checkpoint: Where to continue from; None starts from the base model.

    Raises:
        ModelError: A folder is incomplete, or transformers cannot load it.
    """
    import torch
    from transformers import AutoModelForCausalLM, set_seed

    whole = settings.lora_rank == 0
    folder = checkpoint if checkpoint is not None and whole else model
    check_model_folder(folder)
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=getattr(torch, settings.dtype),
            attn_implementation=ATTENTION,
            use_safetensors=True,
        )
    except Exception as error:  # transformers and safetensors raise many kinds
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        raise ModelError(f"The model in {folder} cannot be loaded: {reason}") from error
    if whole:
        return loaded
    set_seed(seed)
    return _with_adapter(loaded, settings, checkpoint, base=model)


def drop_reference_copy(model: Any) -> None:
    """Take away the copy of the adapter that TRL's trainers make to be their reference.

    It is of the adapter as it was loaded, which after a restart is the one in training.
    """
    if "ref" in getattr(model, "peft_config", {}):
        model.delete_adapter("ref")


def model_writer(model: Any, tokenizer: Any, base: Path) -> Callable[[Path], None]:
    """Return a function that saves model and tokenizer into a folder.

    Call it before a trainer is made: trainers write into the model's configuration (special
    tokens, ``use_cache``), and a checkpoint must differ from its base in nothing but its weights.
    """
    from peft import PeftModel

    adapter = isinstance(model, PeftModel)
    config = copy.deepcopy(model.config)
    generation = copy.deepcopy(getattr(model, "generation_config", None))

    def write(folder: Path) -> None:
        model.save_pretrained(folder)
        _save_tokenizer(tokenizer, base, folder)
        (folder / "README.md").unlink(missing_ok=True)  # peft's empty model card
        if not adapter:
            config.save_pretrained(folder)
            if generation is not None:
                generation.save_pretrained(folder)

    return write


def _save_tokenizer(tokenizer: Any, base: Path, folder: Path) -> None:
    """Save the tokenizer, with the base model's own bytes: transformers adds keys of its own."""
    for name in tokenizer.save_pretrained(folder):
        original = base / Path(name).name
        if original.is_file():
            shutil.copyfile(original, folder / original.name)


def _with_adapter(
    model: Any, settings: TrainingSettings, checkpoint: Path | None, base: Path
) -> Any:
    from peft import LoraConfig, PeftModel, get_peft_model

    if checkpoint is not None:
        return _in_order(PeftModel.from_pretrained(model, checkpoint, is_trainable=True))
    config = LoraConfig(
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        lora_dropout=settings.lora_dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
        base_model_name_or_path=str(base.absolute()),
    )
    model.name_or_path = str(base.absolute())  # peft writes this one into adapter_config.json
    return _in_order(get_peft_model(model, config))


def _in_order(model: Any) -> Any:
    """Sort the names of the adapted layers: peft keeps a set, whose order changes by process."""
    for config in model.peft_config.values():
        config.target_modules = sorted(config.target_modules)
    return model
