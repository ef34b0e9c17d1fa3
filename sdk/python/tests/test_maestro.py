"""Maestro's own client, `maestro-sdk` from PyPI, against a running cluster: it pushes, checks, starts, watches and stops."""

import json
import os
import time
import urllib.error
import urllib.request

import pytest

GATEWAYS = [gateway for gateway in os.environ.get("TROUPE_GATEWAY", "").split(",") if gateway]
pytestmark = pytest.mark.skipif(not GATEWAYS, reason="TROUPE_GATEWAY names no running cluster")

maestro = pytest.importorskip("maestro")

WITHIN = 30
OVER = {"TIMED_OUT", "STOPPED", "FAILED", "SUCCEEDED"}


def call(method, path, body=None, gateway=0):
    data = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json", "user": "tester"}
    request = urllib.request.Request(f"{GATEWAYS[gateway]}{path}", data=data, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as refused:
        return refused.code, json.loads(refused.read())


def until(what, holds):
    """Waits for a condition, and says which one never came."""
    end = time.monotonic() + WITHIN
    found = None
    while time.monotonic() < end:
        found = holds()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come within {WITHIN} s")


@pytest.fixture(scope="module")
def client():
    return maestro.MaestroClient(base_url=GATEWAYS[0], user="tester")


def over(client, workflow, instance):
    """The instance once it is over."""

    def look():
        found = client.get_instance(workflow, instance)
        return found if found.get("status") in OVER else None

    return until(f"the end of {workflow} {instance}", look)


def adding():
    """Adds up over a foreach, and takes one of two ways by a parameter."""
    wf = maestro.Workflow(id="sdk-adds").owner("tester").run_strategy("sequential").param("limit", 3)
    wf.job(maestro.Job(id="first", type="NoOp").param_expr("twice<long>", "limit * 2").transition("each"))
    each = maestro.Foreach(id="each").loop_param("i", [1, 2, 3]).concurrency(2)
    each.job(maestro.Job(id="inner", type="NoOp").param_expr("square<long>", "i * i"))
    wf.job(each.transition("IF first__twice > 5 THEN large", "OTHERWISE small"))
    return wf.job(maestro.Job(id="large", type="NoOp")).job(maestro.Job(id="small", type="NoOp"))


def test_a_workflow_is_pushed_started_and_watched_until_it_has_succeeded(client):
    pushed = client.push_yaml(adding().to_yaml())
    definition = pushed["workflow_definition"]
    assert definition["metadata"]["workflow_id"] == "sdk-adds"
    assert definition["metadata"]["version_author"] == {"name": "tester"}
    assert definition["properties_snapshot"]["owner"] == {"name": "tester"}
    version = definition["metadata"]["workflow_version_id"]
    assert client.push_yaml(adding().to_yaml())["workflow_definition"]["metadata"]["workflow_version_id"] == version
    started = client.start("sdk-adds", run_params={"limit": {"value": 4, "type": "LONG"}})
    assert (started["workflow_id"], started["workflow_version_id"], started["status"]) == ("sdk-adds", version, "CREATED")
    number = started["workflow_instance_id"]
    instance = over(client, "sdk-adds", number)
    assert instance["status"] == "SUCCEEDED", instance
    assert instance["initiator"]["type"] == "MANUAL" and instance["initiator"]["user"] == "tester"
    assert instance["params"]["limit"]["evaluated_result"] == 4
    views = instance["aggregated_info"]["step_aggregated_views"]
    assert {id: view["status"] for id, view in views.items()} == {
        "first": "SUCCEEDED", "each": "SUCCEEDED", "large": "SUCCEEDED", "small": "UNSATISFIED"
    }
    assert views["each"]["iterations"] == {"total": 3, "succeeded": 3, "failed": 0, "stopped": 0}
    assert instance["runtime_dag"]["each"]["successors"] == {"large": True, "small": False}
    assert instance["runtime_dag"]["large"]["predecessors"] == ["each"]
    flat = call("GET", f"/api/v3/workflows/sdk-adds/instances/{number}/steps/each/iterations?from=1")[1]
    assert [(one["iteration"], one["status"]) for one in flat["iterations"]] == [(1, "SUCCEEDED"), (2, "SUCCEEDED")]
    assert flat["counts"]["total"] == 3
    step = client.get_instance("sdk-adds", number, step_id="first")
    assert step["params"]["twice"]["evaluated_result"] == 8
    attempt = client.get_instance("sdk-adds", number, run_id=1, step_id="first", attempt_id=1)
    assert attempt["runtime_state"]["status"] == "SUCCEEDED"
    assert client.get_instance("sdk-adds", number, run_id=1)["workflow_run_id"] == 1


def test_every_node_answers_and_a_version_is_found_by_each_of_its_names(client):
    client.push_yaml(adding().to_yaml())
    seen = set()
    for gateway in GATEWAYS:
        other = maestro.MaestroClient(base_url=gateway, user="tester")
        for version in ["default", "latest", "active", "1"]:
            found = other.get_workflow("sdk-adds", version)
            seen.add((found["workflow"]["id"], len(found["workflow"]["steps"]), found["is_active"]))
    assert seen == {("sdk-adds", 4, True)}
    assert client.get_workflow("sdk-adds", "99")["status"] == "NOT_FOUND"
    assert client.get_workflow("sdk-nothing")["status"] == "NOT_FOUND"


def test_a_definition_is_checked_and_what_is_wrong_is_named_by_its_path(client):
    good = client.validate_yaml(adding().to_yaml())
    assert good["message"] == "the workflow definition is valid."
    wrong = maestro.Workflow(id="sdk-wrong").job(maestro.Job(id="a", type="NoOp").transition("nowhere"))
    for answer in [client.validate_yaml(wrong.to_yaml()), client.push_yaml(wrong.to_yaml())]:
        assert answer["status"] == "BAD_REQUEST" and answer["code"] == "BAD_DEFINITION", answer
        paths = [problem["path"] for problem in answer["problems"]]
        assert any("jobs[0].job.transition" in path for path in paths), paths
        assert "nowhere" in answer["message"]
    assert client.get_workflow("sdk-wrong")["status"] == "NOT_FOUND", "what is wrong is not stored"
    assert client.validate_yaml("Workflow: [1, 2]")["status"] == "BAD_REQUEST"


def sleeping(id, strategy="parallel"):
    wf = maestro.Workflow(id=id).owner("tester").run_strategy(strategy)
    return wf.job(maestro.Job(id="long", type="Sleep").param("sleep_seconds", 600))


def test_an_instance_a_step_and_all_instances_are_stopped(client):
    client.push_yaml(sleeping("sdk-sleeps").to_yaml())
    numbers = [client.start("sdk-sleeps")["workflow_instance_id"] for _ in range(4)]
    running = until("a run", lambda: client.get_instance("sdk-sleeps", numbers[0])["aggregated_info"]["step_aggregated_views"])
    assert running["long"]["status"] == "RUNNING"
    stopped = client.stop("sdk-sleeps", numbers[0])
    assert stopped["completed"] and "tester" in stopped["timeline_event"]["message"]
    assert over(client, "sdk-sleeps", numbers[0])["status"] == "STOPPED"
    assert client.stop("sdk-sleeps", numbers[1], "long")["completed"]
    instance = over(client, "sdk-sleeps", numbers[1])
    assert instance["aggregated_info"]["step_aggregated_views"]["long"]["status"] == "STOPPED"
    assert client.stop("sdk-sleeps")["instances"] == 2
    assert {over(client, "sdk-sleeps", number)["status"] for number in numbers[2:]} == {"STOPPED"}
    for missing in [client.stop("sdk-sleeps", 99), client.stop("sdk-nothing"), client.get_instance("sdk-sleeps", 99)]:
        assert missing["status"] == "NOT_FOUND", missing


def test_an_instance_that_waits_for_its_turn_is_seen_and_one_that_is_over_runs_again(client):
    client.push_yaml(sleeping("sdk-turns", "sequential").to_yaml())
    first, second = (client.start("sdk-turns")["workflow_instance_id"] for _ in range(2))
    waiting = client.get_instance("sdk-turns", second)
    assert (waiting["status"], waiting["aggregated_info"]["step_aggregated_views"]) == ("CREATED", {})
    client.stop("sdk-turns")
    assert over(client, "sdk-turns", second)["status"] == "STOPPED"
    over(client, "sdk-turns", first)
    path = f"/api/v3/workflows/sdk-turns/instances/{first}"
    status, again = call("POST", f"{path}/actions/restart", {"restart_policy": "RESTART_FROM_BEGINNING"})
    assert (status, again["workflow_run_id"]) == (200, 2)
    until("its second run", lambda: client.get_instance("sdk-turns", first, run_id=2).get("status") == "IN_PROGRESS")
    assert call("PUT", f"{path}/steps/long/actions/skip")[0] == 200
    assert over(client, "sdk-turns", first)["status"] == "SUCCEEDED"
    status, refused = call("PUT", f"{path}/steps/nothing/actions/skip")
    assert status in (404, 409) and refused["status"] in ("NOT_FOUND", "CONFLICT")
    status, refused = call("PUT", f"{path}/actions/fly")
    assert (status, refused["code"]) == (404, "NO_SUCH_ACTION")


def test_a_start_that_is_sent_twice_is_one_instance_and_a_deleted_workflow_is_gone(client):
    client.push_yaml(maestro.Workflow(id="sdk-once").job(maestro.Job(id="a", type="NoOp")).to_yaml())
    start = "/api/v3/workflows/sdk-once/versions/latest/actions/start"
    answers = [call("POST", start, {"request_id": "r-1"}, gateway=at % len(GATEWAYS))[1] for at in range(3)]
    assert [answer["status"] for answer in answers] == ["CREATED", "DUPLICATED", "DUPLICATED"]
    assert {answer["workflow_instance_id"] for answer in answers} == {1}
    over(client, "sdk-once", 1)
    status, listed = call("GET", "/api/v3/workflows")
    assert status == 200 and "sdk-once" in [one["workflow_id"] for one in listed["workflows"]]
    assert call("GET", "/api/v3/workflows/sdk-once/overview")[1]["latest_instance_id"] == 1
    changed = {"properties": {"owner": {"name": "other"}, "run_strategy": {"rule": "PARALLEL"}}}
    assert call("POST", "/api/v3/workflows/sdk-once/properties", changed)[1]["owner"] == {"name": "other"}
    assert call("PUT", "/api/v3/workflows/sdk-once/actions/deactivate")[0] == 200
    assert client.get_workflow("sdk-once", "active")["status"] == "NOT_FOUND"
    lines = call("GET", "/api/v3/workflows/sdk-once/timeline")[1]["timeline_events"]
    assert any("properties changed by tester" in line["message"] for line in lines)
    assert call("DELETE", "/api/v3/workflows/sdk-once")[0] == 200
    assert client.get_instance("sdk-once", 1)["status"] == "NOT_FOUND"
    assert client.get_workflow("sdk-once")["status"] == "NOT_FOUND"


def test_a_breakpoint_pauses_a_step_until_it_is_taken_away_and_a_signal_lets_one_go_on(client):
    steps = [
        {"step": {"id": "waits", "type": "NoOp", "transition": {"successors": {"pauses": "true"}},
                  "signal_dependencies": {"definitions": [{"name": "sdk_ready", "match_params": {
                      "day": {"param": {"value": 20260101, "type": "LONG"}, "operator": ">="}}}]}}},
        {"step": {"id": "pauses", "type": "NoOp"}},
    ]
    status, pushed = call("POST", "/api/v3/workflows", {"properties": {"owner": "tester"}, "workflow": {"id": "sdk-waits", "steps": steps}})
    assert status == 200, pushed
    status, _ = call("POST", "/api/v3/workflows/steps/breakpoints", {"workflow_id": "sdk-waits", "step_id": "pauses"})
    assert status == 200
    number = client.start("sdk-waits")["workflow_instance_id"]
    step = lambda name: client.get_instance("sdk-waits", number, step_id=name).get("status")
    until("the wait", lambda: step("waits") == "WAITING_FOR_SIGNALS")
    signal = {"name": "sdk_ready", "params": {"day": 20260102}, "request_id": "sdk-day"}
    first, second = call("POST", "/api/v3/signals", signal)[1], call("POST", "/api/v3/signals", signal)[1]
    assert (first["duplicate"], second["duplicate"], first["seq_id"] == second["seq_id"]) == (False, True, True)
    assert call("GET", "/api/v3/signals/sdk_ready/instances/latest")[1]["params"] == {"day": 20260102}
    assert call("GET", "/api/v3/signals/sdk_ready/instances/77")[0] == 404
    until("the pause", lambda: step("pauses") == "PAUSED")
    asked = "workflowId=sdk-waits&stepId=pauses"
    paused = call("GET", f"/api/v3/workflows/steps/breakpoints/paused-step-attempts?{asked}")[1]
    assert [one["workflow_instance_id"] for one in paused] == [number]
    assert call("DELETE", f"/api/v3/workflows/steps/breakpoints?{asked}")[1]["resumed"] == 1
    assert over(client, "sdk-waits", number)["status"] == "SUCCEEDED"
    assert call("GET", f"/api/v3/workflows/steps/breakpoints?{asked}")[1] == []


def test_a_breakpoint_in_a_loop_is_listed_by_its_iterations_and_holds_nothing_up_once_it_is_gone(client):
    over_three = {"type": "MAP", "value": {"i": {"type": "LONG_ARRAY", "value": [1, 2, 3]}}}
    each = {"foreach": {"id": "each", "steps": [{"step": {"id": "in", "type": "NoOp"}}], "params": {"loop_params": over_three}}}
    assert call("POST", "/api/v3/workflows", {"properties": {"owner": "t"}, "workflow": {"id": "sdk-loops", "steps": [each]}})[0] == 200
    assert call("POST", "/api/v3/workflows/steps/breakpoints", {"workflow_id": "sdk-loops", "step_id": "in"})[0] == 200
    number = client.start("sdk-loops")["workflow_instance_id"]
    asked = "workflowId=sdk-loops&stepId=in"
    listed = lambda: [one["step_id"] for one in call("GET", f"/api/v3/workflows/steps/breakpoints/paused-step-attempts?{asked}")[1]]
    until("three pauses", lambda: sorted(listed()) == ["each[0].in", "each[1].in", "each[2].in"])
    path = f"/api/v3/workflows/sdk-loops/instances/{number}/steps/each%5B1%5D.in/actions/resume"
    assert call("PUT", path)[0] == 200
    until("one less", lambda: sorted(listed()) == ["each[0].in", "each[2].in"])
    assert call("DELETE", f"/api/v3/workflows/steps/breakpoints?{asked}")[1]["resumed"] == 2
    assert over(client, "sdk-loops", number)["status"] == "SUCCEEDED"


def test_what_a_restart_would_leave_undone_is_refused_and_a_parameter_in_the_path_is_named(client):
    client.push_yaml(maestro.Workflow(id="sdk-undone").job(maestro.Job(id="a", type="NoOp")).to_yaml())
    number = client.start("sdk-undone")["workflow_instance_id"]
    over(client, "sdk-undone", number)
    path = f"/api/v3/workflows/sdk-undone/instances/{number}/actions/restart"
    status, refused = call("POST", path, {"step_run_params": {"a": {"x": {"value": "1", "type": "STRING"}}}})
    assert (status, refused["field"]) == (422, "step_run_params"), refused
    assert call("POST", path, {"step_run_params": {}})[0] == 200
    for asked, field in [("/api/v3/workflows?limit=x", "limit"), ("/api/v3/workflows/steps/breakpoints?workflowId=a", "stepId")]:
        status, refused = call("GET", asked)
        assert (status, refused["code"], refused["field"]) == (400, "BAD_PARAMETER", field), refused
    for route, body, field in [("signals", {"name": ""}, "name"), ("tag-permits", {"tag": "", "max_allowed": 1}, "tag")]:
        status, refused = call("POST", f"/api/v3/{route}", body)
        assert (status, refused["field"]) == (400, field), refused


def test_a_tag_s_permit_bounds_what_runs_at_once_over_workflows(client):
    assert call("GET", "/api/v3/tag-permits/sdk-gpu")[0] == 404
    assert call("POST", "/api/v3/tag-permits", {"tag": "sdk-gpu", "max_allowed": 1})[1]["max_allowed"] == 1
    ids = ["sdk-gpu-1", "sdk-gpu-2"]
    for id in ids:
        wf = maestro.Workflow(id=id).job(maestro.Job(id="long", type="Sleep").tag("sdk-gpu").param("sleep_seconds", 600))
        assert "workflow_definition" in client.push_yaml(wf.to_yaml())
        client.start(id)
    status = lambda id: client.get_instance(id, 1, step_id="long").get("status")
    until("one runs and one waits", lambda: sorted(map(status, ids)) == ["RUNNING", "WAITING_FOR_PERMITS"])
    permit = call("GET", "/api/v3/tag-permits/sdk-gpu")[1]
    assert (permit["held"], permit["waiting"], len(permit["holders"])) == (1, 1, 1)
    first = next(id for id in ids if status(id) == "RUNNING")
    client.stop(first)
    until("the other runs", lambda: "RUNNING" in map(status, ids))
    assert call("DELETE", "/api/v3/tag-permits/sdk-gpu")[0] == 200
    assert call("GET", "/api/v3/tag-permits/sdk-gpu")[0] == 404
    for id in ids:
        client.stop(id)
