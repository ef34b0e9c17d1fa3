"""MLflow's language of filters and orders, against the parser and the in-memory search of the mlflow package itself.

Filters and orders are generated from a seed. The cluster accepts and refuses what the package does, and finds the same
rows in the same order. Where MLflow's store in SQL refuses more than its parser, the store decides.
"""

import json
import math
import os
import random
import urllib.error
import urllib.parse
import urllib.request
import uuid
import warnings
from time import monotonic, sleep

import pytest

GATEWAYS = [gateway for gateway in os.environ.get("TROUPE_GATEWAY", "").split(",") if gateway]
pytestmark = pytest.mark.skipif(not GATEWAYS, reason="TROUPE_GATEWAY names no running cluster")

os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
mlflow = pytest.importorskip("mlflow")
from mlflow.entities import Metric, Param, RunTag  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402
from mlflow.tracking import MlflowClient  # noqa: E402
from mlflow.utils.search_utils import (  # noqa: E402
    SearchExperimentsUtils,
    SearchModelUtils,
    SearchModelVersionUtils,
    SearchUtils,
)

warnings.filterwarnings("ignore", module="mlflow")
SEED = int(os.environ.get("TROUPE_SEED", "20261201"))
TRIES = int(os.environ.get("TROUPE_TRIES", "250"))
PREFIX = f"q{uuid.uuid4().hex[:8]}"


class Refused(Exception):
    """The reference refuses the search."""


def ask(path, body=None):
    """The rows of a search; `None` if the cluster refuses it as MLflow does."""
    url = f"{GATEWAYS[0]}/api/2.0/mlflow/{path}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            found = json.loads(answer.read())
    except urllib.error.HTTPError as error:
        problem = json.loads(error.read())
        assert (error.code, problem["error_code"]) == (400, "INVALID_PARAMETER_VALUE"), problem
        assert problem["field"] in ("filter", "order_by"), problem
        return None
    assert found.pop("next_page_token", None) is None, "one page has all rows"
    [rows] = found.values()
    return rows


def asked(path, filter, orders):
    pairs = [("filter", filter), *(("order_by", order) for order in orders)]
    return ask(f"{path}/search?{urllib.parse.urlencode(pairs)}")


# The words of the generator: what is right for a subject, and what is not.

TEXTS = ["'x'", "'X%'", "'%a%'", "'_'", "''", '"x"', "'it''s'", "\"it's\"", "'ä'", "'Ä%'", "'9'", "'10'"]
NUMBERS = ["0.31", ".55", "0", "-1", "1e3", "5.", "1.5e-3", "1e308", "9", "10"]
LISTS = ["('x')", "('x', 'y')", "('x',)", '("x",\'y\')', "('x' 'y')", "()", "(1)", "('x', 1)"]
NOT_VALUES = ["NaN", "Infinity", "x", "`x`", "1x", "- 1", "+1", "0x10", "1_0", "metrics.a", "null", "'x", "%s", "?", "1.5.2"]
COMPARISONS = ["=", "!=", ">", ">=", "<", "<="]
PATTERNS = ["=", "!=", "LIKE", "ILIKE", "like", "Ilike"]
MEMBERSHIP = ["IN", "NOT IN", "in", "not in"]
PRESENCE = ["IS NULL", "IS NOT NULL", "is null", "is not null"]
NOT_OPERATORS = ["==", "<>", "~", "!>", "=!", "= >", "NOT LIKE", "RLIKE", "IS", "BETWEEN", ""]
JOINTS = [" AND ", " and ", " AND ", "\tAND\n", "  And  ", " AND AND "]
NOT_JOINTS = [" OR ", ", ", "; ", " -- ", " XOR "]


class Language:
    """The words of one search: names of numbers, of texts and of texts with lists, names with presence, wrong names."""

    def __init__(self, numbers, texts, listed, present, wrong, orders, wrong_orders):
        self.numbers, self.texts, self.listed, self.present = numbers, texts, listed, present
        self.wrong, self.orders, self.wrong_orders = wrong, orders, wrong_orders

    def condition(self, rng):
        kind = rng.random()
        if kind < 0.35 and self.numbers:
            words = rng.choice(self.numbers), rng.choice(COMPARISONS), rng.choice(NUMBERS + self.known_numbers)
        elif kind < 0.8:
            words = rng.choice(self.texts + self.listed), rng.choice(PATTERNS), rng.choice(TEXTS + self.known_texts)
        elif kind < 0.9:
            words = rng.choice(self.listed), rng.choice(MEMBERSHIP), rng.choice(LISTS + self.known_lists)
        elif self.present:
            return f"{rng.choice(self.present)} {rng.choice(PRESENCE)}"
        else:
            words = rng.choice(self.texts), "=", rng.choice(self.known_texts)
        name, operator, value = words
        kind = rng.random()
        if kind < 0.06:
            name = rng.choice(self.wrong)
        elif kind < 0.10:
            operator = rng.choice(NOT_OPERATORS + COMPARISONS + PATTERNS + MEMBERSHIP)
        elif kind < 0.15:
            value = rng.choice(NOT_VALUES + NUMBERS + TEXTS + LISTS)
        blank = "" if operator in COMPARISONS and rng.random() < 0.3 else " "
        return f"{name}{blank}{operator}{blank}{value}"

    def filter(self, rng):
        conditions = [self.condition(rng) for _ in range(rng.choice([1, 1, 1, 2, 2, 3]))]
        text = conditions[0]
        # Without AND, the package takes the words of lists and of NULL for parts of the condition before them.
        plain = not any(word in f" {text} ".upper() for text in conditions for word in (" IN ", " IS "))
        for condition in conditions[1:]:
            joints = JOINTS + [" "] * plain if rng.random() < 0.95 else NOT_JOINTS
            text += rng.choice(joints) + condition
        return rng.choice(["", "", "", "", "", " ", "AND "]) + text + rng.choice(["", "", "", "", "", " ", " AND"])

    def order(self, rng):
        name = rng.choice(self.orders if rng.random() < 0.9 else self.wrong_orders)
        direction = rng.choice(["", " ASC", " DESC", " asc", " desc", "  DESC", "\tDESC", " Desc"])
        return name + (direction if rng.random() < 0.93 else rng.choice([" DECS", " DESC ", " DESC NULLS LAST", ", a", " 1", ";"]))


def decided(compute):
    """What the reference finds. Its parser and its comparisons refuse by exceptions of several types."""
    try:
        return compute()
    except (MlflowException, Refused, TypeError, ValueError, KeyError, AttributeError):
        return None


def compare(language, expected, found, key, seed):
    """Compares `TRIES` generated searches; the share of accepted ones has a floor."""
    rng, accepted, differ = random.Random(seed), 0, []
    for number in range(TRIES):
        filter = language.filter(rng) if number % 3 else ""
        orders = [language.order(rng) for _ in range(rng.choice([1, 1, 2]))] if number % 2 else []
        want, have = decided(lambda: expected(filter, orders)), found(filter, orders)
        want = None if want is None else [key(row) for row in want]
        have = None if have is None else [key(row) for row in have]
        accepted += want is not None
        if want != have:
            differ.append(f"filter {filter!r} order_by {orders!r}: the reference finds {want}, the cluster {have}")
    assert not differ, f"seed {seed}, {len(differ)} searches differ:\n" + "\n".join(differ[:12])
    assert TRIES / 3 < accepted < TRIES, f"{accepted} of {TRIES} are accepted: the generator makes too few of one sort"


@pytest.fixture(scope="module")
def client():
    mlflow.set_tracking_uri(GATEWAYS[0])
    return MlflowClient()


def test_runs_are_searched_as_the_package_does(client):
    rng = random.Random(SEED)
    experiment = client.create_experiment(PREFIX)
    values = [0.31, math.nan, math.inf, 0.55, -math.inf, 1.0, 1000.0, -1.0, 0.0, 9.0, 10.0]
    words = ["x", "X", "xa", "a", "ä", "Äb", "", "it's", "it''s", "9", "10", "a!", "b c"]
    for number in range(14):
        run = client.create_run(experiment, run_name=rng.choice(words[:6]) + str(number % 3)).info.run_id
        some = lambda names, make: [make(name) for name in names if rng.random() < 0.7]
        metrics = some(["a", "b", "a b", "läuft", "a.b", "order"], lambda name: Metric(name, rng.choice(values), 5, 0))
        params = some(["p", "cat-dog", "2b", "p.q"], lambda name: Param(name, rng.choice(words)))
        tags = some(["t", "a.b", "sp ace"], lambda name: RunTag(name, rng.choice(words)))
        client.log_batch(run, metrics, params, tags)
        if number % 4:
            client.set_terminated(run, rng.choice(["FINISHED", "FAILED", "KILLED"]))
    runs = client.search_runs([experiment])
    language = Language(
        numbers=["metrics.a", "metric.b", "metrics.`a b`", 'metrics."a b"', "metrics.läuft", "`metrics`.a", "metrics.absent",
                 "metrics.a.b", "metrics.order", "start_time", "created", "attributes.Created", "attr.end_time", "run.`start_time`"],
        texts=["params.p", "param.absent", "parameters.`cat-dog`", "params.'cat-dog'", "params.2b", "parameter.p.q", "tags.t",
               "tag.a.b", 'tags."sp ace"', "tags.`mlflow.runName`", "tags.mlflow.runName", "status", "attribute.status",
               "attributes.run_name", "`run name`", "attribute.`Run name`", 'attributes."Run Name"', "run.user_id", "artifact_uri",
               "dataset.name", "datasets.digest", "dataset.context"],
        listed=["run_id", "attributes.run_id", "`run_id`", "dataset.name"],
        present=["params.p", "tags.t", "param.absent", "tags.`sp ace`", "metrics.a", "run_id", "status"],
        wrong=["m.a", "Metrics.a", "METRICS.a", '"metrics".a', "metrics.cat-dog", "params.cat-dog", "params.cat dog", "metrics.5",
               "metrics.a.5", "metrics.hr@10", "metrics.a/b", "metrics.a:b", "metrics.in", "metrics.a.from", "bogus", "attribute.bogus",
               "lifecycle_stage", "experiment_id", "run_uuid", "name", "dataset.bogus", "attribute.`RUN NAME`", "CREATED", "1", "'x'",
               "(metrics.a", "NOT metrics.a", "metrics.a b", "metrics.a$b", "metrics.`a"],
        orders=["metrics.a", "metric.b", "metrics.`a b`", 'metrics."a b"', "metrics.läuft", "metrics.absent", "metrics.a.b",
                "metrics.order", "params.p", "param.`cat-dog`", "params.2b", "parameters.p.q", "tags.t", "tag.a.b", "tags.'sp ace'",
                "status", "attributes.run_name", "end_time", "attr.user_id", "run.artifact_uri", "run_id", "`run_name`", '"status"'],
        wrong_orders=["m.a", "Metrics.a", "attribute.bogus", "bogus", "attribute.`run name`", "`Run Name`", "lifecycle_stage",
                      "experiment_id", "dataset.name", "metrics.a-b", "metrics.a b", "metrics.a/b", "timestamp", "metrics.a, metrics.b",
                      "(metrics.a)", " metrics.a", "", "metrics.a = 1", "'metrics.a'", "metrics.in", "metrics.hr@10"],
    )
    language.known_numbers = [str(run.info.start_time) for run in runs[:4]]
    language.known_texts = ["'FINISHED'", "'F%'", "'%e%'", f"'{runs[3].info.run_name}'", f"'{runs[5].info.run_name}'"]
    language.known_lists = [f"('{runs[2].info.run_id}', '{runs[7].info.run_id}')", f"(\"{runs[0].info.run_id}\",)"]

    def expected(filter, orders):
        conditions = SearchUtils.parse_search_filter(filter)
        for condition in conditions:
            if isinstance(condition["value"], tuple) != (condition["comparator"].upper() in ("IN", "NOT IN")):
                raise Refused
            SearchUtils._does_run_match_clause(runs[0], condition)
        rows = [run for run in runs if all(SearchUtils._does_run_match_clause(run, one) for one in conditions)]
        # As SearchUtils.sort, which sorts runs of one millisecond by ids of its own.
        for type, key, ascending in reversed([SearchUtils.parse_order_by_for_search_runs(order) for order in orders]):
            SearchUtils._get_value_for_sort(runs[0], type, key, ascending)
            by = lambda run: SearchUtils._get_value_for_sort(run, type, key, ascending)
            rows = sorted(rows, key=by, reverse=not ascending)
        return rows

    def found(filter, orders):
        return ask("runs/search", {"experiment_ids": [experiment], "filter": filter, "order_by": orders, "max_results": 1000})

    compare(language, expected, found, lambda run: run.info.run_id if hasattr(run, "info") else run["info"]["run_id"], SEED)


def named(filter, prefix=PREFIX):
    """The same filter, of what this test made alone; other tests may use the cluster."""
    return f"{filter} AND name LIKE '{prefix}%'" if filter.strip() else f"name LIKE '{prefix}%'"


def conditions_of(utils, filter):
    conditions = utils.parse_search_filter(filter)
    for condition in conditions:
        if isinstance(condition["value"], tuple) != (condition["comparator"].upper() in ("IN", "NOT IN")):
            raise Refused
        # Stores in SQL have whole numbers only, and take a text for one where the parser does.
        if condition["type"] == "attribute" and condition["key"] in utils.NUMERIC_ATTRIBUTES:
            if isinstance(condition["value"], float):
                raise Refused
            int(condition["value"])
    return conditions


REGISTRY_WRONG = ["bogus", "version", "source", "alias", "current_stage", "metrics.a", "params.a", "attributes.name", "Name",
                  "tags.cat-dog", "tags.a b", "creation_timestamp", "last_updated_timestamp", "1", "tags.5", "tags.in", "(name"]


def all_of(count, listed):
    """The rows of a list once it has all of them: lists lag behind."""
    deadline = monotonic() + 10
    while len(rows := listed()) < count and monotonic() < deadline:
        sleep(0.05)
    assert len(rows) == count
    return rows


def test_versions_are_searched_as_the_package_does(client):
    rng = random.Random(SEED + 1)
    words = ["x", "X", "xa", "a", "ä", "", "it's", "9", "10", "false"]
    for model, count in (("m", 4), ("M", 11), ("n.o", 7)):
        client.create_registered_model(f"{PREFIX}{model}")
        for number in range(count):
            tags = {key: rng.choice(words) for key in ("t", "sp ace", "a.b") if rng.random() < 0.7}
            client.create_model_version(f"{PREFIX}{model}", f"s3://{rng.choice(words)}/{number % 5}", rng.choice(["r1", "r2", "x"]), tags)
    versions = all_of(22, lambda: client.search_model_versions(f"name LIKE '{PREFIX}%'", max_results=1000))
    for version in versions:
        version._version = int(version._version)
    language = Language(
        numbers=["version_number", "attribute.version_number"],
        texts=["name", "attribute.name", "run_id", "source_path", "attribute.source_path", "tags.t", "tag.`sp ace`", 'tags."sp ace"',
               "tags.a.b", "tags.absent", "tags.`mlflow.prompt.is_prompt`"],
        listed=["name", "run_id", "attribute.run_id"], present=[], wrong=[*REGISTRY_WRONG, "version_number", "m.version_number"],
        orders=["name", "attribute.name", "version_number", "attribute.version_number", "creation_timestamp",
                "last_updated_timestamp", "`version_number`"],
        wrong_orders=["bogus", "version", "tags.t", "run_id", "source_path", "metrics.a", "attributes.name", "timestamp", "name, run_id", ""],
    )
    language.known_numbers = ["1", "2", "3", "'3'", "'10'"]
    language.known_texts = [f"'{PREFIX}m'", f"'{PREFIX}M'", "'%.o'", "'r1'", "'s3://%'", "'s3://a/3'", "'true'", "'false'"]
    language.known_lists = [f"('{PREFIX}m', '{PREFIX}n.o')", "('r1',)", "('r2', 'x')"]

    def expected(filter, orders):
        conditions = conditions_of(SearchModelVersionUtils, named(filter))
        for one in conditions:
            SearchModelVersionUtils._does_model_version_match_clauses(versions[0], one)
        rows = [row for row in versions if all(SearchModelVersionUtils._does_model_version_match_clauses(row, one) for one in conditions)]
        # The order of stores in SQL where none is asked for.
        return SearchModelVersionUtils.sort(rows, orders or ["last_updated_timestamp DESC", "name ASC", "version_number DESC"])

    key = lambda row: (row["name"], int(row["version"])) if isinstance(row, dict) else (row.name, row.version)
    compare(language, expected, lambda filter, orders: asked("model-versions", named(filter), orders), key, SEED + 1)


def test_models_are_searched_as_the_package_does(client):
    rng = random.Random(SEED + 2)
    words = ["x", "X", "xa", "ä", "it's", "9", "false"]
    for model in range(9):
        tags = {key: rng.choice(words) for key in ("t", "sp ace", "a.b") if rng.random() < 0.7}
        client.create_registered_model(f"{PREFIX}-{rng.choice('aAbxX')}{model}", tags)
    prefix = f"{PREFIX}-"
    models = all_of(9, lambda: client.search_registered_models(f"name LIKE '{prefix}%'", max_results=1000))
    language = Language(
        numbers=[], texts=["name", "attribute.name", "tags.t", "tag.`sp ace`", "tags.a.b", "tags.`mlflow.prompt.is_prompt`"],
        listed=["name", "attribute.name"], present=[], wrong=[*REGISTRY_WRONG, "version_number", "run_id", "timestamp"],
        orders=["name", "attribute.name", "creation_timestamp", "last_updated_timestamp"],
        wrong_orders=["bogus", "version_number", "tags.t", "metrics.a", "attributes.name", "name, name", "", "name a"],
    )
    language.known_numbers = []
    language.known_texts = [f"'{models[0].name}'", f"'{models[4].name}'", "'%a%'", "'%X_'", "'true'", "'false'"]
    language.known_lists = [f"('{models[1].name}', '{models[2].name}')", f"('{models[3].name}',)"]

    def expected(filter, orders):
        conditions = conditions_of(SearchModelUtils, named(filter, prefix))
        for one in conditions:
            SearchModelUtils._does_registered_model_match_clauses(models[0], one)
        rows = [row for row in models if all(SearchModelUtils._does_registered_model_match_clauses(row, one) for one in conditions)]
        return SearchModelUtils.sort(rows, orders)

    key = lambda row: row["name"] if isinstance(row, dict) else row.name
    compare(language, expected, lambda filter, orders: asked("registered-models", named(filter, prefix), orders), key, SEED + 2)


def test_experiments_are_searched_as_the_package_does(client):
    rng = random.Random(SEED + 3)
    words = ["x", "X", "xa", "ä", "it's", "9"]
    prefix = f"{PREFIX}e"
    for number in range(9):
        tags = {key: rng.choice(words) for key in ("t", "sp ace", "a.b") if rng.random() < 0.7}
        client.create_experiment(f"{prefix}{rng.choice('aAbxX')}{number}", tags=tags)
    experiments = all_of(9, lambda: client.search_experiments(filter_string=f"name LIKE '{prefix}%'", max_results=1000))
    language = Language(
        numbers=["creation_time", "attribute.last_update_time", "`creation_time`"],
        texts=["name", "attribute.name", "attribute.`name`", "tags.t", "tag.`sp ace`", "tags.a.b", "tags.absent"],
        listed=["experiment_id", "attribute.experiment_id"], present=["tags.t", "tags.absent", "tags.`sp ace`", "name"],
        wrong=["bogus", "metrics.a", "params.a", "attributes.name", "lifecycle_stage", "version_number", "run_id", "tags.cat-dog", "1", "Name"],
        orders=["name", "attribute.name", "experiment_id", "creation_time", "last_update_time", "`name`"],
        wrong_orders=["bogus", "tags.t", "attributes.name", "version_number", "metrics.a", "name, name", ""],
    )
    language.known_numbers = [str(one.creation_time) for one in experiments[:3]]
    language.known_texts = [f"'{experiments[0].name}'", f"'{experiments[4].name}'", "'%a%'", "'%X_'"]
    language.known_lists = [f"('{experiments[1].experiment_id}', '{experiments[2].experiment_id}')", f"('{experiments[3].experiment_id}',)"]

    def expected(filter, orders):
        conditions = conditions_of(SearchExperimentsUtils, named(filter, prefix))
        for one in conditions:
            # Stores in SQL compare an id with ids only, and a name with no list.
            if one["key"] == "experiment_id" and one["type"] == "attribute" and one["comparator"] not in ("=", "!=", "IN", "NOT IN", "in", "not in"):
                raise Refused
            SearchExperimentsUtils._does_experiment_match_clause(experiments[0], one)
        rows = [row for row in experiments if all(SearchExperimentsUtils._does_experiment_match_clause(row, one) for one in conditions)]
        return SearchExperimentsUtils.sort(rows, orders or ["creation_time DESC", "experiment_id ASC"])

    def found(filter, orders):
        return ask("experiments/search", {"filter": named(filter, prefix), "order_by": orders, "max_results": 1000})

    key = lambda row: row["experiment_id"] if isinstance(row, dict) else row.experiment_id
    compare(language, expected, found, key, SEED + 3)
