"""The real Metaflow client against a running cluster: it runs a flow with a foreach and a join, and reads it back."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request

import pytest

GATEWAYS = [gateway for gateway in os.environ.get("TROUPE_GATEWAY", "").split(",") if gateway]
pytestmark = pytest.mark.skipif(not GATEWAYS, reason="TROUPE_GATEWAY names no running cluster")

pytest.importorskip("metaflow")

# The heartbeat timeout in the configuration of the tests' cluster.
INACTIVE_AFTER = 15
WITHIN = 120

FLOW = """
import os, time
from metaflow import FlowSpec, Parameter, current, step

class {name}(FlowSpec):
    alpha = Parameter("alpha", default=0.5)

    @step
    def start(self):
        self.items = [1, 2, 3]
        self.next(self.work, foreach="items")

    @step
    def work(self):
        self.squared = self.input ** 2
        if self.alpha < 0:
            open(os.environ["AT_WORK"], "a").write(f"{{current.run_id}}\\n")
            time.sleep(600)
        if self.alpha > 9:
            raise ValueError("asked to")
        self.next(self.join)

    @step
    def join(self, inputs):
        self.total = sum(i.squared for i in inputs)
        self.next(self.end)

    @step
    def end(self):
        print("total", self.total)

if __name__ == "__main__":
    {name}()
"""


def environment(folder):
    return {
        **os.environ,
        "METAFLOW_SERVICE_URL": f"{GATEWAYS[0]}/metaflow",
        "METAFLOW_DEFAULT_METADATA": "service",
        "METAFLOW_DEFAULT_DATASTORE": "local",
        "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(folder),
        "METAFLOW_USER": "ann",
        "METAFLOW_HOME": str(folder / "home"),
        "AT_WORK": str(folder / "at-work"),
    }


def write(folder, name):
    path = folder / "flow.py"
    path.write_text(FLOW.format(name=name))
    return [sys.executable, str(path), "--no-pylint"]


def row(path):
    with urllib.request.urlopen(f"{GATEWAYS[0]}/metaflow{path}", timeout=10) as answer:
        return json.loads(answer.read())


def until(what, holds):
    end = time.monotonic() + WITHIN
    while time.monotonic() < end:
        found = holds()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{what} did not come within {WITHIN} s")


def read_back(folder, code):
    """Runs code with the client in a process of its own: it reads its environment once."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=WITHIN
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_flow_with_a_foreach_and_a_join_is_run_and_read_back(tmp_path):
    ran = subprocess.run(
        [*write(tmp_path, "EachFlow"), "run", "--tag", "nightly", "--alpha", "0.25"],
        cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, timeout=WITHIN,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    found = read_back(
        tmp_path,
        """
import json
from metaflow import Flow, Run, namespace
namespace(None)
flow = Flow("EachFlow")
run = flow.latest_run
run.add_tag("probed")
run.remove_tag("nightly")
run = Run(run.pathspec)
print(json.dumps({
    "runs": len(list(flow.runs())), "successful": run.successful, "finished": run.finished, "tags": sorted(run.user_tags),
    "steps": sorted(s.id for s in run.steps()), "works": len(list(run["work"].tasks())),
    "squared": sorted(t["squared"].data for t in run["work"].tasks()), "total": run.data.total,
    "alpha": run.data.alpha, "attempt": run["end"].task.metadata_dict["attempt"],
    "parents": len(list(run["join"].task.parent_tasks)), "tagged": len(list(flow.runs("probed"))),
}))
""",
    )
    run = found.pop("runs")
    assert run >= 1 and found.pop("tagged") == 1
    assert found == {
        "successful": True, "finished": True, "tags": ["probed"], "steps": ["end", "join", "start", "work"], "works": 3,
        "squared": [1, 4, 9], "total": 14, "alpha": 0.25, "attempt": "0", "parents": 3,
    }
    listed = row("/flows/EachFlow/runs?status=completed&_tags:any=probed")
    assert len(listed) == 1 and listed[0]["status_reason"].startswith("step end succeeded at ")


def test_a_killed_run_fails_with_its_reason_and_none_fails_while_it_beats(tmp_path):
    at_work = tmp_path / "at-work"
    with subprocess.Popen(
        [*write(tmp_path, "SlowFlow"), "run", "--alpha", "-1"],
        cwd=tmp_path, env=environment(tmp_path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    ) as running:
        try:
            until("its tasks", lambda: at_work.exists() and at_work.read_text())
            run = at_work.read_text().split()[0]
            # It only sends heartbeats for longer than the cut-off.
            end = time.monotonic() + INACTIVE_AFTER + 5
            while time.monotonic() < end:
                assert row(f"/flows/SlowFlow/runs/{run}")["status"] == "running"
                time.sleep(0.5)
        finally:
            os.killpg(running.pid, signal.SIGKILL)
    until("its end", lambda: row(f"/flows/SlowFlow/runs/{run}")["status"] == "failed")
    failed = row(f"/flows/SlowFlow/runs/{run}")
    assert failed["status_reason"].startswith(f"no heartbeat for {INACTIVE_AFTER} s since "), failed
    assert [one["run_number"] for one in row("/flows/SlowFlow/runs?status=failed")] == [failed["run_number"]]
    # A further heartbeat revokes the failure.
    beat = urllib.request.Request(f"{GATEWAYS[0]}/metaflow/flows/SlowFlow/runs/{run}/heartbeat", data=b"{}", method="POST")
    urllib.request.urlopen(beat, timeout=10).close()
    assert row(f"/flows/SlowFlow/runs/{run}")["status"] == "running"


def test_the_reason_of_a_run_that_broke_names_the_attempt(tmp_path):
    ran = subprocess.run(
        [*write(tmp_path, "BrokenFlow"), "run", "--alpha", "10"],
        cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, timeout=WITHIN,
    )
    assert ran.returncode != 0
    [run] = row("/flows/BrokenFlow/runs")
    path = f"/flows/BrokenFlow/runs/{run['run_number']}"
    until("its end", lambda: row(path)["status"] == "failed")
    assert "; attempt 0 of task work/" in row(path)["status_reason"]
