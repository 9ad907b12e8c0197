from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.data.readers.html_text import html_text


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("a <b>bold</b>\n word &amp; &eacute;&#33;", "a bold word & é!"),
        ("<p>one</p><p>two</p>", "one\n\ntwo"),
        ("<div>one</div>\n<div>two</div>", "one\ntwo"),
        ("one<br>two<br/>three", "one\ntwo\nthree"),
        ("<ul><li>one<li>two</ul>end", "one\ntwo\n\nend"),
        ("<table><tr><td>a<td>b<tr><td>c<td>d</table>", "a\tb\nc\td"),
        ("<pre>  x\n    y</pre>z", "x\n    y\n\nz"),
        ("a<script>var b = '<p>';</script>c<style>p {}</style>d", "acd"),
        ("<head><title>T</title><meta></head><body>x", "x"),
        ("<head><style>p {}</style><body>x", "x"),
        ("a<!-- no -->b<![CDATA[ c ]]>", "ab"),
        ("<template><p>no</template>yes", "yes"),
        ("<p>broken <b>tags<p>still", "broken tags\n\nstill"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("", ""),
    ],
)
def test_text_is_what_a_reader_sees(page: str, text: str) -> None:
    assert html_text(page)[1] == text


@pytest.mark.parametrize(
    ("page", "title"),
    [
        ("<title> The\n page </title><h1>Head</h1>", "The page"),
        ("<h1>A <i>head</i></h1><h1>Other</h1>", "A head"),
        ("<svg><title>icon</title></svg><h1>Head</h1>", "Head"),
        ("<title></title>text", None),
        ("text", None),
    ],
)
def test_titles(page: str, title: str | None) -> None:
    assert html_text(page)[0] == title


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(["<", ">", "</", "p", "script", "title", "pre", "<!--", "&", "é", '"', " "])
    ).map("".join)
)
def test_anything_is_read(page: str) -> None:
    _, text = html_text(page)
    assert text == text.strip("\n ")
