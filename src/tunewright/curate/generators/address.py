"""Where an endpoint is, and whether that is this machine."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from tunewright.core.errors import ConfigError

_CHAT = "/chat/completions"
_EXPECTED = "an address such as http://localhost:8000/v1"


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """The base of an OpenAI-compatible endpoint."""

    secure: bool
    host: str
    port: int
    path: str
    """Base path, without an oblique stroke at its end: `/v1`."""

    @classmethod
    def parse(cls, written: str) -> Self:
        """Read an address as a person writes it; without a path, `/v1` is meant.

        Raises:
            ConfigError: when it is none, or holds a password or a query.
        """
        try:
            parts = urlsplit(written.strip())
            port, host = parts.port, parts.hostname
        except ValueError as problem:
            raise _wrong(str(problem)) from problem
        if parts.scheme not in ("http", "https") or not host:
            raise _wrong("no http:// or https:// with a host behind it")
        if parts.username is not None or parts.password is not None:
            raise _wrong("a user or a password, which would be stored with every row")
        if parts.query or parts.fragment:
            raise _wrong("something behind a '?' or '#'")
        if not host.isascii() or any(sign.isspace() or not sign.isprintable() for sign in host):
            raise _wrong("a host that is no name of a machine")
        path = parts.path.rstrip("/").removesuffix(_CHAT)
        if not (path.isascii() and path.isprintable()) or " " in path:
            raise _wrong("a path that no request can carry")
        secure = parts.scheme == "https"
        return cls(
            secure=secure,
            host=host,
            port=port or (443 if secure else 80),
            path=path if parts.path.strip("/") else "/v1",
        )

    @property
    def loopback(self) -> bool:
        """Whether it is surely on this machine."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def chat(self) -> str:
        """Path of the requests."""
        return self.path + _CHAT

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = self.port == (443 if self.secure else 80)
        port = "" if usual else f":{self.port}"
        return f"http{'s' if self.secure else ''}://{host}{port}{self.path}"


def is_address(source: str) -> bool:
    """Whether a person means an endpoint and no folder."""
    return source.strip().lower().startswith(("http://", "https://"))


def refuse_network(address: Address, *, allowed: bool) -> None:
    """Refuse another machine that nobody has allowed.

    Raises:
        ConfigError: naming the option.
    """
    if not (allowed or address.loopback):
        raise ConfigError(
            "this address is not on this machine, and no network use was allowed",
            file=str(address),
            field="--from",
            expected="a local address (localhost, 127.0.0.1), or --allow-network",
            fix="add --allow-network if your rows may be sent there",
        )


def _wrong(found: str) -> ConfigError:
    return ConfigError(
        "this is no address of an endpoint",
        field="--from",
        found=found,
        expected=_EXPECTED,
        fix="write scheme, host, port and path",
    )
