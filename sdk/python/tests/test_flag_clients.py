"""The real clients of GrowthBook and Unleash against a running cluster: they allocate by themselves, and agree with it."""

import json
import os
import time
import urllib.error
import urllib.request

import pytest

GATEWAYS = [gateway for gateway in os.environ.get("TROUPE_GATEWAY", "").split(",") if gateway]
pytestmark = pytest.mark.skipif(not GATEWAYS, reason="TROUPE_GATEWAY names no running cluster")

growthbook = pytest.importorskip("growthbook")
unleash = pytest.importorskip("UnleashClient")

WITHIN = 20


def call(gateway, method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{gateway}{path}", data=data, method=method, headers={"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        text = answer.read()
        return json.loads(text) if text else None


def tell(gateway, kind, key, verb, body):
    return call(gateway, "POST", f"/v1/actors/{kind}/{key}/{verb}", body)


def until(what, holds):
    """Waits for a condition, and says which one never came."""
    end = time.monotonic() + WITHIN
    while time.monotonic() < end:
        found = holds()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come within {WITHIN} s")


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
        # What the server evaluates is what the client does.
        evaluated = call(gateway, "POST", "/api/eval/any", {"attributes": {"id": f"m{member}"}}) if member < 20 else None
        if evaluated:
            feature = evaluated["features"][experiment]
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
        seen = {client.get_variant("player", {"userId": str(user)})["name"] for user in range(100)}
        assert seen == {"blue", "green"}
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
