"""Chat templates of our own, for models that bring none.

All of them end an answer with a token that the tokenizer already has, since a model whose answers
end in nothing never learns to stop.
"""

from __future__ import annotations

from dataclasses import dataclass

_CALLS = r"""
{%- for call in message.tool_calls or [] %}{{ '\n' if message.content or not loop.first }}
{{- call_start }}{{ call.function | tojson }}{{ call_end }}{% endfor %}
"""

_TOOLS = r"""
{%- if tools %}{{ head }}Tools, one JSON schema a line:{% for tool in tools %}{{ '\n' }}
{{- tool | tojson }}{% endfor %}{{ foot }}{% endif %}
"""

_CHATML = (
    r"""
{%- set head = '<|im_start|>system\n' %}{% set foot = '<|im_end|>\n' %}
{%- set call_start = '<tool_call>\n' %}{% set call_end = '\n</tool_call>' %}"""
    + _TOOLS
    + r"""
{%- for message in messages -%}
{{ '<|im_start|>' ~ message.role ~ '\n' }}{{ message.content or '' }}"""
    + _CALLS
    + r"""
{{- '<|im_end|>\n' }}{% endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"""
)

_LLAMA3 = (
    r"""
{{- bos_token or '' }}
{%- set head = '<|start_header_id|>system<|end_header_id|>\n\n' %}{% set foot = '<|eot_id|>' %}
{%- set call_start = '' %}{% set call_end = '' %}"""
    + _TOOLS
    + r"""
{%- for message in messages -%}
{{ '<|start_header_id|>' ~ message.role ~ '<|end_header_id|>\n\n' }}{{ message.content or '' }}"""
    + _CALLS
    + r"""
{{- '<|eot_id|>' }}{% endfor %}
{%- if add_generation_prompt %}
{{- "<|start_header_id|>assistant<|end_header_id|>\n\n" }}{% endif %}"""
)

_PLAIN = (
    r"""
{{- bos_token or '' }}
{%- set names = {'system': 'System', 'user': 'User', 'assistant': 'Assistant', 'tool': 'Tool'} %}
{%- set head = '' %}{% set foot = '\n' %}{% set call_start = ' Call: ' %}{% set call_end = '' %}"""
    + _TOOLS
    + r"""
{%- for message in messages %}
{{- names.get(message.role, message.role) ~ ':' }}
{%- if message.content %}{{ ' ' ~ message.content }}{% endif %}"""
    + _CALLS
    + r"""
{%- if message.role == 'assistant' %}{{ eos_token }}{% endif %}{{ '\n' }}{% endfor %}
{%- if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"""
)

_ALPACA = (
    r"""
{{- bos_token or '' }}
{%- set names = {'user': 'Instruction', 'assistant': 'Response', 'tool': 'Input'} %}
{%- set head = '' %}{% set foot = '\n\n' %}{% set call_start = '' %}{% set call_end = '' %}"""
    + _TOOLS
    + r"""
{%- for message in messages %}
{%- if message.role != 'system' %}
{{- '### ' ~ names.get(message.role, message.role) ~ ':\n' }}{% endif %}
{{- message.content or '' }}"""
    + _CALLS
    + r"""
{%- if message.role == 'assistant' %}{{ eos_token }}{% endif %}{{ '\n\n' }}{% endfor %}
{%- if add_generation_prompt %}{{ '### Response:\n' }}{% endif %}"""
)


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedTemplate:
    """A template, and what the tokenizer must have for it."""

    source: str
    tokens: tuple[str, ...] = ()
    """Tokens that it writes; without them in the vocabulary they would fall to pieces."""


TEMPLATES = {
    "chatml": NamedTemplate(source=_CHATML, tokens=("<|im_start|>", "<|im_end|>")),
    "llama3": NamedTemplate(
        source=_LLAMA3, tokens=("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
    ),
    "plain": NamedTemplate(source=_PLAIN),
    "alpaca": NamedTemplate(source=_ALPACA),
}
NAMES = tuple(TEMPLATES)
