"""A client of a Troupe cluster over HTTP.

Every node answers for the whole cluster, so a client is given several endpoints and moves on when one fails. Each logical
call has a deadline that travels with it, one idempotency key that all its attempts share, and a few retries that never
repeat what may have happened unless something protects it.
"""

from .aio import AsyncClient
from .client import Client
from .errors import (
    AnswerError,
    ConfigurationError,
    Expired,
    Lost,
    ProblemError,
    TroupeError,
    UnexpectedAnswer,
    Unreachable,
)
from .messages import (
    Column,
    Event,
    FailedEvent,
    Features,
    Item,
    Receipt,
    Recommendations,
    RejectedEvent,
    Timing,
)
from .retry import Budget, RetryPolicy

__all__ = [
    "AnswerError",
    "AsyncClient",
    "Budget",
    "Client",
    "Column",
    "ConfigurationError",
    "Event",
    "Expired",
    "FailedEvent",
    "Features",
    "Item",
    "Lost",
    "ProblemError",
    "Receipt",
    "Recommendations",
    "RejectedEvent",
    "RetryPolicy",
    "Timing",
    "TroupeError",
    "UnexpectedAnswer",
    "Unreachable",
]
