"""A small OpenAI-compatible server on loopback that answers by rules."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Rule = Callable[[str, int], str]
"""From the whole prompt and the seed to what is written."""


@dataclass
class Told:
    """What the next requests get instead of an answer."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Endpoint:
    """The server as tests see it."""

    rule: Rule
    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    troubles: list[Told] = field(default_factory=list)
    """Given first, one for each request."""
    counts_tokens: bool = True
    finish: str = "stop"
    most_at_once: int = 0
    at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, body: dict[str, Any]) -> Told:
        prompt = "\n".join(turn["content"] for turn in body["messages"])
        text = self.rule(prompt, int(body.get("seed", 0)))
        for stop in body.get("stop", []):
            text = text.split(stop)[0]
        value: dict[str, Any] = {
            "choices": [{"message": {"content": text}, "finish_reason": self.finish}]
        }
        if self.counts_tokens:
            value["usage"] = {
                "prompt_tokens": len(prompt.split()),
                "completion_tokens": len(text.split()),
            }
        return Told(200, value)


@contextmanager
def serving(rule: Rule) -> Iterator[Endpoint]:
    """A running server."""
    endpoint = Endpoint(rule)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            with endpoint.lock:
                endpoint.at_once += 1
                endpoint.most_at_once = max(endpoint.most_at_once, endpoint.at_once)
            try:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with endpoint.lock:
                    endpoint.requests.append({"path": self.path, **body})
                    endpoint.keys.append(self.headers.get("Authorization"))
                    trouble = endpoint.troubles.pop(0) if endpoint.troubles else None
                told = trouble or endpoint.answer(body)
            finally:
                with endpoint.lock:
                    endpoint.at_once -= 1
            content = told.body if isinstance(told.body, bytes) else json.dumps(told.body).encode()
            with suppress(ConnectionError):  # of one who would not wait
                self.send_response(told.status)
                for name, value in told.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing on the test's output."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    endpoint.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
