"""One POST of JSON with a time-out and a bounded answer; no redirect, no proxy, no cookie."""

from __future__ import annotations

import http.client
import json
import ssl
from dataclasses import dataclass
from typing import Any

from tunewright.curate.generators.address import Address

_MOST_BYTES = 16_000_000
"""Of an answer; a longer one is no text that was asked for."""


class UnreachableError(Exception):
    """No answer at all.

    Args:
        what: the rest of the sentence 'nothing answers: ...'.
        refused: whether nobody is there (as against too slow, or cut off).
    """

    def __init__(self, what: str, *, refused: bool) -> None:
        super().__init__(what)
        self.refused = refused


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What a server answered."""

    status: int
    content: bytes
    retry_after_seconds: float | None = None
    """When it wants to be asked again."""
    location: str | None = None


def post(address: Address, body: dict[str, Any], key: str | None, timeout_seconds: float) -> Reply:
    """Send a request and read the answer whole.

    Raises:
        UnreachableError: when there is none, or not in time.
    """
    connection = _connection(address, timeout_seconds)
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if key is not None:
        headers["Authorization"] = f"Bearer {key}"
    try:
        connection.request("POST", address.chat, json.dumps(body).encode(), headers)
        answer = connection.getresponse()
        content = answer.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise UnreachableError(f"an answer of more than {_MOST_BYTES:,} bytes", refused=False)
        return Reply(
            status=answer.status,
            content=content,
            retry_after_seconds=_seconds(answer.getheader("Retry-After")),
            location=answer.getheader("Location"),
        )
    except TimeoutError as problem:
        raise UnreachableError(
            f"no answer within {timeout_seconds:g} seconds", refused=False
        ) from problem
    except ssl.SSLError as problem:
        what = f"the connection is not secure: {problem.reason or problem}"
        raise UnreachableError(what, refused=True) from problem
    except OSError as problem:
        refused = not isinstance(problem, ConnectionResetError | BrokenPipeError)
        raise UnreachableError(problem.strerror or str(problem), refused=refused) from problem
    except (http.client.HTTPException, UnicodeError) as problem:
        what = f"no HTTP answer ({type(problem).__name__})"
        raise UnreachableError(what, refused=False) from problem
    finally:
        connection.close()


def _connection(address: Address, timeout_seconds: float) -> http.client.HTTPConnection:
    if address.secure:
        return http.client.HTTPSConnection(
            address.host,
            address.port,
            timeout=timeout_seconds,
            context=ssl.create_default_context(),
        )
    return http.client.HTTPConnection(address.host, address.port, timeout=timeout_seconds)


def _seconds(header: str | None) -> float | None:
    """`Retry-After` in seconds; its other form, a date, is rare and passed over."""
    try:
        return max(0.0, float(header)) if header is not None else None
    except ValueError:
        return None
