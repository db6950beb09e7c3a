"""Attention with kept keys against its definition, row by row. Legend as in the source."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from forget.inference.column_attention import Columns

CPU = torch.device("cpu")
HEADS, SHARED, SIZE, VALUE = 4, 2, 8, 6
SCALING = 0.3


class Growing:
    """Rows of random states that grow, with all that was kept of each."""

    def __init__(self, lengths: list[int], layers: int = 1, dtype: torch.dtype = torch.float32):
        self.columns = Columns(lengths, CPU)
        self.dtype = dtype
        self.layers = [SimpleNamespace(layer_idx=layer) for layer in range(layers)]
        self._generator = torch.Generator().manual_seed(sum(lengths))
        self._padding = [max(lengths) - length for length in lengths]
        self._kept: list[list[tuple[torch.Tensor, torch.Tensor]]] = [
            [self._none() for _ in lengths] for _ in range(layers)
        ]

    @staticmethod
    def _none() -> tuple[torch.Tensor, torch.Tensor]:
        return torch.empty(SHARED, 0, SIZE), torch.empty(SHARED, 0, VALUE)

    def keep(self, rows: list[int]) -> None:
        self.columns.keep(rows)
        self._padding = [self._padding[row] for row in rows]
        self._kept = [[layer[row] for row in rows] for layer in self._kept]

    def grow(self, count: int, window: int | None = None) -> None:
        """Add columns, and compare positions and attention of every row with the definition."""
        rows = len(self._padding)
        before = self._kept[0][0][0].shape[1] if rows else 0
        padding = self._padding if before == 0 else [0] * rows
        positions = self.columns.extend(count)
        for layer, module in enumerate(self.layers):
            query, key, value = self._draw(rows, count)
            found = self.columns.attend(module, query, key, value, SCALING, window)
            assert found.shape == (rows, count, HEADS, VALUE)
            assert found.dtype == self.dtype
            assert torch.isfinite(found).all()
            for row, pad in enumerate(padding):
                keys, values = self._kept[layer][row]
                keys = torch.cat([keys, key[row, :, pad:].float()], 1)
                values = torch.cat([values, value[row, :, pad:].float()], 1)
                self._kept[layer][row] = keys, values
                expected = by_definition(query[row, :, pad:].float(), keys, values, window)
                tolerance = 1e-5 if self.dtype == torch.float32 else 0.05
                torch.testing.assert_close(
                    found[row, pad:].float(), expected, rtol=tolerance, atol=tolerance
                )
                total = keys.shape[1]
                assert positions[row, pad:].tolist() == list(range(total - (count - pad), total))

    def _draw(self, rows: int, count: int) -> tuple[torch.Tensor, ...]:
        shapes = [(HEADS, SIZE), (SHARED, SIZE), (SHARED, VALUE)]
        return tuple(
            torch.randn(rows, heads, count, size, generator=self._generator).to(self.dtype)
            for heads, size in shapes
        )


def by_definition(
    query_HTD: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, window: int | None
) -> torch.Tensor:
    groups = HEADS // SHARED
    keys, values = keys.repeat_interleave(groups, 0), values.repeat_interleave(groups, 0)
    total, new = keys.shape[1], query_HTD.shape[1]
    rows = []
    for place in range(new):
        stop = total - new + place + 1
        start = 0 if window is None else max(0, stop - window)
        scores_HK = torch.einsum("hd,hkd->hk", query_HTD[:, place], keys[:, start:stop]) * SCALING
        rows.append(torch.einsum("hk,hkd->hd", scores_HK.softmax(-1), values[:, start:stop]))
    return torch.stack(rows)


@pytest.mark.parametrize("window", [None, 1, 3, 8, 1000])
def test_rows_of_different_lengths(window: int | None) -> None:
    growing = Growing([5, 9, 1], layers=2)
    growing.grow(9, window)
    for _ in range(4):
        growing.grow(1, window)


def test_several_columns_at_once() -> None:
    growing = Growing([4, 2])
    growing.grow(4)
    growing.grow(3)
    growing.grow(1)
    growing.grow(5)


@pytest.mark.parametrize("window", [None, 40])
def test_more_columns_than_there_was_room_for(window: int | None) -> None:
    """The memory is enlarged, twice, and what was kept is carried over."""
    growing = Growing([3, 1], layers=2)
    growing.grow(3, window)
    for _ in range(3):
        growing.grow(99, window)
        growing.grow(1, window)


def test_columns_are_added_without_copying_the_others() -> None:
    growing = Growing([3, 1])
    growing.grow(3)
    places = set()
    for _ in range(100):
        growing.grow(1)
        places.add(growing.columns._keys[0].data_ptr())
    assert len(places) == 1


@pytest.mark.parametrize("window", [None, 4])
def test_rows_are_dropped(window: int | None) -> None:
    growing = Growing([5, 9, 1, 7], layers=2)
    growing.grow(9, window)
    growing.grow(1, window)
    growing.keep([0, 2, 3])
    growing.grow(1, window)
    growing.keep([2])
    growing.grow(1, window)
    growing.grow(1, window)


def test_rows_are_dropped_at_once() -> None:
    """After the first columns, before any other: the common padding is all on the left."""
    growing = Growing([2, 30, 3])
    growing.grow(30)
    growing.keep([0, 2])
    for _ in range(3):
        growing.grow(1)


def test_padding_that_all_rows_have_is_dropped() -> None:
    """The longest prompt, once finished, costs the others nothing."""
    growing = Growing([2, 30, 3], layers=2)
    growing.grow(30)
    growing.grow(1)
    growing.keep([0, 2])
    growing.grow(1)
    stored = {keys.shape[2] for keys in growing.columns._keys.values()}
    assert max(stored) < 30 + 128
    (width,) = {mask.shape[-1] for mask in growing.columns._masks.values()}
    assert width == 3 + 2


def test_rows_dropped_again_and_again() -> None:
    growing = Growing(list(range(1, 9)))
    growing.grow(8)
    for left in range(7, 0, -1):
        growing.keep(list(range(left)))
        for _ in range(30):
            growing.grow(1)


def test_no_row_is_left() -> None:
    growing = Growing([2, 3])
    growing.grow(3)
    growing.columns.keep([])


def test_half_precision() -> None:
    growing = Growing([5, 9, 1], dtype=torch.bfloat16)
    growing.grow(9, 4)
    growing.grow(1, 4)
    growing.grow(1, None)
