"""Faulty workflows over Maestro's API: refused with the path, or ended with the reason, and never stuck."""

import contextlib
import os

import pytest

from test_pipelines import call, closed_port, dies, floods, hangs, server, until

GATEWAYS = [gateway for gateway in os.environ.get("TROUPE_GATEWAY", "").split(",") if gateway]
pytestmark = pytest.mark.skipif(not GATEWAYS, reason="TROUPE_GATEWAY names no running cluster")

OVER = {"TIMED_OUT", "STOPPED", "FAILED", "SUCCEEDED"}


def step(id, kind="NoOp", params=None, after=None, **more):
    return {"step": {"id": id, "type": kind, "params": params or {}, "transition": {"successors": after or {}}, **more}}


def param(value, kind="STRING"):
    return {"value": value, "type": kind}


def loop(over, steps=None):
    return {"foreach": {"id": "each", "steps": steps or [step("in")], "params": {
        "loop_params": {"type": "MAP", "value": {"i": over}}}}}


def push(id, steps, **more):
    return call("POST", "/api/v3/workflows", {"properties": {"owner": "t"}, "workflow": {"id": id, "steps": steps, **more}})


def run(id, steps, **more):
    """The end of an instance, with the views of its steps."""
    status, said = push(id, steps, **more)
    assert status == 200, said
    status, started = call("POST", f"/api/v3/workflows/{id}/versions/latest/actions/start", {})
    assert status == 200, started
    path = f"/api/v3/workflows/{id}/instances/{started['workflow_instance_id']}"
    return until(f"the end of {id}", lambda: (found := call("GET", path)[1])["status"] in OVER and found)


WHILE = {"while": {"id": "w", "condition": "true", "steps": [step("in")], "params": {
    "loop_params": {"type": "MAP", "value": {"i": param(1, "LONG")}}}}}
BAD = [
    ("circle", [step("a", after={"b": "true"}), step("b", after={"a": "true"})], "steps[0].step.transition.successors"),
    ("type", [step("a", "Fly")], "steps[0].step.type"),
    ("missing", [step("a", "Http")], "steps[0].step.params.url"),
    ("deploy", [step("a", "Deploy")], "steps[0].step.params.pipeline"),
    ("expression", [step("a", params={"x": {"expression": "1 +", "type": "LONG"}})], "steps[0].step.params.x.expression"),
    ("endless", [step("a", params={"x": {"expression": "while (true) { }", "type": "LONG"}})], "steps[0].step.params.x.expression"),
    ("while", [WHILE], "steps[0].while.condition"),
    ("nothing", [loop(param([], "LONG_ARRAY"))], "steps[0].foreach.params.loop_params.value.i.value"),
    ("nowhere", [step("a", after={"z": "true"})], "steps[0].step.transition.successors.z"),
    ("empty", [], "steps"),
]


@pytest.mark.parametrize(("name", "steps", "path"), BAD, ids=[bad[0] for bad in BAD])
def test_a_definition_that_cannot_be_meant_is_refused_by_its_path_with_the_fix(name, steps, path):
    status, refused = push(f"bad-{name}", steps)
    assert (status, refused["code"]) == (422, "BAD_DEFINITION"), refused
    problems = {problem["path"]: problem for problem in refused["problems"]}
    assert f"workflow.{path}" in problems and all(problem["fix"] for problem in problems.values()), refused
    assert call("GET", f"/api/v3/workflows/bad-{name}/versions/latest")[0] == 404


@pytest.mark.parametrize(("name", "expression", "status", "why"), [
    ("nothing", "new long[0]", "SUCCEEDED", ""),
    ("billion", "Util.intsBetween(0, 1000000000, 1)", "FAILED", "loop_params.i: line 1, column 5: 1000000000 elements are more"),
    ("endless", "x = 0; while (x < 1000000000) { x = x + 1; } return new long[1];", "FAILED", "it takes more than 1000000 steps"),
], ids=["nothing", "billion", "endless"])
def test_a_loop_that_turns_out_to_be_over_nothing_has_none_and_one_over_too_much_fails_with_the_reason(name, expression, status, why):
    ended = run(f"loops-{name}", [loop({"expression": expression, "type": "LONG_ARRAY"})])
    view = ended["aggregated_info"]["step_aggregated_views"]["each"]
    assert ended["status"] == status and why in ended["why"], (ended["why"], view)


@pytest.mark.parametrize(("serve", "status"), [
    (None, "FATALLY_FAILED"), (hangs, "TIMED_OUT"), (dies, "FATALLY_FAILED"), (floods, "SUCCEEDED"),
], ids=["closed", "hangs", "dies", "floods"])
def test_a_call_that_is_not_there_hangs_dies_or_floods_ends_its_step(serve, status, request):
    retry = {"error_retry_limit": 0, "platform_retry_limit": 0}
    with contextlib.ExitStack() as stack:
        url = closed_port() if serve is None else stack.enter_context(server(serve))
        call = step("call", "Http", {"url": param(url)}, timeout="2 seconds", retry_policy=retry)
        ended = run(f"calls-{request.node.callspec.id}", [call])
        view = ended["aggregated_info"]["step_aggregated_views"]["call"]
        assert view["status"] == status and (status == "SUCCEEDED" or view["why"]), view


def test_a_step_delivers_by_a_pipeline_and_fails_with_what_that_says():
    definition = {"name": "by-step", "application": "tests", "stages": [
        {"refId": "check", "type": "checkPreconditions", "preconditions": [{"expression": "parameters.good == true"}]}]}
    assert call("POST", "/pipelines", definition)[0] == 200
    for good, expected in [(True, "SUCCEEDED"), (False, "FAILED")]:
        parameters = {"type": "MAP", "value": {"good": param(good, "BOOLEAN")}}
        ended = run(f"delivers-{good}", [step("deliver", "Deploy", {"pipeline": param("by-step"), "parameters": parameters})])
        assert ended["status"] == expected, ended
    ended = run("delivers-nowhere", [step("deliver", "Deploy", {"pipeline": param("nowhere")}, retry_policy={"error_retry_limit": 0})])
    assert ended["status"] == "FAILED", ended


def test_a_workflow_that_would_start_itself_with_every_run_is_refused():
    steps = [step("a", signal_outputs=[{"name": "echo", "params": {}}])]
    status, refused = push("echoes", steps, signal_triggers=[{"definitions": {"echo": {}}}])
    assert status == 422, refused
    assert refused["problems"][0]["path"] == "workflow.signal_triggers[0].definitions.echo", refused
