"""A chat template comes from anywhere: it reaches nothing, and stops in time."""

from __future__ import annotations

import time
from datetime import date

import pytest

from tunewright.core.errors import ModelError
from tunewright.tasks.generate import sandbox
from tunewright.tasks.generate.template import ChatTemplate, UnrenderableError

TODAY = date(2025, 3, 4)
TURNS = [{"role": "user", "content": "hello"}]


def render(source: str) -> str:
    return ChatTemplate(source, "test", {"eos_token": "</s>"}, TODAY).render(TURNS)


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ ''.__class__.__base__.__subclasses__() }}",
        "{{ messages.__init__.__globals__ }}",
        "{{ raise_exception.__globals__['json'] }}",
        "{{ strftime_now.__self__.__dict__ }}",
        "{{ namespace.__init__.__globals__ }}",
        "{{ dict.__globals__['json'] }}",
        "{{ ('' | attr('__class__')).__mro__ }}",
        "{{ ['__class__'] | map('attr', '__mro__') | list | first | length + ''.__class__.x }}",
        "{% set x = namespace(__class__=1) %}",
        "{% set x = namespace() %}{% set x['_hidden'] = 1 %}",
        "{{ '{0.__class__.__mro__}'.format('') }}",
        "{% do messages.append(1) %}",
        "{{ messages.append(1) }}",
        "{{ messages[0].update({'role': 'x'}) }}",
        "{% include 'other' %}",
        "{% import 'os' as os %}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ self.__init__.__globals__ }}",
        "{{ lipsum() }}",
        "{{ messages | random }}",
        "{{ 'a' | center(100) }}",
    ],
)
def test_what_would_lead_out_is_refused(source: str) -> None:
    with pytest.raises((UnrenderableError, ModelError)):
        render(source)


@pytest.mark.parametrize(
    "source",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{% for a in range(10**9) %}{% endfor %}",
        "{{ 'a' * 10**9 }}",
        "{{ [1] * 999999999 }}",
        "{{ 10**10**10 }}",
        "{% set x = 'a' * 1000000 %}" + "{% set x = x ~ x %}" * 20,
        "{% set x = 'a' * 1000000 %}" + "{% set x = x + x %}" * 20,
        "{% set x = 'a' * 1000000 %}" + "{% set x = [x, x] | join %}" * 20,
        "{% set x = 'a' * 100000 %}{{ x | replace('a', x) }}",
        "{% set x = 'a' * 100000 %}{{ x.replace('a', x) }}",
        "{% set x = 'a' * 100000 %}{{ x.replace('', x) }}",
        "{% set x = 'a' * 100000 %}{{ x.join(x) }}",
        "{{ 'a'.ljust(2000000000) }}",
        "{{ 'a' | indent(2000000000, true) }}",
        "{{ '{:2000000000}'.format(1) }}",
        "{{ '{:{}}'.format(1, 2000000000) }}",
        "{{ '%2000000000d' % 1 }}",
        "{{ messages | tojson(indent=2000000000) }}",
        "{% set x = 'a' * 1000000 %}{% set y %}{% for i in range(9999) %}{{ x }}{% endfor %}"
        "{% endset %}",
        "{% macro f(n) %}{{ f(n - 1) }}{{ f(n - 1) }}{% endmacro %}{{ f(1) }}",
        "{% macro f(n) %}{% if n %}{{ f(n - 1) ~ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}",
        "{{ strftime_now('%d' * 9999999) }}",
        "{{ ('\t' * 1000000).expandtabs(99999) }}",
        "{{ ('a' * 1000000).translate({97: 'a' * 1000000}) }}",
        "{{ (1).to_bytes(99999, 'big') }}",
        "{{ 'a'.encode() * 999999999 }}",
        "{% for a in messages recursive %}{{ loop(messages) }}{% endfor %}",
    ],
)
def test_what_would_never_end_or_fill_the_memory_is_stopped(
    source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "MAX_STEPS", 200_000)
    started = time.perf_counter()
    with pytest.raises(UnrenderableError):
        render(source)
    assert time.perf_counter() - started < 5


def test_time_is_limited_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "MAX_SECONDS", 0.05)
    with pytest.raises(UnrenderableError, match="seconds") as caught:
        render("{% for a in range(99999) %}{% for b in range(99) %}{% endfor %}{% endfor %}")
    assert caught.value.reason == "template_limit"


def test_what_templates_need_is_there() -> None:
    assert render("{{ strftime_now('%d %b %Y') }}") == "04 Mar 2025"
    assert render("{{ {'a': 'ü<'} | tojson }}") == '{"a": "ü<"}'
    assert render("{{ {'a': 1} | tojson(indent=2) }}") == '{\n  "a": 1\n}'
    assert render("{{ ('a\nb' | indent(2)) ~ '|' ~ ('x' | replace('x', 'y')) }}") == "a\n  b|y"
    assert render("{{ messages | map(attribute='role') | join(',') }}") == "user"
    assert render("{{ [{'a': 1}, {'a': 2}] | join('-', attribute='a') }}") == "1-2"
    assert (
        render("{% for x in [1, 2, 3] %}{% if x == 2 %}{% break %}{% endif %}{{ x }}{% endfor %}")
        == "1"
    )
    assert render(
        "{% for x in 'abc' %}{{ loop.index }}{{ loop.last }}{{ loop.length }} {% endfor %}"
    ) == ("1False3 2False3 3True3 ")
    assert render("{% set n = namespace(a=1) %}{% set n.a = n.a + 1 %}{{ n.a }}") == "2"
    assert render("a{% generation %}b{% endgeneration %}c{{ eos_token }}") == "abc</s>"
    assert render("{{ dict(a=1)['a'] }}{{ 'x,y'.split(',')[-1] }}{{ ' z '.strip() }}") == "1yz"
    assert (
        render("{{ tools is none }}{{ documents is none }}{{ nothing is defined }}")
        == "TrueTrueFalse"
    )


def test_a_broken_template_names_its_line() -> None:
    with pytest.raises(ModelError, match="line 2") as caught:
        render("a\n{% for %}")
    assert caught.value.exit_code == 2
    with pytest.raises(ModelError, match="characters"):
        render("x" * 600_000)


def test_what_a_template_says_itself_is_told() -> None:
    with pytest.raises(UnrenderableError, match="only cats") as caught:
        render("{{ raise_exception('only cats') }}")
    assert caught.value.reason == "template_refuses"
    with pytest.raises(UnrenderableError, match="UndefinedError") as caught:
        render("{{ messages[7].role.name }}")
    assert caught.value.reason == "template_fails"
