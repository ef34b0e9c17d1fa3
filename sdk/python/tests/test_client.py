"""The guarantees of both clients: one key per call, no unprotected retry after an unknown outcome, failover to another
endpoint."""

import asyncio
import json
import math
import socket

import pytest

from fake import HANG_UP, Fake, ok, problem
from troupe import (
    AsyncClient,
    Budget,
    Client,
    ConfigurationError,
    Event,
    Item,
    Lost,
    ProblemError,
    RetryPolicy,
    Unreachable,
)

QUICK = RetryPolicy(retries=2, first_delay=0.002, max_delay=0.01)


class Blocking:
    """The asynchronous client behind the synchronous one's face, so that one test covers both."""

    def __init__(self, endpoints, **options):
        self._endpoints, self._options = endpoints, options

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def __getattr__(self, name):
        def call(*args, **kwargs):
            async def run():
                async with AsyncClient(self._endpoints, **self._options) as client:
                    return await getattr(client, name)(*args, **kwargs)

            return asyncio.run(run())

        return call


@pytest.fixture(params=[Client, Blocking], ids=["sync", "async"])
def client(request):
    def make(*endpoints, **options):
        return request.param(list(endpoints), **{"retries": QUICK, **options})

    return make


def events(count):
    return [Event("42", str(n), "rating", 1_000 + n, value=4.0) for n in range(count)]


def dead_endpoint():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


def test_every_attempt_of_a_call_carries_the_same_key(client):
    script = [
        problem(503, "NOT_LEADER", True, "not_executed"),
        problem(504, "UNKNOWN_OUTCOME", True, "unknown"),
        ok({"done": True}),
    ]
    with Fake(*script) as fake, client(fake.base) as troupe:
        assert troupe.ask("members", "{a}/b", "rename", {"to": "x"}) == {"done": True}
    assert {asked.path for asked in fake.asked} == {"/v1/actors/members/%7Ba%7D%2Fb/rename"}
    keys = {asked.headers["idempotency-key"] for asked in fake.asked}
    assert len(fake.asked) == 3 and len(keys) == 1 and len(keys.pop()) == 32
    assert all(1 <= int(asked.headers["x-deadline-ms"]) <= 10_000 for asked in fake.asked)
    assert fake.asked[0].body == b'{"to":"x"}'


@pytest.mark.parametrize("line", [problem(504, "UNKNOWN_OUTCOME", True, "unknown"), HANG_UP], ids=["504", "lost"])
def test_an_unknown_outcome_of_an_unprotected_call_is_returned(client, line):
    with Fake(line, ok(1)) as fake, client(fake.base) as troupe:
        with pytest.raises((ProblemError, Lost)) as raised:
            troupe.ask("notes", "a", "write", protect=False)
    assert (raised.value.code, raised.value.outcome) == ("UNKNOWN_OUTCOME", "unknown")
    assert len(fake.asked) == 1 and "idempotency-key" not in fake.asked[0].headers


@pytest.mark.parametrize("later", [problem(503, "NOT_LEADER", True, "not_executed"), problem(409, "POOR", False, "not_executed")])
def test_a_doubt_is_not_ended_by_an_attempt_that_failed_later(client, later):
    with Fake(problem(504, "UNKNOWN_OUTCOME", True, "unknown"), later, later) as server:
        with pytest.raises(Lost) as told:
            client(server.base).ask("notes", "a", "write", {})
    assert (told.value.outcome, told.value.code) == ("unknown", "UNKNOWN_OUTCOME")
    assert "tried again" in str(told.value)


def test_events_in_doubt_stay_in_doubt_when_they_fail_later(client):
    failed = {"line": 1, "code": "NOT_SENT", "message": "m", "retryable": False, "outcome": "not_executed"}
    receipt = {"accepted": 0, "duplicates": 0, "rejected": [], "failed": [failed]}
    with Fake(HANG_UP, ok(receipt)) as server:
        told = client(server.base).record_events(events(1))
    assert [failed.outcome for failed in told.failed] == ["unknown"]


def test_a_key_of_the_callers_own_protects(client):
    with Fake(HANG_UP, ok(1)) as fake, client(fake.base) as troupe:
        assert troupe.ask("notes", "a", "write", idempotency_key="mine") == 1
    assert [asked.headers["idempotency-key"] for asked in fake.asked] == ["mine", "mine"]


def test_a_refusal_is_returned_at_once_with_its_field(client):
    refusal = problem(422, "BAD_TEXT", False, "not_executed", field="text")
    with Fake(refusal) as fake, client(fake.base) as troupe, pytest.raises(ProblemError) as raised:
        troupe.ask("notes", "a", "write", {})
    assert (raised.value.code, raised.value.field, raised.value.retryable) == ("BAD_TEXT", "text", False)
    assert len(fake.asked) == 1


def test_another_endpoint_takes_over_from_one_that_is_gone(client):
    with Fake(ok(1), ok(2)) as fake, client(dead_endpoint(), fake.base, retries=RetryPolicy(retries=0)) as troupe:
        assert troupe.ask("notes", "a", "write") == 1
        assert troupe.ask("notes", "a", "write") == 2
    with client(dead_endpoint()) as troupe, pytest.raises(Unreachable) as raised:
        troupe.recommendations("42")
    assert raised.value.outcome == "not_executed"


def test_only_the_events_that_failed_are_sent_again(client):
    first = {
        "accepted": 2,
        "duplicates": 0,
        "rejected": [{"line": 2, "field": "at", "code": "FAR_FUTURE", "message": "m"}],
        "failed": [
            {"line": 3, "code": "NOT_SENT", "message": "m", "retryable": True, "outcome": "not_executed"},
            {"line": 5, "code": "UNKNOWN_OUTCOME", "message": "m", "retryable": True, "outcome": "unknown"},
        ],
    }
    fault = {"line": 1, "code": "ENTITY_FAULT", "message": "m", "retryable": False, "outcome": "not_executed"}
    second = {"accepted": 0, "duplicates": 1, "rejected": [], "failed": [fault]}
    with Fake(ok(first), ok(second)) as fake, client(fake.base) as troupe:
        receipt = troupe.record_events(events(5))
    assert (receipt.accepted, receipt.duplicates, receipt.acknowledged) == (2, 1, 3)
    assert [r.line for r in receipt.rejected] == [2]
    assert [(f.line, f.code) for f in receipt.failed] == [(3, "ENTITY_FAULT")]
    sent = [[json.loads(line)["content"] for line in asked.body.splitlines()] for asked in fake.asked]
    assert sent == [["0", "1", "2", "3", "4"], ["2", "4"]]


def test_events_that_keep_failing_are_reported_with_their_lines(client):
    failed = [
        {"line": n, "code": "NOT_SENT", "message": "m", "retryable": True, "outcome": "not_executed"} for n in (1, 2)
    ]
    recorded = {"accepted": 1, "duplicates": 0, "rejected": []}
    script = [ok({**recorded, "failed": failed}), *[problem(503, "NOT_SENT", True, "not_executed")] * 2]
    with Fake(*script) as fake, client(fake.base) as troupe:
        receipt = troupe.record_events(events(3))
    assert (receipt.accepted, [(f.line, f.code) for f in receipt.failed]) == (1, [(1, "NOT_SENT"), (2, "NOT_SENT")])
    assert len(fake.asked) == 3


def test_events_are_sent_again_after_a_lost_answer(client):
    recorded = {"accepted": 0, "duplicates": 2, "rejected": [], "failed": []}
    with Fake(HANG_UP, ok(recorded)) as fake, client(fake.base) as troupe:
        assert troupe.record_events(events(2)).acknowledged == 2
    assert fake.asked[0].body == fake.asked[1].body


def test_a_value_that_json_cannot_say_is_rejected_before_it_is_sent(client):
    recorded = {"accepted": 1, "duplicates": 0, "rejected": [], "failed": []}
    batch = [Event("42", "7", "rating", 1, value=math.nan), *events(1)]
    with Fake(ok(recorded)) as fake, client(fake.base) as troupe:
        receipt = troupe.record_events(batch)
    assert [(r.line, r.code, r.field) for r in receipt.rejected] == [(1, "NOT_FINITE", "value")]
    assert len(fake.asked[0].body.splitlines()) == 1


def test_retries_stop_when_the_budget_is_spent(client):
    busy = problem(429, "MAILBOX_FULL", True, "not_executed")
    patient = RetryPolicy(retries=9, first_delay=0.001, max_delay=0.001)
    with Fake(busy, busy, busy) as fake, client(fake.base, retries=patient, budget=Budget(2.0, 0.0)) as troupe:
        with pytest.raises(ProblemError) as raised:
            troupe.recommendations("42")
    assert raised.value.overloaded and len(fake.asked) == 3


def test_answers_are_typed(client):
    recommended = {
        "member": "42",
        "model": "recs",
        "version": 3,
        "variation": "challenger",
        "experiment": "e",
        "items": [{"content": "7", "title": "Seven", "score": 0.5}],
        "timing": {"queue_us": 1, "compute_us": 2, "features_us": 3, "total_us": 9, "batch": 4},
    }
    column = {"values": [3, None], "statuses": ["PRESENT", "NOT_FOUND"], "event_timestamps": [5, None]}
    features = {"metadata": {"feature_names": ["g:count"]}, "results": [column]}
    with Fake(ok(recommended), ok(features)) as fake, client(fake.base) as troupe:
        answer = troupe.recommendations("42", 1)
        looked = troupe.lookup(["g:count"], [{"member": "42"}, {"member": "43"}], age_max=0.25)
    assert (answer.items, answer.variation, answer.timing.batch) == ([Item("7", "Seven", 0.5)], "challenger", 4)
    assert looked.columns["g:count"].statuses == ["PRESENT", "NOT_FOUND"]
    assert fake.asked[0].path == "/v1/members/42/recommendations?k=1"
    assert fake.asked[1].headers["x-max-age-ms"] == "250"
    assert json.loads(fake.asked[1].body)["entities"] == [{"member": "42"}, {"member": "43"}]


@pytest.mark.parametrize("endpoints", [[], ["http://"], ["ftp://x"], [""]])
def test_an_endpoint_that_cannot_work_is_refused(endpoints):
    with pytest.raises(ConfigurationError):
        Client(endpoints)


def test_the_asynchronous_client_runs_calls_at_the_same_time():
    async def run(base):
        async with AsyncClient([base], retries=QUICK) as troupe:
            return await asyncio.gather(*(troupe.ask("notes", str(n), "write", {"n": n}) for n in range(20)))

    with Fake(*[ok("done")] * 20) as fake:
        assert asyncio.run(run(fake.base)) == ["done"] * 20
    assert sorted(json.loads(asked.body)["n"] for asked in fake.asked) == list(range(20))
