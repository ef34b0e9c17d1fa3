//! Refusals of definitions.

use super::fixtures::*;

#[test]
fn every_problem_of_a_definition_is_named_with_its_path() {
    let paths = |definition: Value| -> Vec<String> {
        read(&definition).unwrap_err().into_iter().map(|problem| problem.path).collect()
    };
    let stages = |stages: Value| paths(staged(stages));
    assert_eq!(paths(json!({})), ["name", "application", "stages"]);
    assert_eq!(paths(json!([])), [""]);
    assert_eq!(
        paths(json!({ "name": "a:b", "application": "a", "stages": 3 })),
        ["name", "stages", "stages"]
    );
    assert_eq!(
        stages(json!([{ "type": "fly" }, 7, { "refId": "b", "type": "wait" }])),
        ["stages[0].refId", "stages[0].type", "stages[1]", "stages[2].waitTime"]
    );
    assert_eq!(
        stages(json!([
            { "refId": "a", "type": "bake", "requisiteStageRefIds": ["b", "missing"] },
            { "refId": "b", "type": "bake", "requisiteStageRefIds": ["a"] },
            { "refId": "b", "type": "bake", "requisiteStageRefIds": ["b"] },
        ])),
        [
            "stages[0].requisiteStageRefIds[1]",
            "stages[2].refId",
            "stages[2].requisiteStageRefIds[0]",
            "stages"
        ]
    );
    assert_eq!(
        stages(json!([
            { "refId": "a", "type": "deploy", "weight": 101, "version": "x" },
            { "refId": "b", "type": "deploy", "model": "m", "weight": 51, "version": 0 },
            { "refId": "c", "type": "setWeight", "weight": 0.001 },
            { "refId": "d", "type": "promote", "model": "m" },
            { "refId": "e", "type": "webhook", "url": "ftp://x", "method": "FLY" },
            { "refId": "f", "type": "kayentaCanary" },
            { "refId": "g", "type": "kayentaCanary", "canaryConfig": { "lifetimeDuration": "soon", "scoreThresholds": { "pass": 1, "marginal": "2" } } },
            { "refId": "h", "type": "checkPreconditions", "preconditions": [{ "expression": "a ==" }] },
            { "refId": "i", "type": "wait", "waitTime": -1, "stageEnabled": { "expression": "(" } },
        ])),
        [
            "stages[0].model",
            "stages[0].version",
            "stages[0].weight",
            "stages[1].version",
            "stages[1].weight",
            "stages[2].weight",
            "stages[3].version",
            "stages[4].url",
            "stages[4].method",
            "stages[5].canaryConfig",
            "stages[6].canaryConfig.canaryConfigId",
            "stages[6].canaryConfig.lifetimeDuration",
            "stages[6].canaryConfig.scoreThresholds.marginal",
            "stages[7].preconditions[0].expression",
            "stages[8].stageEnabled.expression",
            "stages[8].waitTime",
        ]
    );
    assert_eq!(read(&short()).map(|definition| definition.stages.len()), Ok(9));
}

#[test]
fn an_unknown_field_is_named_when_a_pipeline_is_written_and_not_when_a_stored_one_is_read() {
    let definition = json!({
        "name": "p", "application": "a", "description": "words", "id": "p", "limitConcurent": true, "disabled": false,
        "notifications": [], "triggers": [{ "type": "signal", "signal": "s", "when": "x" }],
        "parameterConfig": [{ "name": "v", "label": "V" }, { "name": "v" }],
        "stages": [
            { "refId": "a", "type": "wait", "waitTime": 1, "failPipline": false, "comments": "words" },
            { "refId": "b", "type": "kayentaCanary", "sendNotifications": false, "canaryConfig": {
                "canaryConfigId": "c", "lifetimeDuration": "PT1M", "lookbackMin": 5 } },
            { "refId": "c", "type": "bake", "package": "mine" },
        ],
    });
    let paths: Vec<String> =
        checked(&definition).unwrap_err().into_iter().map(|problem| problem.path).collect();
    assert_eq!(
        paths,
        [
            "limitConcurent",
            "triggers[0].when",
            "parameterConfig[1].name",
            "stages[0].failPipline",
            "stages[1].canaryConfig.lookbackMin",
        ]
    );
    assert!(read(&definition).is_ok(), "a stored definition still runs");
    assert!(checked(&short()).is_ok() && checked(&pipeline(&Delivery::default())).is_ok());
}
