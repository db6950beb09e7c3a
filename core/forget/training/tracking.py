"""A run's curve in the tools that people watch curves in: TensorBoard, Weights & Biases, Trackio.

    <run>/tensorboard/      event files
    <run>/wandb/            what W&B keeps on this machine
    <run>/reported.json     the run's id, and the last step that each of them knows

The curve is `metrics.jsonl`; trackers are told what stands in it, under the names that transformers
gives those numbers. Its own callbacks are of no use here: they count the steps of one trainer, and
a method with rounds has one for each; and they begin a new run wherever a training is continued.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from secrets import token_hex
from typing import Any

from forget.convert import to_plain
from forget.errors import SettingsError, WorkError
from forget.method import Tracker, TrainTask
from forget.settings import training_identity
from forget.store import journal
from forget.store.atomic import write_json
from forget.store.layout import RunFolder
from forget.training import together
from forget.training.trackers import OPEN, Open, Place

__all__ = ["Reports", "check_trackers", "reporting"]

_TITLES: Mapping[Tracker, str] = {
    "tensorboard": "TensorBoard",
    "wandb": "Weights & Biases",
    "trackio": "Trackio",
}
_RENAMED = {"lr": "learning_rate", "step": "global_step"}
"""Numbers of the curve that transformers calls otherwise."""


class Reports:
    """What one phase of a training tells the trackers of its run.

    Args:
        task: The training.
        resumed: The step of the run that it continues from; the curve is cut there already.

    Raises:
        WorkError: A tracker cannot be begun.
    """

    def __init__(self, task: TrainTask, resumed: int) -> None:
        self._folder = RunFolder(task.output)
        self._said = _read(self._folder.reported)
        self._open: dict[Tracker, Open] = {}
        self._progress = task.progress
        *_, study, model, dataset, method, seed = ("",) * 5 + task.output.absolute().parts
        place = Place(
            folder=self._folder,
            id=self._said.setdefault("id", token_hex(4)),
            project=study,
            name=f"{model}/{dataset}/{method}/{seed}",
            config={**to_plain(training_identity(task.settings)), "seed": task.seed},
            known=None,
            resumed=resumed,
        )
        earlier = journal.read(self._folder.curve)
        try:
            for name in dict.fromkeys(task.settings.report_to):
                self._begin(name, place._replace(known=self._said.get(name)), earlier)
        except WorkError:
            self.close()
            raise

    def _begin(self, name: Tracker, place: Place, earlier: Sequence[Mapping[str, Any]]) -> None:
        try:
            self._open[name] = OPEN[name](place)
        except Exception as error:  # of another project, which raises what it likes
            raise WorkError(
                f"{_TITLES[name]} does not take the curve of {place.folder.path}: "
                f"{_reason(error)}. {_HELP}"
            ) from error
        if name == "tensorboard":  # it forgets what it knew of later steps, and is told again
            self._said[name] = min(place.known or 0, place.resumed)
        self._tell(name, earlier)

    def point(self, record: Mapping[str, Any]) -> None:
        """Tell of a point that was just added to the curve.

        A training is worth more than its picture: a tracker that fails now hears no more of it.
        """
        for name in list(self._open):
            self._tell(name, [record])

    def _tell(self, name: Tracker, records: Iterable[Mapping[str, Any]]) -> None:
        """Tell a tracker of those points that it does not know yet."""
        try:
            for record in records:
                if record["step"] > self._said.get(name, 0):
                    self._open[name].log(record["step"], _values(record))
                    self._said[name] = record["step"]
        except Exception as error:  # of another project, as in `_begin`
            self._note(name, "takes no more of the curve", error)
            self._close(name)
        write_json(self._folder.reported, self._said)

    def close(self) -> None:
        """Let go of the trackers."""
        while self._open:
            self._close(next(reversed(self._open)))

    def _close(self, name: Tracker) -> None:
        try:
            self._open.pop(name).close()
        except Exception as error:  # all that it was told is in the curve
            self._note(name, "could not close the curve", error)

    def _note(self, name: Tracker, what: str, error: Exception) -> None:
        self._progress.note(
            f"{_TITLES[name]} {what} of {self._folder.path}: {_reason(error)}. The training goes "
            "on, and the curve is in metrics.jsonl; continued, the run tells it what it lacks."
        )


@contextmanager
def reporting(
    task: TrainTask, resumed: int
) -> Iterator[Callable[[Mapping[str, Any]], None] | None]:
    """Have the trackers of a run open; give what tells them of a point, None if there are none.

    Of several processes the main one reports.

    Args:
        task: The training.
        resumed: The step of the run that it continues from.

    Raises:
        WorkError: A tracker cannot be begun.
    """
    if not task.settings.report_to or not together.is_main():
        yield None
        return
    reports = Reports(task, resumed)
    try:
        yield reports.point
    finally:
        reports.close()


def check_trackers(names: Sequence[Tracker]) -> None:
    """Refuse trackers that cannot be used on this machine, before anything is written.

    Raises:
        SettingsError: One is not installed, or wants to know who one is.
    """
    missing = [name for name in names if find_spec(name) is None]
    if missing:
        packages = " ".join(missing)
        raise SettingsError(
            f"report_to={','.join(names)} needs what is not installed here: {packages}. Type "
            f"`pip install {packages}`, or leave it out of report_to: the curve is in "
            "metrics.jsonl in any case."
        )
    if "wandb" in names:
        _check_wandb()


def _check_wandb() -> None:
    import wandb

    settings = wandb.setup().settings
    if settings.mode in ("offline", "disabled", "dryrun"):
        return
    try:
        reason = "" if wandb.login(prompt=False) else "nobody is logged in"
    except Exception as error:  # of the network, or of the key
        reason = " ".join(str(error).split())[:300]
    if reason:
        raise SettingsError(
            f"report_to=wandb cannot reach Weights & Biases: {reason}. Type `wandb login`, or set "
            "WANDB_MODE=offline and send it later by `wandb sync`."
        )


def _reason(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


def _values(record: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers of a point, by the names that transformers gives them."""
    return {
        f"train/{_RENAMED.get(name, name)}": float(value)
        for name, value in record.items()
        if isinstance(value, int | float)
    }


def _read(path: Path) -> dict[str, Any]:
    """Return what trackers know; nothing where that is not known any more."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


_HELP = (
    "Run the same command again to continue, or with report_to less: the curve is in metrics.jsonl "
    "in any case, and a tracker that is named later gets all of it."
)
