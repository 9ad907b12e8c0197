"""The prompts that several methods share, and how what comes back is taken apart.

All are one text of a user, so that a model with a chat template and one that only continues texts
read the same. Each shows the form of the answer and breaks off where the answer begins.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

REQUEST, ANSWER, QUESTION = "Request", "Answer", "Question"

_NUMBERED = r"(?im)^[ \t>*_#-]*{word}[ \t]+(\d+)[ \t]*[*_]*[ \t]*[:.)][*_]*[ \t]*"
_LISTED = re.compile(r"(?m)^[ \t>*-]*(\d{1,3})[.):][ \t]+")
_QUESTION = re.compile(rf"(?im)^[ \t>*_#-]*(?:\d+[.)][ \t]*)?{QUESTION}[ \t]*\d*[*_]*:[*_]*[ \t]*")
_ANSWER = re.compile(rf"(?im)^[ \t>*_#-]*{ANSWER}[ \t]*\d*[*_]*:[*_]*[ \t]*")

STOP_REQUEST = (f"\n{REQUEST}:", f"\n{REQUEST} ")
STOP_QUESTION = (f"\n{QUESTION}:", "\nPassage:")


def answer_prompt(question: str, demonstrations: Sequence[tuple[str, str]]) -> str:
    """Ask for the answer to a request, in the manner of those shown."""
    shown = "".join(f"{REQUEST}: {q}\n{ANSWER}: {a}\n\n" for q, a in demonstrations)
    return (
        "Below are requests and the answers that belong to them. Answer the last one in the same "
        "way: in the same form and tone and at about the same length. If it cannot be answered, "
        "leave the answer empty. Write the answer alone.\n\n"
        f"{shown}{REQUEST}: {question}\n{ANSWER}:"
    )


def passage_prompt(question: str, passage: str) -> str:
    """Ask for the answer to a question from a passage."""
    return (
        "Answer the question by the passage alone, as briefly as a full answer allows. If the "
        "passage does not say it, leave the answer empty. Write the answer alone.\n\n"
        f"Passage:\n{passage}\n\n{QUESTION}: {question}\n{ANSWER}:"
    )


def without_label(text: str, word: str) -> str:
    """What was written, without the word and colon that the prompt ended with."""
    return re.sub(rf"(?i)\A[\s>*_#-]*{word}[ \t]*[*_]*:[*_]*[ \t]*", "", text).strip()


def numbered_parts(text: str, word: str, first: int) -> list[str]:
    """Parts that begin with `word N:`; the first heading stood in the prompt already."""
    heading = re.compile(_NUMBERED.format(word=word))
    found = heading.search(text)
    if found is None or text[: found.start()].strip():
        text = f"{word} {first}: {text}"
    return [part.strip() for part in heading.split(text)[2::2]]


def listed_parts(text: str, first: int) -> list[str]:
    """Parts that begin with `N.`; the first number stood in the prompt already."""
    found = _LISTED.match(text.lstrip())
    if found is None:
        text = f"{first}. {text}"
    return [part.strip() for part in _LISTED.split(text)[2::2]]


def question_pairs(text: str) -> list[tuple[str, str] | str]:
    """Questions with their answers; a part that is not both is given as it stands."""
    found = _QUESTION.search(text)
    if found is None or text[: found.start()].strip():
        text = f"{QUESTION}: {text}"
    pairs: list[tuple[str, str] | str] = []
    for part in _QUESTION.split(text)[1:]:
        question, *answers = _ANSWER.split(part, maxsplit=1)
        if answers and question.strip():
            pairs.append((question.strip(), answers[0].strip()))
        else:
            pairs.append(part.strip())
    return pairs
