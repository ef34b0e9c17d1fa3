//! Every metric with its description, as the node's own recorder hears of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit, with_local_recorder,
};
use troupe_runtime::locks::lock;

/// Hears descriptions and nothing else.
#[derive(Default)]
struct Descriptions(Mutex<BTreeMap<String, (&'static str, String)>>);

impl Descriptions {
    fn add(&self, name: &KeyName, kind: &'static str, description: &SharedString) {
        let mut all = lock(&self.0);
        all.insert(name.as_str().to_owned(), (kind, description.to_string()));
    }
}

impl Recorder for Descriptions {
    fn describe_counter(&self, name: KeyName, _: Option<Unit>, description: SharedString) {
        self.add(&name, "counter", &description);
    }

    fn describe_gauge(&self, name: KeyName, _: Option<Unit>, description: SharedString) {
        self.add(&name, "gauge", &description);
    }

    fn describe_histogram(&self, name: KeyName, _: Option<Unit>, description: SharedString) {
        self.add(&name, "histogram", &description);
    }

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

pub(super) fn page() -> String {
    let heard = Descriptions::default();
    with_local_recorder(&heard, || {
        troupe_gateway::metrics::describe();
        troupe_inference::metrics::describe();
    });
    let mut page = String::from(
        "# Metrics\n\n\
         `GET /metrics` of a gateway answers in the Prometheus text format; the console has the same numbers. Labels \
         come from closed sets, never from keys.\n\n\
         | metric | is a | description |\n| --- | --- | --- |\n",
    );
    for (name, (kind, description)) in heard.0.into_inner().unwrap_or_else(PoisonError::into_inner) {
        let _ = writeln!(page, "| `{name}` | {kind} | {description} |");
    }
    page
}
