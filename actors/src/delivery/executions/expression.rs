//! The expressions of pipelines: values of the context, and comparisons of them.
//! `${trigger.params.version}` names a value by its path. A condition compares such values with numbers, quoted texts,
//! `true`, `false` and `null`, by `== != < <= > >=`, joined by `&&`, `||`, `!` and parentheses. The language has no
//! calls, loops or arithmetic, so that evaluation is short and has no access to anything else.

use std::cmp::Ordering;

use serde_json::Value;

/// Longest condition or template, in bytes.
const TEXT_BYTES_MAX: usize = 4_096;
const DEPTH_MAX: u32 = 32;

/// Replaces every `${path}` in the texts of a value. A text of one path alone becomes the value itself.
///
/// # Errors
/// A path that the context does not contain.
pub fn filled(value: &Value, context: &Value) -> Result<Value, String> {
    match value {
        Value::String(text) => fill_text(text, context),
        Value::Array(values) => {
            values.iter().map(|value| filled(value, context)).collect::<Result<_, _>>().map(Value::Array)
        }
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| Ok((name.clone(), filled(value, context)?));
            fields.iter().map(field).collect::<Result<_, String>>().map(Value::Object)
        }
        other => Ok(other.clone()),
    }
}

fn fill_text(text: &str, context: &Value) -> Result<Value, String> {
    if let Some(path) = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'))
        && !path.contains("${")
    {
        return required(path, context).cloned();
    }
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("${") {
        let Some((path, after)) = after.split_once('}') else {
            return Err(format!("{text:?}: a ${{ is never closed"));
        };
        out.push_str(before);
        match required(path, context)? {
            Value::String(value) => out.push_str(value),
            value => out.push_str(&value.to_string()),
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(Value::String(out))
}

fn required<'a>(path: &str, context: &'a Value) -> Result<&'a Value, String> {
    lookup(path.trim(), context).ok_or_else(|| format!("{:?} is unknown here", path.trim()))
}

/// The value at a path, if there is one.
#[must_use]
pub fn at(path: &str, context: &Value) -> Option<Value> {
    lookup(path.trim(), context).cloned()
}

/// The value at a path: `a.b`, `a['b']`, `a[0]`.
fn lookup<'a>(path: &str, context: &'a Value) -> Option<&'a Value> {
    let plain = path.replace("['", ".").replace("[\"", ".").replace("']", "").replace("\"]", "");
    let plain = plain.replace('[', ".").replace(']', "");
    let mut at = context;
    for name in plain.split('.') {
        at = match at {
            Value::Array(values) => values.get(name.parse::<usize>().ok()?)?,
            other => other.get(name)?,
        };
    }
    Some(at)
}

/// Whether a condition holds. A missing value counts as `null`.
///
/// # Errors
/// A syntax error.
pub fn holds(condition: &str, context: &Value) -> Result<bool, String> {
    let plain = condition.trim();
    let plain = plain.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).unwrap_or(plain);
    if plain.len() > TEXT_BYTES_MAX {
        return Err(format!("a condition has {TEXT_BYTES_MAX} bytes at most"));
    }
    let tokens = tokens(plain)?;
    let mut reader = Reader { tokens: &tokens, at: 0, depth: 0, context };
    let value = reader.either()?;
    match reader.tokens.get(reader.at) {
        None => Ok(truth(&value)),
        Some(token) => Err(format!("{token:?} is too much in {plain:?}")),
    }
}

/// Checks the syntax of a condition.
///
/// # Errors
/// The syntax error.
pub fn check(condition: &str) -> Result<(), String> {
    holds(condition, &Value::Null).map(|_| ())
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Literal(Value),
    Path(String),
    Sign(&'static str),
}

const SIGNS: [&str; 11] = ["&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "(", ")"];

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let (mut tokens, mut rest) = (Vec::new(), text.trim_start());
    while let Some(first) = rest.chars().next() {
        let taken = if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            tokens.push(Token::Sign(sign));
            sign.len()
        } else if first == '\'' || first == '"' {
            let end = rest[1..].find(first).ok_or_else(|| format!("a quote is never closed at {rest:?}"))?;
            tokens.push(Token::Literal(Value::String(rest[1..=end].to_owned())));
            end + 2
        } else {
            let end = word(rest);
            if end == 0 {
                return Err(format!("{first:?} is nothing that a condition allows"));
            }
            let text = &rest[..end];
            tokens.push(match text {
                "true" | "false" | "null" => {
                    Token::Literal(serde_json::from_str(text).unwrap_or(Value::Null))
                }
                _ => match text.parse::<f64>() {
                    Ok(number) => Token::Literal(Value::from(number)),
                    Err(_) => Token::Path(text.to_owned()),
                },
            });
            end
        };
        rest = rest[taken..].trim_start();
    }
    Ok(tokens)
}

/// The end of a number or a path, which includes its brackets.
fn word(text: &str) -> usize {
    let mut within = false;
    text.char_indices()
        .find(|(_, c)| {
            within = match c {
                '[' => true,
                ']' => return false,
                _ => within && !c.is_whitespace(),
            };
            let plain = c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | '$' | ']' | '\'' | '"');
            !(within || plain)
        })
        .map_or(text.len(), |(at, _)| at)
}

struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: u32,
    context: &'a Value,
}

impl Reader<'_> {
    fn takes(&mut self, sign: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Sign(held)) if *held == sign);
        self.at += usize::from(found);
        found
    }

    fn either(&mut self) -> Result<Value, String> {
        let mut value = self.both()?;
        while self.takes("||") {
            let other = self.both()?;
            value = Value::Bool(truth(&value) || truth(&other));
        }
        Ok(value)
    }

    fn both(&mut self) -> Result<Value, String> {
        let mut value = self.compared()?;
        while self.takes("&&") {
            let other = self.compared()?;
            value = Value::Bool(truth(&value) && truth(&other));
        }
        Ok(value)
    }

    fn compared(&mut self) -> Result<Value, String> {
        let value = self.single()?;
        for sign in ["==", "!=", "<=", ">=", "<", ">"] {
            if self.takes(sign) {
                let other = self.single()?;
                return Ok(Value::Bool(compare(sign, &value, &other)));
            }
        }
        Ok(value)
    }

    fn single(&mut self) -> Result<Value, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("a condition is {DEPTH_MAX} deep at most"));
        }
        let value = if self.takes("!") {
            Value::Bool(!truth(&self.single()?))
        } else if self.takes("(") {
            let value = self.either()?;
            if !self.takes(")") {
                return Err("a parenthesis is never closed".to_owned());
            }
            value
        } else {
            let value = match self.tokens.get(self.at) {
                Some(Token::Literal(value)) => value.clone(),
                Some(Token::Path(path)) => lookup(path, self.context).cloned().unwrap_or(Value::Null),
                Some(Token::Sign(sign)) => return Err(format!("{sign} stands where a value should")),
                None => return Err("a value is missing at the end".to_owned()),
            };
            self.at += 1;
            value
        };
        self.depth -= 1;
        Ok(value)
    }
}

fn truth(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(value) => value.as_f64() != Some(0.0),
        Value::String(value) => !matches!(value.as_str(), "" | "false"),
        Value::Array(_) | Value::Object(_) => true,
    }
}

/// The value as a number. Parameters of signals are texts, so a numeric text compares as a number.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn compare(sign: &str, a: &Value, b: &Value) -> bool {
    let order = match (number(a), number(b)) {
        (Some(a), Some(b)) => a.partial_cmp(&b),
        _ => match (a, b) {
            (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
            _ => (a == b).then_some(Ordering::Equal),
        },
    };
    match sign {
        "==" => order == Some(Ordering::Equal),
        "!=" => order != Some(Ordering::Equal),
        "<" => order == Some(Ordering::Less),
        ">" => order == Some(Ordering::Greater),
        "<=" => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        _ => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn context() -> Value {
        json!({ "trigger": { "params": { "version": "7", "ndcg": 0.31, "user": "me" }, "list": [3, 4] },
            "stages": { "a-1": { "status": "SUCCEEDED" } } })
    }

    #[test]
    fn conditions_compare_what_the_context_has() {
        for (condition, expected) in [
            ("trigger.params.ndcg > 0.3", Ok(true)),
            ("${trigger.params.version == 7 && trigger.params.ndcg >= .31}", Ok(true)),
            ("trigger['params'].user == 'me' && !(trigger.list[1] != 4)", Ok(true)),
            ("stages.a-1.status == \"SUCCEEDED\"", Ok(true)),
            ("stages.b.status == null || false", Ok(true)),
            ("nothing.here > 1", Ok(false)),
            ("trigger.params.user < 5", Ok(false)),
            ("true || true && false", Ok(true)),
            ("-1 < 1", Ok(true)),
            ("1 <", Err("missing")),
            ("(1", Err("closed")),
            ("'a", Err("closed")),
            ("1 1", Err("too much")),
            ("a = 1", Err("nothing that")),
            ("new java.lang.Runtime()", Err("too much")),
            ("== 1", Err("stands")),
        ] {
            match (holds(condition, &context()), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{condition}"),
                (Err(why), Err(part)) => assert!(why.contains(part), "{condition}: {why}"),
                (found, _) => panic!("{condition}: {found:?}"),
            }
        }
        assert!(holds(&"(".repeat(2_000), &context()).is_err());
        assert!(holds(&format!("{}1", "!".repeat(2_000)), &context()).is_err());
        assert!(holds(&"1 && ".repeat(2_000), &context()).is_err());
    }

    #[test]
    fn texts_are_filled_and_a_lone_path_keeps_its_type() {
        let filled = |value: Value| filled(&value, &context());
        assert_eq!(filled(json!({ "v": ["${trigger.list[0]}"] })), Ok(json!({ "v": [3] })));
        assert_eq!(filled(json!("v${trigger.params.version}/${trigger.params.user}")), Ok(json!("v7/me")));
        assert_eq!(filled(json!("plain $ {x}")), Ok(json!("plain $ {x}")));
        assert!(filled(json!("${trigger.nothing}")).unwrap_err().contains("trigger.nothing"));
        assert!(filled(json!("x ${trigger")).unwrap_err().contains("never closed"));
    }
}
