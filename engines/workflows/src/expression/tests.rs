use super::{ErrorKind, Limits, Program};
use crate::params::{Facts, NoFacts, Value};

/// 2026-01-31T12:34:56.789Z
const NOW: i64 = 1_769_862_896_789;

fn run_with(source: &str, names: &[(&str, Value)]) -> Result<Value, super::ExpressionError> {
    let facts = NoFacts { now_ms: NOW, seed: 7 };
    let name = |wanted: &str| names.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.clone());
    Program::parse(source)?.run(&name, &facts, &Limits::DEFAULT)
}

fn run(source: &str) -> Result<Value, super::ExpressionError> {
    run_with(source, &[])
}

fn longs(values: &[i64]) -> Value {
    Value::LongArray(values.to_vec())
}

#[test]
fn arithmetic_follows_java() {
    for (source, expected) in [
        ("1 + 2 * 3", Value::Long(7)),
        ("(1 + 2) * 3;", Value::Long(9)),
        ("7 / 2", Value::Long(3)),
        ("-7 / 2", Value::Long(-3)),
        ("-7 % 3", Value::Long(-1)),
        ("7.0 / 2", Value::Double(3.5)),
        ("9223372036854775807 + 1", Value::Long(i64::MIN)),
        ("-9223372036854775808 + 1", Value::Long(i64::MIN + 1)),
        ("1 + 2 + 'a' + 1 + 2", "3a12".into()),
        ("'x' + 1.0 + true + null", "x1.0truenull".into()),
        ("1e10 + ''", "1.0E10".into()),
        ("10 - 3 - 2", Value::Long(5)),
        ("2 > 1 && 1.5 <= 1.5 || false", Value::Boolean(true)),
        ("!(1 == 1.0)", Value::Boolean(false)),
        ("'a' == \"a\"", Value::Boolean(true)),
        ("null == null", Value::Boolean(true)),
        ("x = 3; x += 4; x++ + ++x", Value::Long(16)),
        ("false && (1 / 0 == 1)", Value::Boolean(false)),
        ("1 < 2 ? 'yes' : 'no'", "yes".into()),
        ("Math.max(3, 2.5)", Value::Double(3.0)),
        ("Math.pow(2, 10)", Value::Double(1024.0)),
        ("Math.floorMod(-7, 3)", Value::Long(2)),
        ("Math.round(2.5)", Value::Long(3)),
        ("(long) 3 + 4L", Value::Long(7)),
        ("0x", Value::Null),
    ] {
        let ran = run(source);
        if source == "0x" {
            assert!(ran.is_err(), "{source}");
        } else {
            assert_eq!(ran, Ok(expected), "{source}");
        }
    }
}

#[test]
fn statements_loops_and_returns() {
    for (source, expected) in [
        (
            "int sum = 0; for (int i = 0; i < 10; i++) { if (i % 2 == 0) continue; sum += i; } return sum;",
            Value::Long(25),
        ),
        ("x = 0; while (true) { x += 1; if (x > 4) break; } x", Value::Long(5)),
        (
            "String[] a = new String[]{'p', 'q'}; s = ''; for (String v : a) s += v; return s + a.length;",
            "pq2".into(),
        ),
        ("long[] a = new long[3]; a[1] = 5; return a;", longs(&[0, 5, 0])),
        ("return new double[]{1, 2.5};", Value::DoubleArray(vec![1.0, 2.5])),
        ("if (false) return 1; else if (true) return 2; else throw 'x';", Value::Long(2)),
        (
            "Map<String, Object> m = new HashMap<>(); m.put('a', 1); m['b'] = 'c'; return m.get('a') + m['b'] + m.size();",
            "1c2".into(),
        ),
        ("final int x = 1, y = 2; return x + y;", Value::Long(3)),
        ("import java.util.*; Arrays.asList('a', 'b').get(1)", "b".into()),
        ("/* all */ 1 // one", Value::Long(1)),
    ] {
        assert_eq!(run(source), Ok(expected), "{source}");
    }
}

#[test]
fn strings_have_their_methods() {
    for (source, expected) in [
        ("'hello'.substring(1, 3)", Value::from("el")),
        ("'hello'.length()", Value::Long(5)),
        ("'a,b,,c,,'.split(',').length", Value::Long(4)),
        ("'a.b'.split('\\\\.').get(1)", "b".into()),
        ("'aXbX'.replace('X', '--')", "a--b--".into()),
        ("'Abc'.toUpperCase().toLowerCase()", "abc".into()),
        ("'abc'.indexOf('c') + 'abc'.lastIndexOf('z')", Value::Long(1)),
        ("'abc'.charAt(1)", "b".into()),
        ("'  x '.trim().isEmpty()", Value::Boolean(false)),
        ("String.join('-', 'a', 'b')", "a-b".into()),
        ("String.format('%05d|%s|%.2f|%%', 42, 'x', 1.5)", "00042|x|1.50|%".into()),
        ("Long.parseLong('12') + Integer.valueOf('3')", Value::Long(15)),
        ("'hello'.hashCode()", Value::Long(99_162_322)),
        ("'é'.length()", Value::Long(1)),
    ] {
        assert_eq!(run(source), Ok(expected), "{source}");
    }
}

#[test]
fn dates_follow_joda() {
    for (source, expected) in [
        (
            "new DateTime(1569018000000).withZone(DateTimeZone.forID('UTC')).monthOfYear().getAsText();",
            Value::from("September"),
        ),
        ("new DateTime(1569018000000).toString()", "2019-09-20T22:20:00.000Z".into()),
        (
            "new DateTime(1569018000000).withZone(DateTimeZone.forID('America/Los_Angeles')).toString('yyyy-MM-dd HH:mm Z')",
            "2019-09-20 15:20 -0700".into(),
        ),
        ("DateTime.now().getMillis()", Value::Long(NOW)),
        ("System.currentTimeMillis()", Value::Long(NOW)),
        ("new DateTime(RUN).minusDays(1).toString('yyyyMMdd')", "20260130".into()),
        (
            "new DateTime(RUN).plusMonths(1).toString(\"EEE, d MMM yy h:mm a 'o''clock'\")",
            "Sat, 28 Feb 26 12:34 PM o'clock".into(),
        ),
        (
            "DateTimeFormat.forPattern('yyyyMMddHH').withZone(DateTimeZone.forID('Europe/Berlin')).parseDateTime('2026070100').getMillis()",
            Value::Long(1_782_856_800_000),
        ),
        (
            "DateTimeFormatter f = DateTimeFormat\n  .forPattern(\"yyyyMMddHH\")\n  .withZone(DateTimeZone.forID(\"UTC\"));\nDateTime dt = f.parseDateTime('20260131' + \"00\").minusDays(0).minusHours(1);\ndt.toString(\"HH\");",
            "23".into(),
        ),
        ("Days.daysBetween(new DateTime(0), new DateTime(RUN)).getDays()", Value::Long(20_484)),
        ("new DateTime(RUN).getDayOfWeek() == DateTimeConstants.SATURDAY", Value::Boolean(true)),
        ("new DateTime(RUN).dayOfMonth().withMaximumValue().getDayOfMonth()", Value::Long(31)),
        ("new DateTime(RUN).withTimeAtStartOfDay().isBefore(new DateTime(RUN))", Value::Boolean(true)),
        ("new DateTime('2026-03-01T10:00:00Z').getMonthOfYear()", Value::Long(3)),
    ] {
        assert_eq!(run_with(source, &[("RUN", Value::Long(NOW))]), Ok(expected), "{source}");
    }
}

#[test]
fn the_functions_of_util_are_maestros() {
    for (source, expected) in [
        ("Util.dateIntsBetween(20260227, 20260302, 1)", longs(&[20_260_227, 20_260_228, 20_260_301])),
        ("Util.dateIntsBetween(20260302, 20260227, -2)", longs(&[20_260_301, 20_260_227])),
        ("Util.dateIntsBetween(20200101, 20210101, 1).size()", Value::Long(366)),
        ("Util.intsBetween(1, 6, 2)", longs(&[1, 3, 5])),
        ("Util.intsBetween(3, 0, -1)", longs(&[3, 2, 1])),
        ("Util.incrementDateInt(20260228, 1)", "20260301".into()),
        ("Util.dateIntToTs(20260131)", Value::Long(1_769_817_600_000)),
        ("Util.tsToDateInt(1769817600000)", "20260131".into()),
        ("Util.dateIntHourToTs('20260131', '05', 'UTC', 0, 1) / 1000", Value::Long(1_769_832_000)),
        ("Util.timeoutForDateTimeDeadline(new DateTime(RUN), '1 hour')", "3600000 milliseconds".into()),
        ("Util.timeoutForDateIntDeadline(20260131, '1 minute')", "0 milliseconds".into()),
    ] {
        assert_eq!(run_with(source, &[("RUN", Value::Long(NOW))]), Ok(expected), "{source}");
    }
}

#[test]
fn names_come_from_around_and_are_listed() {
    let program = Program::parse("y = x + params.get('z'); y > params['w'] ? job1__p : y").unwrap();
    assert_eq!(program.references(), ["z", "x", "job1__p", "w"]);
    let names = [("x", Value::Long(1)), ("z", "a".into())];
    assert_eq!(run_with("x + params.get('z')", &names), Ok("1a".into()));
    assert_eq!(
        run_with("param != null && param.size() > 2", &[("param", longs(&[1, 2, 3]))]),
        Ok(true.into())
    );
    let error = run("a + 1").unwrap_err();
    assert!(error.what.contains("a is not defined"), "{error}");
}

#[test]
fn facts_answer_what_params_is_asked() {
    struct Answers;
    impl Facts for Answers {
        fn now_ms(&self) -> i64 {
            NOW
        }
        fn seed(&self) -> u64 {
            1
        }
        fn of_instance(&self, field: &str) -> Option<Value> {
            (field == "RUN_POLICY").then(|| "RESTART_FROM_INCOMPLETE".into())
        }
        fn is_step(&self, step: &str) -> bool {
            step == "job.3"
        }
        fn of_step(&self, _: &str, param: &str) -> Option<Value> {
            (param == "param2").then_some(Value::Long(15))
        }
        fn of_signal_dependency(&self, index: usize, param: &str) -> Option<Value> {
            (index == 0 && param == "p").then_some(Value::Long(1))
        }
        fn of_foreach(&self, _: &str, _: &str, _: &str) -> Option<Value> {
            Some(longs(&[1, 2]))
        }
    }
    let run = |source: &str| Program::parse(source).unwrap().run(&|_| None, &Answers, &Limits::DEFAULT);
    let restart = "P = params.getFromInstance('RUN_POLICY'); if (P == \"START_FRESH_NEW_RUN\") return \"run\"; \
                   else if (P == \"RESTART_FROM_INCOMPLETE\") return \"resume\"; else throw \"Unsupported: \" + P;";
    assert_eq!(run(restart), Ok("resume".into()));
    assert_eq!(run("params.getFromStep('job.3', 'param2') > 0"), Ok(true.into()));
    assert!(
        run("params.getFromStep('job.4', 'param2')").unwrap_err().what.contains("step job.4 does not exist")
    );
    assert_eq!(run("params.getFromSignalDependency('0', 'p')"), Ok(Value::Long(1)));
    assert_eq!(run("params.getFromForeach('a', 'b', 'c').size()"), Ok(Value::Long(2)));
    assert_eq!(run("params.getFromInstance('absent') == null"), Ok(true.into()));
}

#[test]
fn ids_come_from_the_seed() {
    let first = run("return UUID.randomUUID().toString();").unwrap();
    assert_eq!(Ok(first.clone()), run("UUID.randomUUID()"));
    assert_ne!(Ok(first.clone()), run("UUID.randomUUID(); UUID.randomUUID()"));
    let text = first.to_text();
    assert_eq!((text.len(), &text[14..15]), (36, "4"), "{text}");
}

#[test]
fn errors_name_the_place_and_the_fix() {
    for (source, line, column, kind) in [
        ("1 +", 1, 4, ErrorKind::Syntax),
        ("x = 1;\n  y = @;", 2, 7, ErrorKind::Syntax),
        ("'abc", 1, 1, ErrorKind::Syntax),
        ("", 1, 1, ErrorKind::Syntax),
        ("1 / 0", 1, 3, ErrorKind::Value),
        ("'a' * 2", 1, 5, ErrorKind::Value),
        ("new File('x')", 1, 1, ErrorKind::Value),
        ("new long[] {1}[5]", 1, 15, ErrorKind::Value),
        ("throw 'no'", 1, 1, ErrorKind::Thrown),
        ("'a'.getClass()", 1, 4, ErrorKind::Value),
        ("DateTimeZone.forID('Mars/Base')", 1, 13, ErrorKind::Value),
        ("return 1 2", 1, 10, ErrorKind::Syntax),
        ("99999999999999999999", 1, 1, ErrorKind::Syntax),
        ("1 + 9223372036854775808", 1, 5, ErrorKind::Syntax),
    ] {
        let error = run(source).unwrap_err();
        assert_eq!((error.kind, error.line, error.column), (kind, line, column), "{source}: {error}");
        assert!(!error.fix.is_empty());
    }
}

#[test]
fn nothing_runs_beyond_its_limits() {
    for source in [
        "while (true) {}",
        "for (;;) { x = 1; }",
        "s = 'x'; while (true) { s = s + s; }",
        "new long[2000000]",
        "Util.intsBetween(0, 9223372036854775807, 1)",
        "Util.dateIntsBetween(10101, 99991231, 1)",
        "m = new HashMap(); for (int i = 0; i < 90000; i++) { m.put('k' + i, m); }",
        "m = new HashMap(); for (int i = 0; i < 50; i++) { m.put('a', m); m.put('b', m); }",
        "m = new HashMap(); while (true) { n = new HashMap(); n.put('a', m); m = n; }",
        "'x'.repeat(1000000000)",
        "'xxxx'.replace('', 'yyyyyyyyyyyyyyyyyyyyyyyyyyyyyy').replace('y', 'zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz').repeat(1000)",
    ] {
        let error = run(source).unwrap_err();
        let kind = if source.starts_with("Util.dateInts") { ErrorKind::Value } else { ErrorKind::Limit };
        assert_eq!(error.kind, kind, "{source}: {error}");
    }
    for source in [
        "(".repeat(5000),
        "!".repeat(5000) + "true",
        "{".repeat(5000),
        "if (true) ".repeat(1000) + "1",
        "a.b".to_owned() + &".c()".repeat(4000),
        "1 ? 2 : ".repeat(1000) + "3",
        "x = ".repeat(3000) + "1",
        "- ".repeat(4000) + "1",
    ] {
        assert!(Program::parse(&source).is_err());
    }
    let long = "1".to_owned() + &" + 1".repeat(1000);
    assert_eq!(run(&long), Ok(Value::Long(1001)));
    let longer = "1".to_owned() + &"+1".repeat(8000);
    assert_eq!(run(&longer).unwrap_err().kind, ErrorKind::Limit);
}

/// Random mixes of the language's words: each gives a value or an error.
#[test]
fn no_text_makes_the_parser_or_the_machine_panic() {
    use rand::{Rng, SeedableRng};
    let words: Vec<&str> = "x y 1 0 - 2.5 'a' \"b\" + - * / % ( ) [ ] { } ; , . = == < > && || ! ? : if else for while \
        return throw new String long HashMap DateTime null true params Util Math .get( .size() .length \
        Util.intsBetween(0,9,1) .substring(1) .plusDays( 9223372036854775807 .toString( 'yyyy-MM-dd' long[3] ++ -- é \
        \\ ' Integer DateTimeFormat.forPattern( .parseDateTime( .monthOfYear() .put('k', for(i=0;i<5;i++) \
        UUID.randomUUID() .split( .repeat( .indexOf( .withDayOfMonth( .getMillis() String.format('%s%09d',"
        .split_whitespace()
        .collect();
    let limits = Limits { steps: 20_000, rounds: 1000, memory_bytes: 1 << 20, ..Limits::DEFAULT };
    let facts = NoFacts { now_ms: NOW, seed: 3 };
    for seed in 0..20_000 {
        let mut rng = rand::rngs::SmallRng::seed_from_u64(seed);
        let source: String = (0..rng.random_range(1..24))
            .map(|_| {
                words[rng.random_range(0..words.len())].to_owned()
                    + if rng.random_bool(0.7) { " " } else { "" }
            })
            .collect();
        if let Ok(program) = Program::parse(&source) {
            let _ = program.run(&|name| (name == "x").then_some(Value::Long(i64::MIN)), &facts, &limits);
        }
        let noise: Vec<u8> = (0..rng.random_range(0..40)).map(|_| rng.random()).collect();
        let _ = Program::parse(&String::from_utf8_lossy(&noise));
    }
}
