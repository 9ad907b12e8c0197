"""What is said about each defect of an answer: severity, words, cost, fix, repair."""

from __future__ import annotations

from tunewright.audit.base import Severity

FINDINGS: dict[str, tuple[Severity, str, str, str, str]] = {
    # finding: severity, what, consequence, fix, repair
    "empty_answer": (
        "warning",
        "with an empty answer",
        "the model learns to say nothing",
        "give the answer, or leave the rows out",
        "drop",
    ),
    "empty_question": (
        "warning",
        "in which nothing is asked",
        "the model learns to answer without being asked",
        "give the question, or leave the rows out",
        "drop",
    ),
    "empty_text": (
        "warning",
        "with an empty text",
        "there is nothing to learn from them",
        "leave the rows out",
        "drop",
    ),
    "copied_question": (
        "warning",
        "whose answer is the question again",
        "the model learns to repeat what it is asked",
        "give the answer, or leave the rows out; where repeating is the task, all is well",
        "drop",
    ),
    "equal_pair": (
        "error",
        "whose preferred and rejected answers are equal",
        "nothing can be preferred; the pair only adds noise to the loss",
        "leave the rows out",
        "drop",
    ),
    "empty_rejected": (
        "warning",
        "with an empty rejected answer",
        "the model learns that any answer is better than none, and no more",
        "give the rejected answer, or leave the rows out",
        "drop",
    ),
    "equal_negative": (
        "error",
        "with a negative that equals the positive",
        "the loss pulls and pushes the same two texts",
        "leave the negative, or the row, out",
        "drop",
    ),
    "equal_positive": (
        "info",
        "whose two similar texts are equal",
        "they are similar by themselves, and nothing is learned from them",
        "leave the rows out",
        "drop",
    ),
    "canned_answer": (
        "info",
        "with a refusal or a canned answer ('As an AI ...')",
        "the model learns to refuse what looks alike, more often than the share of the rows",
        "read them; keep the refusals that you want",
        "drop",
    ),
    "open_fence": (
        "warning",
        "with a code block that is not closed",
        "the model learns to leave code open, and what follows is shown as code",
        "close the block; often the answer was cut there",
        "",
    ),
    "cut_answer": (
        "warning",
        "whose answer breaks off in the middle of a sentence",
        "the model learns to stop there",
        "make the answers anew with room for more tokens, or leave the rows out",
        "drop",
    ),
    "outer_space": (
        "info",
        "with white space before or behind the answer",
        "the model learns to begin with a space or to end with empty lines",
        "take it off; in prompts and completions it is left, since it may be part of the format",
        "strip_whitespace",
    ),
    "placeholder": (
        "info",
        "with a placeholder that nobody filled in",
        "the model learns to write it",
        "fill it in; where templates are the subject, all is well",
        "drop",
    ),
    "template_marks": (
        "warning",
        "with marks of a chat template inside a text",
        "the tokenizer may read them as the end of a turn, and the model learns to write them",
        "take them out; Tunewright puts those of the model in itself",
        "drop",
    ),
}
