"""Variables of the environment that change what is done, where they are set."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

from forget.doctor.diagnosis import Check, Found
from forget.doctor.network import set_by_sealing
from forget.errors import nearest

__all__ = ["variables"]

_OURS = "FORGET_"
_OFF = ("", "0", "no", "false", "off")


class _Meaning(NamedTuple):
    """What a variable does.

    Attributes:
        text: What, where it is set.
        secret: Its value is not shown.
        switch: It does nothing if its value is a word for no.
        usual: The value that commands set themselves where nobody did.
    """

    text: str
    secret: bool = False
    switch: bool = False
    usual: str | None = None


_MEANINGS = {
    "FORGET_DATA": _Meaning("the data mirror, unless --data names another"),
    "FORGET_CACHE": _Meaning("where models that come as packages are converted to"),
    "FORGET_PLUGINS": _Meaning("the only plugins that are loaded"),
    "FORGET_TEST_DATA": _Meaning("read by forget's own tests alone"),
    "FORGET_TEST_GPU": _Meaning("read by forget's own tests alone"),
    "HF_HUB_OFFLINE": _Meaning("models are not fetched from the Hub", switch=True),
    "HF_DATASETS_OFFLINE": _Meaning("data are not fetched from the Hub", switch=True),
    "TRANSFORMERS_OFFLINE": _Meaning("models are not fetched from the Hub", switch=True),
    "HF_ENDPOINT": _Meaning("stands in for the Hub"),
    "HF_TOKEN": _Meaning("is shown to the Hub, for models that want it", secret=True),
    "CUDA_VISIBLE_DEVICES": _Meaning("the only GPUs that are used"),
    "OMP_NUM_THREADS": _Meaning("threads that compute on processors"),
    "MKL_NUM_THREADS": _Meaning("threads that multiply matrices on processors"),
    "TOKENIZERS_PARALLELISM": _Meaning("whether tokenizers use all cores", usual="false"),
    "PYTORCH_CUDA_ALLOC_CONF": _Meaning("how torch keeps the memory of GPUs"),
    "PYTORCH_ALLOC_CONF": _Meaning("how torch keeps the memory of GPUs"),
    "PYTHONPATH": _Meaning("modules there come before those that are installed"),
    "HTTPS_PROXY": _Meaning("the Hub is asked through it", secret=True),
    "SLURM_JOB_ID": _Meaning("this is a job of a cluster"),
}


def variables() -> Iterator[Check]:
    """Yield a check for each that is set, and for those that look like ours and are not."""
    sealed = set_by_sealing()
    for name, meaning in _MEANINGS.items():
        if name not in sealed and os.environ.get(name) not in (None, meaning.usual):
            yield Check("variables", name, partial(_known, name, meaning))
    for name in sorted(os.environ):
        if name.startswith(_OURS) and name not in _MEANINGS:
            yield Check("variables", name, partial(_unknown, name))


def _known(name: str, meaning: _Meaning) -> Found:
    value = os.environ.get(name, "")
    if meaning.switch and value.lower() in _OFF:
        return Found(f"{value!r}, which is as good as not set")
    return Found(f"{'set' if meaning.secret else value or repr(value)}: {meaning.text}")


def _unknown(name: str) -> Found:
    close = nearest(name, [known for known in _MEANINGS if known.startswith(_OURS)], count=1)
    meant = f", or set what is meant: {close[0]}" if close else ""
    return Found("set, but forget reads none of this name", "note", f"unset {name}{meant}")
