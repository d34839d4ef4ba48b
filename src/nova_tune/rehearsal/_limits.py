"""Requests and tokens a minute: buckets that answer with ThrottlingException once a test has set their quotas."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from nova_tune.rehearsal._errors import ServiceError
from nova_tune.rehearsal._quotas import REQUESTS_PER_MINUTE, TOKENS_PER_MINUTE

if TYPE_CHECKING:
    from collections.abc import Callable

    from nova_tune.rehearsal._quotas import Quotas


class RateLimits:
    """Two buckets, refilled continuously in real time; they hold a minute's worth. Lives as long as the rehearsal.

    They bind once a test has set ``quotas[...]``: a load test of a rehearsal is not slowed down by figures of an
    account that does not exist. A request is charged at its start with its input and its maxTokens; that what was not
    used is not given back is assumed.
    Source: https://docs.aws.amazon.com/bedrock/latest/userguide/monitoring-runtime-metrics.html, read 2026-11-21.

    Args:
        quotas: The account's quotas.
        now: Seconds of a monotonic clock.
    """

    def __init__(self, quotas: Quotas, *, now: Callable[[], float] = time.monotonic) -> None:
        self._quotas = quotas
        self._now = now
        self._lock = threading.Lock()
        self._spent: dict[str, tuple[float, float]] = {}

    def spend(self, model_id: str, tokens: int) -> None:
        """Charge one request.

        Args:
            model_id: Only deployments are counted, all together, as the quota's name says ("sum of").
            tokens: Its input and the most it may answer.

        Raises:
            ServiceError: ThrottlingException.
        """
        if ":custom-model-deployment/" not in model_id:
            return
        wanted = {REQUESTS_PER_MINUTE: 1, TOKENS_PER_MINUTE: tokens}
        with self._lock:
            now = self._now()
            levels = {}
            for name, amount in wanted.items():
                if not self._quotas.is_set(name):
                    continue
                limit = self._quotas[name]
                spent, at = self._spent.get(name, (0.0, now))
                level = max(0.0, spent - (now - at) * limit / 60) + amount
                if level > limit:
                    unit = "requests" if name == REQUESTS_PER_MINUTE else "tokens"
                    raise ServiceError("ThrottlingException", f"Too many {unit}, please wait before trying again.")
                levels[name] = (level, now)
            self._spent |= levels
