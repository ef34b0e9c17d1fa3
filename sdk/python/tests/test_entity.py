"""The example's kind of one's own, from Python: TROUPE_ENTITY_BIN names the example's binary."""

import os
from contextlib import ExitStack
from pathlib import Path

import pytest
from conftest import start
from troupe import Client, ProblemError

BINARY = os.environ.get("TROUPE_ENTITY_BIN", "")


@pytest.fixture
def gateways():
    if not Path(BINARY).exists():
        assert not os.environ.get("CI"), "CI must have the example: TROUPE_ENTITY_BIN names it"
        pytest.skip("TROUPE_ENTITY_BIN names no binary")
    # The port of the session's Prometheus is the other cluster's.
    with ExitStack() as stack, pytest.MonkeyPatch.context() as kept:
        kept.setenv("TROUPE_PROMETHEUS_PORT", os.environ.get("TROUPE_PROMETHEUS_PORT", ""))
        yield start(BINARY, stack)


def test_a_kind_of_ones_own_is_called_like_any_other(gateways):
    with Client(gateways) as troupe:
        assert troupe.ask("watchlists", "42", "add", {"content": "7"}) == {"contents": 1}
        assert troupe.ask("watchlists", "42", "add", {"content": "8"}) == {"contents": 2}
        assert troupe.ask("watchlists", "42", "get", {}) == {"contents": ["7", "8"], "full": False}
        with pytest.raises(ProblemError) as raised:
            troupe.ask("watchlists", "42", "add", {"content": ""})
    assert raised.value.code == "BAD_CONTENT" and raised.value.field == "content"
