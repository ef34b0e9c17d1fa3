//! Runs that a filter takes.
//!
//! Newest first, where no other order is wanted, is how flows know their runs: a page then reads runs until it is full, and
//! its token says how far each flow was read. Any other order has to see all runs of the experiments first.

use std::collections::VecDeque;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use troupe_actors::metadata::flows::{Flow, FlowView, ListRuns, RunSummary};
use troupe_actors::metadata::runs::{GetRun, Run, RunView, run_key};
use troupe_runtime::transport::AskOne;
use troupe_runtime::{Address, AskError, Query as _, wire};

use super::language::{IdentifierType, Order, Subject};
use super::list::{is_seen, limit, no_token, page, token};
use super::{Answer, Body, Trouble, Whole, bad, experiments, ids, language, render};
use crate::edge::call::Call;
use crate::edge::state::GatewayState;
use troupe_runtime::routing::ask;

/// Experiments of one search.
const EXPERIMENTS_MAX: usize = 64;
/// Runs that one search reads.
const READ_MAX: usize = 10_000;
/// Metrics, parameters and tags of the runs of one page, and of the runs that one search sorts. A page has one run at least.
const PAGE_VALUES_MAX: usize = 200_000;
const SORT_VALUES_MAX: usize = 2_000_000;
/// Runs asked at once, and runs of one page of a flow.
const AT_ONCE: usize = 64;
const PAGE: u64 = 500;
const LIMIT: i64 = 1_000;

/// What is searched for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Search {
    experiment_ids: Vec<String>,
    filter: Option<String>,
    run_view_type: Option<String>,
    max_results: Option<Whole>,
    order_by: Vec<String>,
    page_token: Option<String>,
}

/// A run, and what it can be asked by.
type Row = (Value, render::Held);

fn values((_, held): &Row) -> usize {
    held.values().map(std::collections::BTreeMap::len).sum()
}

/// How far the runs of a flow are read, newest first.
struct Cursor {
    flow: String,
    view: FlowView,
    /// Those that are known and not read.
    ahead: VecDeque<RunSummary>,
    /// The number of the last that was read; those behind it are to come.
    read: Option<u64>,
    whole: bool,
}

impl Cursor {
    async fn fill(&mut self, edge: &GatewayState, call: &Call) -> Result<(), Trouble> {
        if !self.ahead.is_empty() || self.whole {
            return Ok(());
        }
        let list = ListRuns { before: self.read, limit: PAGE };
        let runs = ask::<Flow, ListRuns>(&edge.router, &self.flow, &list, call.left()?).await?;
        self.whole = (runs.len() as u64) < PAGE;
        self.ahead = runs.into();
        Ok(())
    }
}

/// The runs of some flows, newest first.
struct Runs(Vec<Cursor>);

impl Runs {
    /// The next few, by their flow's place and their number.
    async fn next(&mut self, edge: &GatewayState, call: &Call) -> Result<Vec<(usize, RunSummary)>, Trouble> {
        let mut next = Vec::new();
        while next.len() < AT_ONCE {
            for cursor in &mut self.0 {
                cursor.fill(edge, call).await?;
            }
            let heads = self.0.iter().enumerate();
            let newest = heads.filter_map(|(at, cursor)| Some((cursor.ahead.front()?.at, at)));
            let Some((_, at)) = newest.max_by_key(|(began, at)| (*began, std::cmp::Reverse(*at))) else {
                break;
            };
            if let Some(run) = self.0[at].ahead.pop_front() {
                self.0[at].read = Some(run.number);
                next.push((at, run));
            }
        }
        Ok(next)
    }

    /// Reads them; a run that its flow forgot in the meantime is left out.
    async fn read(
        &self,
        edge: &GatewayState,
        call: &Call,
        some: &[(usize, RunSummary)],
    ) -> Result<Vec<Option<Row>>, Trouble> {
        let asks = some.iter().map(|(at, run)| AskOne {
            to: Address::of::<Run>(run_key(&self.0[*at].flow, &run.run)),
            verb: GetRun::VERB.to_owned(),
            body: wire::encode(&GetRun {}),
            key: None,
        });
        let answers = edge.router.ask_many(asks.collect(), call.left()?).await;
        let rows = some.iter().zip(answers).map(|((at, _), answer)| {
            let run: RunView = wire::decode(&answer?).map_err(AskError::Fault)?;
            Ok(run.begun.is_some().then(|| {
                let row = render::run(&self.0[*at].view, &run);
                let held = render::attributes(&row);
                (row, held)
            }))
        });
        rows.collect()
    }
}

/// How far each flow was read: its last number, or nothing where none was read.
fn told(read: &[Option<u64>]) -> String {
    let numbers = read.iter().map(|read| read.map_or_else(String::new, |number| number.to_string()));
    format!("n{}", numbers.collect::<Vec<_>>().join("."))
}

fn understood(text: &str, flows: usize) -> Result<Vec<Option<u64>>, Trouble> {
    let numbers = text.strip_prefix('n').ok_or_else(no_token)?.split('.');
    let read = numbers.map(|number| match number {
        "" => Ok(None),
        number => number.parse().map(Some).map_err(|_| no_token()),
    });
    let read: Vec<Option<u64>> = read.collect::<Result<_, _>>()?;
    if read.len() == flows { Ok(read) } else { Err(no_token()) }
}

/// Runs of experiments that a filter takes; newest first where no other order is wanted. A page may be short, or empty,
/// and have another one behind it.
#[utoipa::path(post, path = "/api/2.0/mlflow/runs/search", tag = "mlflow", operation_id = "mlflow_search_runs",
    request_body(content = serde_json::Value, description = "`experiment_ids`, `filter`, `order_by`, `run_view_type`, `max_results`, `page_token`"),
    responses((status = 200, description = "`runs` and `next_page_token`", body = serde_json::Value), Trouble))]
pub(crate) async fn search(
    State(edge): State<GatewayState>,
    Body { call, json: search, .. }: Body<Search>,
) -> Answer {
    if search.experiment_ids.len() > EXPERIMENTS_MAX {
        return Err(bad("experiment_ids", format!("experiment_ids must be at most {EXPERIMENTS_MAX}")));
    }
    let conditions = language::read(search.filter.as_deref().unwrap_or_default(), Subject::Runs)?;
    let orders = language::orders(&search.order_by, Subject::Runs)?;
    let limit = limit(search.max_results.as_ref(), LIMIT, 50_000)?;
    let mut runs = Runs(Vec::new());
    for experiment in &search.experiment_ids {
        let view = experiments::viewed(&edge, &call, experiment).await?;
        let flow = ids::flow(experiment).to_owned();
        runs.0.push(Cursor { flow, view, ahead: VecDeque::new(), read: None, whole: false });
    }
    let takes = |(row, held): &Row| {
        is_seen(search.run_view_type.as_deref(), row["info"]["lifecycle_stage"] == "deleted")
            && conditions
                .iter()
                .all(|one| one.holds(held.get(&one.name.of).and_then(|of| of.get(&one.name.key))))
    };
    let (rows, next) = if is_newest_first(&orders) {
        newest(&edge, &call, runs, token(search.page_token.as_deref()), limit, takes).await?
    } else {
        let mut rows = all(&edge, &call, runs, takes).await?;
        language::sort(&mut rows, &orders, |(_, held), name| held.get(&name.of)?.get(&name.key));
        page(rows.into_iter().map(|(row, _)| row).collect(), search.page_token.as_deref(), limit)?
    };
    Ok(Json(json!({ "runs": rows, "next_page_token": next })))
}

/// Whether runs are wanted as flows know them.
fn is_newest_first(orders: &[Order]) -> bool {
    orders.first().is_none_or(|first| {
        first.falls && first.name.of == IdentifierType::Attribute && first.name.key == "start_time"
    })
}

async fn newest(
    edge: &GatewayState,
    call: &Call,
    mut runs: Runs,
    from: Option<&str>,
    limit: usize,
    takes: impl Fn(&Row) -> bool,
) -> Result<(Vec<Value>, Option<String>), Trouble> {
    let mut read = from.map_or(Ok(vec![None; runs.0.len()]), |from| understood(from, runs.0.len()))?;
    runs.0.iter_mut().zip(&read).for_each(|(cursor, read)| cursor.read = *read);
    let (mut rows, mut seen, mut held) = (Vec::new(), 0, 0);
    loop {
        let some = runs.next(edge, call).await?;
        if some.is_empty() {
            return Ok((rows, None));
        }
        let found = runs.read(edge, call, &some).await?;
        for ((at, run), row) in some.into_iter().zip(found) {
            if rows.len() == limit || seen == READ_MAX || held >= PAGE_VALUES_MAX {
                return Ok((rows, Some(told(&read))));
            }
            (read[at], seen) = (Some(run.number), seen + 1);
            if let Some(row) = row.filter(&takes) {
                held += values(&row);
                rows.push(row.0);
            }
        }
    }
}

/// All runs that are taken, newest first.
async fn all(
    edge: &GatewayState,
    call: &Call,
    mut runs: Runs,
    takes: impl Fn(&Row) -> bool,
) -> Result<Vec<Row>, Trouble> {
    let (mut rows, mut seen, mut held) = (Vec::new(), 0, 0);
    loop {
        let some = runs.next(edge, call).await?;
        if some.is_empty() {
            return Ok(rows);
        }
        seen += some.len();
        let found = runs.read(edge, call, &some).await?.into_iter().flatten().filter(&takes);
        for row in found {
            held += values(&row);
            rows.push(row);
        }
        if seen > READ_MAX || held > SORT_VALUES_MAX {
            let why = format!(
                "the experiments have more than {READ_MAX} runs or {SORT_VALUES_MAX} values, which are not sorted at once: \
                 leave order_by out to have the newest first, page by page, or search fewer experiments"
            );
            return Err(bad("order_by", why));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_how_far_each_flow_was_read_and_nothing_else_is_one() {
        for read in [vec![], vec![None], vec![Some(7)], vec![None, Some(u64::MAX), None]] {
            // No flow and one that was not read are written alike.
            let flows = read.len().max(1);
            let expected = if read.is_empty() { vec![None] } else { read.clone() };
            assert_eq!(understood(&told(&read), flows).unwrap(), expected);
        }
        for (text, flows) in [("", 1), ("7", 1), ("n7", 2), ("n7.8", 1), ("nx", 1), ("n-1", 1), ("n1,2", 1)] {
            assert!(understood(text, flows).is_err(), "{text:?}");
        }
    }

    #[test]
    fn only_the_order_of_beginning_is_known_without_reading_everything() {
        for (order, expected) in [
            (vec![], true),
            (vec!["attributes.start_time DESC"], true),
            (vec!["attribute.Created DESC"], true),
            (vec!["start_time desc", "metrics.loss"], true),
            (vec!["attributes.start_time"], false),
            (vec!["metrics.loss", "start_time DESC"], false),
        ] {
            let order: Vec<String> = order.into_iter().map(str::to_owned).collect();
            let read = language::orders(&order, Subject::Runs).unwrap();
            assert_eq!(is_newest_first(&read), expected, "{order:?}");
        }
    }
}
