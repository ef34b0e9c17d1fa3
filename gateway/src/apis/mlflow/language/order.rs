//! Orders of a list.

use std::cmp::Ordering;

use serde_json::Value;

use super::filter::figure;
use super::reader::{Identifier, Part, Reader};
use super::subject::{For, Name, Sort, Subject};
use crate::apis::mlflow::{Trouble, bad};

/// Orders of one list.
const ORDERS_MAX: usize = 32;

/// A name that a list is sorted by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Order {
    pub(in super::super) name: Name,
    pub(in super::super) falls: bool,
}

/// Reads the orders of a list, the first of which counts most.
pub(in super::super) fn orders(texts: &[String], subject: Subject) -> Result<Vec<Order>, Trouble> {
    if texts.len() > ORDERS_MAX {
        return Err(bad("order_by", format!("order_by must be at most {ORDERS_MAX} orders")));
    }
    let read = |text: &String| {
        order(text, subject).map_err(|why| {
            let shown: String = text.chars().take(64).collect();
            bad(
                "order_by",
                format!("order {shown:?} is not understood: {why}; write a name, then ASC or DESC"),
            )
        })
    };
    texts.iter().map(read).collect()
}

fn order(text: &str, subject: Subject) -> Result<Order, String> {
    let mut reader = Reader::new(text);
    let mut identifier = reader.name()?;
    let mut falls = false;
    if reader.skip_blank() {
        match reader.word().to_ascii_lowercase().as_str() {
            "asc" => {}
            "desc" => falls = true,
            other => return Err(format!("{other:?} is not a direction")),
        }
        identifier = unquoted(identifier);
    }
    if !reader.is_at_end() {
        return Err("one order is one name and its direction".to_owned());
    }
    Ok(Order { name: subject.name(identifier, For::Order)?, falls })
}

/// With a direction, quotes around the whole name are taken away before the name is divided at its dot.
fn unquoted(identifier: Identifier) -> Identifier {
    match (&identifier.rest, identifier.first.quote, identifier.first.text.split_once('.')) {
        (None, Some(_), Some((first, rest))) => {
            Identifier { first: Part { text: first.to_owned(), quote: None }, rest: Some(rest.to_owned()) }
        }
        _ => identifier,
    }
}

/// Numbers, then NaN, then rows without a value, in both directions.
pub(super) fn compare(order: &Order, a: Option<&Value>, b: Option<&Value>) -> Ordering {
    let turned = |found: Ordering| if order.falls { found.reverse() } else { found };
    let (a, b) = (a.filter(|a| !a.is_null()), b.filter(|b| !b.is_null()));
    if order.name.sort == Sort::Text {
        let (a, b) = (a.and_then(Value::as_str), b.and_then(Value::as_str));
        return a.is_none().cmp(&b.is_none()).then_with(|| turned(a.cmp(&b)));
    }
    let (a, b) = (a.and_then(figure), b.and_then(figure));
    let place = |held: Option<f64>| held.map_or(2, |held| u8::from(held.is_nan()));
    place(a).cmp(&place(b)).then_with(|| match (a, b) {
        (Some(a), Some(b)) => turned(a.partial_cmp(&b).unwrap_or(Ordering::Equal)),
        _ => Ordering::Equal,
    })
}

/// Sorts rows by the value that `held` finds for each name; rows with equal values keep their order.
pub(in super::super) fn sort<R>(
    rows: &mut [R],
    orders: &[Order],
    held: impl for<'r> Fn(&'r R, &Name) -> Option<&'r Value>,
) {
    rows.sort_by(|a, b| {
        let by = |order: &Order| compare(order, held(a, &order.name), held(b, &order.name));
        orders.iter().map(by).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    });
}
