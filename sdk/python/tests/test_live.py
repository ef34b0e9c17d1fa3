"""Against a running cluster: TROUPE_GATEWAY names its gateways, separated by commas."""

import asyncio
import os
import time
import uuid

import pytest

from troupe import AsyncClient, Client, Event, ProblemError

GATEWAYS = [gateway for gateway in os.environ.get("TROUPE_GATEWAY", "").split(",") if gateway]
pytestmark = pytest.mark.skipif(not GATEWAYS, reason="TROUPE_GATEWAY names no running cluster")


@pytest.fixture
def member():
    return f"py-{uuid.uuid4().hex[:12]}"


def ratings(member, count):
    now = int(time.time() * 1000)
    return [Event(member, str(n + 1), "rating", now - n, value=4.0, context={"device": "tv"}) for n in range(count)]


def test_events_are_recorded_once_however_often_they_are_sent(member):
    with Client(GATEWAYS) as troupe:
        batch = ratings(member, 25)
        first = troupe.record_events(batch)
        again = troupe.record_events(batch)
    assert (first.accepted, first.duplicates, first.rejected, first.failed) == (25, 0, [], [])
    assert (again.accepted, again.duplicates) == (0, 25)


def test_a_bad_event_is_named_and_costs_the_others_nothing(member):
    good = ratings(member, 2)
    late = Event(member, "7", "rating", int(time.time() * 1000) + 10**9, value=3.0)
    with Client(GATEWAYS) as troupe:
        receipt = troupe.record_events([good[0], late, good[1]])
    assert receipt.accepted == 2
    assert [(r.line, r.field) for r in receipt.rejected] == [(2, "at")]


def test_an_unknown_kind_is_a_problem_that_lists_the_known_ones():
    with Client(GATEWAYS) as troupe, pytest.raises(ProblemError) as raised:
        troupe.ask("ghosts", "a", "haunt")
    assert raised.value.code == "UNKNOWN_KIND" and "members" in raised.value.known


def test_the_asynchronous_client_does_the_same(member):
    async def run():
        async with AsyncClient(GATEWAYS) as troupe:
            receipts = await asyncio.gather(*(troupe.record_events([event]) for event in ratings(member, 10)))
            return sum(receipt.accepted for receipt in receipts)

    assert asyncio.run(run()) == 10
