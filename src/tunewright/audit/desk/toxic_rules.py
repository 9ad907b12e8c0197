"""When a sentence is hateful, threatening or insulting: who is meant, and what is said of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tunewright.audit.desk.toxic_lexicon import Lexicon, Token, lexicon, tokens_of

_ENDS = frozenset(".!?\n")
_BREAKS = frozenset((",", ";", ":", "but", "and", "because", "although"))
_THEY = frozenset(("they", "them", "their", "those", "these", "you", "your", "they're", "you're",
                   "one", "most", "theyre", "such"))  # fmt: skip
_I = frozenset(("i", "i'm", "i'll", "i've", "i'd", "we", "we'll", "we're", "my", "me", "our",
                "let's", "us", "im", "ill"))  # fmt: skip
_OTHERS = frozenset(("who", "they", "he", "she", "people", "you", "them", "that", "anyone",
                     "someone", "everyone", "those"))  # fmt: skip
_IS = frozenset(("are", "is", "be", "being", "were", "was", "they're", "you're", "she's", "he's",
                 "seem", "seems", "look", "looks", "been", "am", "aren't", "isn't", "re", "become",
                 "remain", "act", "get", "got"))  # fmt: skip
_FIND = frozenset(("find", "found", "consider", "think", "finding", "called", "deem"))
_CLAUSE_OBJECT = frozenset(("how", "that", "when", "what", "it", "to", "seeing", "if", "why",
                            "the", "this")) - {"the", "this"}  # fmt: skip
_DENIES_NOTHING = frozenset(("only", "just", "obvious", "clear", "realise", "realize", "forget",
                             "deny", "doubt", "stand", "stop", "help", "surprised", "surprising",
                             "but", "worse", "better", "bear", "see", "understand", "matter",
                             "wait", "else"))  # fmt: skip
_NORMATIVE = frozenset(("should", "must", "deserve", "deserves", "need", "needs", "ought", "wish",
                        "hope", "better", "best", "let's", "lets", "love"))  # fmt: skip
_MINE = frozenset(("i", "i'm", "i've", "my", "me"))
_SMALL = frozenset(("a", "an", "the", "just", "all", "nothing", "but", "like", "common", "human",
                    "absolute", "absolutely", "total", "complete", "so", "still", "only", "really",
                    "worthless", "filthy", "dirty", "stupid", "of", "piece", "pieces", "bunch",
                    "than", "better", "no", "more", "always", "such", "basically", "simply",
                    "literally", "our", "to", "society"))  # fmt: skip
"""What may stand between 'they are' and the noun that they are called."""

_MURDEROUS = frozenset(("kill", "murder", "stab", "rape", "strangle", "behead", "slaughter",
                        "lynch", "torture", "castrate"))  # fmt: skip
_AIMED = frozenset(("you", "your", "you're", "these", "those", "this", "that", "stupid", "dumb",
                    "such", "another", "bunch", "fucking", "dirty", "ugly", "filthy", "damn",
                    "common", "typical", "like"))  # fmt: skip
_QUOTED = re.compile(r"\"[^\"\n]{2,300}\"|“[^”\n]{2,300}”|«[^»\n]{2,300}»")
_CARRY_SENTENCES = 2
_NEAR, _FAR = 5, 10


@dataclass(frozen=True, kw_only=True)
class _Sentence:
    tokens: list[Token]
    words: list[str]
    question: bool
    quoted: frozenset[int]
    """Places of the tokens that stand in quotation marks."""
    groups: list[tuple[int, str]]
    """Place and name of each mention of a group; of a pronoun that stands for one before."""


def judge(text: str) -> Iterator[tuple[int, int, str, str]]:
    """Each sentence that is toxic: start, end, kind, group (see `ToxicSpan`)."""
    lists = lexicon()
    quotes = [found.span() for found in _QUOTED.finditer(text)]
    carried, age = "", 0
    sentences = list(_sentences(text, tokens_of(text), quotes, lists))
    for place, sentence in enumerate(sentences):
        if sentence.groups:
            carried, age = sentence.groups[-1][1], 0
        else:
            age += 1
            if carried and age <= _CARRY_SENTENCES:
                _refer(sentence, carried)
            elif place + 1 < len(sentences) and sentences[place + 1].groups:
                _refer(sentence, sentences[place + 1].groups[0][1])
        found = _verdict(sentence, lists)
        if found is not None:
            yield sentence.tokens[0].start, sentence.tokens[-1].end, *found


def _sentences(
    text: str, tokens: list[Token], quotes: list[tuple[int, int]], lists: Lexicon
) -> Iterator[_Sentence]:
    start = 0
    for place, token in enumerate(tokens):
        in_quote = any(a < token.start < b - 2 for a, b in quotes)
        last = place == len(tokens) - 1
        if (token.word in _ENDS and not in_quote) or last:
            inside = tokens[start : place + 1]
            start = place + 1
            words = [t.word for t in inside if t.word not in _ENDS and t.word not in '"“”«»']
            if len(words) < 2:
                continue
            kept = [t for t in inside if t.word not in _ENDS and t.word not in '"“”«»']
            yield _Sentence(
                tokens=kept,
                words=words,
                question=token.word == "?",
                quoted=frozenset(
                    i for i, t in enumerate(kept) if any(a < t.start < b for a, b in quotes)
                ),
                groups=list(_mentions(words, lists)),
            )


def _mentions(words: list[str], lists: Lexicon) -> Iterator[tuple[int, str]]:
    for place, word in enumerate(words):
        group = lists.group_of.get(word)
        if group is None:
            continue
        alone = word not in lists.needs_people
        if (
            alone
            or any(w in lists.people for w in words[place + 1 : place + 3])
            or (word in lists.stand_alone and place + 1 < len(words))
        ):
            yield place, group


def _refer(sentence: _Sentence, group: str) -> None:
    """Let the first pronoun of a sentence stand for the group of the sentence before."""
    for place, word in enumerate(sentence.words):
        if word in _THEY or word == "kind":
            sentence.groups.append((place, group))
            return


def _verdict(s: _Sentence, lists: Lexicon) -> tuple[str, str] | None:
    """Kind and group of a toxic sentence; None for all others."""
    for place, word in enumerate(s.words):
        if word in lists.slurs and _is_slur(s, place, lists):
            return "slur", ""
        for phrase, kind, _ in lists.phrases.get(word, ()):
            if kind == "slur" and tuple(s.words[place : place + len(phrase)]) == phrase:
                return "slur", ""
    if s.groups:
        for place, kind in _hostile(s, lists):
            if not _denied(s, place, kind, lists) and not _spoken_against(s, place, lists):
                return ("hate" if kind == "lesser" else kind), s.groups[0][1]
    for place, kind in _personal(s, lists):
        if not _denied(s, place, kind, lists) and not _spoken_against(s, place, lists):
            return kind, ""
    return None


# -- what is said of a group --------------------------------------------------------------------


def _hostile(s: _Sentence, lists: Lexicon) -> Iterator[tuple[int, str]]:
    """Places of words that are hostile to a group which the sentence speaks of."""
    for place, word in enumerate(s.words):
        if word in lists.phrases:
            yield from _phrases(s, place, lists)
        if word in lists.emotion and _feels(s, place):
            yield place, "hate"
        if word in lists.emotion_nouns and _holds(s, place):
            yield place, "hate"
        if word in lists.traits and _is_said_of_them(s, place, _FAR):
            yield place, "hate"
        if word in lists.dehumanising and (
            _is_called(s, place)
            or (word in lists.strong_nouns and _is_said_of_them(s, place, _FAR))
        ):
            yield place, "hate"
        if word in lists.virtues and _lacks(s, place, lists):
            yield place, "lesser"
        harm = word in lists.violence or not lists.harm_pairs.get(word, frozenset()).isdisjoint(
            s.words[place + 1 : place + 6]
        )
        if harm and _is_wished(s, place, lists):
            yield place, "threat"
        if word in lists.profanity and _after(s, place, 3):
            yield place, "hate"


def _phrases(s: _Sentence, place: int, lists: Lexicon) -> Iterator[tuple[int, str]]:
    for phrase, kind, side in lists.phrases[s.words[place]]:
        if kind == "slur" or tuple(s.words[place : place + len(phrase)]) != phrase:
            continue
        end = place + len(phrase)
        if (side == "<" and not _before(s, place, 7)) or (
            side == ">" and not _after(s, end - 1, 8)
        ):
            return
        if kind == "threat":
            yield place, "threat"
        elif kind == "lesser":
            if "less" not in s.words[end : end + 3] or "less" in phrase:
                yield place, "lesser"
        elif _feels(s, place) or _before(s, place, _FAR):
            yield place, "hate"
        return


def _feels(s: _Sentence, place: int) -> bool:
    """A verb of feeling whose subject may be the speaker and whose object is the group."""
    words = s.words
    if words[place + 1 : place + 2] and words[place + 1] in _CLAUSE_OBJECT:
        return False
    for word in reversed(words[max(0, place - 4) : place]):
        if word in _I:
            break
        if word in _OTHERS:
            return _to_me(words, place) and _before(s, place, _FAR)
    later = words[place + 1 : place + 9]
    if _to_me(words, place) and _before(s, place, _FAR):
        return True
    return _after(s, place, _FAR) or (
        _before(s, place, 30) and any(word in _THEY for word in later)
    )


def _to_me(words: list[str], place: int) -> bool:
    return any(word in ("me", "us") for word in words[place + 1 : place + 3])


def _holds(s: _Sentence, place: int) -> bool:
    """A noun of feeling that the speaker has: 'nothing but contempt for them'."""
    around = s.words[max(0, place - 8) : place] + s.words[place + 1 : place + 3]
    return any(word in _MINE for word in around) and "your" not in around


def _is_said_of_them(s: _Sentence, place: int, reach: int) -> bool:
    """Whether a word is said of the group: 'they are X', 'X women', 'I find them X'."""
    words = s.words
    if _after(s, place, 2):
        return True
    spots = [spot for spot, _ in s.groups if spot < place]
    if not spots:
        return _like(s, place)
    subjects = [
        i for i in range(spots[0], place) if i in spots or words[i] in _THEY
    ]  # pronouns behind the first mention stand for it
    nearest = subjects[-1]
    between = words[nearest:place]
    verb = any(w in _IS or w.endswith("'re") for w in between)
    found = any(w in _FIND for w in words[max(0, nearest - 4) : nearest])
    told = any(w in ("like", "nothing") for w in between)
    return place - nearest <= reach and (verb or found or told)


def _is_called(s: _Sentence, place: int) -> bool:
    """'They are nothing but X': small words alone between the verb and the noun, or 'X women'."""
    if any(spot == place - 1 for spot, _ in s.groups):
        return s.words[place] in lexicon().strong_nouns or any(w in _IS for w in s.words[:place])
    for at in range(place - 1, max(-1, place - 9), -1):
        word = s.words[at]
        if word in _IS or word.endswith("'re"):
            return _before(s, at + 1, 6) or any(
                w in _THEY for w in s.words[max(0, at - 2) : at + 1]
            )
        if word not in _SMALL:
            return False
    return False


def _lacks(s: _Sentence, place: int, lists: Lexicon) -> bool:
    """'They are never X', 'no X can be expected of them'."""
    denial = any(w in lists.denial or w.endswith("n't") for w in s.words[max(0, place - 3) : place])
    return denial and _before(s, place, 7) and "than" not in s.words[place : place + 3]


def _like(s: _Sentence, place: int) -> bool:
    """'Of course they are X. They are women after all', 'nothing is as X as them'."""
    return any(
        w in ("like", "as", "of", "than", "only") for w in s.words[place + 1 : place + 4]
    ) and _after(s, place, 8)


def _is_wished(s: _Sentence, place: int, lists: Lexicon) -> bool:
    """Whether harm is announced or wanted: 'I will ... women', 'women should be ...'."""
    before = s.words[max(0, place - 8) : place]
    if not any(word in lists.intent or word.endswith("'ll") for word in before):
        return False
    mine = any(word in _I for word in before)
    normative = any(word in _NORMATIVE for word in before)
    if mine and (_after(s, place, 8) or _before(s, place, 4) or normative):
        return True
    return normative and (_before(s, place, _FAR) or _after(s, place, 8))


def _after(s: _Sentence, place: int, reach: int) -> bool:
    return any(0 < spot - place <= reach for spot, _ in s.groups)


def _before(s: _Sentence, place: int, reach: int) -> bool:
    return any(0 < place - spot <= reach for spot, _ in s.groups)


# -- what is said to somebody -------------------------------------------------------------------


def _personal(s: _Sentence, lists: Lexicon) -> Iterator[tuple[int, str]]:
    words = s.words
    for place, word in enumerate(words):
        before = words[max(0, place - 4) : place]
        if word in lists.insults and _is_insult(words, place, before):
            yield place, "insult"
        if word in _MURDEROUS and words[place + 1 : place + 2] in (["you"], ["u"], ["yourself"]):
            mine = any(w in _I for w in before) and any(
                w in lists.intent or w.endswith(("'ll", "'m")) for w in before
            )
            if mine or words[place + 1] == "yourself":
                yield place, "threat"
        for phrase, kind, side in lists.phrases.get(word, ()):
            if (
                kind == "threat"
                and not side
                and tuple(words[place : place + len(phrase)]) == phrase
            ):
                yield place, "threat"


def _is_insult(words: list[str], place: int, before: list[str]) -> bool:
    if not before or before[0] in ("if", "are", "not"):
        return False
    if "you're" in before:
        return True
    if "you" not in before:
        return False
    behind = before[before.index("you") + 1 :]
    small = {"are", "a", "an", "such", "so", "just", "really", "fucking", "absolute", "complete",
             "total", "stupid", "little", "dumb", "all", "the", "were", "ugly", "worthless",
             "nothing", "but", "piece", "of", "utter", "pathetic", "damn", "dirty"}  # fmt: skip
    return all(word in small for word in behind) and "if" not in words[:place]


def _is_slur(s: _Sentence, place: int, lists: Lexicon) -> bool:
    word = s.words[place]
    around = s.words[max(0, place - 4) : place]
    if not lists.slur_contexts.get(word, frozenset()).isdisjoint(s.words):
        return False
    mine = any(w in _I for w in s.words[max(0, place - 5) : place])
    if (
        word in lists.reclaimed
        and mine
        and not any(w in lists.emotion or w in _AIMED for w in around)
    ):
        return False
    aimed = any(w in _AIMED for w in around) or s.words[place + 1 : place + 3] == ["like", "you"]
    if lists.slurs[word] < 2 or word in lists.only_aimed:
        hostile = word not in lists.only_aimed or any(
            w in lists.hostile and w != word for w in s.words
        )
        if not (aimed and hostile):
            return False
    return not _denied(s, place, "slur", lists) and not _spoken_against(s, place, lists)


# -- what takes it back -------------------------------------------------------------------------


def _denied(s: _Sentence, place: int, kind: str, lists: Lexicon) -> bool:
    """Whether the sentence denies what it says: 'I never said that women are X'."""
    words = s.words
    if kind == "lesser":
        return any(_denies_saying(words, at, lists) for at in _denials(words[:place], lists))
    for at in _denials(words[:place], lists):
        following = words[at + 1 : at + 4]
        if any(word in _DENIES_NOTHING for word in following[:2]):
            continue
        if s.question and at <= 4:
            continue  # a rhetorical question asserts what it seems to ask
        if _denies_saying(words, at, lists):
            return True
        between = words[at + 1 : place]
        if place - at <= 8 and not any(word in _BREAKS for word in between):
            return True
    return "opposite" in words[max(0, place - 3) : place]


def _denials(words: list[str], lists: Lexicon) -> Iterable[int]:
    return [
        i for i, word in enumerate(words) if word in lists.denial or word.endswith(("n't", "n’t"))
    ]


def _denies_saying(words: list[str], at: int, lists: Lexicon) -> bool:
    return any(
        word in lists.speech or word in ("support", "tolerate", "accept", "agree", "mean")
        for word in words[at + 1 : at + 5]
    )


def _spoken_against(s: _Sentence, place: int, lists: Lexicon) -> bool:
    """Whether the words are another's, and told of or condemned."""
    words = s.words
    if place in s.quoted:
        return any(
            i not in s.quoted
            and (w in lists.speech or w in lists.condemnation or w.endswith("n't") or w == "when")
            for i, w in enumerate(words)
        )
    for at, word in enumerate(words[:place]):
        if word not in lists.speech or any(w in _I for w in words[max(0, at - 3) : at]):
            continue
        if words[place] in lists.condemnation:
            return True  # it is said of the words: 'calling them X is disgusting'
        others = [w for i, w in enumerate(words) if i != place and i != at]
        if any(w in lists.condemnation or w == "you" or w.endswith("n't") for w in others):
            return True
    return False
