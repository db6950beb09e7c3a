"""A model behind a server, asked for many completions at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, closing
from typing import Any, NamedTuple

from forget.completion import Completion, Sampling
from forget.errors import WorkError
from forget.inference.chat import render_worked
from forget.inference.teacher_prompts import SetTeacher, answer_to_worked, worked_sampling
from forget.teacher import TeacherOutput, TeacherPrompt, TeacherSetup
from forget_teachers.openai.access import Key, read_key
from forget_teachers.openai.replies import BadReply, read_reply
from forget_teachers.openai.streaming import stream

__all__ = ["OpenaiTeacher"]

_GIVE_UP = 20
"""Failures in a row after which nothing is expected of the server any more."""

_FROM_THE_START = 4
"""Failures of the server, nothing having succeeded, that one prompt which it cannot bear is not
taken for; more where more are asked at once."""

_HOPELESS = (401, 403, 404)
"""HTTP statuses that no other prompt changes: the key, the path or the model is wrong."""

_OF_THE_PROMPT = (400, 413, 422)
"""HTTP statuses that say something of one prompt, a length for instance."""

_LONGEST_WAIT_S = 120.0
"""What the library waits at most before it tries again: the longest Retry-After that it obeys."""


class Failure(NamedTuple):
    """Why there is no completion.

    Attributes:
        problem: In a few words.
        status: Of HTTP; None if nothing was answered.
        of_the_prompt: Another prompt may do better.
    """

    problem: str
    status: int | None = None
    of_the_prompt: bool = False


Result = tuple[int, Completion | Failure]


class OpenaiTeacher(SetTeacher):
    """Sends one request for each prompt, some at once.

    Args:
        setup: What it is.
    """

    def __init__(self, setup: TeacherSetup) -> None:
        super().__init__(setup)
        self._settings = setup.settings

    def generate(
        self, prompts: Sequence[TeacherPrompt], sampling: Sampling
    ) -> Iterator[TeacherOutput]:
        """See `Teacher.generate`; what is under way is dropped with the generator."""
        key = read_key(self._settings.api_key_env)
        hope = _Hope(self._settings, self.name, key, len(prompts))

        @asynccontextmanager
        async def session() -> AsyncIterator[Callable[[int], Awaitable[Result]]]:
            async with self._client(key) as client:

                async def ask(index: int) -> Result:
                    body = _body(prompts[index], sampling, self._settings)
                    return index, await self._ask(client, body, key)

                yield ask

        results = stream(session, len(prompts), self._settings.concurrency)
        with closing(results):  # type: ignore[type-var]
            for index, result in results:
                if isinstance(result, Failure):
                    yield TeacherOutput(index, None, result.problem, result.of_the_prompt)
                else:
                    yield TeacherOutput(index, result)
                hope.note(result)

    def _client(self, key: Key) -> Any:
        from openai import AsyncOpenAI, Timeout

        settings = self._settings
        return AsyncOpenAI(
            api_key=key.reveal(),
            base_url=settings.base_url,
            timeout=Timeout(settings.timeout_s, connect=min(10.0, settings.timeout_s)),
            max_retries=settings.max_retries,
        )

    async def _ask(self, client: Any, body: dict[str, Any], key: Key) -> Completion | Failure:
        from openai import APIStatusError, APITimeoutError, OpenAIError

        settings = self._settings
        endpoint = client.chat.completions if settings.chat else client.completions
        tries = settings.max_retries + 1
        try:
            # The library's time-out is for a silence; a server may also never come to an end.
            async with asyncio.timeout(tries * (settings.timeout_s + _LONGEST_WAIT_S)):
                reply = await endpoint.with_raw_response.create(**body)
            completion = read_reply(reply.content, chat=settings.chat)
        except BadReply as error:
            return Failure(key.strike_out(str(error)), of_the_prompt=error.of_the_prompt)
        except APIStatusError as error:
            status = error.status_code
            problem = f"HTTP {status}: {_short(key.strike_out(_said(error)))}"
            return Failure(problem, status, of_the_prompt=status in _OF_THE_PROMPT)
        except (APITimeoutError, TimeoutError):
            return Failure(f"no answer within {settings.timeout_s:g} s")
        except (OpenAIError, OSError) as error:  # no connection, or one that broke
            return Failure(_short(key.strike_out(f"{error} {error.__cause__ or ''}")))
        except ValueError as error:  # a prompt that cannot be written as JSON
            return Failure(_short(key.strike_out(str(error))), of_the_prompt=True)
        return completion if settings.chat else answer_to_worked(completion)


class _Hope:
    """Counts failures and says when to give up."""

    def __init__(self, settings: Any, name: str, key: Key, count: int) -> None:
        self._settings = settings
        self._name = name
        self._key = key
        self._first = min(_GIVE_UP, max(_FROM_THE_START, settings.concurrency), count)
        self._answered = False
        self._in_a_row = 0
        self._of_the_server = 0

    def note(self, result: Completion | Failure) -> None:
        """Take a result into account.

        Raises:
            WorkError: Nothing more is to be expected of this server.
        """
        if not isinstance(result, Failure):
            self._answered = True
            self._in_a_row = self._of_the_server = 0
            return
        if result.of_the_prompt:  # says nothing of the next
            return
        self._in_a_row += 1
        self._of_the_server += 1
        never = not self._answered and self._of_the_server >= self._first
        if result.status in _HOPELESS or never or self._in_a_row >= _GIVE_UP:
            raise WorkError(
                f"The teacher {self._name!r} gets no completions from {self._settings.base_url}: "
                f"{result.problem.rstrip('.')}. {self._advice(result.status)} What it wrote is "
                "kept: then run the same command again."
            )

    def _advice(self, status: int | None) -> str:
        entry = f"[teachers.{self._name}.settings]"
        if status in (401, 403):
            variable = self._key.variable or "a variable that api_key_env names"
            refused = "refuses the key in" if self._key.given else "wants a key, and none is in"
            return f"The server {refused} the environment variable {variable}: set it rightly."
        if status == 404:
            return (
                f"Check base_url, which commonly ends in /v1, and model "
                f"({self._settings.model!r}) in {entry}."
            )
        if status is None:
            return f"Check that the server runs, and base_url in {entry}."
        return f"The server's log may say more; its settings are in {entry}."


def _body(prompt: TeacherPrompt, sampling: Sampling, settings: Any) -> dict[str, Any]:
    """Return the request for a prompt, as arguments of the library's ``create``."""
    if not settings.chat:
        sampling = worked_sampling(sampling)
    extra: dict[str, Any] = {"top_k": sampling.top_k} if sampling.top_k else {}
    if settings.chat and settings.template_options:
        extra["chat_template_kwargs"] = {"enable_thinking": settings.thinking}
    asked = (
        {"messages": list(prompt.messages)}
        if settings.chat
        else {"prompt": render_worked(prompt.messages)}
    )
    return {
        **asked,
        "model": settings.model,
        "max_tokens": sampling.max_new_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": prompt.seed % 2**31,  # some servers keep it in 32 bits with a sign
        **({"stop": list(sampling.stops)} if sampling.stops else {}),
        "extra_body": {**extra, **(settings.extra_body or {})},
    }


def _said(error: Any) -> str:
    """Return what a server says of an error, without what the library says around it."""
    body = error.body
    message = body.get("message") if isinstance(body, dict) else None
    return message if isinstance(message, str) and message else error.response.text


def _short(text: str) -> str:
    return " ".join(text.split())[:200] or "it says nothing more"
