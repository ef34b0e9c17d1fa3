use troupe_runtime::entity::{Answer, Globals};
use troupe_runtime::routing::Solo;
use troupe_runtime::transport::AskOne;
use troupe_runtime::{AskOptions, Context, Decide, Entity, Query, Timestamp, wire};

use super::{Content, ContentView, Count, Describe, Event, GetContent};

fn describe(title: &str, genres: &[&str]) -> Describe {
    let genres = genres.iter().map(|genre| (*genre).to_owned()).collect();
    Describe { title: title.to_owned(), year: Some(1995), genres }
}

fn view(content: &Content) -> ContentView {
    let globals = Globals::default();
    content.answer(&GetContent {}, &Context::at(Timestamp(1), "{c:1}", &globals)).unwrap()
}

#[test]
fn counts_add_up_and_a_late_one_does_not_move_the_last_time_back() {
    let mut content = Content::create("{c:1}");
    for (value, at) in [(Some(4.0), 10), (None, 30), (Some(2.5), 20)] {
        content.apply(&Event::Counted(Count { value, at: Timestamp(at) }));
    }
    let view = view(&content);
    assert_eq!((view.interactions, view.values, view.last), (3, (6.5, 2), Some(Timestamp(30))));
    assert_eq!(view.title, "");
}

#[test]
fn a_description_is_checked_and_the_same_one_changes_nothing() {
    let globals = Globals::default();
    let ctx = Context::at(Timestamp(1), "{c:1}", &globals);
    let mut content = Content::create("{c:1}");
    let good = describe("Toy Story", &["Animation"]);
    assert_eq!(content.decide(&good, &ctx).events(), [Event::Described(good.clone())]);
    content.apply(&Event::Described(good.clone()));
    assert!(content.decide(&good, &ctx).events().is_empty());

    for (ask, field) in [
        (describe(&"t".repeat(513), &[]), "title"),
        (describe("t", &["g"; 33]), "genres"),
        (describe("t", &[&"g".repeat(513)]), "genres"),
    ] {
        let decision = content.decide(&ask, &ctx);
        assert_eq!(decision.outcome().unwrap_err().field.as_deref(), Some(field));
    }
    // A description under the bare id would be a second content, which interactions never reach.
    let bare = Context::at(Timestamp(1), "1", &globals);
    assert_eq!(content.decide(&good, &bare).outcome().unwrap_err().code, "BAD_ID");
}

#[test]
fn a_value_that_is_not_a_number_does_not_corrupt_the_sum() {
    let globals = Globals::default();
    let ctx = Context::at(Timestamp(1), "{c:1}", &globals);
    for value in [f32::NAN, f32::INFINITY] {
        let count = Count { value: Some(value), at: Timestamp(1) };
        let decision = Content::create("{c:1}").decide(&count, &ctx);
        assert_eq!(decision.outcome().unwrap_err().code, "NOT_FINITE");
    }
}

#[tokio::test]
async fn titles_are_looked_up_in_batches() {
    let (router, _) = Solo::router(crate::registry());
    for id in ["7", "8"] {
        let ask = describe(&format!("Title {id}"), &[]);
        router.ask(&Content::address(id), &ask, AskOptions::default()).await.unwrap();
    }
    let ask = |id: &str| AskOne {
        to: Content::address(id),
        verb: GetContent::VERB.to_owned(),
        body: wire::encode(&GetContent {}),
        key: None,
    };
    let within = std::time::Duration::from_secs(1);
    let titles: Vec<String> = router
        .ask_many(["8", "9", "7"].map(ask).to_vec(), within)
        .await
        .into_iter()
        .map(|outcome| wire::decode::<ContentView>(&outcome.unwrap()).unwrap().title)
        .collect();
    assert_eq!(titles, ["Title 8", "", "Title 7"]);
}

#[test]
fn stored_events_keep_their_bytes() {
    let mut golden = vec![0, 9];
    golden.extend(b"Toy Story");
    golden.extend([1, 251, 0xcb, 0x07, 1, 5]);
    golden.extend(b"Crime");
    assert_eq!(wire::encode(&Event::Described(describe("Toy Story", &["Crime"]))), golden);
    let counted = Event::Counted(Count { value: Some(4.0), at: Timestamp(200) });
    assert_eq!(wire::encode(&counted), [1, 1, 0, 0, 0x80, 0x40, 200]);
}
