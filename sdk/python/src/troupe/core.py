"""The calls without IO: generators that yield requests and delays, and receive the results.

Both clients drive the same generators, so that they behave the same.
"""

from __future__ import annotations

import json
import math
import random
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Callable, Generator, Iterable, Mapping, Sequence, TypeVar
from urllib.parse import quote, urlsplit

from .errors import (
    UNKNOWN,
    AnswerError,
    ConfigurationError,
    Expired,
    Lost,
    ProblemError,
    TroupeError,
    UnexpectedAnswer,
    Unreachable,
)
from .messages import Event, FailedEvent, Features, Receipt, Recommendations, RejectedEvent
from .retry import Budget, RetryPolicy, retry_after

BATCH_MAX = 10_000
"""Most events of one request; more events are sent in several requests."""

T = TypeVar("T")


@dataclass(frozen=True)
class Send:
    """A request to send; the result is a Reply, an Unreachable or a Lost."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes | None
    timeout: float


@dataclass(frozen=True)
class Sleep:
    """A delay in seconds."""

    seconds: float


@dataclass(frozen=True)
class Reply:
    """An HTTP answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Step = Send | Sleep
Told = Reply | Unreachable | Lost | None
Call = Generator[Step, Told, T]


@dataclass(frozen=True)
class _Request:
    method: str
    path: str
    body: bytes | None = None
    content_type: str = "application/json"
    key: str | None = None
    traceparent: str | None = None
    age_max: float | None = None


class _Failed(Exception):
    def __init__(self, error: TroupeError, after: float | None = None) -> None:
        self.error = error
        self.after = after


@dataclass
class Core:
    """The configuration of a client: endpoints, times, policy."""

    endpoints: Sequence[str]
    within: float = 10.0
    attempt_within: float = 5.0
    retries: RetryPolicy = field(default_factory=RetryPolicy)
    budget: Budget = field(default_factory=Budget)
    clock: Callable[[], float] = time.monotonic
    draw: Callable[[], float] = random.random

    def __post_init__(self) -> None:
        if isinstance(self.endpoints, str):
            self.endpoints = [self.endpoints]
        if not self.endpoints:
            raise ConfigurationError("no endpoint given")
        if self.within <= 0 or self.attempt_within <= 0:
            raise ConfigurationError("within and attempt_within must be longer than zero")
        self.endpoints = [_base(endpoint) for endpoint in self.endpoints]
        self._current = 0
        self._lock = threading.Lock()

    def leave(self, number: int) -> None:
        """Moves on from an endpoint that failed, unless another call already has."""
        with self._lock:
            if self._current == number:
                self._current = (number + 1) % len(self.endpoints)

    def record_events(
        self, events: Iterable[Event], *, within: float | None = None, traceparent: str | None = None
    ) -> Call[Receipt]:
        """Records events in their order."""
        events = list(events)
        receipt = Receipt()
        for first in range(0, len(events), BATCH_MAX):
            chunk = events[first : first + BATCH_MAX]
            try:
                yield from self._record_batch(chunk, first, receipt, within, traceparent)
            except TroupeError as error:
                if receipt == Receipt():
                    raise
                # Some events are recorded or rejected already, so the receipt reports the failure of the rest.
                receipt.failed += [_unsent(n + 1, error) for n in range(first, len(events))]
                break
        return receipt

    def _record_batch(
        self, events: list[Event], first: int, receipt: Receipt, within: float | None, traceparent: str | None
    ) -> Call[None]:
        pending = []
        for position, event in enumerate(events):
            # JSON cannot express NaN and infinities.
            if event.value is not None and not math.isfinite(event.value):
                rejected = RejectedEvent(first + position + 1, "NOT_FINITE", "must be a finite number", "value")
                receipt.rejected.append(rejected)
            else:
                pending.append(position)
        if not pending:
            return
        attempts = _Attempts(self, within, protected=True)
        progressed = False
        while True:
            body = b"".join(events[position].line() for position in pending)
            request = _Request(
                "POST", "/v1/events", body, "application/x-ndjson", traceparent=traceparent
            )
            lines = [first + position + 1 for position in pending]
            try:
                answer = _json((yield from attempts.once(request)))
                progressed = True
                left = _absorb(receipt, answer, lines, attempts.in_doubt)
                if not left:
                    return
                places = {line: position for line, position in zip(lines, pending, strict=True)}
                pending = [places[failed.line] for failed in left]
                told = next((failed for failed in left if failed.outcome == UNKNOWN), left[0])
                problem = {
                    "status": 503,
                    "code": told.code,
                    "detail": told.message,
                    "retryable": True,
                    "outcome": told.outcome,
                }
                try:
                    yield from attempts.again(_Failed(ProblemError(problem)))
                except TroupeError:
                    receipt.failed += left
                    return
            except _Failed as failed:
                try:
                    yield from attempts.again(failed)
                except TroupeError as error:
                    if not progressed:
                        raise
                    receipt.failed += [_unsent(line, error) for line in lines]
                    return

    def recommendations(
        self, member: str, k: int = 10, *, within: float | None = None, traceparent: str | None = None
    ) -> Call[Recommendations]:
        """The contents that a member may like most."""
        request = _Request("GET", f"/v1/members/{_segment(member)}/recommendations?k={k}", traceparent=traceparent)
        return (yield from self._read(request, within, Recommendations.read))

    def lookup(
        self,
        features: Sequence[str],
        entities: Sequence[Mapping[str, str]],
        *,
        within: float | None = None,
        age_max: float | None = None,
        traceparent: str | None = None,
    ) -> Call[Features]:
        """Feature values by column."""
        body = _encode({"features": list(features), "entities": [dict(entity) for entity in entities]})
        request = _Request("POST", "/v1/features:lookup", body, traceparent=traceparent, age_max=age_max)
        return (yield from self._read(request, within, Features.read))

    def ask(
        self,
        kind: str,
        key: str,
        verb: str,
        body: Any = None,
        *,
        within: float | None = None,
        idempotency_key: str | None = None,
        protect: bool = True,
        age_max: float | None = None,
        traceparent: str | None = None,
    ) -> Call[Any]:
        """Sends a message to an entity."""
        if protect and idempotency_key is None:
            idempotency_key = secrets.token_hex(16)
        path = "/v1/actors/" + "/".join(_segment(part) for part in (kind, key, verb))
        payload = _encode({} if body is None else body)
        request = _Request(
            "POST", path, payload, key=idempotency_key, traceparent=traceparent, age_max=age_max
        )
        attempts = _Attempts(self, within, protected=idempotency_key is not None)
        return _json((yield from attempts.run(request)))

    def _read(self, request: _Request, within: float | None, read: Callable[[Any], T]) -> Call[T]:
        body = _json((yield from _Attempts(self, within, protected=True).run(request)))
        try:
            return read(body)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise AnswerError(f"answer does not decode: {error!r}") from error


class _Attempts:
    """The attempts of one logical call."""

    def __init__(self, core: Core, within: float | None, protected: bool) -> None:
        core.budget.give()
        self._core = core
        self._until = core.clock() + (core.within if within is None else within)
        self._made = 0
        self._protected = protected
        self._doubt: TroupeError | None = None

    @property
    def in_doubt(self) -> bool:
        """Whether an attempt may have been executed."""
        return self._doubt is not None

    def _left(self) -> float:
        return max(self._until - self._core.clock(), 0.0)

    def run(self, request: _Request) -> Call[bytes]:
        """Sends the request until it is answered or must not be retried."""
        while True:
            try:
                return (yield from self.once(request))
            except _Failed as failed:
                yield from self.again(failed)

    def again(self, failed: _Failed) -> Call[None]:
        """Waits for the next attempt, or raises if there must not be one.

        Once an attempt was in doubt, no later failure says that nothing happened.
        """
        core = self._core
        if failed.error.outcome == UNKNOWN and self._doubt is None:
            self._doubt = failed.error
        delay = core.retries.decide(
            self._made, failed.error, failed.after, self._protected, core.budget.tokens, self._left(), core.draw()
        )
        if delay is None:
            if self._doubt is not None and failed.error.outcome != UNKNOWN:
                raise Lost(f"{self._doubt}; tried again: {failed.error}") from failed.error
            raise failed.error
        core.budget.take()
        yield Sleep(delay)

    def once(self, request: _Request) -> Call[bytes]:
        """One attempt. An endpoint that cannot be reached costs no attempt while another is untried."""
        self._made += 1
        unreachable = Unreachable("no endpoint could be reached")
        for _ in self._core.endpoints:
            left = self._left()
            if left <= 0.0:
                raise _Failed(Expired("the deadline passed before the call was sent"))
            number = self._core._current
            told = yield self._send(self._core.endpoints[number], request, left)
            if isinstance(told, Unreachable):
                self._core.leave(number)
                unreachable = told
                continue
            if isinstance(told, Lost):
                self._core.leave(number)
                raise _Failed(told)
            assert isinstance(told, Reply)
            if told.status == 200:
                return told.body
            error = unhappy(told.status, told.body)
            if told.status == 503 or (isinstance(error, UnexpectedAnswer) and told.status in (502, 504)):
                self._core.leave(number)
            raise _Failed(error, retry_after(told.headers))
        raise _Failed(unreachable)

    def _send(self, base: str, request: _Request, left: float) -> Send:
        timeout = min(left, self._core.attempt_within)
        # The cluster's deadline is shorter than the wait here. So its answer to a missed deadline, which says whether the
        # call was executed, still arrives.
        headers = {"x-deadline-ms": str(max(int(timeout * 950), 1))}
        if request.body is not None:
            headers["content-type"] = request.content_type
        if request.key is not None:
            headers["idempotency-key"] = request.key
        if request.age_max is not None:
            headers["X-Max-Age-Ms"] = str(max(int(request.age_max * 1000), 0))
        if request.traceparent is not None:
            headers["traceparent"] = request.traceparent
        return Send(request.method, base + request.path, headers, request.body, timeout)


def unhappy(status: int, body: bytes) -> TroupeError:
    """The error of an answer that is not 200."""
    try:
        return ProblemError(json.loads(body))
    except (ValueError, KeyError, TypeError):
        return UnexpectedAnswer(status, body.decode(errors="replace"))


def _absorb(receipt: Receipt, answer: Any, lines: list[int], in_doubt: bool) -> list[FailedEvent]:
    """Adds an answer with translated line numbers; returns the events that may be retried.

    ``in_doubt``: an earlier attempt may have been executed, so an event that failed now may have been recorded.
    """
    try:
        receipt.accepted += int(answer["accepted"])
        receipt.duplicates += int(answer["duplicates"])
        receipt.rejected += [
            RejectedEvent(lines[r["line"] - 1], r["code"], r["message"], r.get("field")) for r in answer["rejected"]
        ]
        failed = [
            FailedEvent(lines[f["line"] - 1], f["code"], f["message"], f["retryable"], UNKNOWN if in_doubt else f["outcome"])
            for f in answer["failed"]
        ]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise AnswerError(f"answer does not decode: {error!r}") from error
    receipt.failed += [event for event in failed if not event.retryable]
    return [event for event in failed if event.retryable]


def _unsent(line: int, error: TroupeError) -> FailedEvent:
    return FailedEvent(line, error.code, str(error), error.retryable, error.outcome)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        raise AnswerError(f"answer does not decode: {error}") from error


def _encode(body: Any) -> bytes:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _segment(text: str) -> str:
    # A segment of only dots would be a relative path step.
    return text.replace(".", "%2E") if text.strip(".") == "" else quote(text, safe="")


def _base(endpoint: str) -> str:
    endpoint = endpoint.strip()
    url = endpoint if "://" in endpoint else f"http://{endpoint}"
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError(f"endpoint {endpoint!r} must be http://host:port")
    return url.rstrip("/")
