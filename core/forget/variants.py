"""One run for each value of a setting: `--sweep lr=1e-5,3e-5`.

How much is forgotten depends on the learning rate more than on the method (arXiv:2509.20758), so a
method that is compared at one of its values alone is not compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from forget.errors import SettingsError

__all__ = ["check_distinct", "parse_sweeps", "settled", "shown", "variant_label", "variants"]


def parse_sweeps(assignments: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Read ``["lr=1e-5,3e-5", "lora_rank=8,64"]`` as texts by setting.

    Raises:
        SettingsError: One is not of this form, or a setting is there twice.
    """
    found: dict[str, tuple[str, ...]] = {}
    for assignment in assignments:
        name, _, text = assignment.partition("=")
        name = name.strip().replace("-", "_")
        values = tuple(value.strip() for value in text.split(",") if value.strip())
        if not name or not values:
            raise SettingsError(
                f"--sweep takes NAME=VALUE,VALUE,..., but got {assignment!r}. Write for instance "
                "--sweep lr=1e-5,3e-5,1e-4."
            )
        if name in found:
            raise SettingsError(
                f"--sweep has {name} twice. Give all its values at once: "
                f"--sweep {name}={','.join(found[name] + values)}."
            )
        found[name] = values
    return found


def variants(
    sweep: Mapping[str, Sequence[str]], overrides: Mapping[str, Any]
) -> Iterator[dict[str, str]]:
    """Yield every combination of values, the last setting changing fastest; one if none is swept.

    Raises:
        SettingsError: A setting has a value by ``--set`` or an option of its own besides.
    """
    for name in sweep:
        if name in overrides:
            raise SettingsError(
                f"{name} has the value {overrides[name]} and values by --sweep. Leave one out."
            )
    for values in product(*sweep.values()):
        yield dict(zip(sweep, values, strict=True))


def settled(variant: Mapping[str, str], settings: Any) -> dict[str, Any]:
    """Return a variant's values as the settings have them; those of a teacher stay texts."""
    return {name: getattr(settings, name, text) for name, text in variant.items()}


def variant_label(values: Mapping[str, Any]) -> str:
    """Return what the run directory calls a variant: ``lr-3e-05-lora-rank-8``; empty for none."""
    parts = (f"{name}-{shown(value)}" for name, value in values.items())
    return "-".join(parts).replace("_", "-")


def check_distinct(sweep: Mapping[str, Sequence[str]], folders: Sequence[Any]) -> None:
    """Refuse a sweep in which two runs are the same one.

    Raises:
        SettingsError: Two values are one number, or their folders' names are equal.
    """
    if sweep and len(set(folders)) < len(folders):
        shown = " ".join(f"--sweep {name}={','.join(values)}" for name, values in sweep.items())
        raise SettingsError(f"{shown} has a value twice, which would be one run. Leave one out.")


def shown(value: Any) -> str:
    """Write a value as short as it goes."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):  # 300, not 300.0
        return f"{value:g}" if float(f"{value:g}") == value else str(value)
    return "+".join(map(shown, value)) if isinstance(value, tuple) else str(value)
