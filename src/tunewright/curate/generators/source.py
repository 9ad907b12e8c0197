"""From what a person writes behind `--from` to the generator that it means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tunewright.core.errors import ConfigError
from tunewright.core.events import Event
from tunewright.curate.generators.address import Address, is_address, refuse_network
from tunewright.curate.generators.base import Generator
from tunewright.curate.generators.cache import CachedGenerator
from tunewright.curate.generators.endpoint import (
    DEFAULT_KEY_ENV,
    EndpointGenerator,
    Patience,
    key_from,
)
from tunewright.curate.generators.worker import WorkerGenerator
from tunewright.models.resolve import resolve_model
from tunewright.workers.base import Worker

ANSWERS_FILE = "answers.jsonl"


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceOptions:
    """Who writes, and what that may cost."""

    source: str
    """Model folder, or address of an endpoint."""
    model: str | None = None
    """Its name at an endpoint."""
    allow_network: bool = False
    key_env: str | None = None
    """Environment variable with the key; the usual one when None."""
    most_requests: int | None = None
    patience: Patience | None = None


def open_generator(
    options: SourceOptions,
    *,
    work: Path,
    make_worker: Callable[[], Worker],
    folder: Path | None = None,
    on_event: Callable[[Event], None] = lambda event: None,
) -> CachedGenerator:
    """The generator that a person means, with its answers kept in `work`.

    Nothing is loaded or asked before the first call of `generate`.

    Args:
        options: as the person said them.
        work: folder for kept answers.
        make_worker: gives the worker in which a model folder is loaded.
        folder: where relative paths start; the current folder when None.
        on_event: told what the worker tells.

    Raises:
        ConfigError: when the address, the name or the key is wrong, or needs the network.
        ModelError: when there is no such model, or it must not be opened.
    """
    inner: Generator
    if is_address(options.source):
        inner = _endpoint(options)
    else:
        if options.model is not None:
            raise ConfigError(
                "--model names a model at an endpoint, and --from is a folder",
                field="--model",
                found=f"--from {options.source}",
                fix="leave --model out, or give the address of an endpoint",
            )
        resolved = resolve_model(options.source, folder or Path.cwd(), options.allow_network)
        inner = WorkerGenerator(make_worker(), resolved, on_event)
    return CachedGenerator(inner, work / ANSWERS_FILE, options.most_requests)


def _endpoint(options: SourceOptions) -> EndpointGenerator:
    address = Address.parse(options.source)
    refuse_network(address, allowed=options.allow_network)
    if not options.model:
        raise ConfigError(
            "an endpoint needs the name of the model",
            field="--model",
            fix="add --model NAME, as the server calls it (its /models lists the names)",
        )
    return EndpointGenerator(
        address,
        options.model,
        key=key_from(options.key_env, address),
        key_env=options.key_env or DEFAULT_KEY_ENV,
        patience=options.patience,
    )
