"""What a chat looks like: on a terminal, and where the output is a file or a pipe."""

from __future__ import annotations

import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from tunewright.cli.console import console
from tunewright.core.text import printable
from tunewright.core.units import format_count, format_seconds

if TYPE_CHECKING:
    from tunewright.models.generation.config import GenerationConfig
    from tunewright.models.generation.decoder import Stream
    from tunewright.serve.texts import TextPredictor

_WIDE = 76
"""Columns from which on two answers fit beside each other."""
_FRAMES = 12
"""Drawn each second."""
_AROUND = 6
"""Lines of a terminal that the answers do not have."""
_COLOURS = {"base": "blue", "tuned": "green"}


class Pieces:
    """One answer while it is written.

    Args:
        stream: of the model.
        name: who answers.
    """

    def __init__(self, stream: Stream, name: str) -> None:
        self.name = name
        self.text = ""
        self.seconds = 0.0
        self.stopped = False
        self._stream = stream
        self._pieces = iter(stream)

    def next(self) -> str | None:
        """The next piece of text; None at the end."""
        start = time.monotonic()
        piece = next(self._pieces, None)
        self.seconds += time.monotonic() - start
        self.text += piece or ""
        return piece

    def stop(self) -> None:
        """Write no more."""
        self.stopped = True

    @property
    def told(self) -> str:
        """How it went, in a few words."""
        written = self._stream.written
        parts = []
        if written is not None:
            parts.append(format_count(len(written.token_ids), "token"))
        parts.append(format_seconds(self.seconds))
        if self.stopped:
            parts.append("stopped")
        elif written is not None and not written.ended:
            parts.append("cut off at the most tokens")
        return ", ".join(parts)

    @property
    def cut_off(self) -> bool:
        """Whether it ended at the most tokens allowed."""
        return self._stream.written is not None and not self._stream.written.ended


class Screen(ABC):
    """Shows a chat."""

    @abstractmethod
    def greet(
        self, predictor: TextPredictor, config: GenerationConfig, names: Sequence[str]
    ) -> None:
        """Say with whom one talks."""

    def ask(self) -> str:
        """What the person says.

        Raises:
            EOFError: at the end.
            KeyboardInterrupt: for Ctrl-C.
        """
        return input()

    @abstractmethod
    def show(self, answers: Sequence[Pieces], stopped: Callable[[], bool]) -> None:
        """Show answers while they are written.

        Args:
            answers: one for each model.
            stopped: whether the person wants no more of them.
        """

    @abstractmethod
    def note(self, text: str) -> None:
        """Say something that no model said."""


class PlainScreen(Screen):
    """Answers and nothing else on standard output; with two models, who says what."""

    def greet(
        self, predictor: TextPredictor, config: GenerationConfig, names: Sequence[str]
    ) -> None:
        """Nothing that is no answer."""

    def show(self, answers: Sequence[Pieces], stopped: Callable[[], bool]) -> None:
        for answer in answers:
            if len(answers) > 1:
                sys.stdout.write(f"{answer.name}: ")
            for piece in _pieces(answer, stopped):
                sys.stdout.write(piece)
                sys.stdout.flush()
            sys.stdout.write("\n")
            sys.stdout.flush()
            if answer.cut_off:
                self.note(f"{answer.name}: cut off at the most tokens")

    def note(self, text: str) -> None:
        print(printable(text), file=sys.stderr, flush=True)  # noqa: T201


class TerminalScreen(Screen):
    """A prompt, answers as they come, and what they took."""

    def __init__(self) -> None:
        with suppress(ImportError):  # lines can then be edited and called back
            import readline  # noqa: F401

    def greet(
        self, predictor: TextPredictor, config: GenerationConfig, names: Sequence[str]
    ) -> None:
        release = predictor.release
        base = Path(release.base_model).name
        how = release.strategy.get("name", "unknown strategy")
        who = {"tuned": f"{base}, tuned ({how})", "base": f"{base}, as it is"}
        for name in names:
            console.print(Text(name, style=f"bold {_COLOURS[name]}"), Text(who[name], style="dim"))
        drawn = f"drawn at temperature {config.temperature:g}"
        taken = drawn if config.do_sample else "the likeliest tokens"
        told = f"{taken}, at most {config.max_new_tokens:,} tokens; /help for commands"
        if not predictor.takes_turns:
            told += "; it was trained on plain texts, so each line is continued as it is"
        console.print(Text(told, style="dim"))

    def ask(self) -> str:
        console.print()
        return input("you> ")

    def note(self, text: str) -> None:
        console.print(Text(text, style="yellow"))

    def show(self, answers: Sequence[Pieces], stopped: Callable[[], bool]) -> None:
        with _silent_keys():
            self._show(answers, stopped)

    def _show(self, answers: Sequence[Pieces], stopped: Callable[[], bool]) -> None:
        if len(answers) > 1 and console.width >= _WIDE:
            self._beside(answers, stopped)
            return
        for answer in answers:
            if len(answers) > 1:
                console.print(Text(answer.name, style=f"bold {_COLOURS[answer.name]}"))
            for piece in _pieces(answer, stopped):
                sys.stdout.write(printable(piece))
                sys.stdout.flush()
            sys.stdout.write("\n")
            console.print(Text(answer.told, style="dim"))

    def _beside(self, answers: Sequence[Pieces], stopped: Callable[[], bool]) -> None:
        """Both at once, each token by token; what has scrolled out is shown again at the end."""
        going = list(answers)
        with Live(
            _table(answers, console.height - _AROUND),
            console=console,
            refresh_per_second=_FRAMES,
            auto_refresh=False,
            transient=True,
        ) as live:
            drawn = 0.0
            while going:
                for answer in list(going):
                    if stopped():
                        answer.stop()
                    if answer.stopped or answer.next() is None:
                        going.remove(answer)
                if time.monotonic() - drawn > 1 / _FRAMES:
                    live.update(_table(answers, console.height - _AROUND), refresh=True)
                    drawn = time.monotonic()
        console.print(_table(answers))


@contextmanager
def _silent_keys() -> Iterator[None]:
    """Within the block keys leave no mark between what is drawn; what was typed is read later."""
    try:
        import termios
    except ImportError:  # Windows
        yield
        return
    keyboard = sys.stdin.fileno()
    former = termios.tcgetattr(keyboard)
    quiet = [*former]
    quiet[3] &= ~termios.ECHO
    termios.tcsetattr(keyboard, termios.TCSANOW, quiet)
    try:
        yield
    finally:
        termios.tcsetattr(keyboard, termios.TCSANOW, former)


def _pieces(answer: Pieces, stopped: Callable[[], bool]) -> Iterator[str]:
    while not stopped():
        piece = answer.next()
        if piece is None:
            return
        yield piece
    answer.stop()


def _table(answers: Sequence[Pieces], lines: int | None = None) -> Table:
    """The answers beside each other.

    Args:
        answers: of the models.
        lines: only so many last lines of each; all when not given.
    """
    table = Table.grid(expand=True, padding=(0, 1, 0, 0))
    for _ in answers:
        table.add_column(ratio=1)
    width = console.width // len(answers) - 5
    table.add_row(*(_panel(answer, width, lines) for answer in answers))
    return table


def _panel(answer: Pieces, width: int, lines: int | None) -> Panel:
    text = Text(printable(answer.text))
    if lines is not None:
        wrapped = text.wrap(console, width)
        text = Text("\n").join(wrapped[-max(1, lines) :])
    colour = _COLOURS[answer.name]
    return Panel(
        text,
        title=Text(answer.name, style=f"bold {colour}"),
        subtitle=None if lines is not None else Text(answer.told, style="dim"),
        title_align="left",
        subtitle_align="right",
        border_style=colour,
    )
