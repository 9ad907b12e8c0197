"""A million conversations with known defects: seeded, varied, and written by nobody.

Each row asks in two sentences and is answered in one or two, drawn from a small grammar with some
10^16 questions, so that rows are alike only where a defect makes them so.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

# fmt: off
VERBS = (
    "replace", "clean", "install", "repair", "measure", "store", "adjust", "charge", "connect",
    "assemble", "calibrate", "lubricate", "inspect", "label", "mount", "paint", "polish", "seal",
    "sharpen", "tighten", "transport", "unpack", "varnish", "weigh", "align", "balance", "drain",
    "flush", "insulate", "level", "refill", "reset", "rinse", "sand", "sterilise", "tune",
)
ADJECTIVES = (
    "old", "heavy", "wooden", "electric", "portable", "broken", "rusty", "narrow", "spare",
    "ceramic", "folding", "hydraulic", "leaking", "noisy", "plastic", "round", "rented", "second",
    "silent", "smart", "stainless", "tall", "vintage", "waterproof", "wireless", "brass", "copper",
    "double", "manual", "modular", "padded", "rear", "slim", "solar", "square", "upper",
)
THINGS = (
    "pump", "kettle", "drill", "ladder", "bicycle", "boiler", "camera", "carpet", "chair", "clock",
    "compressor", "cupboard", "curtain", "desk", "dishwasher", "fan", "fence", "filter", "freezer",
    "gate", "generator", "greenhouse", "grinder", "guitar", "heater", "hinge", "hose", "keyboard",
    "lamp", "lantern", "lathe", "lock", "mixer", "mower", "oven", "piano", "printer", "projector",
    "radiator", "saddle", "scooter", "shelf", "sink", "sofa", "stove", "tent", "thermostat",
    "toaster", "trailer", "tripod", "turntable", "vacuum", "valve", "violin", "wardrobe", "winch",
)
PLACES = (
    "in the cellar", "on the balcony", "behind the garage", "under the stairs", "at the workshop",
    "in the attic", "near the river", "by the window", "beside the barn", "on the roof",
    "in a rented flat", "inside the van", "next to the bakery", "in the school hall",
    "on the terrace", "along the corridor", "in the boat house", "above the shop",
    "across the yard", "in the music room", "at the allotment", "on the first floor",
)
TIMES = (
    "before winter", "after the flood", "during the holidays", "every second week", "at night",
    "in early spring", "within an hour", "before the guests arrive", "after a long storm",
    "on a Sunday", "while it rains", "between two shifts", "before the inspection",
    "after the warranty ended", "during a heat wave", "at the end of the month",
)
PEOPLE = (
    "my neighbour", "our landlord", "the new apprentice", "a friend of mine", "my grandmother",
    "the caretaker", "an electrician", "the previous owner", "my colleague", "our plumber",
    "the shop assistant", "a retired engineer", "my brother", "the delivery driver",
)
SAYINGS = (
    "says that it takes too long", "warned me about the cost", "tried it once and gave up",
    "lost the instructions", "recommends a different tool", "thinks it is dangerous",
    "promised to help", "wants it done properly", "broke a part of it", "keeps asking about it",
    "painted over the screws", "used the wrong oil", "forgot the adapter", "borrowed the key",
    "has no time for it", "prefers the cheaper way", "doubts that it is worth it",
)
OPENINGS = (
    "How do I {verb} the {adjective} {thing} {place} {time}?",
    "What would be a safe way to {verb} something {adjective} like my {thing} {place}?",
    "Could anyone {verb} a {thing} {place} without {adjective} tools, and {time} at that?",
    "Which {thing} should I {verb} first, the {adjective} one {place} or its twin?",
    "Why would {person} {verb} every {adjective} {thing} {time}?",
    "Is it wise to {verb} anything {adjective} {place}, say a {thing}, {time}?",
    "I have to {verb} a {thing} {time}; where do I begin if it is {adjective}?",
    "Tell me in short how people {verb} their {adjective} {thing} {place}.",
    "Explain to a beginner what it means to {verb} the {thing}, {adjective} as it is.",
    "List three mistakes to avoid when you {verb} some {adjective} {thing} {time}.",
    "Compare two methods for those who {verb} a {thing} {place}, one of them {adjective}.",
    "Who is allowed to {verb} {adjective} equipment such as a {thing} {place}?",
    "Does {person} need gloves {time} to {verb} that {adjective} {thing}?",
    "Write a note for {person}: {verb} the {thing} {place}, mind the {adjective} handle.",
    "What does it cost to {verb} one {adjective} {thing}, materials included?",
    "Give me a schedule: {verb} the {thing} {time}, then something {adjective} {place}.",
)
CONTEXTS = (
    "{Person} {saying}, and a {adjective} {thing} stands {place}.",
    "My {thing} is kept {place} and looks rather {adjective}; {person} {saying}.",
    "This came up {time} because {person} {saying} about some {adjective} {thing}.",
    "There are two of them {place}, each with its {adjective} {thing}.",
    "Nobody here owns a {thing}, though {person} {saying} {time}.",
    "Last year {person} {saying}; since then everything {place} seems {adjective}.",
    "Money is short, so a {adjective} {thing} from the market must do {time}.",
    "Mind that children play {place}, right beside the {adjective} {thing}.",
    "The label mentions a {thing} but {person} {saying}, which sounds {adjective} to me.",
    "Whatever happens, it has to work again {time}, even with {adjective} parts.",
    "In the photo you see how {adjective} the {thing} {place} has become.",
    "Before that, {person} {saying} and moved the whole {thing} {place}.",
    "Unlike {person}, who {saying}, I would rather keep my {adjective} {thing}.",
    "It rained {time}, the {thing} got wet, and now it is more {adjective} than ever.",
)
ANSWERS = (
    "First {verb} the {adjective} part of the {thing}, then wait until it is dry.",
    "Take it apart {place} and {verb} whatever looks {adjective} by hand.",
    "Yes, {time} is fine, as long as the {thing} stays unplugged.",
    "Ask {person} to hold the {thing} while you {verb} one side.",
    "Little care is needed: {verb} it {time} and cover it with something {adjective}.",
    "Stop {place} unless {person} has checked each {adjective} joint.",
    "Most people {verb} far too early; {time} gives the {thing} a better chance.",
    "According to the manual you {verb} only {place}, never near a {adjective} {thing}.",
    "Buy a {adjective} one instead, since {person} {saying}.",
    "Begin at the top, {verb} downwards, and leave every {adjective} screw loose.",
    "Warm water and patience are enough; a {thing} does not mind {time}.",
    "That depends: {place} you may {verb} freely, elsewhere it is too {adjective}.",
    "Mark the {thing} with chalk, turn it once, and {verb} until nothing rattles.",
    "Honestly, {person} {saying} for good reason, so hire somebody {time}.",
    "Three steps: unscrew the {thing}, {verb} its {adjective} core, put it back {place}.",
    "A drop of oil on the {adjective} bearing does more than to {verb} for hours.",
    "Never {verb} alone; with {person} {place} it takes ten minutes.",
    "Look for a {adjective} seam below the {thing} and press gently {time}.",
    "Costs vary between shops, yet a {adjective} {thing} is rarely expensive {time}.",
    "Keep the receipt, photograph the {thing} {place}, and only then {verb} it.",
)
FRENCH = (
    "Nous avons rangé la vieille échelle derrière le garage avant la pluie.",
    "Il faut nettoyer le filtre chaque semaine et vérifier la pression de la pompe.",
    "Le voisin a réparé la serrure hier soir, mais la porte grince encore un peu.",
    "Demandez au gardien où se trouve la clé de la cave avant de descendre.",
    "La chaudière fait du bruit depuis que nous avons changé le thermostat.",
    "On peut peindre la clôture au printemps, quand le bois est bien sec.",
)
TOXIC = (
    "You are a worthless idiot and everybody hates you, so shut up.",
    "Shut the fuck up, you stupid piece of shit.",
    "I hope you die, you disgusting moron.",
    "Go kill yourself, you pathetic loser.",
)
# fmt: on
BOILERPLATE = "I hope that this detailed explanation has been helpful to you today!"
_FAR = 0.2
SECRET_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


@dataclass
class Truth:
    """Which rows of which file have which defect: kind to file to row numbers."""

    rows: dict[str, dict[str, list[int]]] = field(default_factory=dict)

    def add(self, kind: str, file: str, row: int) -> None:
        """Note a planted row, counted from 1."""
        self.rows.setdefault(kind, {}).setdefault(file, []).append(row)


class Writer:
    """Writes conversations and remembers what was planted where."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.truth = Truth()
        self._row: dict[str, int] = {}

    # -- sound rows -------------------------------------------------------------------------------

    def sentence(self, forms: tuple[str, ...]) -> str:
        """One sentence, drawn anew."""
        pick = self.rng.choice
        person = pick(PEOPLE)
        return pick(forms).format(
            verb=pick(VERBS),
            adjective=pick(ADJECTIVES),
            thing=pick(THINGS),
            place=pick(PLACES),
            time=pick(TIMES),
            person=person,
            Person=person[0].upper() + person[1:],
            saying=pick(SAYINGS),
        )

    def question(self) -> str:
        """Two sentences."""
        return f"{self.sentence(OPENINGS)} {self.sentence(CONTEXTS)}"

    def answer(self) -> str:
        """One sentence or two."""
        return " ".join(self.sentence(ANSWERS) for _ in range(self.rng.choice((1, 1, 1, 1, 2))))

    def sound(self) -> list[dict[str, Any]]:
        """The turns of a row with nothing wrong."""
        return [_user(self.question()), _assistant(self.answer())]

    # -- writing ----------------------------------------------------------------------------------

    def write(self, stream: TextIO, file: str, turns: Any, *kinds: str) -> int:
        """Write a row, and note its defects; its number from 1."""
        line = turns if isinstance(turns, str) else json.dumps({"messages": turns})
        stream.write(line + "\n")
        row = self._row[file] = self._row.get(file, 0) + 1
        for kind in kinds:
            self.truth.add(kind, file, row)
        return row


def _user(text: Any) -> dict[str, Any]:
    return {"role": "user", "content": text}


def _assistant(text: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def _luhn_number(rng: random.Random) -> str:
    digits = [4, *(rng.randrange(10) for _ in range(14))]
    doubled = [d * 2 - 9 if d > 4 else d * 2 for d in digits[::2]]
    check = -(sum(doubled) + sum(digits[1::2])) % 10
    text = "".join(map(str, [*digits, check]))
    return " ".join(text[i : i + 4] for i in range(0, 16, 4))


def _iban(rng: random.Random) -> str:
    account = "".join(str(rng.randrange(10)) for _ in range(18))
    rest = 98 - int(f"{account}131400") % 97  # "DE00" in digits
    text = f"DE{rest:02d}{account}"
    return " ".join(text[i : i + 4] for i in range(0, 22, 4))


def _name(rng: random.Random) -> str:
    letters = "bcdfghklmnprstvz", "aeiou"
    return "".join(rng.choice(letters[place % 2]) for place in range(6))


def personal(rng: random.Random) -> dict[str, str]:
    """A sentence for each kind of personal data, with values that pass their checks."""
    key = "".join(rng.choice(SECRET_ALPHABET) for _ in range(16))
    return {
        "email": f"Write to {_name(rng)}.{_name(rng)}@{_name(rng)}mail.com about it.",
        "phone": f"Call me on +49 30 {rng.randrange(20, 99)} {rng.randrange(10, 99)} "
        f"{rng.randrange(10, 99)} {rng.randrange(10, 99)} tonight.",
        "card": f"My card is {_luhn_number(rng)} if you need it.",
        "iban": f"Send the rest to {_iban(rng)} please.",
        "ip_address": f"The controller answers at 8{rng.randrange(1, 9)}.{rng.randrange(1, 250)}."
        f"{rng.randrange(1, 250)}.{rng.randrange(1, 250)} in the evening.",
        "secret": f"The access key is AKIA{key} for now.",
    }


def with_small_change(text: str, rng: random.Random) -> str:
    """The text with one word of it left out."""
    words = text.split()
    place = rng.randrange(3, len(words) - 3)
    return " ".join([*words[:place], *words[place + 1 :]])


def _overlap(one: str, other: str) -> float:
    """Share of character 5-grams that two texts have in common."""
    a, b = ({text.lower()[i : i + 5] for i in range(len(text) - 4)} for text in (one, other))
    return len(a & b) / len(a | b)


@dataclass
class Planter:
    """Writes the training file: sound rows, with defects spread over it."""

    writer: Writer
    stream: TextIO
    file: str
    leaked: list[list[dict[str, Any]]]
    """Rows that the test file will have too."""

    def _put(self, turns: Any, *kinds: str) -> int:
        return self.writer.write(self.stream, self.file, turns, *kinds)

    def _sound(self) -> list[dict[str, Any]]:
        return self.writer.sound()

    def plant(self, kind: str) -> None:
        """Write one row (or a pair) with a defect."""
        getattr(self, f"_{kind}", self._personal)(kind)

    def _bad_json(self, kind: str) -> None:
        line = json.dumps({"messages": self._sound()})
        self._put(line[: len(line) // 2], kind)

    def _missing_field(self, kind: str) -> None:
        self._put(json.dumps({"turns": self._sound()}), kind)

    def _null_field(self, kind: str) -> None:
        self._put(json.dumps({"messages": None}), kind)

    def _wrong_type(self, kind: str) -> None:
        self._put(json.dumps({"messages": self.writer.question()}), kind)

    def _roles_out_of_order(self, kind: str) -> None:
        turns = self._sound()
        self._put([turns[1], turns[0], _assistant(self.writer.answer())], kind)

    def _two_user_turns(self, kind: str) -> None:
        turns = self._sound()
        self._put([turns[0], _user(self.writer.sentence(CONTEXTS)), turns[1]], kind)

    def _missing_answer(self, kind: str) -> None:
        self._put([_user(self.writer.question())], kind)

    def _empty_answer(self, kind: str) -> None:
        self._put([_user(self.writer.question()), _assistant("  ")], kind)

    def _mojibake(self, kind: str) -> None:
        broken = "The café on the corner, naïve or not, sells crème brûlée – it’s cheap."
        turns = self._sound()
        turns[1]["content"] += " " + broken.encode().decode("cp1252", "ignore")
        self._put(turns, kind)

    def _control(self, kind: str) -> None:
        turns = self._sound()
        text = turns[1]["content"]
        turns[1]["content"] = f"{text[:20]}\x07{text[20:]}"
        self._put(turns, kind)

    def _duplicate(self, kind: str) -> None:
        turns = self._sound()
        self._put(turns)
        again = json.loads(json.dumps(turns))
        if self.writer.rng.random() < 0.5:
            again[1]["content"] = again[1]["content"].upper().replace(".", " .")
        self._put(again, kind)

    def _near_duplicate(self, kind: str) -> None:
        turns = self._sound()
        self._put(turns)
        rng = self.writer.rng
        self._put(
            [
                _user(with_small_change(turns[0]["content"], rng)),
                _assistant(with_small_change(turns[1]["content"], rng)),
            ],
            kind,
        )

    def _contradiction(self, kind: str) -> None:
        turns = self._sound()
        self._put(turns, kind)
        other = self.writer.answer()
        while _overlap(other, turns[1]["content"]) > _FAR:  # else it would be another wording
            other = self.writer.answer()
        self._put([turns[0], _assistant(other)], kind)

    def _leak(self, kind: str) -> None:
        turns = self._sound()
        self._put(turns, kind)
        self.leaked.append(turns)

    def _toxic(self, kind: str) -> None:
        turns = self._sound()
        turns[1]["content"] += " " + self.writer.rng.choice(TOXIC)
        self._put(turns, kind)

    def _too_long(self, kind: str) -> None:
        turns = self._sound()
        turns[1]["content"] = " ".join(self.writer.answer() for _ in range(70))
        self._put(turns, kind)

    def _other_language(self, kind: str) -> None:
        rng = self.writer.rng
        said = [" ".join(rng.sample(FRENCH, 4)) for _ in range(2)]
        number = f"Dossier {rng.randrange(10**9)}. "
        self._put([_user(number + said[0]), _assistant(said[1] + " " + number)], kind)

    def _boilerplate(self, kind: str) -> None:
        turns = self._sound()
        turns[1]["content"] += " " + BOILERPLATE
        self._put(turns, kind)

    def _personal(self, kind: str) -> None:
        turns = self._sound()
        turns[self.writer.rng.randrange(2)]["content"] += " " + personal(self.writer.rng)[kind]
        self._put(turns, kind)


KINDS = (
    "bad_json", "missing_field", "null_field", "wrong_type", "roles_out_of_order",
    "two_user_turns", "missing_answer", "empty_answer", "mojibake", "control", "duplicate",
    "near_duplicate", "contradiction", "leak", "email", "phone", "card", "iban", "ip_address",
    "secret", "toxic", "too_long", "other_language", "boilerplate",
)  # fmt: skip


def write_data(folder: Path, rows: int, seed: int, share: float = 0.002) -> Truth:
    """Write `train.jsonl` and `test.jsonl`.

    Args:
        folder: gets them.
        rows: of both files together, about.
        seed: of everything.
        share: of the rows that each kind of defect gets.

    Returns:
        What was planted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    writer = Writer(seed)
    each = max(5, round(rows * share))
    plan = [kind for kind in KINDS for _ in range(each)]
    writer.rng.shuffle(plan)
    test_rows = rows // 50 + each
    sound = max(0, rows - test_rows - len(plan) - 3 * each)
    gap = max(1, sound // len(plan))
    leaked: list[list[dict[str, Any]]] = []
    with (folder / "train.jsonl").open("w", encoding="utf-8") as stream:
        planter = Planter(writer, stream, "train.jsonl", leaked)
        for place in range(sound):
            writer.write(stream, "train.jsonl", writer.sound())
            if place % gap == 0 and plan:
                planter.plant(plan.pop())
        while plan:
            planter.plant(plan.pop())
    with (folder / "test.jsonl").open("w", encoding="utf-8") as stream:
        for _ in range(test_rows - len(leaked)):
            writer.write(stream, "test.jsonl", writer.sound())
        for turns in leaked:
            writer.write(stream, "test.jsonl", turns)
    return writer.truth
