use std::cmp::Ordering;

use serde_json::{Value, json};

use super::filter::like;
use super::order::compare;
use super::{IdentifierType, Subject, orders, read, sort};

use Subject::{Experiments, Models, Runs, Versions};

fn why(trouble: &super::super::Trouble) -> (Option<&str>, &str) {
    (trouble.0.0.field.as_deref(), &trouble.0.0.detail)
}

#[test]
fn conditions_are_read_and_hold_as_sql_says() {
    for (subject, filter, of, key, held, holds) in [
        (Runs, "metrics.loss < 0.5", IdentifierType::Metric, "loss", json!(0.4), true),
        (Runs, "metric.loss >= 0.5", IdentifierType::Metric, "loss", json!(0.4), false),
        (Runs, "`metrics`.loss >= -.5e-1", IdentifierType::Metric, "loss", json!(-0.05), true),
        (Runs, "params.`lr rate` = '0.1'", IdentifierType::Param, "lr rate", json!("0.1"), true),
        (Runs, "parameter.lr ILIKE 'A%'", IdentifierType::Param, "lr", json!("abc"), true),
        (Runs, "params.'cat-dog' = '1'", IdentifierType::Param, "cat-dog", json!("1"), true),
        (Runs, "params.a.2b.order = '1'", IdentifierType::Param, "a.2b.order", json!("1"), true),
        (Runs, "tags.\"a b\" != 'x'", IdentifierType::Tag, "a b", json!("y"), true),
        (Runs, "tags.läuft = \"it's\"", IdentifierType::Tag, "läuft", json!("it's"), true),
        (Runs, "tags.a = 'it''s'", IdentifierType::Tag, "a", json!("it''s"), true),
        (Runs, "tags.a = 'C:\\'", IdentifierType::Tag, "a", json!("C:\\"), true),
        (
            Runs,
            "attributes.status = 'FINISHED'",
            IdentifierType::Attribute,
            "status",
            json!("FINISHED"),
            true,
        ),
        (Runs, "run.status LIKE 'F%D'", IdentifierType::Attribute, "status", json!("FINISHED"), true),
        (Runs, "run_id IN ('a', 'b')", IdentifierType::Attribute, "run_id", json!("b"), true),
        (Runs, "run_id not in ('a', \"b\",)", IdentifierType::Attribute, "run_id", json!("b"), false),
        (Runs, "start_time > 5", IdentifierType::Attribute, "start_time", json!(10), true),
        (Runs, "Created<=9.5", IdentifierType::Attribute, "start_time", json!(10), false),
        (Runs, "params.a IS NOT NULL", IdentifierType::Param, "a", json!(""), true),
        (Runs, "tags.a is null", IdentifierType::Tag, "a", json!("x"), false),
        (Models, "name LIKE 'mo%s'", IdentifierType::Attribute, "name", json!("movies"), true),
        (Models, "attribute.name ILIKE '%VIE%'", IdentifierType::Attribute, "name", json!("movies"), true),
        (Experiments, "name LIKE '_ovie'", IdentifierType::Attribute, "name", json!("movies"), false),
        (Experiments, "creation_time != 5", IdentifierType::Attribute, "creation_time", json!(6), true),
        (Experiments, "experiment_id IN ('1')", IdentifierType::Attribute, "experiment_id", json!("1"), true),
        (Versions, "version_number > 9", IdentifierType::Attribute, "version", json!("10"), true),
        (Versions, "version_number = '10'", IdentifierType::Attribute, "version", json!("10"), true),
        (Versions, "source_path = 's3://x/3'", IdentifierType::Attribute, "source", json!("s3://x/3"), true),
        (Versions, "run_id IN ('x')", IdentifierType::Attribute, "run_id", json!("x"), true),
    ] {
        let read = read(filter, subject).unwrap_or_else(|trouble| panic!("{filter}: {:?}", why(&trouble)));
        assert_eq!((read.len(), read[0].name.of, read[0].name.key.as_str()), (1, of, key), "{filter}");
        assert_eq!(read[0].holds(Some(&held)), holds, "{filter}");
        assert_eq!(read[0].holds(None), filter.ends_with("is null"), "{filter}");
        assert_eq!(read[0].holds(Some(&Value::Null)), filter.ends_with("is null"), "{filter}");
    }
    let three = "metrics.a = 1 and params.b = 'x and y' AND start_time > 2";
    assert_eq!(read(three, Runs).unwrap().len(), 3);
    assert_eq!(read("AND tags.a = 'x'params.b = 'y'\n\tAND AND metrics.c>1 AND", Runs).unwrap().len(), 3);
    assert_eq!(read("params.a IS NULL tags.b IS NULL metrics.c > 1", Runs).unwrap().len(), 3);
    assert!(read("", Runs).unwrap().is_empty());
}

#[test]
fn the_three_old_spellings_of_a_runs_name_are_its_name() {
    for said in ["run_name", "`run name`", "attribute.`Run name`", "attributes.\"Run Name\"", "run.run_name"]
    {
        let read = read(&format!("{said} = 'a'"), Runs).unwrap();
        assert_eq!(
            (read[0].name.of, read[0].name.key.as_str()),
            (IdentifierType::Attribute, "run_name"),
            "{said}"
        );
    }
    assert!(read("attribute.`RUN NAME` = 'a'", Runs).is_err());
}

#[test]
fn no_comparison_with_nan_holds_but_inequality_and_infinities_are_numbers() {
    for (operator, nan, infinity, minus) in [
        (">=", false, true, false),
        (">", false, true, false),
        ("<", false, false, true),
        ("<=", false, false, true),
        ("=", false, false, false),
        ("!=", true, true, true),
    ] {
        let read = read(&format!("metrics.loss {operator} 0.5"), Runs).unwrap();
        for (held, holds) in [("NaN", nan), ("Infinity", infinity), ("-Infinity", minus)] {
            assert_eq!(read[0].holds(Some(&json!(held))), holds, "{held} {operator}");
        }
    }
}

const NAMES_REFUSED: &[&str] = &[
    "m.x > 1",
    "Metrics.x > 1",
    "\"metrics\".x > 1",
    "bogus = 'x'",
    "attribute.bogus = 'x'",
    "run_uuid = 'x'",
    "params.cat-dog = '1'",
    "params.cat dog = '1'",
    "params.a/b = '1'",
    "metrics.a:b > 1",
    "metrics.hr@10 > 1",
    "metrics.5 > 1",
    "metrics.a.5 > 1",
    "metrics.1e5 > 1",
    "metrics.0x1 > 1",
    "metrics.in > 1",
    "metrics.a.FROM > 1",
    "metrics.`a`b > 1",
    "metrics.`a > 1",
    "metrics. > 1",
    "'a' = status",
    "1 < metrics.a",
    "dataset.bogus = 'x'",
    "= 1",
];

const OPERATORS_REFUSED: &[&str] = &[
    "params.n > '9'",
    "tags.n <= '9'",
    "status > 'A'",
    "metrics.a LIKE '1'",
    "metrics.a == 1",
    "metrics.a <> 1",
    "metrics.a = > 1",
    "metrics.a =! 1",
    "metrics.a ! = 1",
    "params.n NOT LIKE 'a'",
    "params.n RLIKE 'a'",
    "params.n IN ('a')",
    "status IN ('a')",
    "metrics.a IS NULL",
    "run_id IS NULL",
    "start_time LIKE 5",
    "params.n IS 'a'",
    "metrics.a BETWEEN 1 AND 2",
    "metrics.a ~ 1",
    "metrics.a",
];

const VALUES_REFUSED: &[&str] = &[
    "metrics.a = '1'",
    "metrics.a > NaN",
    "metrics.a > Infinity",
    "metrics.a > - 1",
    "metrics.a > +1",
    "metrics.a =",
    "metrics.a = 1_000",
    "metrics.a = 0x10",
    "metrics.a = 1.5.2",
    "metrics.a > 1AND metrics.b > 1",
    "metrics.a > metrics.b",
    "params.n = 9",
    "params.n = x",
    "params.n = `x`",
    "params.n = 'x",
    "start_time > '5'",
    "run_id IN ()",
    "run_id IN (1)",
    "run_id IN 'a'",
    "run_id = ('a')",
    "run_id IN (,'a')",
    "run_id IN ('a',,)",
    "run_id IN ('a'",
];

const CLAUSES_REFUSED: &[&str] = &[
    " ",
    "a",
    "a =",
    "a = 'x",
    "a ~ 1",
    "a = 1 or b = 2",
    "a IN (1",
    "metrics.a > 1 OR metrics.b > 1",
    "(metrics.a > 1)",
    "NOT metrics.a > 1",
    "metrics.a > 1;",
    "metrics.a > 1 -- c",
    "metrics.a > 1, metrics.b > 1",
    "metrics.a > 1 run_id IN ('a')",
    "params.a = 'x' tags.b IS NULL",
];

const OTHERS_REFUSED: &[(Subject, &[&str])] = &[
    (
        Experiments,
        &[
            "attributes.name = 'x'",
            "metrics.a > 1",
            "name IN ('x')",
            "name > 'x'",
            "experiment_id > '1'",
            "experiment_id LIKE '1'",
            "creation_time > 5.5",
            "creation_time > '5'",
            "name IS NULL",
        ],
    ),
    (
        Models,
        &[
            "version_number > 9",
            "creation_timestamp > 5",
            "tags.a IS NULL",
            "tags.a IN ('x')",
            "params.a = 'x'",
            "name = 5",
            "alias = 'x'",
        ],
    ),
    (
        Versions,
        &[
            "bogus = 'x'",
            "version > 9",
            "source = 'x'",
            "version_number > 9.5",
            "version_number LIKE '9'",
            "version_number = 'x'",
            "version_number IN (1)",
            "source_path IN ('a')",
            "source_path > 'a'",
            "creation_timestamp > 5",
            "attributes.name = 'x'",
            "tags.a > 'x'",
        ],
    ),
];

#[test]
fn what_is_no_filter_is_refused() {
    let of_runs =
        [NAMES_REFUSED, OPERATORS_REFUSED, VALUES_REFUSED, CLAUSES_REFUSED].map(|filters| (Runs, filters));
    for (subject, filters) in of_runs.iter().chain(OTHERS_REFUSED) {
        for filter in *filters {
            let refused = read(filter, *subject).map_err(|trouble| why(&trouble).0.map(str::to_owned));
            assert_eq!(refused, Err(Some("filter".to_owned())), "{filter}");
        }
    }
    assert!(read(&"a = 1 and ".repeat(2_000), Runs).is_err());
}

#[test]
fn a_filter_has_bounds() {
    let long = "x".repeat(9_000);
    assert!(read(&format!("tags.a = '{long}'"), Runs).is_ok());
    assert!(read(&format!("tags.a LIKE '{long}'"), Runs).is_err(), "a pattern has a bound of its own");
    assert!(read(&"tags.a = 'x' AND ".repeat(64), Runs).is_ok());
    assert!(read(&"tags.a = 'x' AND ".repeat(65), Runs).is_err());
    assert!(read(&format!("tags.a = '{}'", "x".repeat(70_000)), Runs).is_err());
}

#[test]
fn a_refusal_says_the_name_and_what_to_write() {
    for (filter, part) in [
        ("m.x > 1", "\"m\" is not an entity type: there are metrics, params, tags, attributes and datasets"),
        ("params.cat-dog = '1'", "in backticks, as params.`cat-dog`"),
        ("params.n > '9'", "\"n\" cannot be compared so"),
        ("attribute.bogus = 'x'", "\"bogus\" is not an attribute: there are run_id, run_name"),
        ("metrics.a = '1'", "\"a\" is a number: write its value without quotes"),
        ("params.n = 9", "\"n\" is a text: write its value in quotes"),
    ] {
        let refused = read(filter, Runs).unwrap_err();
        assert!(why(&refused).1.contains(part), "{filter}: {}", why(&refused).1);
    }
}

#[test]
fn a_pattern_is_compared_as_sql_does() {
    for (text, pattern, matches) in [
        ("movies", "%", true),
        ("", "%", true),
        ("", "", true),
        ("", "_", false),
        ("a", "_", true),
        ("ab", "_", false),
        ("aXbXc", "a%b%c", true),
        ("aXbXd", "a%b%c", false),
        ("a.c", "a.c", true),
        ("abc", "a.c", false),
        ("ä", "_", true),
    ] {
        assert_eq!(like(text, pattern), matches, "{text} {pattern}");
    }
}

#[test]
fn a_model_without_the_tag_of_prompts_is_no_prompt() {
    for subject in [Models, Versions] {
        for (condition, holds) in [
            ("= 'false'", true),
            ("!= 'true'", true),
            ("= 'true'", false),
            ("!= 'false'", false),
            ("LIKE '%'", false),
        ] {
            let read = read(&format!("tags.`mlflow.prompt.is_prompt` {condition}"), subject).unwrap();
            assert_eq!(read[0].holds(None), holds, "{condition}");
        }
    }
    assert!(!read("tags.`mlflow.prompt.is_prompt` = 'false'", Runs).unwrap()[0].holds(None));
}

fn one(text: &str, subject: Subject) -> Result<(IdentifierType, String, bool), String> {
    let read = orders(&[text.to_owned()], subject).map_err(|trouble| why(&trouble).1.to_owned())?;
    Ok((read[0].name.of, read[0].name.key.clone(), read[0].falls))
}

#[test]
fn an_order_is_a_name_that_is_known_and_a_direction() {
    for (subject, text, of, key, falls) in [
        (Runs, "metrics.loss DESC", IdentifierType::Metric, "loss", true),
        (Runs, "metrics.`a-b`\tasc", IdentifierType::Metric, "a-b", false),
        (Runs, "`metrics.a b` desc", IdentifierType::Metric, "a b", true),
        (Runs, "metrics.desc", IdentifierType::Metric, "desc", false),
        (Runs, "tag.`mlflow.user`", IdentifierType::Tag, "mlflow.user", false),
        (Runs, "parameters.a.b Desc", IdentifierType::Param, "a.b", true),
        (Runs, "attribute.start_time", IdentifierType::Attribute, "start_time", false),
        (Runs, "`start_time` DESC", IdentifierType::Attribute, "start_time", true),
        (Runs, "created DESC", IdentifierType::Attribute, "start_time", true),
        (Runs, "run_name", IdentifierType::Attribute, "run_name", false),
        (Experiments, "last_update_time DESC", IdentifierType::Attribute, "last_update_time", true),
        (Models, "timestamp DESC", IdentifierType::Attribute, "last_updated_timestamp", true),
        (Models, "creation_timestamp", IdentifierType::Attribute, "creation_timestamp", false),
        (Versions, "version_number ASC", IdentifierType::Attribute, "version", false),
        (Versions, "attribute.name", IdentifierType::Attribute, "name", false),
    ] {
        assert_eq!(one(text, subject), Ok((of, key.to_owned(), falls)), "{text}");
    }
    for (subject, text) in [
        (Runs, "metrics.accuracy DECS"),
        (Runs, "m.accuracy DESC"),
        (Runs, "attribute.bogus DESC"),
        (Runs, "bogus"),
        (Runs, "attributes.`Run Name`"),
        (Runs, "lifecycle_stage"),
        (Runs, "dataset.name"),
        (Runs, "metrics.a, metrics.b"),
        (Runs, "metrics.a DESC, metrics.b"),
        (Runs, "metrics.a DESC NULLS LAST"),
        (Runs, ""),
        (Runs, "DESC"),
        (Runs, "metrics.a = 1"),
        (Runs, "metrics.a-b DESC"),
        (Runs, "metrics.a desc desc"),
        (Runs, "Metrics.a"),
        (Runs, "'metrics.a' DESC"),
        (Runs, "metrics.a b"),
        (Runs, " metrics.a"),
        (Runs, "timestamp DESC"),
        (Experiments, "tags.a"),
        (Experiments, "version_number"),
        (Models, "version_number"),
        (Models, "tags.a DESC"),
        (Versions, "bogus ASC"),
        (Versions, "source_path"),
        (Versions, "run_id"),
        (Versions, "timestamp"),
        (Versions, "version DESC"),
        (Versions, "attributes.name"),
    ] {
        assert!(one(text, subject).is_err(), "{text}: {:?}", one(text, subject));
    }
    assert!(orders(&vec!["metrics.a".to_owned(); 33], Runs).is_err());
}

#[test]
fn lists_are_sorted_by_a_name_and_what_lacks_it_comes_last() {
    let by = |text: &str| orders(&[text.to_owned()], Runs).unwrap().remove(0);
    for direction in ["ASC", "DESC"] {
        for name in ["metrics.a", "params.a"] {
            let order = by(&format!("{name} {direction}"));
            assert_eq!(compare(&order, None, Some(&json!("NaN"))), Ordering::Greater);
            assert_eq!(compare(&order, Some(&json!("1")), None), Ordering::Less);
            assert_eq!(compare(&order, None, Some(&Value::Null)), Ordering::Equal);
        }
    }
    let (rises, falls) = (by("metrics.a"), by("metrics.a DESC"));
    assert_eq!(compare(&rises, Some(&json!(9)), Some(&json!(10))), Ordering::Less);
    assert_eq!(compare(&falls, Some(&json!(9)), Some(&json!(10))), Ordering::Greater);
    let text = by("params.a");
    assert_eq!(
        compare(&text, Some(&json!("9")), Some(&json!("10"))),
        Ordering::Greater,
        "a text is compared as a text"
    );
    assert_eq!(compare(&text, Some(&json!("a")), Some(&json!("a!"))), Ordering::Less);
}

#[test]
fn numbers_with_infinities_come_first_then_nan_then_what_is_absent_in_both_directions() {
    let values = [json!(null), json!("NaN"), json!("Infinity"), json!(0.31), json!("-Infinity"), json!(0.55)];
    for (text, expected) in
        [("metrics.loss ASC", [4, 3, 5, 2, 1, 0]), ("metrics.loss DESC", [2, 5, 3, 4, 1, 0])]
    {
        let orders = orders(&[text.to_owned()], Runs).unwrap();
        let mut rows: Vec<(usize, Value)> = values.iter().cloned().enumerate().collect();
        sort(&mut rows, &orders, |(_, value), _| Some(value));
        let places: Vec<usize> = rows.iter().map(|(place, _)| *place).collect();
        assert_eq!(places, expected, "{text}");
    }
}
