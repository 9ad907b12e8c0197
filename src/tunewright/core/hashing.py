"""Content hashes. Everything the study stores is named by the hash of what it was made from."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

_DIGEST_BYTES = 16


def canonical_json(value: Any) -> str:
    """JSON text that is equal for equal values: sorted keys, no white space, no NaN.

    Raises:
        ValueError: for NaN or infinity, which JSON cannot hold.
        TypeError: for values that are not plain JSON.
    """
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def hash_bytes(*parts: bytes) -> str:
    """Hash of byte strings, as 32 hexadecimal digits. Each part's length is hashed with it."""
    digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()


def hash_value(value: Any) -> str:
    """Hash of a plain JSON value, as 32 hexadecimal digits."""
    return hash_bytes(canonical_json(value).encode("utf-8", "surrogatepass"))


def hash_file(path: Path, algorithm: str = "blake2b") -> str:
    """Hash of a file's bytes, read in blocks; `algorithm` is `blake2b` or `sha256`."""
    digest = (
        hashlib.sha256() if algorithm == "sha256" else hashlib.blake2b(digest_size=_DIGEST_BYTES)
    )
    with Path(path).open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def hash_folder(path: Path) -> str:
    """Hash over the names and bytes of all files below a folder; an absent folder is empty."""
    files = sorted(file for file in path.rglob("*") if file.is_file())
    return hash_value({file.relative_to(path).as_posix(): hash_file(file) for file in files})
