"""Against a running cluster: see `conftest.py`."""

import asyncio
import time
import uuid

import pytest

from troupe import AsyncClient, Client, Event, ProblemError


@pytest.fixture
def member():
    return f"py-{uuid.uuid4().hex[:12]}"


def ratings(member, count):
    now = int(time.time() * 1000)
    return [Event(member, str(n + 1), "rating", now - n, value=4.0, context={"device": "tv"}) for n in range(count)]


def test_events_are_recorded_once_however_often_they_are_sent(gateways, member):
    with Client(gateways) as troupe:
        batch = ratings(member, 25)
        first = troupe.record_events(batch)
        again = troupe.record_events(batch)
    assert (first.accepted, first.duplicates, first.rejected, first.failed) == (25, 0, [], [])
    assert (again.accepted, again.duplicates) == (0, 25)


def test_a_bad_event_is_named_and_costs_the_others_nothing(gateways, member):
    good = ratings(member, 2)
    late = Event(member, "7", "rating", int(time.time() * 1000) + 10**9, value=3.0)
    with Client(gateways) as troupe:
        receipt = troupe.record_events([good[0], late, good[1]])
    assert receipt.accepted == 2
    assert [(r.line, r.field) for r in receipt.rejected] == [(2, "at")]


def test_an_unknown_kind_is_a_problem_that_lists_the_known_ones(gateways):
    with Client(gateways) as troupe, pytest.raises(ProblemError) as raised:
        troupe.ask("ghosts", "a", "haunt")
    assert raised.value.code == "UNKNOWN_KIND" and "members" in raised.value.known


def test_the_asynchronous_client_does_the_same(gateways, member):
    async def run():
        async with AsyncClient(gateways) as troupe:
            receipts = await asyncio.gather(*(troupe.record_events([event]) for event in ratings(member, 10)))
            return sum(receipt.accepted for receipt in receipts)

    assert asyncio.run(run()) == 10


def test_what_was_recorded_is_asked_for_and_looked_up(gateways, member):
    with Client(gateways) as troupe:
        assert troupe.record_events(ratings(member, 3)).accepted == 3
        history = troupe.ask("members", member, "get-history")
        looked = troupe.lookup(["member_taste:mean_value"], [{"member": member}, {"member": f"{member}-unknown"}])
    assert sorted(one["content"] for one in history["interactions"]) == ["1", "2", "3"]
    taste = looked.columns["member_taste:mean_value"]
    assert (taste.values, taste.statuses[0]) == ([4.0, None], "PRESENT") and taste.statuses[1] != "PRESENT"


def test_no_call_fails_while_a_node_dies_and_nothing_is_recorded_twice(cluster, member):
    # Of enough members to be led from every node.
    members = [f"{member}-{n}" for n in range(16)]
    with Client(cluster.gateways) as troupe:
        for round in range(4):
            if round == 1:
                cluster.kill(0)
            for one in members:
                receipt = troupe.record_events([Event(one, str(round), "play", 1_000 + round)])
                assert receipt.acknowledged == 1, receipt
        histories = [troupe.ask("members", one, "get-history")["interactions"] for one in members]
    cluster.start(0)
    cluster.until_ready(0)
    assert [sorted(one["content"] for one in history) for history in histories] == [["0", "1", "2", "3"]] * 16
