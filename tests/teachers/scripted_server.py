"""A server on the loopback that answers as it is told, well or badly."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import attrs

Answer = Callable[["Asked"], None]
"""Writes the response to a request."""


class Asked(NamedTuple):
    """A request: its body, and the handler that answers it."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    handler: BaseHTTPRequestHandler

    @property
    def question(self) -> str:
        if "prompt" in self.body:
            return str(self.body["prompt"])
        return str(self.body["messages"][-1]["content"])

    def send(self, status: int, body: bytes, **headers: str) -> None:
        self.handler.send_response(status)
        self.handler.send_header("Content-Type", "application/json")
        self.handler.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.handler.send_header(name.replace("_", "-"), value)
        self.handler.end_headers()
        self.handler.wfile.write(body)

    def send_json(self, value: Any, status: int = 200, **headers: str) -> None:
        self.send(status, json.dumps(value).encode(), **headers)


@attrs.define
class Scripted:
    """What the server was asked, and how it answers.

    Attributes:
        url: Its address.
        answer: Answers the requests.
        asked: The requests so far.
        under_way: How many are being answered.
        most: How many were at once.
        stopping: Set when the server ends, for answers that hang.
    """

    url: str = ""
    answer: Answer = lambda asked: asked.send_json(reply(f"echo {asked.question}"))
    asked: list[Asked] = attrs.field(factory=list)
    under_way: int = 0
    most: int = 0
    stopping: threading.Event = attrs.field(factory=threading.Event)
    lock: Any = attrs.field(factory=threading.Lock)

    def count(self, change: int) -> None:
        with self.lock:
            self.under_way += change
            self.most = max(self.most, self.under_way)


def reply(content: Any, finish: Any = "stop", tokens: int | None = 3, **choice: Any) -> Any:
    """Return what a well-behaved server sends, of both endpoints at once."""
    message = {"role": "assistant", "content": content}
    first = {"index": 0, "message": message, "text": content, "finish_reason": finish, **choice}
    usage = None if tokens is None else {"completion_tokens": tokens, "prompt_tokens": 9}
    return {"id": "x", "object": "chat.completion", "choices": [first], "usage": usage}


@contextmanager
def serving() -> Iterator[Scripted]:
    script = Scripted()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.path, headers, json.loads(raw), self)
            with script.lock:
                script.asked.append(asked)
            script.count(+1)
            try:
                script.answer(asked)
            except OSError:  # the client did not wait
                self.close_connection = True
            finally:
                script.count(-1)

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, *_: Any) -> None:
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        script.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield script
        finally:
            script.stopping.set()
            server.shutdown()
            thread.join()
