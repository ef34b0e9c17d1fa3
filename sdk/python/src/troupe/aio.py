"""The asynchronous client."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, Iterable, Mapping, Sequence, TypeVar

import httpx

from .core import Call, Core, Reply, Sleep
from .errors import Lost, Unreachable
from .messages import Event, Features, Receipt, Recommendations
from .retry import Budget, RetryPolicy

T = TypeVar("T")


class AsyncClient:
    """A client of one cluster, for asyncio. Close it, or use it in an ``async with`` block; cancelling a task cancels its
    call.

    ``endpoints`` are gateways of the cluster (``"127.0.0.1:8101"``); the first is used until it fails. Times are in seconds:
    ``within`` bounds a call with all its attempts, ``attempt_within`` one attempt.
    """

    def __init__(
        self,
        endpoints: Sequence[str],
        *,
        within: float = 10.0,
        attempt_within: float = 5.0,
        connect_within: float = 1.0,
        retries: RetryPolicy | None = None,
        budget: Budget | None = None,
    ) -> None:
        self._core = Core(endpoints, within, attempt_within, retries or RetryPolicy(), budget or Budget())
        self._connect_within = connect_within
        self._http = httpx.AsyncClient(trust_env=False)

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes its connections."""
        await self._http.aclose()

    async def record_events(
        self, events: Iterable[Event], *, within: float | None = None, traceparent: str | None = None
    ) -> Receipt:
        """Records events in their order. Transient failures are retried. Each event is recorded once, even if it is sent
        several times. Raises only if no event was accepted or rejected."""
        return await self._drive(self._core.record_events(events, within=within, traceparent=traceparent))

    async def recommendations(
        self, member: str, k: int = 10, *, within: float | None = None, traceparent: str | None = None
    ) -> Recommendations:
        """The ``k`` contents that a member may like most, best first."""
        return await self._drive(self._core.recommendations(member, k, within=within, traceparent=traceparent))

    async def lookup(
        self,
        features: Sequence[str],
        entities: Sequence[Mapping[str, str]],
        *,
        within: float | None = None,
        age_max: float | None = None,
        traceparent: str | None = None,
    ) -> Features:
        """Values of features (``"group:feature"``) for entities (``{"member": "42"}``), by column.

        With ``age_max`` replicas on the gateway's node may answer, from a state that lacks at most what was acknowledged
        within so many seconds before.
        """
        return await self._drive(
            self._core.lookup(features, entities, within=within, age_max=age_max, traceparent=traceparent)
        )

    async def ask(
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
    ) -> Any:
        """Sends a message to an entity; ``verb`` without ``.vN`` means the newest version.

        Its attempts share one idempotency key: yours, or one made for the call. With ``protect=False`` and no key it is not
        tried again after an unknown outcome. ``age_max`` is for queries, as in :meth:`lookup`.
        """
        return await self._drive(
            self._core.ask(
                kind,
                key,
                verb,
                body,
                within=within,
                idempotency_key=idempotency_key,
                protect=protect,
                age_max=age_max,
                traceparent=traceparent,
            )
        )

    async def _drive(self, call: Call[T]) -> T:
        result: Any = None
        while True:
            try:
                step = call.send(result)
            except StopIteration as done:
                return done.value
            if isinstance(step, Sleep):
                await asyncio.sleep(step.seconds)
                result = None
                continue
            timeout = httpx.Timeout(step.timeout, connect=min(step.timeout, self._connect_within))
            try:
                answer = await self._http.request(
                    step.method, step.url, headers=step.headers, content=step.body, timeout=timeout
                )
                result = Reply(answer.status_code, answer.headers, answer.content)
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
                result = Unreachable(str(error))
            except httpx.TransportError as error:
                result = Lost(str(error) or type(error).__name__)
