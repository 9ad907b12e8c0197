"""An OpenAI-compatible endpoint: what is sent, what is repeated, what ends it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.curate.synthesis.endpoint import Endpoint, Told, serving
from tunewright.core.errors import ConfigError, StoppedError
from tunewright.curate.generators.address import Address, refuse_network
from tunewright.curate.generators.base import Generated, Generator, prompt_seeds
from tunewright.curate.generators.cache import BudgetError, CachedGenerator
from tunewright.curate.generators.endpoint import EndpointGenerator, Patience, key_from
from tunewright.curate.generators.source import SourceOptions, open_generator
from tunewright.data.content import SYSTEM, USER, Message
from tunewright.workers.in_process import InProcessWorker

KEY = "sk-a-secret-of-tests"


def asked(endpoint: Endpoint, *, waits: list[float] | None = None, **patience: object) -> Generator:
    return EndpointGenerator(
        Address.parse(endpoint.url),
        "small",
        key=KEY,
        key_env="TEST_KEY",
        patience=Patience(**{"attempts": 4, "timeout_seconds": 5.0, **patience}),  # type: ignore[arg-type]
        sleep=(waits if waits is not None else []).append,
    )


@pytest.fixture
def echo() -> object:
    with serving(lambda prompt, seed: f"{prompt} / {seed % 1000}") as endpoint:
        yield endpoint


def test_what_is_sent_and_what_comes_back(echo: Endpoint) -> None:
    turns = [Message(role=SYSTEM, content="be brief"), Message(role=USER, content="why?")]
    found = asked(echo).generate(
        [turns, "how?"], max_new_tokens=7, temperature=0.5, stop=["/"], seed=9
    )
    sent = {json.dumps(r["messages"]): r for r in echo.requests}
    first = sent[
        json.dumps([{"role": "system", "content": "be brief"}, {"role": "user", "content": "why?"}])
    ]
    assert first["path"] == "/v1/chat/completions"
    assert (first["model"], first["max_tokens"], first["temperature"]) == ("small", 7, 0.5)
    assert first["stop"] == ["/"]
    assert first["seed"] == prompt_seeds([turns, "how?"], 9)[0]
    assert [answer.text for answer in found] == ["be brief\nwhy?", "how?"]
    assert (found[0].prompt_tokens, found[0].tokens, found[0].finished) == (3, 3, True)
    assert set(echo.keys) == {f"Bearer {KEY}"}


def test_no_more_at_one_time_than_allowed(echo: Endpoint) -> None:
    prompts = [f"question {n}" for n in range(24)]
    found = asked(echo, in_flight=3).generate(prompts)
    assert [answer.text.split(" /")[0] for answer in found] == prompts
    assert 1 <= echo.most_at_once <= 3


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_may_pass_is_asked_again_later_and_later(echo: Endpoint, status: int) -> None:
    echo.troubles = [Told(status, {"error": {"message": "busy"}}) for _ in range(3)]
    waits: list[float] = []
    found = asked(echo, waits=waits).generate(["why?"])
    assert found[0].text.startswith("why?")
    assert waits == [1.0, 2.0, 4.0]


def test_the_server_says_how_long_to_wait(echo: Endpoint) -> None:
    echo.troubles = [Told(429, {}, {"Retry-After": "7"}), Told(429, {}, {"Retry-After": "900"})]
    waits: list[float] = []
    asked(echo, waits=waits).generate(["why?"])
    assert waits == [7.0, 60.0], "but nobody waits a quarter of an hour"


def test_a_server_that_stays_busy_ends_it_for_now(echo: Endpoint) -> None:
    echo.troubles = [Told(503, {"error": "overloaded"}) for _ in range(4)]
    with pytest.raises(StoppedError) as caught:
        asked(echo).generate(["why?"])
    assert "did not answer in 4 attempts" in caught.value.what
    assert "503: overloaded" in str(caught.value.found)


def test_a_server_that_is_too_slow() -> None:
    import time

    def slowly(prompt: str, seed: int) -> str:
        time.sleep(0.4)
        return "late"

    with serving(slowly) as endpoint, pytest.raises(StoppedError) as caught:
        asked(endpoint, timeout_seconds=0.1, attempts=2).generate(["why?"])
    assert "no answer within 0.1 seconds" in str(caught.value.found)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_not_shown(echo: Endpoint, status: int) -> None:
    echo.troubles = [Told(status, {"error": {"message": f"wrong key {KEY[:8]}***"}})]
    with pytest.raises(ConfigError) as caught:
        asked(echo).generate(["why?"])
    assert "refuses the key" in caught.value.what
    assert "TEST_KEY" in str(caught.value)
    assert KEY[:8] not in str(caught.value)


def test_a_key_that_the_server_repeats_is_masked(echo: Endpoint) -> None:
    echo.troubles = [Told(404, {"error": {"message": f"no model small for {KEY}"}})]
    with pytest.raises(ConfigError) as caught:
        asked(echo).generate(["why?"])
    assert "no model small for ***" in str(caught.value)
    assert caught.value.field == "--model"
    assert KEY not in repr(asked(echo))


def test_nothing_at_the_address() -> None:
    with serving(lambda prompt, seed: "") as endpoint:
        url = endpoint.url
    generator = EndpointGenerator(Address.parse(url), "small")
    with pytest.raises(ConfigError, match="nothing answers at this address"):
        generator.generate(["why?"])


@pytest.mark.parametrize(
    "told",
    [
        Told(200, b"<html>"),
        Told(200, {"text": "hi"}),
        Told(200, {"choices": []}),
        Told(200, [1]),
        Told(200, {"choices": [{"message": {"content": [1]}}]}),
    ],
)
def test_what_is_no_such_endpoint(echo: Endpoint, told: Told) -> None:
    echo.troubles = [told]
    with pytest.raises(ConfigError, match="no OpenAI-compatible endpoint"):
        asked(echo).generate(["why?"])


def test_a_redirect_is_not_followed(echo: Endpoint) -> None:
    echo.troubles = [Told(302, {}, {"Location": "http://192.0.2.1/v1"})]
    with pytest.raises(ConfigError) as caught:
        asked(echo).generate(["why?"])
    assert "192.0.2.1" in str(caught.value.found)
    assert len(echo.requests) == 1


def test_one_refused_prompt_fails_alone(echo: Endpoint) -> None:
    generator = asked(echo, in_flight=1)
    echo.troubles = [Told(422, {"error": {"message": "too long"}})]
    found = generator.generate(["why?", "how?"])
    assert found[0].problem == "the endpoint answered 422: too long"
    assert found[1].text.startswith("how?")


def test_when_every_prompt_is_refused_it_is_told_at_once(echo: Endpoint) -> None:
    echo.troubles = [Told(400, {"error": {"message": "temperature is not allowed"}})] * 2
    with pytest.raises(ConfigError) as caught:
        asked(echo).generate(["why?", "how?"])
    assert "temperature is not allowed" in str(caught.value.found)


def test_the_newer_name_of_the_limit_is_learned(echo: Endpoint) -> None:
    said = {"error": {"message": "use 'max_completion_tokens' instead of 'max_tokens'"}}
    echo.troubles = [Told(400, said)]
    generator = asked(echo, in_flight=1)
    generator.generate(["why?", "how?"], max_new_tokens=5)
    assert [("max_tokens" in r, r.get("max_completion_tokens")) for r in echo.requests] == [
        (True, None),
        (False, 5),
        (False, 5),
    ]


def test_a_server_that_does_not_count(echo: Endpoint) -> None:
    echo.counts_tokens = False
    generator = asked(echo)
    found = generator.generate(["a question of 26 letters"])
    assert found[0].prompt_tokens == 6
    assert isinstance(generator, EndpointGenerator) and generator.estimated


def test_a_cut_answer_is_not_finished(echo: Endpoint) -> None:
    echo.finish = "length"
    assert not asked(echo).generate(["why?"])[0].finished


class TestAddress:
    @pytest.mark.parametrize(
        ("written", "shown", "chat"),
        [
            ("http://localhost:8000", "http://localhost:8000/v1", "/v1/chat/completions"),
            ("http://127.0.0.1:80/v1/", "http://127.0.0.1/v1", "/v1/chat/completions"),
            ("https://[::1]/api/v1/chat/completions", "https://[::1]/api/v1",
             "/api/v1/chat/completions"),
        ],
    )  # fmt: skip
    def test_as_people_write_it(self, written: str, shown: str, chat: str) -> None:
        address = Address.parse(written)
        assert (str(address), address.chat, address.loopback) == (shown, chat, True)
        assert Address.parse(str(address)) == address

    @pytest.mark.parametrize(
        "written",
        [
            "localhost:8000",
            "ftp://localhost/v1",
            "http://",
            "http://user:pass@localhost/v1",
            "http://localhost/v1?key=1",
            "http://localhost:99999/v1",
            "http://a b/v1",
        ],
    )
    def test_what_is_none(self, written: str) -> None:
        with pytest.raises(ConfigError) as caught:
            Address.parse(written)
        assert "pass" not in str(caught.value.found).replace("password", "")

    @pytest.mark.parametrize("host", ["api.example.org", "localhost.example.org", "10.0.0.1"])
    def test_another_machine_must_be_allowed(self, host: str) -> None:
        address = Address.parse(f"https://{host}/v1")
        with pytest.raises(ConfigError, match="no network use was allowed"):
            refuse_network(address, allowed=False)
        refuse_network(address, allowed=True)


class TestKey:
    HERE, THERE = Address.parse("http://localhost/v1"), Address.parse("http://api.example.org/v1")

    def test_from_the_usual_variable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        assert key_from(None, self.HERE) == KEY
        assert key_from(None, self.THERE) is None, "not in the clear to another machine"
        assert key_from("OPENAI_API_KEY", self.THERE) == KEY, "but when it is said"

    def test_a_variable_that_is_not_set(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("MY_KEY", raising=False)
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        assert key_from(None, self.HERE) is None
        with pytest.raises(ConfigError, match="MY_KEY is not set"):
            key_from("MY_KEY", self.HERE)

    def test_what_no_request_can_carry(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MY_KEY", "a\nb")
        with pytest.raises(ConfigError, match="holds no key"):
            key_from("MY_KEY", self.HERE)


class TestCache:
    def cached(self, endpoint: Endpoint, work: Path, most: int | None = None) -> CachedGenerator:
        options = SourceOptions(source=endpoint.url, model="small", most_requests=most)
        return open_generator(options, work=work, make_worker=lambda: InProcessWorker(work))

    def test_nothing_is_asked_twice(self, echo: Endpoint, tmp_path: Path) -> None:
        prompts = ["why?", "why?", "how?"]
        first = self.cached(echo, tmp_path).generate(prompts, temperature=1.0, seed=2)
        assert len(echo.requests) == 3
        again = self.cached(echo, tmp_path).generate(prompts, temperature=1.0, seed=2)
        assert len(echo.requests) == 3
        assert [a.text for a in again] == [a.text for a in first]
        assert first[0].text != first[1].text, "equal prompts have answers of their own"
        assert all(answer.cached for answer in again)
        self.cached(echo, tmp_path).generate(prompts, temperature=1.0, seed=3)
        assert len(echo.requests) == 6, "another seed asks for other texts"

    def test_the_answers_do_not_depend_on_what_was_known(
        self, echo: Endpoint, tmp_path: Path
    ) -> None:
        whole = self.cached(echo, tmp_path / "a").generate(["x", "y", "y", "z"], seed=1)
        part = self.cached(echo, tmp_path / "b")
        part.generate(["y", "z"], seed=1)
        assert [a.text for a in part.generate(["x", "y", "y", "z"], seed=1)] == [
            a.text for a in whole
        ]

    def test_half_a_line_is_asked_again(self, echo: Endpoint, tmp_path: Path) -> None:
        self.cached(echo, tmp_path).generate(["why?", "how?"])
        path = tmp_path / "answers.jsonl"
        path.write_bytes(path.read_bytes()[:-20])
        found = self.cached(echo, tmp_path).generate(["why?", "how?"])
        assert len(echo.requests) == 3
        assert self.cached(echo, tmp_path).generate(["why?", "how?"])[0].text == found[0].text
        assert len(echo.requests) == 3

    def test_the_budget_ends_it(self, echo: Endpoint, tmp_path: Path) -> None:
        generator = self.cached(echo, tmp_path, most=3)
        generator.generate(["a", "b"])
        generator.generate(["a", "b"])
        with pytest.raises(BudgetError, match="budget of 3 requests"):
            generator.generate(["c", "d"])
        assert generator.requests == 2

    def test_a_stop_keeps_what_was_answered(self, tmp_path: Path) -> None:
        class Failing(Generator):
            calls = 0
            identity = "failing"

            def generate(self, prompts, **_):  # type: ignore[no-untyped-def]
                self.calls += 1
                if self.calls == 2:
                    raise StoppedError("gone")
                return [Generated(text=f"to {p}", tokens=1, seconds=0.0) for p in prompts]

        prompts = [f"question {n}" for n in range(40)]
        failing = Failing()
        with pytest.raises(StoppedError):
            CachedGenerator(failing, tmp_path / "answers.jsonl").generate(prompts)
        assert len((tmp_path / "answers.jsonl").read_text().splitlines()) == 16
        resumed = CachedGenerator(failing, tmp_path / "answers.jsonl")
        assert [a.text for a in resumed.generate(prompts)] == [f"to {p}" for p in prompts]
        assert resumed.requests == 24

    def test_the_key_is_nowhere_on_the_disk(
        self, echo: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        self.cached(echo, tmp_path).generate(["why?"])
        assert echo.keys == [f"Bearer {KEY}"]
        for path in tmp_path.rglob("*"):
            assert KEY not in path.read_text()

    def test_an_endpoint_needs_a_name(self, tmp_path: Path) -> None:
        options = SourceOptions(source="http://localhost:8000/v1")
        with pytest.raises(ConfigError, match="needs the name of the model"):
            open_generator(options, work=tmp_path, make_worker=lambda: InProcessWorker(tmp_path))
