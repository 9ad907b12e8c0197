"""New texts for a label, in the manner of its own rows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

from tunewright.curate.synthesis.asking import listed_parts
from tunewright.curate.synthesis.material import Material, drawn
from tunewright.curate.synthesis.methods.base import CUT, Method
from tunewright.curate.synthesis.rows import Draft, Seed, question_of
from tunewright.data.content import Labelled

_MOST_OTHERS = 20
"""With more labels than this the others are not named in the prompt."""


class ClassConditional(Method):
    """Shows texts of one label and asks for more of them.

    Labels take turns so that each gets as many new rows (`balance: even`), or the one with the
    fewest rows so far, old and new, goes first (`scarce`).

    Relations: `self_instruct` for rows whose answer is one of a few labels.
    """

    name: ClassVar[str] = "class_conditional"

    def __init__(self, material: Material) -> None:
        super().__init__(material)
        self._by_label: dict[str, list[Seed]] = {}
        for seed in material.seeds:
            if isinstance(seed.content, Labelled) and seed.content.label:
                self._by_label.setdefault(seed.content.label, []).append(seed)
        if not self._by_label:
            raise material.unsuitable("rows with a text and a label")
        self._new: Counter[str] = Counter()
        self._asked: Counter[str] = Counter()
        first = next(iter(self._by_label.values()))[0].content
        assert isinstance(first, Labelled)
        self._columns = tuple(first.texts)

    def batch(self, number: int) -> list[Draft]:
        labels = [self._next_label() for _ in range(self.config.prompts_per_batch)]
        shown = [self._shown(label, number, place) for place, label in enumerate(labels)]
        prompts = [self._prompt(label, seeds) for label, seeds in zip(labels, shown, strict=True)]
        names = ("texts", number)
        beyond = max(map(len, shown)) + self.config.rows_per_prompt + 1
        found = self.material.writer.ask(
            prompts, *names, temperature=self.config.temperature, stop=(f"\n{beyond}.",)
        )
        drafts: list[Draft] = []
        for label, seeds, prompt, told in zip(labels, shown, prompts, found, strict=True):
            parts = listed_parts(told.text, len(seeds) + 1) if told.problem is None else [""]
            for place, text in enumerate(parts[: self.config.rows_per_prompt]):
                cut = not told.finished and place == len(parts) - 1
                content = None if cut or told.problem else self._content(text, label)
                unread = None if content or cut else "the texts of the row cannot be told apart"
                drafts.append(
                    self.draft(
                        prompt,
                        *names,
                        content=content,
                        origin=tuple(seed.place for seed in seeds),
                        shown=tuple(question_of(seed.content) for seed in seeds),
                        written=text,
                        problem=told.problem or (CUT if cut else unread),
                        details={"_label": label},
                    )
                )
        return drafts

    def keep(self, draft: Draft) -> None:
        super().keep(draft)
        self._new[str(draft.details["_label"])] += 1

    def _next_label(self) -> str:
        """The label with the fewest rows, where a prompt that was asked counts as half a row, so
        that a label for which nothing is kept does not hold up the others; then by name."""
        old = self.material.labels if self.config.balance == "scarce" else Counter()
        label = min(
            self._by_label,
            key=lambda name: (old[name] + self._new[name] + self._asked[name] / 2, name),
        )
        self._asked[label] += 1
        return label

    def _shown(self, label: str, number: int, place: int) -> list[Seed]:
        stream = self.material.stream("texts", number, place)
        return drawn(stream, self._by_label[label], self.config.demonstrations)

    def _prompt(self, label: str, seeds: Sequence[Seed]) -> str:
        meaning = self.material.label_descriptions.get(label)
        named = f"“{label}”" + (f" ({meaning})" if meaning else "")
        others = [name for name in self._by_label if name != label]
        apart = ""
        if 0 < len(others) <= _MOST_OTHERS:
            apart = " None may belong to another category: " + ", ".join(others) + "."
        shown = "".join(f"{n}. {self._shown_text(seed)}\n" for n, seed in enumerate(seeds, 1))
        first, wanted = len(seeds) + 1, self.config.rows_per_prompt
        return (
            f"Texts of the category {named}:\n\n{shown}\n"
            f"Write {wanted} more texts of this category, numbered from {first}, each as another "
            "person in another situation would write it and in other words. Keep to the language, "
            f"the tone and the length of the ones above.{apart} Write the numbered texts alone.\n\n"
            f"{first}."
        )

    def _shown_text(self, seed: Seed) -> str:
        assert isinstance(seed.content, Labelled)
        texts = seed.content.texts
        if len(texts) == 1:
            return " ".join(next(iter(texts.values())).split())
        return "\n" + "\n".join(f"{name}: {' '.join(text.split())}" for name, text in texts.items())

    def _content(self, text: str, label: str) -> Labelled | None:
        """A row of several texts is read by their names at the beginnings of lines."""
        if len(self._columns) == 1:
            return Labelled(
                texts={self._columns[0]: text.strip().strip('"“”').strip()}, label=label
            )
        names = "|".join(map(re.escape, self._columns))
        parts = re.split(rf"(?im)^\s*({names}):", text)[1:]
        found = {
            name.lower(): value.strip() for name, value in zip(parts[::2], parts[1::2], strict=True)
        }
        if any(name.lower() not in found for name in self._columns):
            return None
        return Labelled(texts={name: found[name.lower()] for name in self._columns}, label=label)
