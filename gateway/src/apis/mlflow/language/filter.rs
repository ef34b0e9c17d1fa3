//! Filters: conditions that all must hold.

use std::cmp::Ordering;

use serde_json::Value;

use super::reader::{Literal, Operator, Reader};
use super::subject::{For, IdentifierType, Name, Sort, Subject};
use crate::apis::mlflow::{Trouble, bad};

/// Longest filter, in bytes, and longest text of a pattern: a test takes the product of the lengths of pattern and value.
const BYTES_MAX: usize = 64 << 10;
const PATTERN_BYTES_MAX: usize = 8 << 10;
const CONDITIONS_MAX: usize = 64;
/// The tag that marks prompts. A model without it is not a prompt.
const PROMPT: &str = "mlflow.prompt.is_prompt";

/// One condition.
#[derive(Debug, PartialEq)]
pub(in super::super) struct Condition {
    pub(in super::super) name: Name,
    test: Test,
    prompts: bool,
}

#[derive(Debug, PartialEq)]
enum Test {
    Number(Operator, f64),
    Text(Operator, String),
    /// Whether the value is one of these, or not.
    List(bool, Vec<String>),
    /// Whether there is a value.
    Present(bool),
}

/// Reads a filter.
pub(in super::super) fn read(text: &str, subject: Subject) -> Result<Vec<Condition>, Trouble> {
    conditions(text, subject).map_err(|why| {
        let example = "write metrics.a > 0.5 AND tags.b = 'c'";
        let example =
            if subject == Subject::Runs { example } else { "write name LIKE 'a%' AND tags.b = 'c'" };
        bad("filter", format!("filter is not understood: {why}; {example}"))
    })
}

fn conditions(text: &str, subject: Subject) -> Result<Vec<Condition>, String> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    if text.len() > BYTES_MAX {
        return Err(format!("it must be at most {BYTES_MAX} bytes"));
    }
    if text.trim().is_empty() {
        return Err("it is blank".to_owned());
    }
    let mut reader = Reader::new(text);
    let mut conditions: Vec<Condition> = Vec::new();
    loop {
        reader.skip_blank();
        let mut joined = false;
        while reader.has_word("AND") {
            joined = true;
            reader.skip_blank();
        }
        if reader.is_at_end() {
            return Ok(conditions);
        }
        if conditions.len() == CONDITIONS_MAX {
            return Err(format!("it must be at most {CONDITIONS_MAX} conditions"));
        }
        let next = condition(&mut reader, subject)?;
        if conditions.last().is_some_and(|last| !joined && !next.follows(last)) {
            return Err("conditions are joined by AND".to_owned());
        }
        conditions.push(next);
    }
}

fn condition(reader: &mut Reader<'_>, subject: Subject) -> Result<Condition, String> {
    let name = subject.name(reader.name()?, For::Filter)?;
    reader.skip_blank();
    let operator = reader.operator()?;
    if !subject.has(&name, operator) {
        return Err(format!("{:?} cannot be compared so: use another operator", name.key));
    }
    if let Operator::IsNull | Operator::IsNotNull = operator {
        let test = Test::Present(operator == Operator::IsNotNull);
        return Ok(Condition { name, test, prompts: false });
    }
    reader.skip_blank();
    let test = test(&name, operator, reader.value()?)?;
    let prompts = matches!(subject, Subject::Models | Subject::Versions);
    Ok(Condition { name, test, prompts })
}

fn test(name: &Name, operator: Operator, value: Literal) -> Result<Test, String> {
    let key = &name.key;
    let number = |text: &str| text.parse::<f64>().map_err(|_| format!("{text:?} is not a number"));
    match (name.sort, operator, value) {
        (Sort::Text, Operator::In | Operator::NotIn, Literal::List(values)) => {
            Ok(Test::List(operator == Operator::In, values))
        }
        (Sort::Text, Operator::In | Operator::NotIn, _) => {
            Err(format!("{key:?} is compared with a list of texts in quotes, as IN ('a', 'b')"))
        }
        (Sort::Text, Operator::Like | Operator::ILike, Literal::Text(text))
            if text.len() > PATTERN_BYTES_MAX =>
        {
            Err(format!("a pattern must be at most {PATTERN_BYTES_MAX} bytes"))
        }
        (Sort::Text, _, Literal::Text(text)) => Ok(Test::Text(operator, text)),
        (Sort::Text, ..) => Err(format!("{key:?} is a text: write its value in quotes, as 'value'")),
        (Sort::Number, _, Literal::Number(text)) => Ok(Test::Number(operator, number(&text)?)),
        (Sort::Whole | Sort::QuotedWhole, _, Literal::Number(text))
        | (Sort::QuotedWhole, _, Literal::Text(text)) => {
            let whole = text.trim();
            if whole.parse::<i64>().is_err() {
                return Err(format!("{key:?} is a whole number, and {text:?} is not"));
            }
            Ok(Test::Number(operator, number(whole)?))
        }
        (Sort::Number | Sort::Whole | Sort::QuotedWhole, ..) => {
            Err(format!("{key:?} is a number: write its value without quotes"))
        }
    }
}

/// A number, or the word or the text that stands for one in JSON.
pub(super) fn figure(held: &Value) -> Option<f64> {
    held.as_f64().or_else(|| held.as_str()?.parse().ok())
}

impl Condition {
    /// Whether the condition may follow another one without AND. MLflow's parser takes a list, or a word such as NULL, for
    /// a part of the condition before it.
    fn follows(&self, last: &Self) -> bool {
        match self.test {
            Test::Number(..) | Test::Text(..) => true,
            Test::Present(_) => matches!(last.test, Test::Present(_)),
            Test::List(..) => false,
        }
    }

    /// Whether a value meets the condition. An absent value meets only `IS NULL`.
    pub(in super::super) fn holds(&self, held: Option<&Value>) -> bool {
        let held = held.filter(|held| !held.is_null());
        let Some(held) = held else { return self.holds_absent() };
        match &self.test {
            Test::Present(wanted) => *wanted,
            Test::Number(operator, value) => {
                figure(held).is_some_and(|held| compares(*operator, held, *value))
            }
            Test::Text(operator, value) => held.as_str().is_some_and(|held| matches(*operator, held, value)),
            Test::List(wanted, values) => {
                held.as_str().is_some_and(|held| values.iter().any(|value| value == held) == *wanted)
            }
        }
    }

    fn holds_absent(&self) -> bool {
        match &self.test {
            Test::Present(wanted) => !wanted,
            Test::Text(operator, value)
                if self.prompts && self.name.of == IdentifierType::Tag && self.name.key == PROMPT =>
            {
                matches!((operator, value.as_str()), (Operator::Equal, "false") | (Operator::Unequal, "true"))
            }
            Test::Text(..) | Test::Number(..) | Test::List(..) => false,
        }
    }
}

/// NaN is not equal to, above or below any number.
fn compares(operator: Operator, held: f64, value: f64) -> bool {
    let order = held.partial_cmp(&value);
    match operator {
        Operator::Equal => order == Some(Ordering::Equal),
        Operator::Unequal => order != Some(Ordering::Equal),
        Operator::Greater => order == Some(Ordering::Greater),
        Operator::GreaterEqual => order.is_some_and(Ordering::is_ge),
        Operator::Less => order == Some(Ordering::Less),
        Operator::LessEqual => order.is_some_and(Ordering::is_le),
        _ => false,
    }
}

fn matches(operator: Operator, held: &str, value: &str) -> bool {
    match operator {
        Operator::Equal => held == value,
        Operator::Unequal => held != value,
        Operator::Like => like(held, value),
        Operator::ILike => like(&held.to_lowercase(), &value.to_lowercase()),
        _ => false,
    }
}

/// SQL's pattern: `%` is any text and `_` any character. A mismatch goes back to the last `%` only, so that a test takes at
/// most the product of both lengths.
pub(super) fn like(text: &str, pattern: &str) -> bool {
    let (text, pattern): (Vec<char>, Vec<char>) = (text.chars().collect(), pattern.chars().collect());
    let (mut t, mut p) = (0, 0);
    let mut again: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('%') => {
                again = Some((p + 1, t));
                p += 1;
            }
            Some(c) if *c == '_' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((after, from)) = again else { return false };
                again = Some((after, from + 1));
                p = after;
                t = from + 1;
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '%')
}
