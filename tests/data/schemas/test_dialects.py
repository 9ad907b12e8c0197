"""Rows as people and other frameworks write them, and what they say."""

from __future__ import annotations

from typing import Any

import pytest

from tunewright.data.adapt import adapt
from tunewright.data.content import (
    Completion,
    Content,
    Conversation,
    Document,
    Judgement,
    Message,
    Preference,
    Rated,
    Similar,
    Span,
    Spanned,
    Tagged,
)
from tunewright.data.json_text import parse_json, write_json_text
from tunewright.data.schemas import SCHEMAS
from tunewright.data.schemas.base import CannotHoldError, UnusableRowError


def u(text: str, **more: Any) -> Message:
    return Message(role="user", content=text, **more)


def a(text: str, **more: Any) -> Message:
    return Message(role="assistant", content=text, **more)


def s(text: str, **more: Any) -> Message:
    return Message(role="system", content=text, **more)


def called(arguments: object, **more: Any) -> Message:
    call = {"type": "function", "function": {"name": "look", "arguments": arguments}, **more}
    return Message(role="assistant", content=None, tool_calls=(call,))


def talk(*messages: Message, **more: Any) -> Conversation:
    return Conversation(messages=messages, **more)


TOOL = {"type": "function", "function": {"name": "look"}}
CITY = {"city": "Oslo"}
HH = "\n\nHuman: Hi\n\nAssistant: Hello.\n\nHuman: Bye\n\nAssistant:"

DIALECTS: list[tuple[str, str, dict[str, str], dict[str, Any], Content]] = [
    (
        "messages",
        "OpenAI, with a developer and a weight",
        {},
        {
            "messages": [
                {"role": "developer", "content": "Be kind."},
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": "Hello", "weight": 0},
            ]
        },
        talk(s("Be kind.", extras={"role": "developer"}), u("Hi"), a("Hello", weight=0.0)),
    ),
    (
        "messages",
        "calls of tools, arguments as JSON text",
        {},
        {
            "messages": [
                {"role": "user", "content": "Weather?"},
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {
                            "id": "c1",
                            "type": "function",
                            "function": {"name": "look", "arguments": '{"city": "Oslo"}'},
                        }
                    ],
                },
                {"role": "tool", "tool_call_id": "c1", "name": "look", "content": "rain"},
            ],
            "tools": [TOOL],
        },
        talk(
            u("Weather?"),
            called('{"city": "Oslo"}', id="c1"),
            Message(role="tool", content="rain", tool_call_id="c1", name="look"),
            tools=(TOOL,),
        ),
    ),
    (
        "messages",
        "the older function_call, and null where Arrow has a column",
        {},
        {
            "messages": [
                {
                    "role": "assistant",
                    "content": None,
                    "function_call": {"name": "look", "arguments": CITY},
                    "tool_calls": None,
                    "name": None,
                },
                {"role": "function", "name": "look", "content": "rain"},
            ]
        },
        talk(called(CITY), Message(role="tool", content="rain", name="look")),
    ),
    (
        "messages",
        "ms-swift's roles for tools, and its loss",
        {},
        {
            "messages": [
                {"role": "tool_call", "content": '{"name": "look", "arguments": {"city": "Oslo"}}'},
                {"role": "tool_response", "content": "rain"},
                {"role": "assistant", "content": "It rains.", "loss": True},
            ],
            "tools": '[{"type": "function", "function": {"name": "look"}}]',
        },
        talk(
            called(CITY),
            Message(role="tool", content="rain"),
            a("It rains.", weight=1.0),
            tools=(TOOL,),
        ),
    ),
    (
        "messages",
        "Axolotl's train and LLaMA-Factory's loss_weight",
        {},
        {
            "messages": [
                {"role": "user", "content": "Hi", "train": False},
                {"role": "assistant", "content": "Hello", "loss_weight": 0.5},
            ]
        },
        talk(u("Hi", weight=0.0), a("Hello", weight=0.5)),
    ),
    (
        "messages",
        "parts of content, and Anthropic's tool_use",
        {},
        {
            "messages": [
                {"role": "user", "content": ["Look:", {"type": "text", "text": "here"}]},
                {
                    "role": "assistant",
                    "content": [{"type": "tool_use", "id": "t", "name": "look", "input": CITY}],
                },
            ]
        },
        talk(
            Message(
                role="user",
                content=({"type": "text", "text": "Look:"}, {"type": "text", "text": "here"}),
            ),
            Message(
                role="assistant",
                content=({"type": "tool_use", "id": "t", "name": "look", "input": CITY},),
            ),
        ),
    ),
    (
        "messages",
        "a system prompt in a column of its own, JSON text in a cell, an unknown role",
        {"messages": "chat"},
        {"chat": '[{"role": "Narrator", "content": "Once"}]', "system": "Be kind."},
        talk(s("Be kind."), Message(role="Narrator", content="Once")),
    ),
    (
        "messages",
        "further keys of a turn",
        {},
        {"messages": [{"role": "assistant", "content": "4", "reasoning_content": "2 + 2"}]},
        talk(a("4", extras={"reasoning_content": "2 + 2"})),
    ),
    (
        "sharegpt",
        "LLaMA-Factory's roles",
        {},
        {
            "conversations": [
                {"from": "human", "value": "Weather?"},
                {
                    "from": "function_call",
                    "value": '{"name": "look", "arguments": {"city": "Oslo"}}',
                },
                {"from": "observation", "value": "rain"},
                {"from": "gpt", "value": "It rains."},
            ],
            "system": "Be kind.",
            "tools": '[{"type": "function", "function": {"name": "look"}}]',
        },
        talk(
            s("Be kind."),
            u("Weather?"),
            called(CITY),
            Message(role="tool", content="rain"),
            a("It rains."),
            tools=(TOOL,),
        ),
    ),
    (
        "sharegpt",
        "user and assistant instead of human and gpt",
        {},
        {
            "conversations": [
                {"from": "user", "value": "Hi"},
                {"from": "Model", "value": "Hello"},
                {"from": "bot", "value": "again"},
            ]
        },
        talk(u("Hi"), a("Hello"), a("again")),
    ),
    (
        "sharegpt",
        "ms-swift's pairs",
        {"conversations": "conversation"},
        {"conversation": [{"human": "Hi", "assistant": "Hello"}, {"human": "a", "assistant": "b"}]},
        talk(u("Hi"), a("Hello"), u("a"), a("b")),
    ),
    (
        "sharegpt",
        "a call that is no JSON stays what it is",
        {},
        {"conversations": [{"from": "function_call", "value": "look(Oslo)"}]},
        talk(Message(role="function_call", content="look(Oslo)")),
    ),
    (
        "alpaca",
        "with input, system and history",
        {},
        {
            "instruction": "Translate.",
            "input": "Good day",
            "output": "Bonjour",
            "system": "Be kind.",
            "history": [["Hi", "Salut"], ["Bye", "Au revoir"]],
        },
        talk(
            s("Be kind."),
            u("Hi"),
            a("Salut"),
            u("Bye"),
            a("Au revoir"),
            u("Translate.\nGood day"),
            a("Bonjour"),
        ),
    ),
    (
        "alpaca",
        "SQuAD: the first of several answers",
        {"instruction": "question", "input": "context", "output": "answers"},
        {
            "question": "Who?",
            "context": "Ada wrote it.",
            "answers": {"text": ["Ada", "Ada L."], "answer_start": [0, 0]},
        },
        talk(u("Who?\nAda wrote it."), a("Ada")),
    ),
    (
        "question_answer",
        "SQuAD 2 in a cell: no answer",
        {"answer": "answers"},
        {"question": "Who?", "answers": '{"text": [], "answer_start": []}'},
        talk(u("Who?"), a("")),
    ),
    (
        "question_answer",
        "a list of answers with their places",
        {"answer": "answers"},
        {"question": "Who?", "answers": [{"text": "Ada", "answer_start": 0}]},
        talk(u("Who?"), a("Ada")),
    ),
    (
        "alpaca",
        "an empty instruction, a history in a cell",
        {},
        {"instruction": "", "input": "Good day", "output": "Bonjour", "history": '[["a", "b"]]'},
        talk(u("a"), a("b"), u("Good day"), a("Bonjour")),
    ),
    (
        "alpaca",
        "Dolly's columns",
        {"input": "context", "output": "response"},
        {"instruction": "Who?", "context": "Ada wrote it.", "response": "Ada", "category": "qa"},
        talk(u("Who?\nAda wrote it."), a("Ada")),
    ),
    (
        "query_response",
        "ms-swift's own",
        {},
        {"query": "Hi", "response": "Hello", "history": [["a", "b"]], "system": "Be kind."},
        talk(s("Be kind."), u("a"), a("b"), u("Hi"), a("Hello")),
    ),
    (
        "question_answer",
        "GSM8K",
        {},
        {"question": "1+1", "answer": "#### 2"},
        talk(u("1+1"), a("#### 2")),
    ),
    (
        "prompt_completion",
        "separator and stop token as written",
        {},
        {"prompt": "2 + 2\n\n###\n\n", "completion": " 4 END"},
        Completion(prompt="2 + 2\n\n###\n\n", completion=" 4 END"),
    ),
    (
        "prompt_completion",
        "TRL's turns",
        {},
        {
            "prompt": [{"role": "user", "content": "Hi"}],
            "completion": [{"role": "assistant", "content": "Hello"}],
        },
        talk(u("Hi"), a("Hello")),
    ),
    (
        "text",
        "with a title",
        {},
        {"text": "Long.", "title": "T"},
        Document(text="Long.", title="T"),
    ),
    ("text", "content", {"text": "content"}, {"content": "Long."}, Document(text="Long.")),
    (
        "preference",
        "Alpaca with chosen and rejected",
        {"prompt": "instruction"},
        {"instruction": "Say", "input": "it", "output": "x", "chosen": "it", "rejected": "no"},
        Preference(prompt=(u("Say\nit"),), chosen=(a("it"),), rejected=(a("no"),)),
    ),
    (
        "preference",
        "LLaMA-Factory's ranking",
        {"prompt": "conversations"},
        {
            "conversations": [{"from": "human", "value": "Say it"}],
            "chosen": {"from": "gpt", "value": "it"},
            "rejected": {"from": "gpt", "value": "no"},
        },
        Preference(prompt=(u("Say it"),), chosen=(a("it"),), rejected=(a("no"),)),
    ),
    (
        "preference",
        "a prompt that both conversations repeat",
        {},
        {
            "prompt": "Say it",
            "chosen": [
                {"role": "user", "content": "Say it"},
                {"role": "assistant", "content": "it"},
            ],
            "rejected": [
                {"role": "user", "content": "Say it"},
                {"role": "assistant", "content": "no"},
            ],
        },
        Preference(prompt=(u("Say it"),), chosen=(a("it"),), rejected=(a("no"),)),
    ),
    (
        "preference",
        "OpenAI's layout",
        {
            "prompt": "input",
            "chosen": "preferred_output",
            "rejected": "non_preferred_output",
            "input": "",
        },
        {
            "input": {"messages": [{"role": "user", "content": "Say it"}], "tools": [TOOL]},
            "preferred_output": [{"role": "assistant", "content": "it"}],
            "non_preferred_output": [{"role": "assistant", "content": "no"}],
        },
        Preference(prompt=(u("Say it"),), chosen=(a("it"),), rejected=(a("no"),), tools=(TOOL,)),
    ),
    (
        "transcripts",
        "Anthropic HH",
        {},
        {"chosen": f"{HH} See you.", "rejected": f"{HH} Go."},
        Preference(
            prompt=(u("Hi"), a("Hello."), u("Bye")), chosen=(a("See you."),), rejected=(a("Go."),)
        ),
    ),
    (
        "transcripts",
        "TRL's implicit prompt",
        {},
        {
            "chosen": [
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": "Hello"},
            ],
            "rejected": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "No"}],
        },
        Preference(prompt=(u("Hi"),), chosen=(a("Hello"),), rejected=(a("No"),)),
    ),
    (
        "transcripts",
        "ms-swift's rejected_response",
        {"chosen": "messages", "rejected": "rejected_response"},
        {
            "messages": [
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": "Hello"},
            ],
            "rejected_response": "No",
        },
        Preference(prompt=(u("Hi"),), chosen=(a("Hello"),), rejected=(a("No"),)),
    ),
    (
        "kto",
        "LLaMA-Factory's messages and label",
        {"completion": "messages"},
        {
            "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "No"}],
            "label": False,
        },
        Rated(prompt=(u("Hi"),), completion=(a("No"),), good=False),
    ),
    (
        "kto",
        "Alpaca with kto_tag",
        {"prompt": "instruction", "completion": "output", "label": "kto_tag"},
        {"instruction": "Say", "input": "it", "output": "it", "kto_tag": "true"},
        Rated(prompt=(u("Say\nit"),), completion=(a("it"),), good=True),
    ),
    (
        "pair",
        "a list of one",
        {"positive": "pos"},
        {"anchor": "a", "pos": ["b"]},
        Similar(anchor="a", positive="b"),
    ),
    (
        "scored_pair",
        "digits stay",
        {"anchor": "sentence1", "positive": "sentence2"},
        {"sentence1": "a", "sentence2": "b", "score": 4.50},
        Similar(anchor="a", positive="b", score="4.5"),
    ),
    (
        "triplet",
        "a list of negatives",
        {"anchor": "query", "positive": "pos", "negative": "neg"},
        {"query": "a", "pos": ["b"], "neg": ["c", "d"]},
        Similar(anchor="a", positive="b", negatives=("c", "d")),
    ),
    (
        "triplet",
        "several positives, as BGE has them",
        {"anchor": "query", "positive": "pos", "negative": "neg"},
        {"query": "a", "pos": ["b", "e"], "neg": ["c", "d"]},
        Similar(anchor="a", positive="b", further_positives=("e",), negatives=("c", "d")),
    ),
    (
        "triplet",
        "a column for each negative",
        {"negative": "negative_1", "negative_2": "negative_2", "negative_10": "negative_10"},
        {"anchor": "a", "positive": "b", "negative_1": "c", "negative_10": "e", "negative_2": "d"},
        Similar(anchor="a", positive="b", negatives=("c", "d", "e")),
    ),
    (
        "judgement",
        "ids that are numbers",
        {"query_id": "qid", "document_id": "pid", "document": "passage"},
        {"qid": 1, "query": "a", "pid": 7, "passage": "b", "relevance": 2},
        Judgement(query_id="1", query="a", document_id="7", document="b", relevance="2"),
    ),
    (
        "tokens",
        "lists in the cells of a table, words parted by spaces",
        {"tags": "ner_tags"},
        {"tokens": '["in", "Oslo"]', "ner_tags": "O B-place"},
        Tagged(tokens=("in", "Oslo"), tags=("O", "B-place")),
    ),
    (
        "tokens",
        "numbers of tags",
        {"tags": "ner_tags"},
        {"tokens": ["in", "Oslo"], "ner_tags": [0, 3]},
        Tagged(tokens=("in", "Oslo"), tags=("0", "3")),
    ),
    (
        "spans",
        "restaurant8k, in which a start of 0 is left out",
        {"text": "userInput", "spans": "labels"},
        {
            "userInput": {"text": "13 people"},
            "labels": [{"slot": "people", "valueSpan": {"endIndex": 2}}],
        },
        Spanned(text="13 people", spans=(Span(start=0, end=2, type="people"),)),
    ),
    (
        "spans",
        "restaurant8k without labels",
        {"text": "userInput", "spans": "labels"},
        {"userInput": {"text": "13 people"}},
        Spanned(text="13 people", spans=()),
    ),
    (
        "spans",
        "doccano",
        {"spans": "label"},
        {"text": "in Oslo", "label": [[3, 7, "place"]]},
        Spanned(text="in Oslo", spans=(Span(start=3, end=7, type="place"),)),
    ),
    (
        "spans",
        "doccano's entities",
        {"spans": "entities"},
        {
            "text": "in Oslo",
            "entities": [{"id": 1, "label": "place", "start_offset": 3, "end_offset": 7}],
        },
        Spanned(text="in Oslo", spans=(Span(start=3, end=7, type="place"),)),
    ),
    (
        "spans",
        "spaCy's, and a length instead of an end",
        {},
        {"text": "in Oslo", "spans": {"entities": [{"offset": 3, "length": 4, "type": "place"}]}},
        Spanned(text="in Oslo", spans=(Span(start=3, end=7, type="place"),)),
    ),
    (
        "parallel",
        "an object of translations",
        {"source": "en", "target": "de", "translation": "translation"},
        {"translation": {"en": "Good day", "de": "Guten Tag"}},
        Similar(anchor="Good day", positive="Guten Tag"),
    ),
    (
        "parallel",
        "columns of languages",
        {"source": "en", "target": "de"},
        {"en": "Good day", "de": "Guten Tag"},
        Similar(anchor="Good day", positive="Guten Tag"),
    ),
]


@pytest.mark.parametrize(
    ("name", "columns", "row", "content"),
    [case[:1] + case[2:] for case in DIALECTS],
    ids=[f"{case[0]}: {case[1]}" for case in DIALECTS],
)
def test_a_dialect_is_understood(
    name: str, columns: dict[str, str], row: dict[str, Any], content: Content
) -> None:
    schema = SCHEMAS.get(name)(columns)
    assert schema.read(row) == content
    from_file = parse_json(write_json_text(row))
    assert isinstance(from_file, dict)
    assert schema.read(from_file) == content
    written = schema.write(content)
    assert schema.read(written) == content
    assert written.keys() <= schema.used_columns()


@pytest.mark.parametrize(
    ("name", "columns", "row"),
    [
        ("messages", {}, {"messages": [{"role": "developer", "content": "x", "weight": 1}]}),
        ("sharegpt", {}, {"conversations": [{"from": "human", "value": "x"}]}),
        ("alpaca", {}, {"instruction": "a", "input": "", "output": "b"}),
        ("preference", {"prompt": "instruction"},
         {"instruction": "a", "input": "", "chosen": "b", "rejected": "c"}),
        ("transcripts", {}, {"chosen": f"{HH} a", "rejected": f"{HH} b"}),
        ("spans", {"text": "userInput", "spans": "labels"},
         {"userInput": {"text": "x y"},
          "labels": [{"slot": "p", "valueSpan": {"startIndex": 0, "endIndex": 1}}]}),
        ("spans", {"spans": "label"}, {"text": "x", "label": [[0, 1, "p"]]}),
        ("triplet", {"negative": "neg"}, {"anchor": "a", "positive": "b", "neg": ["c"]}),
        ("pair", {}, {"anchor": "a", "positive": ["b", "c"]}),
        ("triplet", {}, {"anchor": "a", "positive": ["b", "c"], "negative": "d"}),
        ("parallel", {"source": "en", "target": "de", "translation": "t"},
         {"t": {"en": "a", "de": "b"}}),
    ],
)  # fmt: skip
def test_a_row_of_the_usual_shape_is_written_as_it_was(
    name: str, columns: dict[str, str], row: dict[str, Any]
) -> None:
    schema = SCHEMAS.get(name)(columns)
    assert schema.write(schema.read(row)) == row


CONVERSIONS = [
    (talk(u("Hi"), a("Hello")), "alpaca", {"instruction": "Hi", "input": "", "output": "Hello"}),
    (talk(u("Hi"), a("Hello")), "prompt_completion", {"prompt": "Hi", "completion": "Hello"}),
    (talk(u("Hi"), a("Hello")), "pair", {"anchor": "Hi", "positive": "Hello"}),
    (Completion(prompt="a", completion="b"), "question_answer", {"question": "a", "answer": "b"}),
    (Similar(anchor="a", positive="b"), "parallel", {"source": "a", "target": "b"}),
    (Similar(anchor="a", positive="b"), "query_response", {"query": "a", "response": "b"}),
    (
        talk(called(CITY, id="c1")),
        "sharegpt",
        {
            "conversations": [
                {
                    "from": "function_call",
                    "value": '{"id": "c1", "name": "look", "arguments": {"city": "Oslo"}}',
                }
            ]
        },
    ),
    (
        Tagged(tokens=("to", "New", "York", "now"), tags=("O", "B-place", "I-place", "O")),
        "spans",
        {"text": "to New York now", "spans": [{"start": 3, "end": 11, "label": "place"}]},
    ),
    (
        Spanned(text="to New York", spans=(Span(start=3, end=11, type="place"),)),
        "tokens",
        {"tokens": ["to", "New", "York"], "tags": ["O", "B-place", "I-place"]},
    ),
]


@pytest.mark.parametrize(("content", "name", "row"), CONVERSIONS)
def test_one_layout_as_another(content: Content, name: str, row: dict[str, Any]) -> None:
    schema = SCHEMAS.get(name)({})
    assert schema.write(adapt(content, schema)) == row


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (talk(called(CITY), a("x")), "alpaca", "by turns"),
        (talk(u("x"), called(CITY)), "alpaca", "calls of tools"),
        (talk(u("x"), a("y"), tools=(TOOL,)), "query_response", "no place for tools"),
        (talk(u("x"), a("y", weight=0.5)), "question_answer", "the weight of a turn"),
        (talk(u("x"), a("y", name="Ada")), "alpaca", "the name of a speaker"),
        (talk(u("a"), a("b"), u("c"), a("d")), "pair", "the row has user, assistant, user"),
        (talk(Message(role="user", content=({"type": "text", "text": "x"},))), "sharegpt", "parts"),
        (Similar(anchor="a", positive="b", negatives=("c",)), "pair", "negatives"),
        (Similar(anchor="a", positive="b"), "scored_pair", "without score"),
        (talk(u("a")), "prompt_completion", "needs an answer"),
        (Spanned(text="Oslo", spans=None), "spans", "nobody has labelled"),
        (Tagged(tokens=("a",), tags=None), "tokens", "a tag for each token"),
        (Document(text="x"), "messages", "document"),
    ],
)  # fmt: skip
def test_what_has_no_place_is_named(content: Content, name: str, words: str) -> None:
    with pytest.raises(CannotHoldError, match=words):
        SCHEMAS.get(name)({}).write(content)


@pytest.mark.parametrize(
    ("name", "row", "reason", "words"),
    [
        ("messages", {"messages": "Hi"}, "wrong_type", "'messages' holds text, not a list"),
        ("messages", {"messages": '[{"role"'}, "bad_json", "text that is not JSON at character 9"),
        ("messages", {"messages": [{"role": "user"}, 3]}, "wrong_type", "turn 2, holds a number"),
        ("messages", {"messages": [{"content": "x"}]}, "missing_field", "turn 1, does not say who"),
        ("messages", {"messages": [{"role": "user", "content": [3]}]}, "wrong_type", "part 1"),
        ("alpaca", {"instruction": "a", "output": None}, "missing_answer", "'output' is null"),
        ("alpaca", {"instruction": "a", "output": "b", "history": [["x"]]}, "wrong_type", "pair 1"),
        ("transcripts", {"chosen": "x", "rejected": "y"}, "wrong_type", "no `Human:`"),
        ("kto", {"completion": "x", "label": "maybe"}, "wrong_type", "neither true nor false"),
        ("scored_pair", {"anchor": "a", "positive": "b", "score": "x"}, "wrong_type", "no number"),
        ("tokens", {"tokens": ["a"], "tags": []}, "length_mismatch", "1 tokens and"),
        ("spans", {"text": "a", "spans": [{"start": 0}]}, "missing_label", "1, has no label"),
        ("spans", {"text": "a", "spans": [[0, 1]]}, "wrong_type", "has 2 parts"),
        ("pair", {"anchor": "a", "positive": []}, "missing_field", "holds an empty list"),
        ("pair", {"anchor": "a", "positive": ["b", 3]}, "wrong_type", "something else than texts"),
        ("messages", {"messages": [{"role": "user", "content": "\udcff"}]}, "bad_encoding", ""),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named(
    name: str, row: dict[str, Any], reason: str, words: str
) -> None:
    with pytest.raises(UnusableRowError) as caught:
        SCHEMAS.get(name)({}).read(row)
    assert (caught.value.reason, words in caught.value.message) == (reason, True), (
        caught.value.message
    )
