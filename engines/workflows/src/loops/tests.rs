use super::{Combinations, LoopError, carry, first};
use crate::Ordered;
use crate::definition::ParamSource;
use crate::params::{Parameter, Parameters, Value};

fn map(entries: &[(&str, Value)]) -> Value {
    Value::Map(entries.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
}

fn strings(all: &[&str]) -> Value {
    Value::StringArray(all.iter().map(|&one| one.to_owned()).collect())
}

#[test]
fn combinations_go_through_the_first_array_fastest() {
    let all = map(&[("i", Value::LongArray(vec![1, 2, 3])), ("j", strings(&["a", "b"]))]);
    let all = Combinations::of(&all).unwrap();
    assert_eq!(all.count(), 6);
    let found: Vec<String> =
        (0..6).map(|at| all.get(at).unwrap().values().map(Value::to_text).collect::<String>()).collect();
    assert_eq!(found, ["1a", "2a", "3a", "1b", "2b", "3b"]);
    assert_eq!(all.get(6), None);
    assert_eq!(rmp_serde::from_slice::<Combinations>(&rmp_serde::to_vec_named(&all).unwrap()).unwrap(), all);
}

#[test]
fn a_foreach_of_hundred_thousand_is_a_number_until_it_runs() {
    let many = map(&[("i", Value::LongArray((0..100_000).collect()))]);
    let many = Combinations::of(&many).unwrap();
    assert_eq!((many.count(), many.get(99_999).unwrap()["i"].clone()), (100_000, Value::Long(99_999)));
}

#[test]
fn no_iteration_is_larger_than_the_loop_says() {
    let all =
        map(&[("i", strings(&["", "a longer one", "\n\n"])), ("j", Value::LongArray(vec![1, -20_000]))]);
    let all = Combinations::of(&all).unwrap();
    let sizes: Vec<usize> =
        (0..all.count()).map(|at| serde_json::to_vec(&all.get(at).unwrap()).unwrap().len()).collect();
    let largest = *sizes.iter().max().unwrap();
    assert!((largest..largest + 16).contains(&all.bytes_max()), "{sizes:?} {}", all.bytes_max());
}

#[test]
fn a_foreach_over_nothing_or_billions_is_refused() {
    let thousand = || Value::LongArray((0..2000).collect());
    let billions = map(&[("i", thousand()), ("j", thousand()), ("k", thousand())]);
    assert_eq!(Combinations::of(&billions), Err(LoopError::TooMany { found: 8_000_000_000 }));
    assert_eq!(Combinations::of(&map(&[])), Err(LoopError::Nothing));
    let scalar = Combinations::of(&map(&[("i", Value::Long(1))])).unwrap_err();
    assert!(scalar.to_string().contains("loop_params.i is a long; make it an array"), "{scalar}");
    // A loop over empty arrays has succeeded.
    let empty = Combinations::of(&map(&[("i", strings(&[])), ("j", thousand())])).unwrap();
    assert_eq!((empty.count(), empty.get(0)), (0, None));
}

#[test]
fn a_while_carries_on_what_its_steps_made() {
    let start = first(&map(&[("i", Value::Long(1)), ("s", "x".into())])).unwrap();
    let made = |name: &str, value: Value| -> Parameters {
        Ordered::from([(name.to_owned(), Parameter::of(value, ParamSource::Definition, 0).unwrap())])
    };
    let steps = [made("i", Value::Long(2)), made("other", Value::Long(9)), made("i", Value::Long(3))];
    let next = carry(&start, &steps);
    assert_eq!((next["i"].clone(), next["s"].clone(), next.len()), (Value::Long(3), "x".into(), 2));
    assert_eq!(first(&map(&[])), Err(LoopError::Nothing));
}
