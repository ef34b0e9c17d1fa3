//! State and decisions of a content.

use bincode::{Decode, Encode};
use serde::Serialize;
use troupe_runtime::entity::Answer;
use troupe_runtime::{Address, Context, Decide, Decision, Entity, Refused, Timestamp};

use super::messages::{ContentView, Count, Describe, GetContent};

/// Longest title and genre, in bytes.
const TEXT_BYTES_MAX: usize = 512;
/// Upper bound on the genres of one content.
const GENRES_MAX: usize = 32;

/// One content.
#[derive(Debug, Default, Encode, Decode, Serialize)]
pub struct Content {
    title: String,
    year: Option<u16>,
    genres: Vec<String>,
    interactions: u64,
    values: (f64, u64),
    last: Option<Timestamp>,
}

impl Content {
    /// The address of a content. The tag `c:` places contents and members with the same id in different shards.
    #[must_use]
    pub fn address(id: &str) -> Address {
        Address::of::<Self>(format!("{{c:{id}}}"))
    }
}

/// An event of a content.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
pub enum Event {
    /// It was described.
    Described(Describe),
    /// A member's interaction was counted.
    Counted(Count),
}

impl Entity for Content {
    const KIND: &'static str = "content";
    type Event = Event;

    fn create(_key: &str) -> Self {
        Self::default()
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::Described(described) => {
                self.title.clone_from(&described.title);
                self.year = described.year;
                self.genres.clone_from(&described.genres);
            }
            Event::Counted(count) => {
                self.interactions += 1;
                if let Some(value) = count.value {
                    self.values.0 += f64::from(value);
                    self.values.1 += 1;
                }
                self.last = self.last.max(Some(count.at));
            }
        }
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.title.len() + self.genres.iter().map(|genre| genre.len() + 24).sum::<usize>()
    }
}

impl Decide<Describe> for Content {
    fn decide(&self, ask: &Describe, ctx: &Context<'_>) -> Decision<Self, Describe> {
        if !ctx.key.starts_with("{c:") || !ctx.key.ends_with('}') {
            let why = "the key of a content must be its id in braces, {c:ID}";
            return Decision::refuse(Refused::field("BAD_ID", "key", why));
        }
        if ask.title.len() > TEXT_BYTES_MAX {
            let why = format!("title must be at most {TEXT_BYTES_MAX} bytes");
            return Decision::refuse(Refused::field("TOO_LONG", "title", why));
        }
        if ask.genres.len() > GENRES_MAX || ask.genres.iter().any(|genre| genre.len() > TEXT_BYTES_MAX) {
            let why = format!("genres must be at most {GENRES_MAX} of {TEXT_BYTES_MAX} bytes");
            return Decision::refuse(Refused::field("TOO_LONG", "genres", why));
        }
        let same = (&self.title, self.year, &self.genres) == (&ask.title, ask.year, &ask.genres);
        if same {
            return Decision::unchanged().reply(());
        }
        Decision::event(Event::Described(ask.clone())).reply(())
    }
}

impl Decide<Count> for Content {
    fn decide(&self, ask: &Count, _ctx: &Context<'_>) -> Decision<Self, Count> {
        if ask.value.is_some_and(|value| !value.is_finite()) {
            return Decision::refuse(Refused::field("NOT_FINITE", "value", "value must be a finite number"));
        }
        Decision::event(Event::Counted(*ask)).reply(())
    }
}

impl Answer<GetContent> for Content {
    fn answer(&self, _ask: &GetContent, _ctx: &Context<'_>) -> Result<ContentView, Refused> {
        Ok(ContentView {
            title: self.title.clone(),
            year: self.year,
            genres: self.genres.clone(),
            interactions: self.interactions,
            values: self.values,
            last: self.last,
        })
    }
}
