"""`chat`: talk to a tuned model, to its base, or to both side by side."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from tunewright.cli.chat_screen import Pieces, PlainScreen, Screen, TerminalScreen
from tunewright.cli.console import errors
from tunewright.cli.tuned import find_tuned
from tunewright.core.errors import ConfigError, TunewrightError
from tunewright.core.files import writing
from tunewright.core.text import printable
from tunewright.core.units import format_count
from tunewright.data.content import ASSISTANT, SYSTEM, USER, Message

if TYPE_CHECKING:
    from tunewright.models.generation.config import GenerationConfig
    from tunewright.serve.texts import TextPredictor

_SAVED = Path("chat.jsonl")
_HELP = """\
/reset        forget the conversation
/save [FILE]  add it to a file as a row of `messages` (chat.jsonl)
/quit         end; so does Ctrl-D
Ctrl-C stops an answer. A line that begins with // is said with one slash."""
_COMMANDS = ("/reset", "/save", "/quit", "/exit", "/help")


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatOptions:
    """What the command line says."""

    model: Path
    candidate: str | None = None
    base: bool = False
    side_by_side: bool = False
    system: str | None = None
    max_new_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    constraint: Path | None = None
    allow_network: bool = False


class Speaker:
    """A model that is talked to, with what was said to it and by it.

    Args:
        name: `tuned` or `base`.
        predictor: the model with its renderer.
        system: the system turn, where one was given.
    """

    def __init__(self, name: str, predictor: TextPredictor, system: str | None) -> None:
        self.name, self.predictor = name, predictor
        self._start = [] if system is None else [Message(role=SYSTEM, content=system)]
        self.turns: list[Message] = list(self._start)

    @property
    def said_anything(self) -> bool:
        """Whether there is a conversation yet."""
        return len(self.turns) > len(self._start)

    def reset(self) -> None:
        """Forget the conversation."""
        self.turns = list(self._start)

    def asked(self, text: str, config: GenerationConfig) -> Pieces:
        """The answer to one more turn, piece by piece.

        Raises:
            ModelError: when the conversation no longer fits the model.
        """
        turns = [*self.turns, Message(role=USER, content=text)]
        stream = self.predictor.stream(self.predictor.asked(turns), config)
        return Pieces(stream, self.name)

    def heard(self, text: str, answer: str) -> None:
        """Remember a turn and its answer."""
        self.turns += [
            Message(role=USER, content=text),
            Message(role=ASSISTANT, content=answer),
        ]


def run(options: ChatOptions) -> None:
    """Load, and talk until the person ends it."""
    if options.base and options.side_by_side:
        raise ConfigError(
            "the base model is one of the two side by side",
            field="--base",
            fix="leave one of --base and --side-by-side out",
        )
    tuned = find_tuned(options.model, options.candidate, options.allow_network)
    with errors.status("loading the model") if errors.is_terminal else nullcontext():
        from tunewright.serve.texts import changed, load_text_predictor, read_constraint

        constraint = None if options.constraint is None else read_constraint(options.constraint)
        predictor = load_text_predictor(
            tuned.folder,
            tuned.project_folder,
            allow_network=tuned.allow_network,
            with_base=options.base or options.side_by_side,
        )
        config = changed(
            predictor.generation,
            max_new_tokens=options.max_new_tokens,
            temperature=options.temperature,
            top_p=options.top_p,
            seed=options.seed,
            constraint=constraint,
        )
    if options.system is not None and not predictor.takes_turns:
        raise ConfigError(
            f"this model was trained on {predictor.release.content}s, which have no system turn",
            field="--system",
            fix="leave it out, and write it before the text",
        )
    speakers = []
    if options.base or options.side_by_side:
        assert predictor.base is not None
        speakers.append(Speaker("base", predictor.base, options.system))
    if not options.base:
        speakers.append(Speaker("tuned", predictor, options.system))
    terminal = sys.stdin.isatty()
    screen = TerminalScreen() if terminal and sys.stdout.isatty() else PlainScreen()
    Chat(speakers, config, screen, alone=not terminal).talk()


class Chat:
    """A conversation.

    Args:
        speakers: the models, in the order in which they are shown.
        config: how they write.
        screen: shows it.
        alone: nobody sits at the keyboard: a turn that fails ends the chat.
    """

    def __init__(
        self, speakers: list[Speaker], config: GenerationConfig, screen: Screen, *, alone: bool
    ) -> None:
        self._speakers, self._config, self._screen = speakers, config, screen
        self._alone = alone
        self._writing = self._stopped = False

    def talk(self) -> None:
        """Take turns until the end of the input.

        Raises:
            ConfigError: when the input holds nothing.
            ModelError: when nobody sits at the keyboard and a turn cannot be answered.
        """
        first = self._speakers[0].predictor
        self._screen.greet(first, self._config, [speaker.name for speaker in self._speakers])
        turns = 0
        with self._interrupts():
            while (line := self._next_line()) is not None:
                text = line.strip()
                if not text:
                    continue
                turns += 1
                if self._is_command(text):
                    if self._command(text):
                        return
                    continue
                self._turn(line[1:] if text.startswith("//") else line)
        if self._alone and not turns:
            raise ConfigError(
                "nothing was said: standard input is empty",
                fix="give one turn a line, or start it in a terminal",
            )

    def _next_line(self) -> str | None:
        """What is said next; None at the end."""
        if self._alone:
            line = sys.stdin.readline()
            return line.rstrip("\r\n") if line else None
        while True:
            try:
                return self._screen.ask()
            except EOFError:
                return None
            except KeyboardInterrupt:
                self._screen.note("Ctrl-D or /quit ends the chat")

    def _turn(self, text: str) -> None:
        self._stopped = False
        try:
            answers = [speaker.asked(text, self._config) for speaker in self._speakers]
            self._writing = True
            self._screen.show(answers, lambda: self._stopped)
        except TunewrightError as problem:
            if self._alone:
                raise
            self._screen.note(f"{problem}\n  (this turn was left out; /reset begins anew)")
            return
        finally:
            self._writing = False
        for speaker, answer in zip(self._speakers, answers, strict=True):
            if answer.text or not answer.stopped:
                speaker.heard(text, answer.text)

    # -- commands -----------------------------------------------------------------------------

    def _is_command(self, text: str) -> bool:
        """Of a file of questions only the commands that there are."""
        known = text.split()[0] in _COMMANDS
        return known or (not self._alone and text.startswith("/") and not text.startswith("//"))

    def _command(self, text: str) -> bool:
        """Do what a line with a slash says; whether the chat ends."""
        name, _, rest = text.partition(" ")
        if name in ("/quit", "/exit"):
            return True
        if name == "/reset":
            for speaker in self._speakers:
                speaker.reset()
            self._screen.note("a new conversation")
        elif name == "/save":
            try:
                self._screen.note(self._save(Path(rest.strip()) if rest.strip() else _SAVED))
            except TunewrightError as problem:
                self._screen.note(str(problem))
        else:
            unknown = "" if name == "/help" else f"there is no command {printable(name)}\n"
            self._screen.note(unknown + _HELP)
        return False

    def _save(self, path: Path) -> str:
        """Add the conversation to a file, one row for each model."""
        rows = [
            {
                "messages": [{"role": m.role, "content": m.content} for m in speaker.turns],
                "model": speaker.name,
            }
            for speaker in self._speakers
            if speaker.said_anything
        ]
        if not rows:
            return "there is nothing to save yet"
        with (
            writing(path, "name another file: /save FILE"),
            path.open("a", encoding="utf-8", errors="backslashreplace") as stream,
        ):
            stream.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        return f"{format_count(len(rows), 'row')} added to {path}"

    # -- Ctrl-C -------------------------------------------------------------------------------

    @contextmanager
    def _interrupts(self) -> Iterator[None]:
        """Within the block Ctrl-C stops an answer between two tokens; a second one at once."""
        former = signal.getsignal(signal.SIGINT)
        if self._alone or former is signal.SIG_IGN:
            yield
            return
        signal.signal(signal.SIGINT, self._interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, former)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if not self._writing or self._stopped:
            raise KeyboardInterrupt
        self._stopped = True
