"""Teachers behind a server, good and bad ones."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from forget.completion import Completion, Sampling
from forget.errors import RequestError, WorkError
from forget.settings import build, identity
from forget.teacher import Teacher, TeacherKind, TeacherOutput, TeacherPrompt
from forget_teachers import openai as face
from forget_teachers.openai import OpenaiKind, OpenaiSettings, forget_teachers
from forget_teachers.openai import teacher as implementation
from forget_teachers.openai.access import read_key
from teachers.kinds import WORKED, by_prompt, prompt, setup
from teachers.scripted_server import Asked, Scripted, reply, serving

KIND = OpenaiKind()
SAMPLING = Sampling(max_new_tokens=12, temperature=0.7, top_p=0.8)
KEY = "sk-9f3Kq7-verysecret-ZZ81"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    # The library waits half a second and more before it tries again.
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.01)
    with serving() as script:
        yield script


@pytest.fixture
def make(server: Scripted) -> Callable[..., Teacher]:
    def teacher(**settings: Any) -> Teacher:
        chosen = {"model": "big", "base_url": server.url, "max_retries": 2, "timeout_s": 2.0}
        made = OpenaiSettings(**{**chosen, **settings})
        KIND.check(made)
        return KIND.open(setup(made))

    return teacher


def ask(teacher: Teacher, count: int = 1, **changes: Any) -> list[TeacherOutput]:
    prompts = [prompt(f"number {n}", seed=n) for n in range(count)]
    sampling = Sampling(**{"max_new_tokens": 12, **changes})
    found = by_prompt(teacher.generate(prompts, sampling))
    return [found[n] for n in range(count)]


# --- the kind


def test_it_is_a_kind() -> None:
    [found] = forget_teachers()
    assert isinstance(found, TeacherKind)
    assert not found.local


def test_what_decides_the_data() -> None:
    here = OpenaiSettings(model="m", base_url="http://a/v1", concurrency=3, api_key_env="")
    there = OpenaiSettings(model="m", base_url="http://b/v1", max_retries=0, timeout_s=1)
    assert identity(here) == identity(there)
    for change in ({"model": "n"}, {"chat": False}, {"extra_body": {"a": 1}}, {"thinking": True}):
        assert identity(OpenaiSettings(**{"model": "m", **change})) != identity(here)


def test_settings_from_a_registry() -> None:
    table = {"model": "m", "extra_body": {"min_p": 0.1, "deep": {"a": [1]}}, "timeout_s": 3}
    assert build(OpenaiSettings, table, where="teacher mine").extra_body == table["extra_body"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": ""}, "does not say which model"),
        ({"base_url": "localhost:8000"}, "no address of a server"),
        ({"base_url": "ftp://host/v1"}, "no address of a server"),
        ({"base_url": "http://"}, "no address of a server"),
        ({"base_url": "http://host:port/v1"}, "no address of a server"),
        ({"base_url": "http://host:99999/v1"}, "no address of a server"),
        ({"api_key_env": "NOT_SET_ANYWHERE"}, "'NOT_SET_ANYWHERE'.* is not set"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_asked(
    settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(RequestError, match=message):
        KIND.check(OpenaiSettings(**{"model": "m", **settings}))


@pytest.mark.parametrize("url", ["http://me:hidden77@host/v1", "http://host/v1?key=hidden77"])
def test_a_password_in_the_address(url: str) -> None:
    with pytest.raises(RequestError) as caught:
        KIND.check(OpenaiSettings(model="m", base_url=url))
    assert "hidden77" not in str(caught.value)


@pytest.mark.parametrize("value", ["sk-hidden\nnext", "sk-hiddenö"])
def test_a_key_that_no_header_can_hold(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", value)
    with pytest.raises(RequestError, match="'MY_KEY' holds characters") as caught:
        KIND.check(OpenaiSettings(model="m", api_key_env="MY_KEY"))
    assert "hidden" not in str(caught.value)


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(face, "find_spec", lambda _: None)
    with pytest.raises(RequestError, match=r"pip install 'forget-llm\[openai\]'"):
        KIND.check(OpenaiSettings(model="m"))


# --- what is asked


def test_a_request_for_each_prompt(server: Scripted, make: Callable[..., Teacher]) -> None:
    [output] = make().generate([TeacherPrompt(WORKED, 2**40 + 7)], SAMPLING)
    assert output == TeacherOutput(
        0, Completion(text=f"echo {WORKED[-1]['content']}", finished=True, tokens=3)
    )
    [asked] = server.asked
    assert asked.path == "/v1/chat/completions"
    assert asked.body == {
        "model": "big",
        "messages": WORKED,
        "max_tokens": 12,
        "temperature": 0.7,
        "top_p": 0.8,
        "seed": 7,
        "chat_template_kwargs": {"enable_thinking": False},
    }


@pytest.mark.slow
def test_options_that_are_asked_for(server: Scripted, make: Callable[..., Teacher]) -> None:
    teacher = make(thinking=True, extra_body={"min_p": 0.1})
    ask(teacher, top_k=20, stops=("\n\n", "END"))
    ask(make(template_options=False))
    first, second = (asked.body for asked in server.asked)
    assert first["chat_template_kwargs"] == {"enable_thinking": True}
    assert (first["min_p"], first["top_k"], first["stop"]) == (0.1, 20, ["\n\n", "END"])
    assert {"chat_template_kwargs", "top_k", "stop"}.isdisjoint(second)


def test_a_base_model_gets_worked_examples(server: Scripted, make: Callable[..., Teacher]) -> None:
    server.answer = lambda asked: asked.send_json(reply(" Paris\n"))
    [output] = make(chat=False).generate([TeacherPrompt(WORKED, 1)], SAMPLING)
    assert output.completion == Completion(text="Paris", finished=True, tokens=3)
    [asked] = server.asked
    assert asked.path == "/v1/completions"
    assert asked.body["prompt"].startswith("Answer in one word.\n\nQuestion: What")
    assert asked.body["prompt"].endswith(
        "\nAnswer: Madrid\n\n" + "Question: What is the capital of France?\nAnswer:"
    )
    assert asked.body["stop"] == ["\nQuestion:"]
    assert "chat_template_kwargs" not in asked.body


def test_seeds_are_the_prompts_own(server: Scripted, make: Callable[..., Teacher]) -> None:
    ask(make(), 5, seed=99)
    assert sorted(asked.body["seed"] for asked in server.asked) == [0, 1, 2, 3, 4]


@pytest.mark.slow
def test_not_more_at_once_than_allowed(server: Scripted, make: Callable[..., Teacher]) -> None:
    def slow(asked: Asked) -> None:
        time.sleep(0.05)
        asked.send_json(reply("x"))

    server.answer = slow
    ask(make(concurrency=3), 12)
    assert server.most == 3


@pytest.mark.slow
def test_outputs_arrive_as_they_finish(server: Scripted, make: Callable[..., Teacher]) -> None:
    held = threading.Event()

    def answer(asked: Asked) -> None:
        if asked.question == "number 0":
            held.wait(10)
        asked.send_json(reply(asked.question))

    server.answer = answer
    outputs = make(concurrency=2, timeout_s=20).generate(
        [prompt(f"number {n}") for n in range(4)], SAMPLING
    )
    assert [next(outputs).prompt for _ in range(3)] == [1, 2, 3]
    held.set()
    assert [output.prompt for output in outputs] == [0]


def test_closing_drops_what_is_under_way(server: Scripted, make: Callable[..., Teacher]) -> None:
    def answer(asked: Asked) -> None:
        if asked.question != "number 0":
            server.stopping.wait(30)
        asked.send_json(reply("x"))

    server.answer = answer
    outputs = make(concurrency=4, timeout_s=60).generate(
        [prompt(f"number {n}") for n in range(50)], SAMPLING
    )
    assert next(outputs).prompt == 0
    begun = time.monotonic()
    outputs.close()  # type: ignore[attr-defined]
    assert time.monotonic() - begun < 5
    assert len(server.asked) <= 6
    assert not [t for t in threading.enumerate() if t.name == "openai-teacher"]


@pytest.mark.slow
def test_nothing_is_asked_before_the_first_output_is_wanted(
    server: Scripted, make: Callable[..., Teacher]
) -> None:
    outputs = make().generate([prompt("a")], SAMPLING)
    time.sleep(0.1)
    assert server.asked == []
    outputs.close()  # type: ignore[attr-defined]
    assert list(make().generate([], SAMPLING)) == []


def test_within_a_program_that_has_an_event_loop(
    server: Scripted, make: Callable[..., Teacher]
) -> None:
    import asyncio

    async def program() -> list[TeacherOutput]:
        return ask(make(), 3)

    assert len(asyncio.run(program())) == 3


# --- replies

GOOD = reply("fine")
REPLIES: dict[str, tuple[Any, Completion | str]] = {
    "cut": (reply("so far", "length"), Completion(text="so far", finished=False, tokens=3)),
    "empty": (reply("", tokens=1), Completion(text="", finished=True, tokens=1)),
    "all thought": (reply(None, "length"), Completion(text="", finished=False, tokens=3)),
    "no usage": (reply("x", tokens=None), Completion(text="x", finished=True, tokens=0)),
    "odd usage": (
        {**GOOD, "usage": {"completion_tokens": "3"}},
        Completion(text="fine", finished=True, tokens=0),
    ),
    "more choices": (
        {**GOOD, "choices": [*GOOD["choices"], *reply("other")["choices"]]},
        Completion(text="fine", finished=True, tokens=0),
    ),
    "cut within a character": (
        reply("caf\N{REPLACEMENT CHARACTER}", "length"),
        Completion(text="caf", finished=False, tokens=3),
    ),
    "another script": (reply("東京 é 🙂"), Completion(text="東京 é 🙂", finished=True, tokens=3)),
    "no choices": ({**GOOD, "choices": []}, "no choices"),
    "null choices": ({**GOOD, "choices": None}, "no choices"),
    "odd choices": ({**GOOD, "choices": ["a"]}, "no choices"),
    "an error in place": ({"error": "overloaded"}, "no choices"),
    "no text": (reply(None), "no text"),
    "odd text": (reply([{"type": "text", "text": "x"}]), "no text"),
    "no message": (reply("x", message=None), "no text"),
    "filtered": (reply("x", "content_filter"), "'content_filter'"),
    "tools": (reply(None, "tool_calls"), "'tool_calls'"),
    "no reason": (reply("x", None), "None"),
    "surrogate": (reply("a\ud800b"), "lone surrogate"),
    "U+FFFD": (reply("a\N{REPLACEMENT CHARACTER}b"), "U+FFFD"),
    "no object": ([1, 2], "not a JSON object"),
    "no JSON": (b'{"choices": [{"mess', "not JSON"),
    "deep JSON": (b"[" * 100_000, "not JSON"),
    "nothing": (b"", "not JSON"),
    "a page": (b"<html>Bad gateway</html>", "not JSON"),
    "no UTF-8": (json.dumps(GOOD).encode().replace(b"fine", b"f\xffne"), "not UTF-8"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", REPLIES)
def test_what_a_server_may_send(name: str, server: Scripted, make: Callable[..., Teacher]) -> None:
    body, expected = REPLIES[name]
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()

    def answer(asked: Asked) -> None:
        if asked.question == "number 0":
            asked.send(200, raw)
        else:
            asked.send_json(GOOD)

    server.answer = answer
    found, other = ask(make(), 2)
    if isinstance(expected, Completion):
        assert found == TeacherOutput(0, expected)
    else:
        assert found.completion is None
        assert expected in found.problem
    assert other.completion is not None


# --- failures


def failing(times: int, status: int, **headers: str) -> Callable[[Asked], None]:
    """Answer with an error that many times, and well from then on."""
    left = [times]

    def answer(asked: Asked) -> None:
        if left[0] > 0:
            left[0] -= 1
            asked.send_json({"error": {"message": "come back"}}, status, **headers)
        else:
            asked.send_json(GOOD)

    return answer


@pytest.mark.slow
@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_failure_that_passes(status: int, server: Scripted, make: Callable[..., Teacher]) -> None:
    server.answer = failing(2, status)
    [output] = ask(make())
    assert output.completion is not None
    assert len(server.asked) == 3


@pytest.mark.slow
def test_the_server_says_when_to_come_back(server: Scripted, make: Callable[..., Teacher]) -> None:
    server.answer = failing(1, 429, Retry_After="1")
    begun = time.monotonic()
    [output] = ask(make())
    assert output.completion is not None
    assert time.monotonic() - begun >= 1


@pytest.mark.slow
def test_a_failure_that_stays_is_of_its_prompt(
    server: Scripted, make: Callable[..., Teacher]
) -> None:
    def answer(asked: Asked) -> None:
        if asked.question == "number 3":
            asked.send_json({"error": {"message": "the worker\ncrashed"}}, 500)
        else:
            asked.send_json(GOOD)

    server.answer = answer
    found = ask(make(), 8)
    assert found[3] == TeacherOutput(3, None, "HTTP 500: the worker crashed")
    assert all(output.completion for output in found if output.prompt != 3)


def test_a_prompt_that_is_too_long(server: Scripted, make: Callable[..., Teacher]) -> None:
    def answer(asked: Asked) -> None:
        asked.send_json({"error": {"message": "the context is 512 tokens"}}, 400)

    server.answer = answer
    assert [output.problem for output in ask(make(), 3)] == [
        "HTTP 400: the context is 512 tokens"
    ] * 3
    assert len(server.asked) == 3, "what cannot change is not tried again"


def dies_in_its_body(asked: Asked) -> None:
    asked.handler.send_response(200)
    asked.handler.send_header("Content-Length", "1000")
    asked.handler.end_headers()
    asked.handler.wfile.write(b'{"choices": [')
    asked.handler.wfile.flush()
    asked.handler.connection.shutdown(socket.SHUT_RDWR)
    asked.handler.close_connection = True


def dies_at_once(asked: Asked) -> None:
    asked.handler.connection.shutdown(socket.SHUT_RDWR)
    asked.handler.close_connection = True


@pytest.mark.slow
@pytest.mark.parametrize("death", [dies_in_its_body, dies_at_once])
def test_a_connection_that_breaks(
    death: Callable[[Asked], None], server: Scripted, make: Callable[..., Teacher]
) -> None:
    server.answer = lambda asked: (
        death(asked) if asked.question == "number 0" else asked.send_json(GOOD)
    )
    found, other = ask(make(), 2)
    assert found.completion is None
    assert "onnection" in found.problem
    assert other.completion is not None
    assert sum(asked.question == "number 0" for asked in server.asked) == 3


@pytest.mark.slow
def test_a_server_that_hangs(server: Scripted, make: Callable[..., Teacher]) -> None:
    server.answer = lambda asked: (
        server.stopping.wait(30) and None if asked.question == "number 0" else asked.send_json(GOOD)
    )
    found, other = ask(make(timeout_s=0.3, max_retries=1), 2)
    assert found == TeacherOutput(0, None, "no answer within 0.3 s")
    assert other.completion is not None


@pytest.mark.slow
def test_a_server_that_never_comes_to_an_end(
    server: Scripted, make: Callable[..., Teacher], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(implementation, "_LONGEST_WAIT_S", 0.1)

    def drip(asked: Asked) -> None:
        asked.handler.send_response(200)
        asked.handler.send_header("Content-Length", "100000")
        asked.handler.end_headers()
        while not server.stopping.wait(0.05):
            asked.handler.wfile.write(b" ")
            asked.handler.wfile.flush()

    server.answer = lambda asked: (
        drip(asked) if asked.question == "number 0" else asked.send_json(GOOD)
    )
    begun = time.monotonic()
    found, _ = ask(make(timeout_s=0.4, max_retries=0), 2)
    assert found.problem == "no answer within 0.4 s"
    assert time.monotonic() - begun < 3


def test_a_prompt_that_is_no_text(server: Scripted, make: Callable[..., Teacher]) -> None:
    found = by_prompt(make().generate([prompt("a\ud800b"), prompt("fine")], SAMPLING))
    assert found[0].completion is None
    assert found[0].problem
    assert found[1].completion is not None


# --- giving up


def given_up(teacher: Teacher, count: int = 50) -> tuple[list[TeacherOutput], str]:
    arriving = teacher.generate([prompt(f"number {n}") for n in range(count)], SAMPLING)
    outputs: list[TeacherOutput] = []
    with pytest.raises(WorkError) as caught:
        outputs.extend(arriving)  # keeps what came before the error
    message = str(caught.value)
    assert "\n" not in message
    assert "run the same command again" in message
    assert caught.value.__cause__ is None
    return outputs, message


def test_a_server_that_is_not_there(make: Callable[..., Teacher]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        outputs, message = given_up(make(base_url=url, concurrency=4))
    assert 4 <= len(outputs) <= 8
    assert url in message
    assert "onnection" in message
    assert "Check that the server runs" in message


def test_a_key_that_is_refused(server: Scripted, make: Callable[..., Teacher]) -> None:
    server.answer = lambda asked: asked.send_json({"error": {"message": "who are you?"}}, 401)
    outputs, message = given_up(make(concurrency=2))
    assert len(outputs) == 1
    assert "HTTP 401: who are you?" in message
    assert "environment variable OPENAI_API_KEY" in message


@pytest.mark.slow
def test_a_model_that_is_not_there(server: Scripted, make: Callable[..., Teacher]) -> None:
    server.answer = lambda asked: asked.send_json({"message": "no model big"}, 404)
    _, message = given_up(make())
    assert "no model big" in message
    assert "model ('big') in [teachers.mine.settings]" in message


def test_a_server_that_fails_from_the_start(server: Scripted, make: Callable[..., Teacher]) -> None:
    server.answer = failing(1000, 500)
    outputs, message = given_up(make(concurrency=6, max_retries=0))
    assert len(outputs) == 6
    assert "HTTP 500: come back" in message


@pytest.mark.slow
def test_a_server_that_fails_later(server: Scripted, make: Callable[..., Teacher]) -> None:
    def answer(asked: Asked) -> None:
        if int(asked.question.split()[1]) < 10:
            asked.send_json(GOOD)
        else:
            asked.send_json({"error": {"message": "gone"}}, 502)

    server.answer = answer
    outputs, message = given_up(make(concurrency=1, max_retries=0))
    assert sum(output.completion is not None for output in outputs) == 10
    assert len(outputs) == 10 + implementation._GIVE_UP
    assert "HTTP 502: gone" in message


@pytest.mark.slow
def test_refused_prompts_say_nothing_of_the_server(
    server: Scripted, make: Callable[..., Teacher]
) -> None:
    """However many: a re-run asks for nothing else when all others are there."""
    server.answer = lambda asked: asked.send_json({"error": {"message": "too long"}}, 400)
    outputs = ask(make(), 30)
    assert {(o.problem, o.final) for o in outputs} == {("HTTP 400: too long", True)}
    assert len(outputs) == 30 > implementation._GIVE_UP


def test_a_fault_that_passes_is_asked_again(server: Scripted, make: Callable[..., Teacher]) -> None:
    """Gateways report an error of the server behind them with status 200."""
    error = {"error": {"code": 429, "message": "overloaded"}}
    server.answer = lambda asked: asked.send_json(
        error if asked.question == "number 0" else reply("Paris")
    )
    output, *others = ask(make(), 3)
    assert all(other.completion for other in others)
    assert (output.problem, output.final) == ("the reply has no choices: overloaded", False)


# --- the key


@pytest.mark.slow
def test_the_key_is_sent_and_shown_nowhere(
    server: Scripted,
    make: Callable[..., Teacher],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    monkeypatch.chdir(tmp_path)
    caplog.set_level(logging.DEBUG)
    for name in ("openai", "httpx", "httpx2", "httpcore", "httpcore2", "asyncio"):
        caplog.set_level(logging.DEBUG, logger=name)
    quoting = [
        {"error": {"message": f"Incorrect API key provided: {KEY}."}},
        {"error": {"message": f"unknown key {KEY[:14]}***{KEY[-7:]}"}},
        {"detail": f"Bearer {KEY} is no good " * 20},
    ]

    def answer(asked: Asked) -> None:
        number = int(asked.question.split()[1])
        if number == 3:
            asked.send(200, f"<html>{KEY}".encode())
        elif number < 3:
            asked.send_json(quoting[number], 400 if number else 500)
        else:
            asked.send_json(quoting[0], 401)

    server.answer = answer
    teacher = make(api_key_env="MY_KEY", max_retries=1, concurrency=1)
    outputs, message = given_up(teacher, 6)
    assert {asked.headers["authorization"] for asked in server.asked} == {f"Bearer {KEY}"}
    problems = [output.problem for output in outputs]
    (tmp_path / "kept.txt").write_text("\n".join([*problems, message, repr(teacher)]))
    written = "".join(file.read_text() for file in tmp_path.iterdir())
    logged = "".join(f"{record.getMessage()}{record.__dict__}" for record in caplog.records)
    assert "HTTP Request" in logged
    said = [written, logged, *capfd.readouterr(), repr(read_key("MY_KEY")), str(vars(teacher))]
    for text in said:
        assert KEY not in text
        assert "verysecret" not in text
        assert "sk-9f3Kq7" not in text
    assert "Incorrect API key provided: ***." in written
    assert len(problems) == 5


@pytest.mark.slow
def test_a_server_that_wants_no_key(
    server: Scripted, make: Callable[..., Teacher], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    ask(make())
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    ask(make(api_key_env=""))
    assert [asked.headers["authorization"] for asked in server.asked] == ["Bearer none"] * 2


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    [
        ("abcdefgh", "x abcdefgh y abcdefgh", "x *** y ***"),
        ("abcdefgh", "xabcdefy", "x***y"),
        ("abcdefgh", "abcde fgh", "abcde fgh"),
        ("abcdefgh", "abcdefgh", "***"),
        ("abcdefgh", "", ""),
        ("abc", "x abc y", "x *** y"),
        ("", "anything", "anything"),
    ],
)
def test_parts_of_a_key_are_struck_out(
    key: str, text: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    assert read_key("OPENAI_API_KEY").strike_out(text) == expected
