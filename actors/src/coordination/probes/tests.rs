use troupe_runtime::entity::{Answer, Globals};
use troupe_runtime::{Context, Decide, Entity, Timestamp, wire};

use super::{Append, Cas, Event, Forward, Get, List, Probe, Put, Read, Seen, Take};

#[test]
fn a_register_counts_its_writes_and_a_swap_needs_the_value_it_names() {
    let globals = Globals::default();
    let ctx = Context::at(Timestamp(1), "k", &globals);
    let mut probe = Probe::create("k");
    let seen = |value, version, written| Seen { value, version, written };
    assert_eq!(probe.answer(&Get {}, &ctx), Ok(seen(0, 0, false)));
    let put = probe.decide(&Put { value: 7 }, &ctx);
    assert_eq!((put.events(), put.outcome()), (&[Event::Written(7)][..], Ok(Some(&seen(7, 1, true)))));
    probe.apply(&Event::Written(7));
    for (old, expected, events) in
        [(6, seen(7, 1, false), &[][..]), (7, seen(8, 2, true), &[Event::Written(8)])]
    {
        let cas = probe.decide(&Cas { old, new: 8 }, &ctx);
        assert_eq!((cas.events(), cas.outcome()), (events, Ok(Some(&expected))), "{old}");
    }
}

#[test]
fn a_list_keeps_order_forwards_once_and_has_a_bound() {
    let globals = Globals::default();
    let ctx = Context::at(Timestamp(1), "k", &globals);
    let mut probe = Probe::create("k");
    let forward = probe.decide(&Forward { value: 5, to: "other".to_owned() }, &ctx);
    assert_eq!(forward.events(), [Event::Grown(5)]);
    let effect = &forward.effects()[0];
    assert_eq!((effect.to.key.as_str(), effect.verb.as_str()), ("other", "take.v1"));
    assert_eq!(wire::decode::<Take>(&effect.body), Ok(Take { value: 5 }));
    let nowhere = probe.decide(&Forward { value: 5, to: String::new() }, &ctx);
    assert_eq!(nowhere.outcome().unwrap_err().field.as_deref(), Some("to"));
    assert!(nowhere.effects().is_empty());

    for value in 0..4_096 {
        probe.apply(&Event::Grown(value));
    }
    assert_eq!(probe.decide(&Append { value: 1 }, &ctx).outcome().unwrap_err().code, "FULL");
    let full = probe.decide(&Forward { value: 1, to: "other".to_owned() }, &ctx);
    assert!(full.outcome().is_err() && full.effects().is_empty());
    assert_eq!(probe.answer(&Read {}, &ctx), Ok(List { values: (0..4_096).collect() }));
}

#[test]
fn stored_events_keep_their_bytes() {
    assert_eq!(wire::encode(&Event::Written(7)), [0, 7]);
    assert_eq!(wire::encode(&Event::Grown(300)), [1, 251, 0x2c, 1]);
}
