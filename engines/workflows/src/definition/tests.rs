use super::{
    BackoffKind, FailureMode, Literal, ParamBody, ParamMode, ParamType, Quantity, Rule, StepKind, StepType,
    Submission,
};
use crate::tree::Tree;

/// The sample workflows of Maestro, each as its JSON.
fn samples() -> Vec<(String, Vec<u8>)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/maestro_samples.json");
    let tree = Tree::json(&std::fs::read(path).unwrap()).unwrap();
    let Some(Tree::Map(samples)) = tree.get("samples") else { panic!("no samples") };
    samples.iter().map(|(name, tree)| (name.clone(), serde_json::to_vec(tree).unwrap())).collect()
}

#[test]
fn every_sample_of_maestro_loads_and_survives_storage() {
    let samples = samples();
    assert_eq!(samples.len(), 19);
    for (name, bytes) in samples {
        let read = Submission::from_json(&bytes).unwrap_or_else(|problems| panic!("{name}: {problems}"));
        crate::validation::validate(&read).unwrap_or_else(|problems| panic!("{name}: {problems}"));
        let json = serde_json::to_vec(&read).unwrap();
        assert_eq!(Submission::from_json(&json).unwrap(), read, "{name}");
        let packed = rmp_serde::to_vec_named(&read).unwrap();
        assert_eq!(rmp_serde::from_slice::<Submission>(&packed).unwrap(), read, "{name}");
    }
}

#[test]
fn words_are_read_in_any_case_and_defaults_are_maestros() {
    let samples = samples();
    let read = |name: &str| {
        let (_, bytes) = samples.iter().find(|(known, _)| known == name).unwrap();
        Submission::from_json(bytes).unwrap()
    };
    let parallel = read("sample-conditional-wf.json").properties.unwrap();
    assert_eq!(parallel.run_strategy.unwrap().rule, Rule::Parallel);
    assert_eq!(parallel.run_strategy.unwrap().workflow_concurrency, 20);
    let third = read("sample-dag-test-3.json").workflow;
    let job1 = third.step("job1").unwrap();
    assert_eq!(job1.failure_mode, Some(FailureMode::IgnoreFailure));
    assert_eq!(job1.tags.len(), 2);
    assert_eq!(job1.retry_policy.as_ref().unwrap().backoff.as_ref().unwrap().kind, BackoffKind::Fixed);
    let large = read("sample-large-foreach-wf.json").workflow;
    let StepKind::Foreach { concurrency, steps, .. } = &large.steps[0].kind else { panic!("no foreach") };
    assert_eq!((*concurrency, steps.len()), (Some(100), 2));
    let loops = large.steps[0].params["loop_params"].value().unwrap();
    let Literal::Map(loops) = loops else { panic!("no map") };
    assert_eq!(loops.keys().collect::<Vec<_>>(), ["i", "j"]);
    assert_eq!(loops["i"].mode, Some(ParamMode::Mutable));
    assert_eq!(large.steps[0].failure_mode_or_default(), FailureMode::FailAfterRunning);
    let ninth = read("sample-dag-test-9.json");
    assert_eq!(ninth.git_info.unwrap()["branch"], "foo");
}

#[test]
fn everything_that_cannot_be_read_is_listed_with_its_path_and_fix() {
    let bad =
        br#"{"properties":{"ownr":"x","run_strategy":"sometimes"},"workflow":{"id":"w","stps":[],"steps":[
        {"step":{"id":"a","type":"NoOpp","transition":{"successors":{"b":1}}}},
        {"step":{"type":"Sleep","params":{"p":{"value":"x","type":"LONG"},"q":{"type":"LONG"},
            "r":{"value":1,"expression":"1","type":"LONG"}}}},
        {"stepp":{}}, 7]}}"#;
    let problems = Submission::from_json(bad).unwrap_err();
    let paths: Vec<&str> = problems.0.iter().map(|problem| problem.path.as_str()).collect();
    for path in [
        "properties.ownr",
        "properties.run_strategy",
        "workflow.stps",
        "workflow.steps[0].step.type",
        "workflow.steps[0].step.transition.successors.b",
        "workflow.steps[1].step.id",
        "workflow.steps[1].step.params.p.value",
        "workflow.steps[1].step.params.q",
        "workflow.steps[1].step.params.r",
        "workflow.steps[2].stepp",
        "workflow.steps[3]",
    ] {
        assert!(paths.contains(&path), "{path} is not among {paths:#?}");
    }
    let unknown = problems.0.iter().find(|problem| problem.path == "properties.ownr").unwrap();
    assert!(unknown.fix.contains("owner"), "{unknown}");
    assert!(Submission::from_json(b"{").unwrap_err().0[0].what.contains("JSON"));
    assert!(Submission::from_json(&vec![b' '; 300_000]).unwrap_err().0[0].what.contains("more than"));
}

#[test]
fn times_are_read_with_their_units() {
    for (text, expected) in [
        ("20 minutes", Some(1_200_000)),
        ("100s", Some(100_000)),
        ("1 day", Some(86_400_000)),
        ("2h 30min", Some(9_000_000)),
        ("1500ms", Some(1500)),
        ("90", Some(90_000)),
        ("3600000 milliseconds", Some(3_600_000)),
        ("soon", None),
        ("", None),
        ("5 parsecs", None),
        ("99999999999999999999 days", None),
    ] {
        assert_eq!(Quantity::Text(text.into()).millis(), expected, "{text}");
    }
    assert_eq!(Quantity::Number(5).millis(), Some(5000));
}

/// As the Python package writes it.
const SHORT: &str = r#"
Workflow:
  id: short-wf
  owner: tester
  run_strategy: parallel
  workflow_concurrency: 5
  tags: []
  timeout: 2h
  data: s3://bucket/raw
  '!count<long>(constant)': "1 + 9"
  dag:
    extract: [IF count > 0 THEN loop, OTHERWISE last]
  jobs:
  - job:
      id: extract
      tags: []
      transition: []
      type: NoOp
  - foreach:
      id: loop
      params:
        date: [20200101, 20200102]
      ranges:
        hour: {from: 0, to: 24}
      foo: bar
      dag: sequential
      jobs:
      - while:
          id: retry
          condition: "attempt < 3"
          loop_params: {attempt: 1}
          jobs:
          - job: {id: try, type: shell, script: echo hi, '!attempt<long>': attempt + 1}
      - subworkflow: {id: check, version: default, explicit_params: true, 'http<pmap>': {url: x, headers: {a: b}}}
  - job: {id: last, type: http, url: x, 'list<array<long>>': [], flags: [true], ratio: 0.5}
"#;

#[test]
fn the_short_notation_of_the_python_package_is_read() {
    let read = Submission::from_yaml(SHORT).unwrap_or_else(|problems| panic!("{problems}"));
    crate::validation::validate(&read).unwrap_or_else(|problems| panic!("{problems}"));
    let properties = read.properties.unwrap();
    assert_eq!(properties.owner.as_deref(), Some("tester"));
    assert_eq!(properties.run_strategy.unwrap().workflow_concurrency, 5);
    let workflow = read.workflow;
    let count = &workflow.params["count"];
    assert_eq!(count.body, ParamBody::Expression("1 + 9".into()));
    assert_eq!((count.param_type, count.mode), (ParamType::Long, Some(ParamMode::Constant)));
    let edges = &workflow.steps[0].transition.successors;
    assert_eq!(edges["loop"], "count > 0");
    assert_eq!(edges["last"], "!((count > 0))");
    let each = &workflow.steps[1];
    let Some(Literal::Map(loops)) = each.params["loop_params"].value() else { panic!("no loop_params") };
    assert_eq!(loops["date"].value(), Some(&Literal::LongArray(vec![20_200_101, 20_200_102])));
    assert_eq!(loops["hour"].body, ParamBody::Expression("Util.intsBetween(0, 24, 1)".into()));
    assert_eq!(each.inner()[0].transition.successors["check"], "true");
    assert_eq!(each.inner()[0].inner()[0].step_type(), StepType::Command);
    let check = &each.inner()[1];
    assert_eq!(check.params["subworkflow_id"].value(), Some(&Literal::String("check".into())));
    assert_eq!(check.params["http"].param_type, ParamType::Map);
    assert_eq!(workflow.steps[2].params["list"].value(), Some(&Literal::LongArray(vec![])));
    assert_eq!(workflow.steps[2].params["ratio"].value(), Some(&Literal::Double(0.5)));
}

#[test]
fn problems_of_the_short_notation_have_its_own_paths() {
    let bad = "Workflow:\n  id: w\n  dag: {x: y}\n  'p<foo>': 1\n  jobs:\n  - job: {id: a, type: NoOp, transition: [MAYBE b]}\n  - jobb: {id: c}\n";
    let problems = Submission::from_yaml(bad).unwrap_err();
    let paths: Vec<&str> = problems.0.iter().map(|problem| problem.path.as_str()).collect();
    for path in
        ["Workflow.dag.x", "Workflow.p<foo>", "Workflow.jobs[0].job.transition", "Workflow.jobs[1].jobb"]
    {
        assert!(paths.contains(&path), "{path} is not among {paths:#?}");
    }
    let bad = "Workflow: {id: w, jobs: [{job: {id: a, type: Nothing}}]}";
    let problems = Submission::from_yaml(bad).unwrap_err();
    assert_eq!(problems.0[0].path, "workflow.jobs[0].job.type");
}

#[test]
fn no_text_makes_reading_panic() {
    use rand::{Rng, SeedableRng};
    let sources: Vec<Vec<u8>> =
        samples().into_iter().map(|(_, bytes)| bytes).chain([SHORT.as_bytes().to_vec()]).collect();
    for seed in 0..600 {
        let mut rng = rand::rngs::SmallRng::seed_from_u64(seed);
        let mut bytes = sources[rng.random_range(0..sources.len())].clone();
        for _ in 0..rng.random_range(1..8) {
            let at = rng.random_range(0..bytes.len());
            bytes[at] = b"{}[]\",:0aN&*!-\n "[rng.random_range(0..16)];
        }
        let text = String::from_utf8_lossy(&bytes);
        for read in [Submission::from_json(&bytes), Submission::from_yaml(&text)].into_iter().flatten() {
            let _ = crate::validation::validate(&read);
        }
    }
}

/// `tests/vectors/maestro_sdk_workflow.yaml` is what `maestro-sdk` 0.1.4 wrote of a workflow with each kind of job.
#[test]
fn definitions_of_the_python_package_load_and_are_valid() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/maestro_sdk_workflow.yaml");
    let read = Submission::from_yaml(&std::fs::read_to_string(path).unwrap()).unwrap();
    crate::validation::validate(&read).unwrap_or_else(|problems| panic!("{problems}"));
    let workflow = read.workflow;
    let kinds: Vec<&str> = workflow.steps.iter().map(|step| step.step_type().word()).collect();
    assert_eq!(kinds, ["NoOp", "foreach", "subworkflow", "while", "Command"]);
    assert_eq!(workflow.steps[2].params["subworkflow_id"].value(), Some(&Literal::String("child".into())));
    assert_eq!(
        workflow.steps[2].params["subworkflow_version"].value(),
        Some(&Literal::String("latest".into()))
    );
    assert_eq!(workflow.params.keys().collect::<Vec<_>>(), ["x", "y", "m", "l"]);
}
