"""Which chat template is used."""

from __future__ import annotations

from collections.abc import Mapping

from tunewright.core.errors import ModelError
from tunewright.tasks.generate.named import TEMPLATES
from tunewright.tasks.generate.rendered import TextTokenizer

OWN = "default"
"""The name of a model's own template among those that it brings."""


def choose_template(
    wanted: str | None,
    source: str | None,
    templates: Mapping[str, str],
    tokenizer: TextTokenizer,
) -> tuple[str, str, str]:
    """Name and text of the template, and why it is this one, as the rest of a sentence.

    Args:
        wanted: what the configuration names.
        source: the text of the template file that it names.
        templates: what the model brings, by name.
        tokenizer: of the model.

    Raises:
        ModelError: when the tokenizer lacks what the template needs.
    """
    if wanted is not None and wanted not in TEMPLATES:
        if source is None:
            raise ModelError(f"the template file '{wanted}' was not read", field="template")
        return wanted, source, "as `rendering:` says"
    if wanted is None and templates:
        name = OWN if OWN in templates else next(iter(templates))
        return OWN, templates[name], "the model's own"
    if wanted is None:
        wanted = next(
            (name for name in ("chatml", "llama3") if _has_tokens(name, tokenizer)), "plain"
        )
        reason = "the model brings no chat template" + (
            "" if wanted == "plain" else ", and its tokenizer has the tokens of this one"
        )
    else:
        reason = "as `rendering:` says"
    _check_tokens(wanted, tokenizer)
    return wanted, TEMPLATES[wanted].source, reason


def _has_tokens(name: str, tokenizer: TextTokenizer) -> bool:
    return all(tokenizer.token_id(token) is not None for token in TEMPLATES[name].tokens)


def _check_tokens(name: str, tokenizer: TextTokenizer) -> None:
    lacking = [t for t in TEMPLATES[name].tokens if tokenizer.token_id(t) is None]
    if lacking:
        raise ModelError(
            f"the template '{name}' does not suit this model",
            field="template",
            found=f"a tokenizer without {', '.join(lacking)}",
            expected="its control tokens as whole tokens",
            fix="say `template: plain` or `template: alpaca`, which end an answer with the "
            "tokenizer's own end of text",
        )
    if not TEMPLATES[name].tokens and not isinstance(
        tokenizer.special_tokens.get("eos_token"), str
    ):
        raise ModelError(
            f"the template '{name}' does not suit this model",
            field="template",
            found="a tokenizer without an end of text (eos_token)",
            expected="a token that an answer can end with",
            fix="name the model's eos_token in its tokenizer_config.json, or a template file",
        )
