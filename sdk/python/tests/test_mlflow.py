"""The real MLflow client against a running cluster: experiments, runs, and a registry with aliases."""

import json
import math
import os
import urllib.parse
import urllib.request
import uuid

import pytest

GATEWAYS = [gateway for gateway in os.environ.get("TROUPE_GATEWAY", "").split(",") if gateway]
pytestmark = pytest.mark.skipif(not GATEWAYS, reason="TROUPE_GATEWAY names no running cluster")

os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
mlflow = pytest.importorskip("mlflow")
from mlflow.entities import Metric, Param, RunTag, ViewType  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402
from mlflow.tracking import MlflowClient  # noqa: E402


@pytest.fixture(scope="module")
def client():
    mlflow.set_tracking_uri(GATEWAYS[0])
    return MlflowClient()


@pytest.fixture
def experiment(client):
    name = f"/Shared/exp {uuid.uuid4().hex[:8]}"
    return name, client.create_experiment(name, tags={"team": "ranking"})


def lineage(node, depth=4):
    path = urllib.parse.quote(node, safe="")
    with urllib.request.urlopen(f"{GATEWAYS[0]}/v1/lineage/{path}?depth={depth}", timeout=10) as answer:
        return json.loads(answer.read())


def test_experiments_are_made_found_renamed_and_put_aside(client, experiment):
    name, id = experiment
    found = client.get_experiment_by_name(name)
    assert (found.experiment_id, found.name, found.tags["team"]) == (id, name, "ranking")
    with pytest.raises(MlflowException) as refused:
        client.create_experiment(name)
    assert refused.value.error_code == "RESOURCE_ALREADY_EXISTS"
    client.set_experiment_tag(id, "stage", "one")
    client.rename_experiment(id, f"{name} again")
    renamed = client.get_experiment(id)
    assert (renamed.name, renamed.tags["stage"]) == (f"{name} again", "one")
    assert client.get_experiment_by_name(f"{name} again").experiment_id == id
    assert client.get_experiment_by_name(name) is None
    listed = lambda view: [e.experiment_id for e in client.search_experiments(view_type=view, filter_string=f"name LIKE '{name}%'")]
    assert listed(ViewType.ACTIVE_ONLY) == [id]
    client.delete_experiment(id)
    assert client.get_experiment(id).lifecycle_stage == "deleted"
    assert (listed(ViewType.ACTIVE_ONLY), listed(ViewType.DELETED_ONLY)) == ([], [id])
    client.restore_experiment(id)
    assert listed(ViewType.ACTIVE_ONLY) == [id]


def test_a_run_is_logged_and_read_back(client, experiment):
    name, id = experiment
    mlflow.set_experiment(name)
    with mlflow.start_run(run_name="first", tags={"kind": "probe"}) as run:
        mlflow.log_param("lr", 0.1)
        mlflow.log_params({"depth": 3, "loss": "bpr"})
        for step in range(20):
            mlflow.log_metric("ndcg", step / 20, step=step)
        mlflow.log_metrics({"auc": 0.9, "odd": math.nan})
        mlflow.set_tag("note", "läuft")
        with pytest.raises(MlflowException):
            client.log_param(run.info.run_id, "lr", 0.2)
        assert client.get_run(run.info.run_id).info.status == "RUNNING"
    read = client.get_run(run.info.run_id)
    assert (read.info.status, read.info.run_name, read.info.experiment_id) == ("FINISHED", "first", id)
    assert read.info.end_time >= read.info.start_time
    assert read.data.params == {"lr": "0.1", "depth": "3", "loss": "bpr"}
    assert (read.data.metrics["ndcg"], read.data.metrics["auc"]) == (0.95, 0.9) and math.isnan(read.data.metrics["odd"])
    assert (read.data.tags["kind"], read.data.tags["note"]) == ("probe", "läuft")
    assert read.data.tags["troupe.status_reason"].startswith("its client reported FINISHED at ")
    history = client.get_metric_history(run.info.run_id, "ndcg")
    assert [(point.step, point.value) for point in history] == [(step, step / 20) for step in range(20)]
    client.delete_tag(run.info.run_id, "note")
    assert "note" not in client.get_run(run.info.run_id).data.tags
    assert client.list_artifacts(run.info.run_id) == []


def test_a_batch_is_logged_and_runs_are_searched(client, experiment):
    _, id = experiment
    runs = []
    for number in range(7):
        run = client.create_run(id, run_name=f"r{number}")
        metrics = [Metric("loss", 1.0 / (step + number + 1), 1000 + step, step) for step in range(50)]
        params = [Param("number", str(number)), Param("parity", "even" if number % 2 == 0 else "odd")]
        client.log_batch(run.info.run_id, metrics=metrics, params=params, tags=[RunTag("batch", "yes")])
        client.set_terminated(run.info.run_id, "FAILED" if number == 3 else "FINISHED")
        runs.append(run.info.run_id)
    names = lambda **search: [run.info.run_name for run in client.search_runs([id], **search)]
    assert names() == [f"r{number}" for number in reversed(range(7))]
    assert names(filter_string="params.parity = 'even' and metrics.loss < 0.0187", order_by=["metrics.loss ASC"]) == ["r6", "r4"]
    assert names(filter_string="attributes.status = 'FAILED'") == ["r3"]
    assert names(filter_string="tags.batch = 'yes' and params.number != '0'", order_by=["params.number ASC"], max_results=2) == ["r1", "r2"]
    first = client.search_runs([id], max_results=5)
    assert [run.info.run_name for run in client.search_runs([id], max_results=5, page_token=first.token)] == ["r1", "r0"]
    client.delete_run(runs[0])
    assert "r0" not in names() and names(run_view_type=ViewType.DELETED_ONLY) == ["r0"]
    client.restore_run(runs[0])
    with pytest.raises(MlflowException) as refused:
        client.get_run(f"99-{runs[0].split('-')[1]}")
    assert refused.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_versions_are_registered_aliased_and_linked_with_their_run(client, experiment):
    _, id = experiment
    run = client.create_run(id)
    name = f"ranker-{uuid.uuid4().hex[:8]}"
    client.create_registered_model(name, tags={"team": "ranking"}, description="ranks")
    with pytest.raises(MlflowException) as refused:
        client.create_registered_model(name)
    assert refused.value.error_code == "RESOURCE_ALREADY_EXISTS"
    versions = [
        client.create_model_version(name, source=f"runs:/{run.info.run_id}/model", run_id=run.info.run_id, tags={"n": str(n)})
        for n in (1, 2)
    ]
    assert [int(version.version) for version in versions] == [1, 2]
    client.set_registered_model_alias(name, "champion", 1)
    client.set_registered_model_alias(name, "challenger", 2)
    assert int(client.get_model_version_by_alias(name, "champion").version) == 1
    client.set_registered_model_alias(name, "champion", 2)
    aliases = client.get_registered_model(name).aliases
    assert {alias: int(version) for alias, version in aliases.items()} == {"champion": 2, "challenger": 2}
    client.delete_registered_model_alias(name, "challenger")
    assert sorted(client.get_model_version(name, 2).aliases) == ["champion"]
    client.update_model_version(name, 1, description="the first")
    client.set_model_version_tag(name, 1, "checked", "yes")
    first = client.get_model_version(name, 1)
    assert (first.description, first.tags, first.run_id) == ("the first", {"n": "1", "checked": "yes"}, run.info.run_id)
    assert len(client.search_model_versions(f"name = '{name}'")) == 2
    assert [model.name for model in client.search_registered_models(f"name = '{name}'")] == [name]
    assert client.get_model_version_download_uri(name, 1).endswith("/model")

    node = f"model:{name}@1"
    upstream = {found["node"]: found["distance"] for found in lineage(node)["nodes"]}
    [of_run] = [found for found in upstream if found.startswith("run:")]
    [artifact] = [found for found in upstream if found.startswith("artifact:")]
    assert upstream == {node: 0, of_run: -1, artifact: -1} and artifact == f"artifact:{of_run[4:]}/model"
    downstream = {found["node"]: found["distance"] for found in lineage(of_run)["nodes"]}
    assert downstream[node] == 1 and downstream[f"model:{name}@2"] == 1

    client.delete_model_version(name, 1)
    with pytest.raises(MlflowException) as refused:
        client.get_model_version(name, 1)
    assert refused.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    client.delete_registered_model(name)
    assert client.search_registered_models(f"name = '{name}'") == []


def test_what_one_door_began_the_other_shows(client, experiment):
    name, id = experiment
    run = client.create_run(id, run_name="seen")
    client.set_terminated(run.info.run_id, "KILLED")
    assert client.get_run(run.info.run_id).info.status == "KILLED"
    path = urllib.parse.quote(name, safe="")
    with urllib.request.urlopen(f"{GATEWAYS[0]}/metaflow/flows/{path}/runs", timeout=10) as answer:
        [row] = json.loads(answer.read())
    assert (row["run_number"], row["status"]) == (1, "failed")
    assert row["status_reason"].startswith("its client reported KILLED at ")
