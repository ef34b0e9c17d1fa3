"""The errors of a call."""

from __future__ import annotations

from typing import Any, Mapping

NOT_EXECUTED = "not_executed"
UNKNOWN = "unknown"


class TroupeError(Exception):
    """The base of every error of this package.

    ``code`` is stable, for programs; ``retryable`` says whether the same call may succeed later; ``outcome`` is
    ``"not_executed"``, or ``"unknown"`` when the call may have happened; ``overloaded`` says that the cluster was too busy
    rather than wrong.
    """

    code: str = "TROUPE_ERROR"
    retryable: bool = False
    outcome: str = NOT_EXECUTED
    overloaded: bool = False


class ConfigurationError(TroupeError):
    """Invalid configuration of the client."""

    code = "BAD_CONFIGURATION"


class ProblemError(TroupeError):
    """A problem answered by the cluster, its ``application/problem+json``."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        self.status = int(problem["status"])
        self.code = str(problem["code"])
        self.detail = str(problem.get("detail", ""))
        self.field: str | None = problem.get("field")
        self.retryable = bool(problem["retryable"])
        self.outcome = str(problem["outcome"])
        self.known: list[str] = list(problem.get("known") or [])
        self.overloaded = self.status in (429, 503)
        super().__init__(f"{self.status} {self.code}: {self.detail}")


class UnexpectedAnswer(TroupeError):
    """An HTTP answer that is not the cluster's, such as a proxy's."""

    code = "UNEXPECTED_ANSWER"

    def __init__(self, status: int, body: str) -> None:
        self.status = status
        self.body = body[:200]
        self.retryable = status in (408, 429, 502, 503, 504)
        # A proxy timed out on a request that it may have forwarded; the other statuses mean that no handler was reached.
        self.outcome = UNKNOWN if status in (502, 504) else NOT_EXECUTED
        self.overloaded = status in (429, 503)
        super().__init__(f"unexpected answer {status}: {self.body}")


class Unreachable(TroupeError):
    """No endpoint could be reached. The call was not executed."""

    code = "NOT_SENT"
    retryable = True


class Lost(TroupeError):
    """The connection broke, or no answer came in time, after the request was sent."""

    code = "UNKNOWN_OUTCOME"
    retryable = True
    outcome = UNKNOWN


class Expired(TroupeError):
    """The deadline passed before the request was sent. The call was not executed."""

    code = "DEADLINE_EXCEEDED"
    retryable = True


class AnswerError(TroupeError):
    """This version of the client cannot parse the answer."""

    code = "BAD_ANSWER"
    outcome = UNKNOWN
