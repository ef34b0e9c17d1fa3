//! Models compared with published figures, and exports compared with the models.

use std::collections::HashMap;
use std::path::PathBuf;

use prost::Message as _;

use crate::data::{Dataset, Interaction, read_interactions, read_items, read_users};
use crate::onnx::{Export, ModelProto, TensorProto};
use crate::*;

/// The real data, where set-up has fetched it.
fn movielens() -> Option<PathBuf> {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../.deps/ml-100k");
    if dir.join("ml-100k.inter").exists() {
        return Some(dir);
    }
    assert!(std::env::var_os("CI").is_none(), "CI must have the data set: run `make setup`");
    println!("skipped: no .deps/ml-100k, run `make setup`");
    None
}

fn small() -> Vec<Interaction> {
    synthetic(7, SyntheticSpec { members: 200, contents: 120, genres: 6, events: 6_000 })
}

#[test]
fn figures_of_the_reference_implementation_are_reproduced() {
    let Some(dir) = movielens() else { return };
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../../../tests/vectors/recsys_ml100k_baselines.json")).unwrap();
    let data = Dataset::new(&read_interactions(&dir).unwrap());
    assert_eq!((data.members.len(), data.contents.len(), data.len()), (943, 1_682, 100_000));
    let split = leave_one_out(&data);
    let seen = split.train.histories();
    let ease = Ease::train(&split.train, 250.0).unwrap();
    for (name, model) in [("pop", &Popularity::train(&split.train) as &dyn Recommender), ("ease_250", &ease)]
    {
        let metrics = evaluate(model, &seen, &split.test);
        for (metric, value) in
            [("hr@10", metrics.hit_rate), ("ndcg@10", metrics.ndcg), ("mrr@10", metrics.mrr)]
        {
            let expected = vectors["metrics"][name][metric].as_f64().unwrap();
            assert!((value - expected).abs() < 1e-3, "{name} {metric}: {value}, expected {expected}");
        }
    }
}

#[test]
fn ease_and_ials_reach_their_figures_on_movielens() {
    let Some(dir) = movielens() else { return };
    let reached = quality(&read_interactions(&dir).unwrap(), 1).unwrap();
    println!("{reached:?}");
    assert!(reached.ease >= 0.31 && reached.ease >= 1.8 * reached.popularity, "{reached:?}");
    assert!(reached.ials >= 0.29, "{reached:?}");
}

#[test]
fn titles_and_people_are_read_with_their_fields() {
    let Some(dir) = movielens() else { return };
    let items = read_items(&dir).unwrap();
    assert_eq!(items.len(), 1_682);
    assert!(items[0].title.contains("Toy Story") && items[0].year == Some(1995), "{:?}", items[0]);
    let users = read_users(&dir).unwrap();
    assert_eq!((users.len(), users[0].age), (943, Some(24)));
}

#[test]
fn a_malformed_file_is_refused_with_line_and_field() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("ml-100k.inter"), "user_id:token\n1\t2\t3.0\t5\n1\t2\tx\t5\n").unwrap();
    let error = read_interactions(dir.path()).unwrap_err().to_string();
    assert!(error.contains("line 3") && error.contains("rating"), "{error}");
}

#[test]
fn ease_beats_popularity_on_made_up_tastes_and_the_same_seed_gives_the_same_data() {
    assert_eq!(small(), small());
    let data = Dataset::new(&small());
    let split = random_split(&data, 3);
    let seen = split.train.histories();
    let popularity = evaluate(&Popularity::train(&split.train), &seen, &split.test);
    let ease = evaluate(&Ease::train(&split.train, 50.0).unwrap(), &seen, &split.test);
    assert!(ease.ndcg > 1.3 * popularity.ndcg, "{ease:?} {popularity:?}");
}

#[test]
fn exports_score_as_the_models_do() {
    let data = Dataset::new(&small());
    let parameters = IalsParameters { dimensions: 16, iterations: 4, ..IalsParameters::default() };
    let ials = Ials::train(&data, parameters, 5).unwrap();
    let ease = Ease::train(&data, 50.0).unwrap();
    let popularity = Popularity::train(&data);
    let histories = [vec![], vec![3], data.histories()[0].clone()];
    for (name, model, onnx) in [
        ("ials", &ials as &dyn Recommender, ials.to_onnx()),
        ("ease", &ease, ease.to_onnx()),
        ("ease that was weighed down", &ease, crate::weigh_down(&ease.to_onnx(), 3).unwrap()),
        ("popularity", &popularity, popularity.to_onnx()),
    ] {
        for history in &histories {
            let expected = model.scores(history);
            let mut dense = vec![0.0; model.items()];
            history.iter().for_each(|content| dense[*content as usize] = 1.0);
            let found = run(&onnx, dense);
            for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
                let close = (found - expected).abs() <= 2e-3 * expected.abs().max(0.1);
                assert!(
                    close,
                    "{name}, history of {}, content {at}: {found}, expected {expected}",
                    history.len()
                );
            }
        }
    }
}

#[test]
fn training_says_what_it_was_trained_on_and_refuses_nonsense() {
    let mut lines = Vec::new();
    let trained =
        train(Algorithm::Ease { lambda: 50.0 }, &small(), 1, &mut |what| lines.push(what.to_owned()))
            .unwrap();
    assert_eq!((trained.events, trained.vocabulary.len()), (6_000, 120));
    assert!(trained.from_ms < trained.to_ms && trained.metrics["ndcg@10"] > 0.0 && lines.len() == 3);
    assert_eq!(train(Algorithm::Popularity, &[], 1, &mut |_| {}), Err(TrainError::Empty));
    let bad = train(Algorithm::Ease { lambda: -1.0 }, &small(), 1, &mut |_| {});
    assert_eq!(bad, Err(TrainError::Parameter("lambda", "must be positive")));
}

/// Runs a file for a batch of one: just the operators that the exports use.
fn run(onnx: &[u8], history: Vec<f32>) -> Vec<f32> {
    type Matrix = (usize, usize, Vec<f32>);
    let graph = ModelProto::decode(onnx).unwrap().graph.unwrap();
    let mut values: HashMap<String, Matrix> = HashMap::new();
    values.insert("history".into(), (1, history.len(), history));
    for TensorProto { dims, data_type, name, raw_data } in &graph.initializer {
        if *data_type == 1 {
            let floats =
                raw_data.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect();
            let dims: Vec<usize> = dims.iter().map(|dim| usize::try_from(*dim).unwrap()).collect();
            let shape = if dims.len() == 2 { (dims[0], dims[1]) } else { (1, dims[0]) };
            values.insert(name.clone(), (shape.0, shape.1, floats));
        }
    }
    for node in &graph.node {
        let a = values[&node.input[0]].clone();
        let out = match node.op_type.as_str() {
            "ReduceSum" => (1, 1, vec![a.2.iter().sum()]),
            "MatMul" => {
                let b = &values[&node.input[1]];
                assert_eq!(a.1, b.0, "{}", node.name);
                let cell = |column: usize| (0..a.1).map(|at| a.2[at] * b.2[at * b.1 + column]).sum();
                (1, b.1, (0..b.1).map(cell).collect())
            }
            op => {
                let b = &values[&node.input[1]];
                let width = a.1.max(b.1);
                let at = |matrix: &Matrix, place: usize| matrix.2[if matrix.1 == 1 { 0 } else { place }];
                let apply = |x: f32, y: f32| match op {
                    "Add" => x + y,
                    "Sub" => x - y,
                    "Mul" => x * y,
                    "Div" => x / y,
                    other => panic!("operator {other}"),
                };
                (1, width, (0..width).map(|place| apply(at(&a, place), at(b, place))).collect())
            }
        };
        values.insert(node.output[0].clone(), out);
    }
    values.remove("scores").unwrap().2
}
