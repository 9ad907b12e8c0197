"""Models behind an OpenAI-compatible address (`/v1/chat/completions`)."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from tunewright.core.errors import ConfigError, StoppedError
from tunewright.core.text import printable, shortened
from tunewright.curate.generators.address import Address
from tunewright.curate.generators.base import (
    OPEN_LENGTH_TOKENS,
    Generated,
    Generator,
    Prompt,
    prompt_seeds,
    turns_of,
)
from tunewright.curate.generators.http import Reply, UnreachableError, post

DEFAULT_KEY_ENV = "OPENAI_API_KEY"
_AGAIN = {408, 409, 425, 429, 500, 502, 503, 504, 529}
_REFUSED_KEY = {401, 403}
_NOT_THERE = {404, 405}
_CHARACTERS_PER_TOKEN = 4
"""For servers that do not count; told as an estimate."""
_SAID_CHARACTERS = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """How an endpoint is asked."""

    timeout_seconds: float = 120.0
    """Of one request."""
    attempts: int = 6
    """Of one request, counting the first."""
    first_wait_seconds: float = 1.0
    """Before the second attempt; doubled each time."""
    longest_wait_seconds: float = 60.0
    in_flight: int = 4
    """Requests at one time."""


class EndpointGenerator(Generator):
    """Asks a server.

    Args:
        address: of the server.
        model: as the server calls it.
        key: sent as bearer token; never printed, stored or hashed.
        key_env: the environment variable that it came from, for messages.
        patience: time-outs, attempts, requests at one time.
        sleep: waits that many seconds, in the place of `time.sleep`.
    """

    def __init__(
        self,
        address: Address,
        model: str,
        *,
        key: str | None = None,
        key_env: str = DEFAULT_KEY_ENV,
        patience: Patience | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self._address = address
        self._model = model
        self._key = key
        self._key_env = key_env
        self._patience = patience or Patience()
        self._sleep = sleep or time.sleep
        self._length_name = "max_tokens"
        self._answered = False
        self.retries = 0
        """Requests that had to be repeated."""
        self.estimated = False
        """Whether tokens were estimated for answers of a server that does not count them."""

    def __repr__(self) -> str:
        return f"EndpointGenerator({self.identity!r})"

    @property
    def identity(self) -> str:
        return f"{self._model} at {self._address}"

    def generate(
        self,
        prompts: Sequence[Prompt],
        *,
        max_new_tokens: int = OPEN_LENGTH_TOKENS,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
        seed: int = 0,
    ) -> list[Generated]:
        if not prompts:
            return []
        bodies = [
            {
                "model": self._model,
                "messages": turns_of(prompt),
                "max_tokens": max_new_tokens,
                "temperature": temperature,
                "seed": own_seed,
                **({"stop": list(stop)} if stop else {}),
            }
            for prompt, own_seed in zip(prompts, prompt_seeds(prompts, seed), strict=True)
        ]
        pool = ThreadPoolExecutor(self._patience.in_flight)
        try:
            found = list(pool.map(self._ask, bodies))
        finally:
            # After a refusal nothing more is to be asked; what is on its way is not waited for.
            pool.shutdown(wait=False, cancel_futures=True)
        if not self._answered:
            raise self._nothing_works(found[0].problem or "")
        return found

    def _ask(self, body: dict[str, Any]) -> Generated:
        started = time.monotonic()
        reply = self._reply(body)
        if reply.status == 400 and self._renamed_length(reply):
            reply = self._reply(body)
        seconds = time.monotonic() - started
        if reply.status == 200:
            return self._read(reply, body, seconds)
        said = self._said(reply)
        if reply.status in _REFUSED_KEY:
            raise self._wrong_key(reply.status)
        if reply.status in _NOT_THERE or (reply.status == 400 and _about_model(said)):
            raise self._not_there(reply.status, said)
        if 300 <= reply.status < 400:
            raise self._elsewhere(reply)
        problem = f"the endpoint answered {reply.status}: {said}"
        return Generated(text="", tokens=0, seconds=seconds, finished=False, problem=problem)

    def _reply(self, body: dict[str, Any]) -> Reply:
        """The first reply that is final; what may pass is asked again, later each time."""
        wait, patience = self._patience.first_wait_seconds, self._patience
        trouble = ""
        for attempt in range(patience.attempts):
            if attempt:
                self.retries += 1
            try:
                reply = post(self._address, self._sent(body), self._key, patience.timeout_seconds)
            except UnreachableError as problem:
                if not self._answered and problem.refused:
                    raise self._unreachable(problem) from problem
                trouble, asked = str(problem), None
            else:
                if reply.status not in _AGAIN:
                    return reply
                trouble, asked = f"{reply.status}: {self._said(reply)}", reply.retry_after_seconds
            if attempt + 1 < patience.attempts:
                self._sleep(
                    min(asked if asked is not None else wait, patience.longest_wait_seconds)
                )
                wait *= 2
        raise StoppedError(
            f"the endpoint did not answer in {patience.attempts} attempts",
            file=str(self._address),
            found=trouble,
            fix="wait, then run the same command again: what was answered is kept and not asked "
            "again",
        )

    def _sent(self, body: dict[str, Any]) -> dict[str, Any]:
        if self._length_name == "max_tokens":
            return body
        return {self._length_name if k == "max_tokens" else k: v for k, v in body.items()}

    def _renamed_length(self, reply: Reply) -> bool:
        """Newer servers know the limit by another name alone, and say so."""
        if "max_completion_tokens" not in self._said(reply):
            return False
        self._length_name = "max_completion_tokens"
        return True

    def _read(self, reply: Reply, body: dict[str, Any], seconds: float) -> Generated:
        try:
            value = json.loads(reply.content)
            choice = value["choices"][0]
            text = choice["message"]["content"] or ""
            if not isinstance(text, str):
                raise TypeError("content is no text")
        except (ValueError, LookupError, TypeError, RecursionError) as problem:
            raise ConfigError(
                "this is no OpenAI-compatible endpoint",
                file=str(self._address),
                field="--from",
                found=f"an answer without choices[0].message.content: {self._said(reply)}",
                fix="check the address; it mostly ends in /v1",
            ) from problem
        self._answered = True
        usage = value.get("usage") or {}
        asked = sum(len(turn["content"]) for turn in body["messages"])
        return Generated(
            text=text.strip(),
            tokens=self._count(usage.get("completion_tokens"), len(text)),
            prompt_tokens=self._count(usage.get("prompt_tokens"), asked),
            seconds=seconds,
            finished=choice.get("finish_reason") != "length",
        )

    def _count(self, told: object, characters: int) -> int:
        if isinstance(told, int) and not isinstance(told, bool) and told >= 0:
            return told
        self.estimated = True
        return -(-characters // _CHARACTERS_PER_TOKEN)

    def _said(self, reply: Reply) -> str:
        """What the server says is the matter, without the key, should it repeat it."""
        text = reply.content.decode("utf-8", "replace")
        try:
            error = json.loads(text).get("error", text)
            text = str(error.get("message", error) if isinstance(error, dict) else error)
        except (ValueError, AttributeError, RecursionError):
            pass
        if self._key:
            text = text.replace(self._key, "***")
        return printable(shortened(" ".join(text.split()), _SAID_CHARACTERS)) or "nothing"

    def _unreachable(self, problem: UnreachableError) -> ConfigError:
        return ConfigError(
            "nothing answers at this address",
            file=str(self._address),
            field="--from",
            found=str(problem),
            fix="start the server, or correct the address (host and port)",
        )

    def _wrong_key(self, status: int) -> ConfigError:
        # What the server says here is not shown: it may hold a part of the key.
        sent = f"the key in {self._key_env}" if self._key else "no key"
        return ConfigError(
            "the endpoint refuses the key",
            file=str(self._address),
            field="--key-env",
            found=f"status {status} for {sent}",
            fix=f"put a valid key into the environment variable {self._key_env}, or name another "
            "one with --key-env",
        )

    def _not_there(self, status: int, said: str) -> ConfigError:
        return ConfigError(
            f"the endpoint knows no model '{self._model}', or is not at this address",
            file=str(self._address),
            field="--model",
            found=f"status {status}: {said}",
            fix="correct --model (the server's /models lists its names) or the address, which "
            "mostly ends in /v1",
        )

    def _elsewhere(self, reply: Reply) -> ConfigError:
        return ConfigError(
            "the endpoint sends us elsewhere, where we do not go by ourselves",
            file=str(self._address),
            field="--from",
            found=f"status {reply.status}, to {reply.location or 'nowhere'}",
            fix="name the address that it sends to",
        )

    def _nothing_works(self, problem: str) -> ConfigError:
        return ConfigError(
            "the endpoint takes none of the requests",
            file=str(self._address),
            found=problem,
            fix="see what it says; the model may not take such requests",
        )


def _about_model(said: str) -> bool:
    text = said.lower()
    return "model" in text and any(
        words in text for words in ("not found", "does not exist", "not exist", "no such")
    )


def key_from(key_env: str | None, address: Address) -> str | None:
    """The key for an address, from the environment.

    Args:
        key_env: variable that the person named; the usual one when None, which is not sent in
            the clear to another machine.
        address: where it would go.

    Raises:
        ConfigError: when the variable that was named is not set.
    """
    key = os.environ.get(key_env or DEFAULT_KEY_ENV, "").strip() or None
    if key_env is not None and key is None:
        raise ConfigError(
            f"the environment variable {key_env} is not set",
            field="--key-env",
            fix=f"set it, as in `export {key_env}=...`, or leave --key-env out",
        )
    if key is not None and not (key.isascii() and key.isprintable()):
        raise ConfigError(
            f"the environment variable {key_env or DEFAULT_KEY_ENV} holds no key",
            field="--key-env",
            found="characters that no request can carry",
            fix="copy the key again",
        )
    return None if key_env is None and not (address.secure or address.loopback) else key
