use troupe_runtime::entity::{Answer, Globals};
use troupe_runtime::{Context, Decide, Entity, Timestamp};

use super::{GetSignal, KEPT_MAX, Raise, Signal};

fn raise(id: &str) -> Raise {
    Raise { id: id.to_owned(), from: "monitors/m".to_owned(), at: Timestamp(5), params: Default::default() }
}

#[test]
fn one_happening_raises_a_signal_once_and_the_newest_are_kept() {
    let (globals, mut signal) = (Globals::default(), Signal::default());
    let ctx = Context::at(Timestamp(9), "drift", &globals);
    for (id, duplicate) in [("a", false), ("a", true), ("b", false), ("a", true)] {
        let decision = signal.decide(&raise(id), &ctx);
        assert_eq!(decision.outcome().unwrap().unwrap().duplicate, duplicate, "{id}");
        decision.events().iter().for_each(|event| signal.apply(event));
    }
    for i in 0..KEPT_MAX {
        let decision = signal.decide(&raise(&format!("n{i}")), &ctx);
        decision.events().iter().for_each(|event| signal.apply(event));
    }
    let view = signal.answer(&GetSignal {}, &ctx).unwrap();
    assert_eq!((view.raised, view.newest.len()), (2 + KEPT_MAX as u64, KEPT_MAX));
    assert_eq!(view.newest[0].id, format!("n{}", KEPT_MAX - 1));
}

#[test]
fn a_signal_without_a_name_for_what_happened_is_refused() {
    let (globals, signal) = (Globals::default(), Signal::default());
    let ctx = Context::at(Timestamp(9), "drift", &globals);
    let refused = signal.decide(&raise(""), &ctx);
    assert_eq!(refused.outcome().unwrap_err().field.as_deref(), Some("id"));
}
