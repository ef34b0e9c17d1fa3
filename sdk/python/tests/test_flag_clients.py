"""The real clients of GrowthBook and Unleash against a running cluster: their own allocation agrees with the cluster."""

import http.server
import json
import os
import threading
import time
import urllib.error
import urllib.request

import pytest

GATEWAYS = [gateway for gateway in os.environ.get("TROUPE_GATEWAY", "").split(",") if gateway]
pytestmark = pytest.mark.skipif(not GATEWAYS, reason="TROUPE_GATEWAY names no running cluster")

growthbook = pytest.importorskip("growthbook")
unleash = pytest.importorskip("UnleashClient")
mmh3 = pytest.importorskip("mmh3")

WITHIN = 20
# The seed of Unleash's hash of variants, another one than that of its rollouts.
VARIANT_SEED = 86028157


def call(gateway, method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{gateway}{path}", data=data, method=method, headers={"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        text = answer.read()
        return json.loads(text) if text else None


def tell(gateway, kind, key, verb, body):
    return call(gateway, "POST", f"/v1/actors/{kind}/{key}/{verb}", body)


def until(what, holds, within=WITHIN):
    """Waits for a condition, and says which one never came."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        found = holds()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come within {within} s")


def everywhere(name, there):
    """Waits until every node knows whether a feature is there."""
    served = lambda node: name in call(node, "GET", "/api/features/any")["features"]
    until(f"{name} on every node", lambda: all(served(node) == there for node in GATEWAYS))


@pytest.fixture(scope="module")
def gateway():
    return GATEWAYS[0]


@pytest.fixture(scope="module")
def experiment(gateway):
    variations = [{"name": "old"}, {"name": "new"}]
    spec = {"model": "movies", "variations": variations, "weights": [0.3, 0.7], "coverage": 0.8}
    tell(gateway, "experiments", "artwork", "define", {"spec": spec})
    metric = {"name": "hours", "event": "play", "of": "sum"}
    tell(gateway, "experiments", "artwork", "plan", {"plan": {"metrics": [metric], "look_every_ms": 1000}})
    tell(gateway, "experiments", "artwork", "start", {})
    until("the experiment", lambda: "artwork" in call(gateway, "GET", "/api/features/any")["features"])
    return "artwork"


def test_growthbook_allocates_and_its_exposures_are_counted_once(gateway, experiment):
    payload = call(gateway, "GET", "/api/features/any")
    tracked = []
    seen = {"old": 0, "new": 0, None: 0}
    for member in range(200):
        client = growthbook.GrowthBook(
            attributes={"id": f"m{member}"},
            features=payload["features"],
            on_experiment_viewed=lambda experiment, result, **_: tracked.append((result.hashValue, result.key)),
        )
        value = client.get_feature_value(experiment, None)
        seen[value] += 1
        # The server's evaluation equals the client's.
        feature = call(gateway, "POST", "/api/eval/any", {"attributes": {"id": f"m{member}"}})["features"][experiment]
        assert value == (feature["rules"][0]["force"] if feature.get("rules") else feature["defaultValue"])
        client.destroy()
    assert seen["new"] > seen["old"] > 0 and seen[None] > 0
    assert len(tracked) == seen["old"] + seen["new"]
    for member, variation in tracked + tracked:
        tell(gateway, "participants", member, "expose", {"experiment": experiment, "variation": variation})
    members = lambda: dict(tell(gateway, "outcomes", experiment, "get", {})["members"])
    until("every exposure, once", lambda: members() == {"old": seen["old"], "new": seen["new"]})
    look = tell(gateway, "outcomes", experiment, "look", {})
    assert sum(look["members"]) == len(tracked) and look["imbalance_p"] > 0.001


def redefine(gateway, key, weights):
    """Stops an experiment, gives it other weights, and starts it again."""
    tell(gateway, "experiments", key, "stop", {})
    spec = {"model": "movies", "variations": [{"name": "old"}, {"name": "new"}], "weights": weights}
    tell(gateway, "experiments", key, "define", {"spec": spec})
    tell(gateway, "experiments", key, "start", {})
    served = lambda: call(gateway, "GET", "/api/features/any")["features"].get(key, {}).get("rules", [{}])[0]
    until("the weights", lambda: served().get("weights") == weights)


def test_a_sticky_member_keeps_its_variation_while_weights_change(gateway):
    redefine(gateway, "sticky", [0.5, 0.5])
    members = [f"m{member}" for member in range(100)]
    kept = growthbook.growthbook.InMemoryStickyBucketService()

    def seen(member, service=None):
        features = call(gateway, "GET", "/api/features/any")["features"]
        client = growthbook.GrowthBook(attributes={"id": member}, features=features, sticky_bucket_service=service)
        value = client.get_feature_value("sticky", None)
        client.destroy()
        return value

    before = {member: seen(member, kept) for member in members}
    assert set(before.values()) == {"old", "new"}
    redefine(gateway, "sticky", [0.0, 1.0])
    assert {seen(member) for member in members} == {"new"}, "a member without a stored assignment moves"
    assert {member: seen(member, kept) for member in members} == before
    tell(gateway, "experiments", "sticky", "stop", {})
    until("the end", lambda: "sticky" not in call(gateway, "GET", "/api/features/any")["features"])
    assert {seen(member, kept) for member in members} == {None}, "the kill switch is for them too"


def test_members_are_recounted_in_an_experiment_that_was_redefined(gateway):
    redefine(gateway, "again", [0.5, 0.5])
    metric = {"name": "hours", "event": "play", "of": "sum"}
    for revision in range(2):
        tell(gateway, "experiments", "again", "stop", {})
        everywhere("again", False)
        plan = {"metrics": [metric], "look_every_ms": 1000 + revision}
        tell(gateway, "experiments", "again", "plan", {"plan": plan})
        tell(gateway, "experiments", "again", "start", {})
        everywhere("again", True)
        exposed = [
            tell(gateway, "participants", f"again{member}", "expose", {"experiment": "again", "variation": "old"})["first"]
            for member in (1, 2, 1)
        ]
        assert exposed == [True, True, False]
        members = lambda: tell(gateway, "outcomes", "again", "get", {})["members"]
        until("both members, once", lambda: members() == [["old", 2]])
    tell(gateway, "experiments", "again", "stop", {})


def test_a_flag_waits_for_another_and_clients_agree_with_the_cluster(gateway):
    rules = [{"force": True, "condition": {"tier": "gold"}}]
    tell(gateway, "flags", "gold", "define", {"door": "growthbook", "definition": {"defaultValue": False, "rules": rules}})
    rules = [{"force": "lavish", "parentConditions": [{"id": "gold", "condition": {"value": True}}]}]
    tell(gateway, "flags", "table", "define", {"door": "growthbook", "definition": {"defaultValue": "plain", "rules": rules}})
    until("the flag", lambda: "table" in call(gateway, "GET", "/api/features/any")["features"])
    for tier, expected in (("gold", "lavish"), ("tin", "plain")):
        attributes = {"id": "1", "tier": tier}
        features = call(gateway, "GET", "/api/features/any")["features"]
        client = growthbook.GrowthBook(attributes=dict(attributes), features=features)
        assert client.get_feature_value("table", None) == expected
        client.destroy()
        evaluated = call(gateway, "POST", "/api/eval/any", {"attributes": attributes})["features"]
        assert evaluated["table"]["defaultValue"] == expected
    rules = [{"force": True, "parentConditions": [{"id": "table", "condition": {"value": "lavish"}}]}]
    with pytest.raises(urllib.error.HTTPError) as refused:
        tell(gateway, "flags", "gold", "define", {"door": "growthbook", "definition": {"rules": rules}})
    problem = json.load(refused.value)
    assert (problem["code"], problem["field"]) == ("CIRCLE", "definition.rules[0].parentConditions[0].id")


def test_growthbook_has_its_features_evaluated(gateway, experiment):
    payload = call(gateway, "GET", "/api/features/any")
    for member in range(20):
        client = growthbook.GrowthBook(
            api_host=gateway, client_key="sdk-any", attributes={"id": f"m{member}"}, remote_eval=True, cache_ttl=1
        )
        client.load_features()
        own = growthbook.GrowthBook(attributes={"id": f"m{member}"}, features=payload["features"])
        assert client.get_feature_value(experiment, None) == own.get_feature_value(experiment, None)
        client.destroy()
        own.destroy()


def test_growthbook_fetches_by_itself(gateway, experiment):
    client = growthbook.GrowthBook(api_host=gateway, client_key="sdk-any", attributes={"id": "m1"}, cache_ttl=1)
    client.load_features()
    assert experiment in client.get_features()
    client.destroy()


def test_a_subscriber_hears_of_a_flag_that_is_switched_off(gateway):
    tell(gateway, "flags", "banner", "define", {"door": "growthbook", "definition": {"defaultValue": True}})
    until("the flag", lambda: "banner" in call(gateway, "GET", "/api/features/any")["features"])
    with urllib.request.urlopen(f"{gateway}/sub/any", timeout=WITHIN) as stream:
        def event():
            for line in stream:
                if line.startswith(b"data:") and b"features" in line:
                    return json.loads(line[5:])["features"]
        assert event()["banner"]["defaultValue"] is True
        tell(gateway, "flags", "banner", "switch", {"on": False})
        until("the news", lambda: "banner" not in event())


def test_a_flag_that_clients_would_mend_is_refused_with_its_field(gateway):
    rule = {"variations": [0, 1], "weights": [0.9, 0.9]}
    with pytest.raises(urllib.error.HTTPError) as refused:
        tell(gateway, "flags", "bad", "define", {"door": "growthbook", "definition": {"rules": [rule]}})
    assert json.load(refused.value)["field"] == "definition.rules[0].weights"


def test_unleash_evaluates_registers_and_reports(gateway, tmp_path):
    arms = [{"name": name, "share": 0.5, "payload": None, "forced": []} for name in ("blue", "green")]
    described = {"name": "player", "description": "", "enabled": True, "seed": "", "stickiness": "userId", "coverage": 1.0,
                 "arms": arms, "targeting": []}
    tell(gateway, "flags", "player", "define", {"door": "unleash", "definition": {"experiment": described}})
    names = lambda: [feature["name"] for feature in call(gateway, "GET", "/api/client/features")["features"]]
    until("the flag", lambda: "player" in names())
    client = unleash.UnleashClient(
        url=f"{gateway}/api", app_name="tests", custom_headers={"Authorization": "any"}, refresh_interval=1,
        metrics_interval=1, cache_directory=str(tmp_path),
    )
    client.initialize_client()
    try:
        until("the client", lambda: client.is_enabled("player", {"userId": "1"}))
        seen = [client.get_variant("player", {"userId": str(user)})["name"] for user in range(300)]
        # Unleash's rule: of a thousand places, the first five hundred are the first arm's.
        place = lambda user: mmh3.hash(f"player:{user}", VARIANT_SEED, signed=False) % 1000 + 1
        assert seen == ["blue" if place(user) <= 500 else "green" for user in range(300)]
        usage = lambda: tell(gateway, "clients", "unleash", "get", {})
        until("its report", lambda: "player" in json.dumps(usage().get("features", {})))
        assert "tests" in json.dumps(usage())
    finally:
        client.destroy()


def test_kayenta_judges_posted_pairs_and_a_time_of_the_past(gateway):
    metric = {"name": "latency", "groups": ["g"], "query": {"type": "troupe"},
              "analysisConfigurations": {"canary": {"direction": "increase", "critical": True}}}
    config = {"name": "movies", "applications": ["movies"], "metrics": [metric]}
    stored = call(gateway, "POST", "/canaryConfig", config)["canaryConfigId"]
    until("the config", lambda: any(one["id"] == stored for one in call(gateway, "GET", "/canaryConfig")))
    points = [float(x * 7 % 13) for x in range(60)]
    judge = lambda worse: call(gateway, "POST", f"/judges/judge?canaryConfigId={stored}", {"metricSetPairList": [
        {"name": "latency", "values": {"control": points, "experiment": [x + worse for x in points]}}]})
    assert judge(0.0)["score"]["score"] == 100 and judge(20.0)["score"]["score"] == 0
    start = 1_700_000_000_000
    for scope, worse in (("old", 0.0), ("new", 20.0)):
        series = [[start + at * 60_000, x + worse] for at, x in enumerate(points)]
        tell(gateway, "series", f"latency:{scope}", "append", {"points": series})
    iso = lambda ms: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ms / 1000))
    side = lambda scope: {"scope": scope, "start": iso(start), "end": iso(start + 60 * 60_000), "step": 60}
    scopes = {"default": {"controlScope": side("old"), "experimentScope": side("new")}}
    thresholds = {"pass": 90, "marginal": 50}
    id = call(gateway, "POST", f"/canary/{stored}", {"scopes": scopes, "thresholds": thresholds})["canaryExecutionId"]
    done = until("the judgement", lambda: (now := call(gateway, "GET", f"/canary/{id}"))["complete"] and now)
    result = done["result"]["judgeResult"]["results"][0]
    assert (done["status"], result["classification"], result["critical"]) == ("succeeded", "High", True)
    with pytest.raises(urllib.error.HTTPError) as refused:
        call(gateway, "POST", "/canaryConfig", {**config, "classifier": {"groupWeights": {"g": 120}}})
    assert json.load(refused.value)["field"] == "classifier.groupWeights.g"


def test_a_canary_that_could_never_be_judged_is_refused_and_leaves_nothing(gateway):
    metric = {"name": "latency", "groups": ["g"], "query": {"type": "troupe"}}
    side = {"scope": "s", "start": "2024-05-01T12:00:00Z", "end": "2024-05-01T13:00:00Z", "step": 60}
    scopes = {"default": {"controlScope": side, "experimentScope": side}}
    points = {"control": [1.0, 2.0], "experiment": [1.0, 2.0]}

    def posted(pairs, **change):
        return "/judges/judge", {"canaryConfig": {"name": "c", "metrics": [{**metric, **change}]}, "metricSetPairList": pairs}

    def past(scopes=scopes, **change):
        config = {"name": "c", "metrics": [{**metric, **change}]}
        return "/canary", {"canaryConfig": config, "executionRequest": {"scopes": scopes}}

    def analysis(scope, **change):
        config = {"name": "c", "metrics": [{**metric, **change}]}
        scope = {"controlScope": "a", "experimentScope": "b", **scope}
        request = {"scopes": [scope], "lifetimeDurationMins": 10}
        return "/standalone_canary_analysis", {"canaryConfig": config, "executionRequest": request}

    misspelt = {"canary": {"critcal": True}}
    running = lambda: call(gateway, "GET", "/canary/executions?limit=200")
    before = running()
    for (path, body), field in [
        (posted([]), "metricSetPairList"),
        (posted([{"name": "cpu", "values": points}]), "metricSetPairList[0].name"),
        (posted([{"name": "latency", "values": {"control": [1, True], "experiment": []}}]), "metricSetPairList[0].values.control[1]"),
        (posted([{"name": "latency", "values": {"control": ["much"], "experiment": []}}]), "metricSetPairList[0].values.control[0]"),
        (past({"other": scopes["default"]}), "metrics[0].scopeName"),
        (past(query={"type": "atlas"}), "metrics[0].query.type"),
        (past(query={"type": "prometheus"}), "metrics[0].query"),
        (past(query={"type": "prometheus", "customFilterTemplate": "t"}), "metrics[0].query"),
        (past(analysisConfigurations=misspelt), "canaryConfig.metrics[0].analysisConfigurations.canary.critcal"),
        (past({"default": {"controlScope": {**side, "step": 2**63}, "experimentScope": side}}), "scopes.default.controlScope.step"),
        (("/canaryConfig", {"name": "c", "metrics": [metric], "id": "a/b"}), "id"),
        (analysis({"step": 2**63}), "scopes[0].step"),
        (analysis({"scopeName": "other"}), "metrics[0].scopeName"),
        (analysis({"startTimeIso": "2999-01-01T00:00:00Z"}), "scopes[0].startTimeIso"),
    ]:
        with pytest.raises(urllib.error.HTTPError) as refused:
            call(gateway, "POST", path, body)
        assert json.load(refused.value)["field"] == field, (path, body)
    with pytest.raises(urllib.error.HTTPError) as refused:
        call(gateway, "POST", "/judges/judge?passThreshold=much", posted([{"name": "latency", "values": points}])[1])
    assert json.load(refused.value)["field"] == "passThreshold"
    assert running() == before


def test_a_prometheus_that_was_down_is_asked_again(gateway):
    port = os.environ.get("TROUPE_PROMETHEUS_PORT")
    if not port:
        pytest.skip("TROUPE_PROMETHEUS_PORT names no port at which the cluster asks a Prometheus")
    metric = {"name": "latency", "groups": ["g"], "query": {"type": "prometheus", "metricName": "latency"}}
    side = {"scope": "s", "start": "2024-05-01T12:00:00Z", "end": "2024-05-01T13:00:00Z", "step": 60}
    scopes = {"default": {"controlScope": side, "experimentScope": side}}
    body = {"canaryConfig": {"name": "c", "metrics": [metric]}, "executionRequest": {"scopes": scopes}}
    id = call(gateway, "POST", "/canary", body)["canaryExecutionId"]
    state = lambda: call(gateway, "GET", f"/canary/{id}")
    trouble = until("the trouble", lambda: state().get("exception"))
    assert "Prometheus does not answer" in trouble["details"]["errors"][0]

    class Prometheus(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            values = [[1714564800 + 60 * at, str(at % 7)] for at in range(60)]
            said = json.dumps({"status": "success", "data": {"result": [{"metric": {}, "values": values}]}}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Prometheus) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        done = until("the judgement", lambda: (now := state())["complete"] and now, within=60)
        server.shutdown()
    assert done["status"] == "succeeded" and "exception" not in done
    assert done["result"]["judgeResult"]["score"]["score"] == 100
