use troupe_runtime::entity::{Answer, Globals};
use troupe_runtime::{Address, Context, Decide, Entity, Timestamp};

use super::{AT_ONCE_MAX, GetSignal, Heard, KEPT_MAX, Raise, Signal, Spread, Subscribe, Unsubscribe};

fn raise(id: &str) -> Raise {
    Raise { id: id.to_owned(), from: "monitors/m".to_owned(), at: Timestamp(5), params: Default::default() }
}

#[test]
fn one_event_raises_a_signal_once_and_the_newest_are_kept() {
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

fn fold<C: troupe_runtime::Command>(signal: &mut Signal, ask: &C, now: u64) -> Vec<(String, Heard)>
where
    Signal: Decide<C>,
{
    let globals = Globals::default();
    let decision = signal.decide(ask, &Context::at(Timestamp(now), "drift", &globals));
    decision.events().iter().for_each(|event| signal.apply(event));
    decision
        .effects()
        .iter()
        .map(|effect| {
            let heard: Heard = troupe_runtime::wire::decode(&effect.body).unwrap();
            (effect.to.to_string(), heard)
        })
        .collect()
}

fn subscribe(id: &str, since: Option<u64>) -> Subscribe {
    Subscribe { to: Address { kind: "workflows".into(), key: "w".into() }, id: id.into(), since }
}

#[test]
fn each_subscriber_gets_each_raise_once_and_past_ones_if_it_asks() {
    let mut signal = Signal::default();
    fold(&mut signal, &raise("a"), 1);
    fold(&mut signal, &raise("b"), 2);
    assert!(fold(&mut signal, &subscribe("new", None), 3).is_empty());
    let mut heard = fold(&mut signal, &subscribe("old", Some(0)), 4);
    heard.extend(fold(&mut signal, &Spread {}, 5));
    assert!(fold(&mut signal, &Spread {}, 6).is_empty());
    let seqs: Vec<u64> = heard.iter().map(|(_, heard)| heard.seq).collect();
    assert_eq!((seqs, heard[0].0.as_str()), (vec![1, 2], "workflows/w"));
    let heard = fold(&mut signal, &raise("c"), 7);
    let to: Vec<(&str, u64)> =
        heard.iter().map(|(_, heard)| (heard.subscription.as_str(), heard.seq)).collect();
    assert_eq!(to, [("new", 3), ("old", 3)]);
    assert!(fold(&mut signal, &raise("c"), 8).is_empty(), "a duplicate is sent to no subscriber");
    let unsubscribe = Unsubscribe { to: subscribe("new", None).to, id: "new".into() };
    fold(&mut signal, &unsubscribe, 9);
    assert_eq!(fold(&mut signal, &raise("d"), 10).len(), 1);
}

#[test]
fn each_log_entry_sends_a_raise_to_a_few_of_many_subscribers() {
    let mut signal = Signal::default();
    for i in 0..AT_ONCE_MAX * 3 + 1 {
        fold(&mut signal, &subscribe(&format!("s{i}"), None), 1);
    }
    let mut sent = fold(&mut signal, &raise("a"), 2).len();
    let mut entries = 1;
    loop {
        let more = fold(&mut signal, &Spread {}, 3).len();
        if more == 0 {
            break;
        }
        assert!(more <= AT_ONCE_MAX);
        (sent, entries) = (sent + more, entries + 1);
    }
    assert_eq!((sent, entries), (AT_ONCE_MAX * 3 + 1, 4));
}
