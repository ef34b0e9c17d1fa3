"""The retry decisions shared by all SDKs."""

import json
from pathlib import Path

import pytest

from troupe import Lost, RetryPolicy, Unreachable
from troupe.core import unhappy
from troupe.retry import retry_after

VECTORS = Path(__file__).parents[3] / "tests" / "vectors" / "sdk_retry.json"
CASES = json.loads(VECTORS.read_text())["cases"]


def test_there_are_vectors():
    assert len(CASES) > 30


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_decision(case):
    failure = case["failure"]
    after = None
    if failure["kind"] == "connect":
        error = Unreachable("refused")
    elif failure["kind"] == "lost":
        error = Lost("reset")
    else:
        body = failure["body"]
        text = "" if body is None else body if isinstance(body, str) else json.dumps(body)
        error = unhappy(failure["status"], text.encode())
        after = retry_after(failure["headers"])
    policy = case["policy"]
    decided = RetryPolicy(
        policy["retries"], policy["first_delay_ms"] / 1000, policy["max_delay_ms"] / 1000
    ).decide(
        case["attempt"], error, after, case["protected"], case["tokens"], case["left_ms"] / 1000, case["jitter"]
    )
    if case["expect"]["retry"]:
        assert decided == pytest.approx(case["expect"]["delay_ms"] / 1000)
    else:
        assert decided is None
