"""No damage of a file makes a reader crash, hang, or lose a row.

Coverage-guided fuzzing of the same function is in `benchmarks/fuzz.py`, for hours instead of
seconds.
"""

from __future__ import annotations

import time
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.damage import TOKENS, damaged
from tests.fuzz.reading import read_bytes
from tests.fuzz.seeds import COMPRESSED, SEEDS
from tunewright.data.readers import READERS

_LONGEST_SECONDS = 5
"""Far more than any of these small files takes on a busy machine."""
_FOLDER_FORMATS = {"documents", "beir", "trec", "hub"}
"""Formats whose rows stand in several files; their own tests damage these."""

_FILES = {**SEEDS, **COMPRESSED}
_quick = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def test_every_format_has_a_seed() -> None:
    assert set(READERS.names()) - _FOLDER_FORMATS == set(SEEDS)


@pytest.mark.parametrize("name", _FILES)
def test_the_seed_is_read_whole(name: str, tmp_path: Path) -> None:
    found = read_bytes(_FILES[name](), "auto", tmp_path / f"file.{name}")
    assert isinstance(found, tuple), found
    assert found[1] == 0 and found[0] >= 2


@pytest.mark.parametrize("name", _FILES)
@_quick
@given(seed=st.integers(0, 2**32))
def test_damaged_files(name: str, tmp_path: Path, seed: int) -> None:
    content = damaged(_FILES[name](), Random(seed))
    _read_in_time(content, name, tmp_path)


@pytest.mark.parametrize("name", _FILES)
@_quick
@given(parts=st.lists(st.one_of(st.sampled_from(TOKENS), st.binary(max_size=12)), max_size=24))
def test_arbitrary_bytes(name: str, tmp_path: Path, parts: list[bytes]) -> None:
    _read_in_time(b"".join(parts), name, tmp_path)


def _read_in_time(content: bytes, name: str, folder: Path) -> None:
    path = folder / f"file.{name}"
    for wanted in ("auto", name.removesuffix(".gz")):
        start = time.perf_counter()
        read_bytes(content, wanted, path)
        assert time.perf_counter() - start < _LONGEST_SECONDS
