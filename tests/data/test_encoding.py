from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tunewright.core.errors import DataError
from tunewright.data.encoding import Encoding, find_encoding
from tunewright.data.opening import decode, open_bytes, open_text
from tunewright.data.paths import DataFile
from tunewright.data.values import BAD_BYTE

Write = Callable[..., Path]

FRENCH = "Je n'ai pas encore reçu ma carte, où est-elle ? C'est très gênant.,perdue\n"
RUSSIAN = "Где моя карта? Я хочу вернуть деньги как можно скорее, пожалуйста.,возврат\n"
JAPANESE = "私のカードはどこですか。返金してほしい。,返金\n"


def find(write: Write, content: bytes, wanted: str | None = None) -> Encoding:
    return find_encoding(DataFile(path=write("t.csv", content), name="t.csv"), wanted)


def text_of(write: Write, content: bytes, encoding: str) -> str:
    path = write("t.csv", content)
    with open_text(DataFile(path=path, name="t.csv"), encoding, newline="") as stream:
        return stream.read()


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_certain_encodings_need_no_assumption(write: Write, codec: str) -> None:
    found = find(write, FRENCH.encode(codec))
    assert found == Encoding(name=codec)
    assert text_of(write, FRENCH.encode(codec), found.name) == FRENCH


def test_big_endian_marks_are_known(write: Write) -> None:
    assert find(write, b"\xfe\xff" + FRENCH.encode("utf-16-be")).name == "utf-16"


@pytest.mark.parametrize(
    ("text", "codec", "readable_as"),
    [
        (FRENCH, "cp1252", "cp1252"),
        (FRENCH, "latin-1", "cp1252"),
        ("It’s “great” – really, 5 €,good\n", "cp1252", "cp1252"),
        ("café,x\n", "cp1252", "cp1252"),
        (RUSSIAN, "cp1251", "cp1251"),
    ],
)
def test_single_byte_encodings_are_guessed_and_said(
    write: Write, text: str, codec: str, readable_as: str
) -> None:
    found = find(write, text.encode(codec))
    assert found.name == readable_as
    assert "'t.csv' is read as" in str(found.assumption)
    assert "not valid UTF-8" in str(found.assumption)
    assert decode(text.encode(codec), found.name) == text


def test_an_accent_far_down_the_file_is_found(write: Write) -> None:
    content = b"plain text,label\n" * 200_000 + "café,label\n".encode("cp1252")
    assert find(write, content).name == "cp1252"


def test_utf8_with_a_damaged_row_stays_utf8(write: Write) -> None:
    found = find(write, FRENCH.encode() * 3 + b"caf\xe9,x\n")
    assert found.name == "utf-8"
    assert "1 byte is not" in str(found.assumption)
    assert "rejected" in str(found.assumption)


def test_a_multi_byte_encoding_is_named_and_not_guessed(write: Write) -> None:
    with pytest.raises(DataError, match="encoding cannot be worked out") as caught:
        find(write, (JAPANESE * 3).encode("shift_jis"))
    error = caught.value
    assert error.file == "t.csv"
    assert "looks like shift_jis" in str(error.found)
    assert "encoding: shift_jis" in str(error.fix)
    assert "UTF-8" in str(error.expected)


def test_what_was_asked_for_is_used(write: Write) -> None:
    assert find(write, (JAPANESE * 3).encode("shift_jis"), "shift_jis").name == "shift_jis"
    assert find(write, FRENCH.encode("utf-8-sig"), "utf-8").name == "utf-8-sig"
    assert find(write, FRENCH.encode("utf-16-le"), "utf-16-le").name == "utf-16-le"


def test_a_mark_that_contradicts_what_was_asked_for(write: Write) -> None:
    with pytest.raises(DataError, match="contradicts `encoding:`") as caught:
        find(write, FRENCH.encode("utf-16"), "utf-8")
    error = caught.value
    assert (error.found, error.expected) == ("the mark of utf-16", "utf-8")
    assert "remove `encoding:`" in str(error.fix)


def test_utf16_without_a_mark_is_no_text_until_it_is_named(write: Write) -> None:
    with pytest.raises(DataError, match="the file is not text") as caught:
        find(write, FRENCH.encode("utf-16-le"))
    assert "utf-16-le" in str(caught.value.fix)


@pytest.mark.parametrize(
    ("content", "codec", "bad"),
    [
        (b"a\xffb", "utf-8", 1),
        (b"a\x81b", "cp1252", 1),
        ("ab".encode("utf-16-le") + b"\x00\xd8" + "c".encode("utf-16-le"), "utf-16-le", 2),
        ("ab".encode("utf-16-le") + b"c", "utf-16-le", 1),
    ],
)
def test_bad_bytes_are_marked_one_by_one(
    write: Write, content: bytes, codec: str, bad: int
) -> None:
    text = text_of(write, content, codec)
    assert len(BAD_BYTE.findall(text)) == bad
    assert text.startswith("a")


def test_a_refusal_of_the_system_names_the_file(tmp_path: Path) -> None:
    with (
        pytest.raises(DataError, match=r"gone\.csv: the file cannot be read") as caught,
        open_bytes(DataFile(path=tmp_path / "gone.csv", name="gone.csv")),
    ):
        pass
    assert caught.value.found == "No such file or directory"
    assert caught.value.fix


def test_a_codec_that_gives_up_names_the_file(write: Write) -> None:
    with pytest.raises(DataError, match="cannot be read as undefined") as caught:
        text_of(write, b"abc", "undefined")
    assert caught.value.file == "t.csv"
    assert "encoding:" in str(caught.value.fix)
