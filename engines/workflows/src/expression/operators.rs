//! Operators by Java's rules: integer division and overflow wrap, and `+` with a string concatenates.

use std::cmp::Ordering;

use super::ast::Binary;
use super::error::Failure;
use super::machine::Machine;
use super::object::Object;
use crate::params::long_to_double;

pub(super) fn binary(
    machine: &mut Machine<'_>,
    at: u32,
    operator: Binary,
    left: &Object,
    right: &Object,
) -> Result<Object, Failure> {
    match (operator, left, right) {
        (Binary::Equal, ..) => Ok(Object::Boolean(equal(left, right))),
        (Binary::Unequal, ..) => Ok(Object::Boolean(!equal(left, right))),
        (Binary::And, Object::Boolean(left), Object::Boolean(right)) => Ok(Object::Boolean(*left && *right)),
        (Binary::Or, Object::Boolean(left), Object::Boolean(right)) => Ok(Object::Boolean(*left || *right)),
        (Binary::Add, Object::Text(_), _) | (Binary::Add, _, Object::Text(_)) => {
            machine.work(at, (left.weight() + right.weight()) / 256)?;
            let text = match (left, right) {
                (Object::Text(left), Object::Text(right)) => {
                    let mut text = String::with_capacity(left.len() + right.len());
                    text.push_str(left);
                    text.push_str(right);
                    text
                }
                _ => left.to_text() + &right.to_text(),
            };
            machine.text(at, text)
        }
        (_, Object::Long(left), Object::Long(right)) => whole(at, operator, *left, *right),
        _ => match (number(left), number(right)) {
            (Some(left), Some(right)) => real(at, operator, left, right),
            _ => Err(wrong(at, operator, left, right)),
        },
    }
}

fn wrong(at: u32, operator: Binary, left: &Object, right: &Object) -> Failure {
    let what = format!("{} does not go between {} and {}", sign(operator), left.sort(), right.sort());
    Failure::value(at, what, "turn both into one type first")
}

fn number(value: &Object) -> Option<f64> {
    match value {
        Object::Long(value) => Some(long_to_double(*value)),
        Object::Double(value) => Some(*value),
        _ => None,
    }
}

fn whole(at: u32, operator: Binary, left: i64, right: i64) -> Result<Object, Failure> {
    let zero = || Failure::value(at, "a whole number is divided by zero", "check the divisor first");
    Ok(match operator {
        Binary::Add => Object::Long(left.wrapping_add(right)),
        Binary::Subtract => Object::Long(left.wrapping_sub(right)),
        Binary::Multiply => Object::Long(left.wrapping_mul(right)),
        Binary::Divide if right == 0 => return Err(zero()),
        Binary::Remainder if right == 0 => return Err(zero()),
        Binary::Divide => Object::Long(left.wrapping_div(right)),
        Binary::Remainder => Object::Long(left.wrapping_rem(right)),
        Binary::Less => Object::Boolean(left < right),
        Binary::LessEqual => Object::Boolean(left <= right),
        Binary::Greater => Object::Boolean(left > right),
        Binary::GreaterEqual => Object::Boolean(left >= right),
        _ => return Err(wrong(at, operator, &Object::Long(left), &Object::Long(right))),
    })
}

fn real(at: u32, operator: Binary, left: f64, right: f64) -> Result<Object, Failure> {
    Ok(match operator {
        Binary::Add => Object::Double(left + right),
        Binary::Subtract => Object::Double(left - right),
        Binary::Multiply => Object::Double(left * right),
        Binary::Divide => Object::Double(left / right),
        Binary::Remainder => Object::Double(left % right),
        Binary::Less => Object::Boolean(left < right),
        Binary::LessEqual => Object::Boolean(left <= right),
        Binary::Greater => Object::Boolean(left > right),
        Binary::GreaterEqual => Object::Boolean(left >= right),
        _ => return Err(wrong(at, operator, &Object::Double(left), &Object::Double(right))),
    })
}

/// Equality: strings by text, numbers by value, dates by instant.
pub(super) fn equal(left: &Object, right: &Object) -> bool {
    match (left, right) {
        (Object::Null, Object::Null) => true,
        (Object::Text(left), Object::Text(right)) => left == right,
        (Object::Boolean(left), Object::Boolean(right)) => left == right,
        (Object::Long(left), Object::Long(right)) | (Object::Days(left), Object::Days(right)) => {
            left == right
        }
        (Object::Time(left), Object::Time(right)) => left.timestamp() == right.timestamp(),
        (Object::Zone(left), Object::Zone(right)) => left == right,
        (Object::Array(left), Object::Array(right)) => {
            let (left, right) = (left.values.borrow(), right.values.borrow());
            left.len() == right.len() && left.iter().zip(right.iter()).all(|(left, right)| equal(left, right))
        }
        _ => match (number(left), number(right)) {
            (Some(left), Some(right)) => left.partial_cmp(&right) == Some(Ordering::Equal),
            _ => false,
        },
    }
}

fn sign(operator: Binary) -> &'static str {
    match operator {
        Binary::Add => "+",
        Binary::Subtract => "-",
        Binary::Multiply => "*",
        Binary::Divide => "/",
        Binary::Remainder => "%",
        Binary::Equal => "==",
        Binary::Unequal => "!=",
        Binary::Less => "<",
        Binary::LessEqual => "<=",
        Binary::Greater => ">",
        Binary::GreaterEqual => ">=",
        Binary::And => "&&",
        Binary::Or => "||",
    }
}
