"""Answers kept by what was asked, so that a stopped run goes on and nothing is paid twice."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from tunewright.core.files import writing
from tunewright.core.hashing import hash_value
from tunewright.curate.generators.base import (
    OPEN_LENGTH_TOKENS,
    Generated,
    Generator,
    Prompt,
    prompt_hash,
)

_CHUNK_PROMPTS = 16
_ELSEWHERE = "name another file with --out"


class CachedGenerator(Generator):
    """Another generator, asked only what it has not answered before.

    Args:
        inner: the one that writes; closed with this one.
        path: JSON lines, one answer each, appended to as they come. A last line that a killed
            run left unfinished is passed over.
        most_requests: the most prompts that the inner one is asked in all, or None.
    """

    def __init__(self, inner: Generator, path: Path, most_requests: int | None = None) -> None:
        self._inner = inner
        self._path = path
        self._known = _read(path)
        self._left = most_requests
        self.requests = 0
        """Prompts that the inner generator was asked."""

    @property
    def identity(self) -> str:
        return self._inner.identity

    @property
    def inner(self) -> Generator:
        """The one that writes."""
        return self._inner

    def generate(
        self,
        prompts: Sequence[Prompt],
        *,
        max_new_tokens: int = OPEN_LENGTH_TOKENS,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
        seed: int = 0,
    ) -> list[Generated]:
        """As the inner one.

        Raises:
            BudgetError: when more would have to be asked than may be.
        """
        settings = [self.identity, max_new_tokens, temperature, list(stop), seed]
        keys = _keys(prompts, settings)
        answers = {
            key: replace(self._known[key], cached=True) for key in keys if key in self._known
        }
        open_ = [p for p, key in zip(prompts, keys, strict=True) if key not in answers]
        for asked in _chunks(prompts, {prompt_hash(prompt) for prompt in open_}):
            self._pay(len(asked))
            fresh = self._inner.generate(
                asked, max_new_tokens=max_new_tokens, temperature=temperature, stop=stop, seed=seed
            )
            by_key = dict(zip(_keys(asked, settings), fresh, strict=True))
            self._keep({key: a for key, a in by_key.items() if a.problem is None})
            answers |= by_key
        return [answers[key] for key in keys]

    def close(self) -> None:
        self._inner.close()

    def _pay(self, count: int) -> None:
        if self._left is not None and count > self._left - self.requests:
            raise BudgetError(self._left)
        self.requests += count

    def _keep(self, fresh: dict[str, Generated]) -> None:
        lines = [
            json.dumps({"key": key, **asdict(answer)}, ensure_ascii=False) + "\n"
            for key, answer in fresh.items()
        ]
        with writing(self._path, _ELSEWHERE):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            unfinished = self._path.is_file() and not _ends_whole(self._path)
            with self._path.open("ab") as stream:
                stream.write(
                    (("\n" if unfinished else "") + "".join(lines)).encode("utf-8", "surrogatepass")
                )
                stream.flush()
        self._known |= fresh


class BudgetError(Exception):
    """More would have to be asked than may be.

    Args:
        most: how many prompts may be asked.
    """

    def __init__(self, most: int) -> None:
        super().__init__(f"the budget of {most:,} requests is spent")
        self.most = most


def _chunks(prompts: Sequence[Prompt], names: set[str]) -> Iterator[list[Prompt]]:
    """The prompts of these hashes, some at a time, so that a stop loses few answers. Equal ones
    stay together, since a prompt's number among equal ones counts."""
    groups: dict[str, list[Prompt]] = {}
    for prompt in prompts:
        name = prompt_hash(prompt)
        if name in names:
            groups.setdefault(name, []).append(prompt)
    chunk: list[Prompt] = []
    for group in groups.values():
        chunk += group
        if len(chunk) >= _CHUNK_PROMPTS:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _keys(prompts: Sequence[Prompt], settings: list[object]) -> list[str]:
    seen: Counter[str] = Counter()
    keys = []
    for prompt in prompts:
        name = prompt_hash(prompt)
        keys.append(hash_value([name, seen[name], settings]))
        seen[name] += 1
    return keys


def _read(path: Path) -> dict[str, Generated]:
    known: dict[str, Generated] = {}
    if not path.is_file():
        return known
    with path.open("rb") as stream:
        for line in stream:
            try:
                value = json.loads(line)
                key = value.pop("key")
                known[str(key)] = Generated(**value)
            except (ValueError, TypeError, KeyError, AttributeError):
                continue  # half a line of a run that was killed: it is asked again
    return known


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as stream:
        content = stream.seek(0, 2)
        if not content:
            return True
        stream.seek(-1, 2)
        return stream.read(1) == b"\n"
