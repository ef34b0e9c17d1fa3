"""Requests and answers."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Mapping


@dataclass(frozen=True)
class Event:
    """One interaction of a member with a content.

    Recorded once, even if it is sent several times: the deduplication key is its id or, without an id, its content. ``at``
    is in milliseconds since the Unix epoch.
    """

    member: str
    content: str
    type: str
    at: int
    value: float | None = None
    event_id: str | None = None
    context: Mapping[str, str] = field(default_factory=dict)

    def line(self) -> bytes:
        """The event as a line of JSON."""
        fields: dict[str, Any] = {"member": self.member, "content": self.content, "type": self.type}
        if self.value is not None:
            fields["value"] = self.value
        fields["at"] = self.at
        if self.event_id is not None:
            fields["event_id"] = self.event_id
        if self.context:
            fields["context"] = dict(self.context)
        return json.dumps(fields, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode() + b"\n"


@dataclass(frozen=True)
class RejectedEvent:
    """A permanently rejected event. ``line`` is its position in the call, from one."""

    line: int
    code: str
    message: str
    field: str | None = None


@dataclass(frozen=True)
class FailedEvent:
    """An event without a confirmed recording within the call. ``line`` is its position in the call, from one."""

    line: int
    code: str
    message: str
    retryable: bool
    outcome: str


@dataclass
class Receipt:
    """The result of the events of one call, over all its attempts.

    ``duplicates`` were recorded before: by an earlier call, or by an attempt of this call with a lost answer.
    """

    accepted: int = 0
    duplicates: int = 0
    rejected: list[RejectedEvent] = field(default_factory=list)
    failed: list[FailedEvent] = field(default_factory=list)

    @property
    def acknowledged(self) -> int:
        """Events that are durably recorded."""
        return self.accepted + self.duplicates


@dataclass(frozen=True)
class Item:
    """A content that a member may like; scores compare within one answer only."""

    content: str
    title: str
    score: float


@dataclass(frozen=True)
class Timing:
    """The times of an answer, in microseconds; ``batch`` requests shared the model's run."""

    queue_us: int = 0
    compute_us: int = 0
    features_us: int = 0
    total_us: int = 0
    batch: int = 0


@dataclass(frozen=True)
class Recommendations:
    """Recommendations for one member, best first."""

    member: str
    model: str
    version: int
    items: list[Item]
    variation: str | None = None
    experiment: str | None = None
    timing: Timing = Timing()

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Recommendations:
        """From the cluster's JSON."""
        timing = {name: int(body.get("timing", {}).get(name, 0)) for name in Timing.__dataclass_fields__}
        return cls(
            member=body["member"],
            model=body["model"],
            version=int(body["version"]),
            items=[Item(i["content"], i.get("title", ""), float(i["score"])) for i in body["items"]],
            variation=body.get("variation"),
            experiment=body.get("experiment"),
            timing=Timing(**timing),
        )


@dataclass(frozen=True)
class Column:
    """One feature of every requested entity. ``statuses`` are PRESENT, NOT_FOUND, OUTSIDE_MAX_AGE, NULL_VALUE."""

    values: list[Any]
    statuses: list[str]
    event_timestamps: list[Any]


@dataclass(frozen=True)
class Features:
    """The answer to a lookup: columns by feature name, each in the order of the entities."""

    columns: dict[str, Column]

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Features:
        """From the cluster's JSON."""
        names = body["metadata"]["feature_names"]
        columns = [Column(r["values"], r["statuses"], r.get("event_timestamps", [])) for r in body["results"]]
        return cls(dict(zip(names, columns, strict=True)))
