"""A workflow of the cluster, read by the real Metaflow client like a flow of its own."""

import json
import os
import time
import urllib.error
import urllib.request

import pytest

GATEWAYS = [gateway for gateway in os.environ.get("TROUPE_GATEWAY", "").split(",") if gateway]
pytestmark = pytest.mark.skipif(not GATEWAYS, reason="TROUPE_GATEWAY names no running cluster")

pytest.importorskip("metaflow")

from test_metaflow import read_back, until  # noqa: E402

MEMBERS, CONTENTS = 8, 5


def ask(path, body=None):
    data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(f"{GATEWAYS[0]}{path}", data=data, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())


def run_workflow(name, steps):
    definition = {"properties": {"owner": "ann"}, "workflow": {"id": name, "tags": ["metaflow", "nightly"], "steps": steps}}
    ask(f"/v1/actors/workflows/{name}/push", {"definition": definition, "by": "ann"})
    ask(f"/v1/actors/workflows/{name}/start", {"request_id": "one", "version": "latest"})
    path = f"/metaflow/flows/{name}/runs/maestro-1-1"

    def over():
        try:
            row = ask(path)
        except urllib.error.HTTPError as error:
            # The run is recorded by effects, hence a moment later.
            assert error.code == 404
            return None
        return row if row["status"] != "running" else None

    return until("its end", over)


def step(name, kind, params, following=None, **more):
    text = {key: {"value": value, "type": "STRING"} for key, value in params.items()}
    return {"step": {"id": name, "type": kind, "params": text, "transition": {"successors": following or {}}, **more}}


def test_a_workflow_that_trains_is_read_like_a_flow(tmp_path):
    # One name for each run of these tests: a cluster that is there may know the one before.
    name = f"train-{time.time_ns()}"
    lines = [
        json.dumps({"member": f"{name}-{member}", "content": str(content), "type": "rating", "value": 4.0, "at": 1 + content})
        for member in range(MEMBERS)
        for content in range(CONTENTS)
    ]
    ask("/v1/events", "\n".join(lines).encode())
    row = run_workflow(
        name,
        [
            step("train", "Train", {"algorithm": "popularity"}, {"look": "true"}),
            step("look", "Http", {"url": f"{GATEWAYS[0]}/healthz"}),
        ],
    )
    assert (row["status"], row["status_reason"]) == ("completed", f"run 1 of workflow {name}:1 SUCCEEDED"), row
    found = read_back(
        tmp_path,
        f"""
import json
from metaflow import Flow, Run, namespace
namespace("user:ann")
flow = Flow("{name}")
run = flow.latest_successful_run
run.add_tag("probed")
train = run["train"].task
print(json.dumps({{
    "pathspec": run.pathspec, "successful": run.successful, "finished": run.finished, "tags": sorted(Run(run.pathspec).user_tags),
    "steps": sorted(step.id for step in run), "took": (run.finished_at - run.created_at).total_seconds(),
    "rows": train["lineage"].data["events"], "algorithm": train.data.algorithm, "artifact": train.data.artifact,
    "attempt": train.metadata_dict["attempt"], "status": train.metadata_dict["maestro-status"], "done": train.successful,
    "names": sorted(artifact.id for artifact in run["look"].task), "answered": run.data.status, "items": run.data.items,
    "tagged": len(list(flow.runs("nightly", "workflow:{name}:1"))), "current": run.end_task.current_attempt,
}}))
""",
    )
    assert found.pop("took") >= 0 and found.pop("rows") >= MEMBERS * CONTENTS and len(found.pop("artifact")) == 64
    assert found.pop("items") >= CONTENTS
    names = found.pop("names")
    assert {"url", "status"} <= set(names), names
    assert found == {
        "pathspec": f"{name}/maestro-1-1", "successful": True, "finished": True, "algorithm": "popularity",
        "tags": ["dataset:cluster", "metaflow", "nightly", "probed", f"workflow:{name}:1"],
        "steps": ["end", "look", "train"], "attempt": "0", "status": "SUCCEEDED", "done": True, "answered": 200,
        "tagged": 1, "current": 0,
    }


def test_a_workflow_that_failed_says_why_and_by_which_attempts(tmp_path):
    name = f"fails-{time.time_ns()}"
    retry = {"error_retry_limit": 1, "backoff": {"type": "FIXED_BACKOFF", "error_retry_backoff_in_secs": 1}}
    row = run_workflow(name, [step("call", "Http", {"url": f"{GATEWAYS[0]}/nowhere"}, retry_policy=retry)])
    assert row["status"] == "failed" and row["status_reason"].startswith(f"run 1 of workflow {name}:1 FAILED: step call: "), row
    found = read_back(
        tmp_path,
        f"""
import json
from metaflow import Run, namespace
namespace(None)
run = Run("{name}/maestro-1-1")
call = run["call"].task
oks = [record.value for record in call.metadata if record.name == "attempt_ok"]
print(json.dumps({{"successful": run.successful, "finished": run.finished, "end": run.end_task is None,
    "call": call.successful, "oks": oks, "attempt": call.current_attempt}}))
""",
    )
    assert found == {"successful": False, "finished": False, "end": True, "call": False, "oks": ["False", "False"], "attempt": 1}
