"""Coroutines as an iterator: what is opened is closed, whenever the consumer loses interest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from threading import Event

import pytest

from forget_teachers.openai.streaming import stream


class _Opened:
    """A session that takes its time to close, as connections do."""

    def __init__(self, closing_s: float = 0.2) -> None:
        self._closing_s = closing_s
        self.is_closing, self.closed = Event(), Event()

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Callable[[int], Awaitable[int]]]:
        async def do(index: int) -> int:
            await asyncio.sleep(0)
            return index

        try:
            yield do
        finally:
            self.is_closing.set()
            await asyncio.sleep(self._closing_s)
            self.closed.set()


def test_every_result_arrives_once() -> None:
    opened = _Opened(closing_s=0)
    assert sorted(stream(opened.session, 25, 4)) == list(range(25))
    assert opened.closed.is_set()


@pytest.mark.slow
def test_a_consumer_that_stops_while_the_session_closes_lets_it_close() -> None:
    """All work is done and some results are not fetched yet: the closing must not be cut off."""
    opened = _Opened()
    with closing(stream(opened.session, 4, 4)) as results:  # type: ignore[type-var]
        next(results)
        assert opened.is_closing.wait(10)
    assert opened.closed.is_set()


def test_a_consumer_that_stops_in_the_middle_ends_the_work() -> None:
    opened, begun = _Opened(closing_s=0), []

    @asynccontextmanager
    async def session() -> AsyncIterator[Callable[[int], Awaitable[int]]]:
        async def do(index: int) -> int:
            begun.append(index)
            await asyncio.sleep(3600 if index else 0)
            return index

        async with opened.session():
            yield do

    with closing(stream(session, 100, 3)) as results:  # type: ignore[type-var]
        assert next(results) == 0
    assert opened.closed.is_set()
    assert len(begun) <= 4


def test_a_failure_is_raised_where_results_are_wanted() -> None:
    @asynccontextmanager
    async def session() -> AsyncIterator[Callable[[int], Awaitable[int]]]:
        async def do(index: int) -> int:
            raise LookupError(index)

        yield do

    with pytest.raises(ExceptionGroup) as caught:
        list(stream(session, 3, 2))
    assert caught.group_contains(LookupError)


def test_a_session_that_cannot_be_opened_raises_too() -> None:
    @asynccontextmanager
    async def session() -> AsyncIterator[Callable[[int], Awaitable[int]]]:
        raise LookupError("no")
        yield

    with pytest.raises(LookupError, match="no"):
        list(stream(session, 3, 2))
