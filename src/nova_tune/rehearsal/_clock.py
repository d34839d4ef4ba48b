"""The clock of the rehearsed service."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Clock:
    """Simulated time: it runs `speed` times as fast as real time, and jumps by :meth:`advance`.

    It lives as long as its rehearsal and starts at the real time of its creation. Every timestamp in the
    answers of the rehearsed Bedrock comes from it. It never goes back.

    Args:
        speed: Simulated seconds for each real second. 0 means that it moves by :meth:`advance` alone.

    Raises:
        ValueError: `speed` is negative.

    >>> clock = Clock(speed=0)
    >>> before = clock.now()
    >>> clock.advance(90)
    >>> clock.now() - before
    datetime.timedelta(seconds=90)
    """

    def __init__(self, speed: float) -> None:
        if not speed >= 0:
            raise ValueError(f"speed is {speed}; it must be 0 or more simulated seconds for each real second")
        self._speed = speed
        self._start = datetime.now(UTC).replace(microsecond=0)
        self._real_start = time.monotonic()
        self._advanced = 0.0
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The simulated time in UTC, to the millisecond."""
        with self._lock:
            seconds = self._advanced + (time.monotonic() - self._real_start) * self._speed
        return self._start + timedelta(milliseconds=int(seconds * 1000))

    def advance(self, seconds: float) -> None:
        """Jump forward.

        Args:
            seconds: Simulated seconds, 0 or more.

        Raises:
            ValueError: `seconds` is negative: what has happened stays happened.
        """
        if not seconds >= 0:
            raise ValueError(f"cannot advance by {seconds} s; the clock does not go back")
        with self._lock:
            self._advanced += seconds

    def to_dict(self) -> dict[str, str]:
        """Its time and the real time it stands for, as ISO 8601."""
        return {"simulated": self.now().isoformat(), "real": datetime.now(UTC).isoformat()}

    def restore(self, saved: Mapping[str, str]) -> None:
        """Go on from a saved time; the real time since then counts at this clock's speed.

        Args:
            saved: What :meth:`to_dict` gave.
        """
        away = (datetime.now(UTC) - datetime.fromisoformat(saved["real"])).total_seconds()
        with self._lock:
            self._start = datetime.fromisoformat(saved["simulated"])
            self._real_start = time.monotonic() - max(0.0, away)
            self._advanced = 0.0
