"""Retry decisions and delays. Pure; every SDK passes the same table of cases (``tests/vectors/sdk_retry.json``)."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Mapping

from .errors import NOT_EXECUTED, TroupeError


@dataclass(frozen=True)
class RetryPolicy:
    """The retry policy; times in seconds.

    A failover takes under a second, so a caller that must not notice one sets a short first delay and more retries.
    """

    retries: int = 2
    first_delay: float = 0.5
    max_delay: float = 8.0

    def decide(
        self,
        attempt: int,
        error: TroupeError,
        retry_after: float | None,
        protected: bool,
        tokens: float,
        left: float,
        jitter: float,
    ) -> float | None:
        """The delay before the next attempt after ``attempt`` attempts, or None to give up.

        ``protected`` says that doing it twice changes no more than once. ``jitter`` is a draw from 0 to 1: the delay is
        between half and all of its exponential step.
        """
        safe = protected or error.outcome == NOT_EXECUTED
        if not error.retryable or not safe or attempt > self.retries or tokens < 1.0:
            return None
        # Any larger exponent exceeds every maximum, and 2.0 ** 5000 overflows a float.
        step = min(self.first_delay * 2.0 ** min(attempt - 1, 64), self.max_delay)
        delay = max(step * (0.5 + 0.5 * min(max(jitter, 0.0), 1.0)), retry_after or 0.0)
        return None if delay >= left else delay


class Budget:
    """The retry budget bounds retries: each retry takes one token, each call adds a part of a token."""

    def __init__(self, tokens_max: float = 10.0, per_call: float = 0.2) -> None:
        self._tokens = tokens_max
        self._tokens_max = tokens_max
        self._per_call = per_call
        self._lock = threading.Lock()

    @property
    def tokens(self) -> float:
        """Tokens left."""
        with self._lock:
            return self._tokens

    def give(self) -> None:
        """Adds the share of a new call."""
        with self._lock:
            self._tokens = min(self._tokens + self._per_call, self._tokens_max)

    def take(self) -> None:
        """Takes one token for a retry."""
        with self._lock:
            self._tokens = max(self._tokens - 1.0, 0.0)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The delay in seconds that an answer requests: ``Retry-After-Ms`` before ``Retry-After``; a date is ignored."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name, "").strip()
        if value.isdecimal():
            return int(value) * unit
    return None
