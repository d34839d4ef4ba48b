"""How the examples show progress: a bar on a terminal when rich is installed, plain lines everywhere else."""

from __future__ import annotations

import importlib.util
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nova_tune import TrainingJob


class Progress:
    """Prints the steps of a job as they begin. The library itself prints nothing: it calls back, this draws."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._number = 0
        self._live = sys.stdout.isatty() and importlib.util.find_spec("rich") is not None
        self._bar: Any = None
        self._task: Any = None

    def step(self, title: str) -> None:
        """A new step begins."""
        self._end_bar()
        self._number += 1
        print(f"[{time.monotonic() - self._started:5.1f} s] {self._number:2}. {title}", flush=True)

    def note(self, text: str) -> None:
        """What a step found."""
        self._end_bar()
        print("\n".join(f"             {line}" for line in text.splitlines()), flush=True)

    def pieces(self, title: str, pieces: Iterable[str]) -> None:
        """A text as it arrives."""
        print(" " * 13 + title, end="", flush=True)
        for piece in pieces:
            print(piece.replace("\n", "\n" + " " * 13), end="", flush=True)
        print()

    def job(self, job: TrainingJob) -> None:
        """Where the training stands."""
        self.note(f"{job.raw_state}: {', '.join(f'{step} {state}' for step, state in job.steps.items())}")

    def count(self, what: str) -> Callable[[int], None]:
        """A callback for a number that grows without a known end."""
        return lambda done: self._draw(what, done, None)

    def of(self, what: str) -> Callable[[int, int], None]:
        """A callback for so many of so many."""
        return lambda done, total: self._draw(what, done, total)

    def _draw(self, what: str, done: int, total: int | None) -> None:
        if not self._live:
            return
        if self._bar is None:
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415
            from rich.progress import Progress as Bar  # noqa: PLC0415

            self._bar = Bar(TextColumn("             {task.description}"), BarColumn(), MofNCompleteColumn(),
                            TimeElapsedColumn(), transient=True)  # fmt: skip
            self._bar.start()
            self._task = self._bar.add_task(what, total=total)
        self._bar.update(self._task, completed=done, total=total)

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
