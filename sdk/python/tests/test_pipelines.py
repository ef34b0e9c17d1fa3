"""Pipelines over HTTP, as a client of Spinnaker speaks to them: errors are named, hung stages end, no execution is stuck."""

import contextlib
import json
import os
import socket
import threading
import time
import urllib.error
import urllib.request

import pytest

GATEWAYS = [gateway for gateway in os.environ.get("TROUPE_GATEWAY", "").split(",") if gateway]
pytestmark = pytest.mark.skipif(not GATEWAYS, reason="TROUPE_GATEWAY names no running cluster")

WITHIN = 30
OVER = {"SUCCEEDED", "TERMINAL", "CANCELED", "STOPPED", "SKIPPED", "FAILED_CONTINUE"}


def call(method, path, body=None, headers=None, gateway=0):
    data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"content-type": "application/json", "x-spinnaker-user": "ann", **(headers or {})}
    request = urllib.request.Request(f"{GATEWAYS[gateway]}{path}", data=data, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as refused:
        return refused.code, json.loads(refused.read())


def until(what, holds):
    """Waits for a condition, and says which one never came."""
    end = time.monotonic() + WITHIN
    while time.monotonic() < end:
        if found := holds():
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come within {WITHIN} s")


def put(name, stages, **more):
    status, said = call("POST", "/pipelines", {"name": name, "application": "tests", "stages": stages, **more})
    assert status == 200, said


def start(name, **body):
    status, said = call("POST", f"/pipelines/tests/{name}", body)
    assert status == 202, said
    return said["id"]


def execution(id):
    status, found = call("GET", f"/pipelines/{id}")
    return found if status == 200 else {"status": "NOT_STARTED"}


def over(id):
    return until(f"the end of {id}", lambda: (found := execution(id))["status"] in OVER and found)


@contextlib.contextmanager
def server(serve):
    """A listener that runs a function on each connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    threading.Thread(target=one, args=(connection,), daemon=True).start()

        def one(connection):
            with contextlib.suppress(OSError), connection:
                connection.recv(65_536)
                serve(connection)

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"


def floods(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(b"x" * 65_536)


def hangs(connection):
    connection.recv(1)


def dies(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}/"


BAD = [
    ("unknown", [{"refId": "a", "type": "fly"}], "stages[0].type", "give one of"),
    ("circle", [{"refId": "a", "type": "bake", "requisiteStageRefIds": ["b"]},
                {"refId": "b", "type": "bake", "requisiteStageRefIds": ["a"]}], "stages", "a"),
    ("missing", [{"refId": "a", "type": "bake", "requisiteStageRefIds": ["z"]}], "stages[0].requisiteStageRefIds[0]", "z"),
    ("weight", [{"refId": "a", "type": "deploy", "model": "m", "version": 1, "weight": 101}], "stages[0].weight", "100"),
    ("url", [{"refId": "a", "type": "webhook", "url": "gopher://x"}], "stages[0].url", "http"),
    ("wait", [{"refId": "a", "type": "wait", "waitTime": -4}], "stages[0].waitTime", "seconds"),
    ("expression", [{"refId": "a", "type": "checkPreconditions", "preconditions": [{"expression": "1 +"}]}],
     "stages[0].preconditions[0].expression", ""),
    ("empty", [], "stages", "at least one"),
]


@pytest.mark.parametrize(("name", "stages", "field", "fix"), BAD, ids=[bad[0] for bad in BAD])
def test_what_is_wrong_is_named_with_its_path_and_nothing_is_written(name, stages, field, fix):
    definition = {"name": f"bad-{name}", "application": "tests", "stages": stages}
    status, checked = call("POST", "/pipelines/validate", definition)
    assert (status, checked["valid"]) == (200, False)
    assert any(problem["path"] == field and fix in problem["why"] for problem in checked["problems"]), checked
    status, refused = call("POST", "/pipelines", definition)
    assert (status, refused["field"], refused["outcome"]) == (422, field, "not_executed"), refused
    assert call("GET", f"/applications/tests/pipelineConfigs/bad-{name}")[0] == 404
    assert call("POST", f"/pipelines/tests/bad-{name}", {})[0] == 404


def test_an_invalid_definition_or_start_is_refused():
    for body in [b"", b"{", b"[]", b"7", b'{"name": "x"}', b"\xff\xfe", b"[" * 10_000]:
        status, refused = call("POST", "/pipelines", body)
        assert 400 <= status < 500 and refused["detail"], (body[:10], refused)
    put("starts", [{"refId": "a", "type": "bake"}], parameterConfig=[{"name": "version", "required": True}])
    status, refused = call("POST", "/pipelines/tests/starts", {})
    assert (status, refused["field"]) == (422, "parameters.version"), refused
    for path, body in [("starts", {"parameters": 7}), ("starts", b"{"), ("nothing", {})]:
        status, refused = call("POST", f"/pipelines/tests/{path}", body)
        assert 400 <= status < 500 and refused["detail"], refused
    for verb in ["cancel", "pause", "resume", "stages/a/restart"]:
        assert call("PUT", f"/pipelines/starts:99/{verb}")[0] == 404
    assert call("GET", "/pipelines/starts:99")[0] == 404


def test_two_starts_with_one_request_id_are_one_execution():
    put("once", [{"refId": "a", "type": "bake"}])
    named = [call("POST", "/pipelines/tests/once", {"correlationId": "r"}, gateway=at % len(GATEWAYS))[1] for at in range(3)]
    assert [(one["id"], one["duplicate"]) for one in named] == [("once:1", False), ("once:1", True), ("once:1", True)]
    key = {"idempotency-key": "k"}
    assert [call("POST", "/pipelines/tests/once", {}, key)[1]["id"] for _ in range(2)] == ["once:2", "once:2"]
    assert over("once:1")["status"] == over("once:2")["status"] == "SUCCEEDED"


@pytest.mark.parametrize(("serve", "status", "why"), [
    (None, "TERMINAL", "Connection refused"),
    (hangs, "TERMINAL", "longer than its limit"),
    (dies, "TERMINAL", "error"),
    (floods, "SUCCEEDED", ""),
], ids=["closed", "hangs", "dies", "floods"])
def test_a_webhook_that_is_not_there_hangs_dies_or_floods_ends_with_the_reason(serve, status, why, request):
    with contextlib.ExitStack() as stack:
        url = closed_port() if serve is None else stack.enter_context(server(serve))
        name = f"hook-{request.node.callspec.id}"
        put(name, [{"refId": "call", "type": "webhook", "url": url, "stageTimeoutMs": 2_000}])
        ended = over(start(name))
        assert ended["status"] == status and why in ended["why"], ended["why"]
        assert ended["stages"][0]["waitsFor"] is None
        assert len(json.dumps(ended)) < 100_000


def test_people_judge_pause_cancel_and_are_in_the_audit_trail():
    put("asks", [
        {"refId": "ask", "type": "manualJudgment", "instructions": "look", "judgmentInputs": [{"value": "yes"}]},
        {"refId": "after", "type": "wait", "waitTime": 600, "requisiteStageRefIds": ["ask"]},
    ])
    id = start("asks", user="ann")
    until("the question", lambda: execution(id)["stages"][0]["status"] == "RUNNING")
    for judgment, field in [({"judgmentStatus": "perhaps"}, "judgment"), ({"judgmentStatus": "continue", "judgmentInput": "no"}, "option")]:
        status, refused = call("PATCH", f"/pipelines/{id}/stages/ask", judgment)
        assert (status, refused["field"]) == (422, field), refused
    assert call("PATCH", f"/pipelines/{id}/stages/after", {"judgmentStatus": "continue"})[0] in (409, 422)
    assert call("PUT", f"/pipelines/{id}/pause")[1]["status"] == "PAUSED"
    assert call("PATCH", f"/pipelines/{id}/stages/ask", {"judgmentStatus": "continue", "judgmentInput": "yes"})[0] == 200
    assert execution(id)["stages"][1]["status"] == "NOT_STARTED", "it is paused"
    assert call("PUT", f"/pipelines/{id}/resume")[1]["stages"][1]["status"] == "RUNNING"
    ended = call("PUT", f"/pipelines/{id}/cancel?reason=enough")[1]
    assert (ended["status"], ended["cancellationReason"], ended["canceledBy"]) == ("CANCELED", "enough", "ann")
    assert [stage["status"] for stage in ended["stages"]] == ["SUCCEEDED", "CANCELED"]
    said = [' '.join([line['who'], line['what']]) for line in ended['audit']]
    for line in ["ann paused it", "ann judged stage ask: continue", "ann resumed it", "ann cancelled it"]:
        assert line in said, said
    status, refused = call("PUT", f"/pipelines/{id}/pause")
    assert (status, refused["code"]) == (409, "ENDED"), refused


def test_a_pipeline_that_runs_itself_or_nothing_ends_with_the_reason():
    put("itself", [{"refId": "a", "type": "pipeline", "pipeline": "itself"}])
    assert "RUNS_ITSELF" in over(start("itself"))["why"]
    put("for-ever", [{"refId": "a", "type": "pipeline", "pipeline": "for-ever", "waitForCompletion": False}])
    start("for-ever")
    last = over("for-ever:11")
    assert (last["status"], call("GET", "/pipelines/for-ever:12")[0]) == ("TERMINAL", 404)
    assert "TOO_DEEP" in last["why"]
    put("for-nothing", [{"refId": "a", "type": "pipeline", "pipeline": "nowhere"}])
    assert "UNKNOWN_PIPELINE" in over(start("for-nothing"))["why"]


def test_a_version_or_model_that_is_not_there_fails_its_stage_and_holds_no_traffic():
    put("delivers", [{"refId": "a", "type": "deploy", "model": "no-such-model", "version": "${parameters.version}", "weight": 5}])
    ended = over(start("delivers", parameters={"version": 3}))
    assert (ended["status"], ended["stages"][0]["status"]) == ("TERMINAL", "TERMINAL")
    assert "no-such-model has no champion yet" in ended["why"], ended["why"]
    assert "is not a version" in over(start("delivers", parameters={"version": "latest"}))["why"]
    assert "version" in over(start("delivers"))["why"]
