"""Teachers behind a server that speaks OpenAI's protocol: one's own vLLM, or a service."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from typing import Any

import attrs

from forget.errors import RequestError
from forget.hooks import hookimpl
from forget.settings import setting
from forget.teacher import Teacher, TeacherKind, TeacherSettings, TeacherSetup

__all__ = ["OpenaiKind", "OpenaiSettings", "forget_teachers"]


@attrs.frozen(kw_only=True)
class OpenaiSettings(TeacherSettings):
    """Settings of a teacher behind a server."""

    model: str = setting("", "the server's name for the model")
    base_url: str = setting(
        "http://localhost:8000/v1", "where the server is, /v1 included", technical=True
    )
    api_key_env: str = setting(
        "OPENAI_API_KEY",
        "environment variable that holds the key; the key itself is written nowhere",
        technical=True,
    )
    chat: bool = setting(
        True, "ask /chat/completions; false: /completions with worked examples, for base models"
    )
    template_options: bool = setting(
        True,
        "tell the chat template whether to think; false for servers that refuse "
        "chat_template_kwargs",
    )
    extra_body: dict[str, Any] | None = setting(  # noqa: RUF009 - a field, not a default
        None, "more keys of each request, for what only this server knows"
    )
    concurrency: int = setting(
        32, "most requests under way at once", minimum=1, maximum=1000, technical=True
    )
    timeout_s: float = setting(
        600.0, "longest silence of the server in a request [s]", minimum=0.1, technical=True
    )
    max_retries: int = setting(
        5, "tries after the first of a request that failed", minimum=0, technical=True
    )


class OpenaiKind:
    """Asks a server over HTTP."""

    name = "openai"
    title = "OpenAI-compatible server"
    summary = "Kind of teachers: a model behind a server that speaks OpenAI's protocol"
    local = False
    settings = OpenaiSettings

    def check(self, settings: Any) -> None:
        """Look for the library, the server's address, the model's name and the key.

        Raises:
            RequestError: One is missing or wrong; says what to do.
        """
        from forget_teachers.openai.access import check_address, read_key

        if find_spec("openai") is None:
            raise RequestError(
                "A teacher of the kind openai needs the library openai, which is not installed: "
                "pip install 'forget-llm[openai]'"
            )
        if not settings.model:
            raise RequestError(
                "A teacher of the kind openai does not say which model of the server it is: write "
                'settings = { model = "..." } into its entry of the registry.'
            )
        check_address(settings.base_url)
        read_key(settings.api_key_env)

    def open(self, setup: TeacherSetup) -> Teacher:
        """Make a teacher; nothing is asked yet."""
        from forget_teachers.openai.teacher import OpenaiTeacher

        return OpenaiTeacher(setup)


@hookimpl
def forget_teachers() -> Iterable[TeacherKind]:
    """Yield the kind `openai`."""
    yield OpenaiKind()
