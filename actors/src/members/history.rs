//! A member's interactions, packed: there are many members and each has many.

use bincode::{Decode, Encode};
use serde::{Serialize, Serializer};
use troupe_runtime::Timestamp;

use super::messages::InteractionView;

/// Interactions that a history holds; the oldest by event time goes first.
pub const HISTORY_MAX: usize = 1_000;
/// Interactions behind the history of which the ids are still known, so that a late one counts and its repeat does not.
pub const BEHIND_MAX: usize = 1_000;

/// Texts above which those that nothing refers to any more are dropped: more than can be referred to, and few enough
/// for the place of each to fit [`Packed::kind`].
const TEXTS_MAX: usize = 4 * HISTORY_MAX;

/// Marks a content that is not a number: the rest is a place in the history's own texts.
const TEXT: u32 = 1 << 31;

/// 32 bytes; texts are kept once for each history.
#[derive(Debug, Clone, Copy, PartialEq, Encode, Decode)]
struct Packed {
    id: u64,
    at: u64,
    content: u32,
    /// `NaN` stands for none.
    value: f32,
    kind: u16,
}

/// The newest interactions of one member, in order of event time.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode)]
pub struct History {
    packed: Vec<Packed>,
    texts: Vec<Box<str>>,
    text_bytes: u32,
    /// Event times and ids of the interactions that fell off the history last, in order.
    behind: Vec<(u64, u64)>,
    /// Event times from here on are known whole: an older interaction cannot be told from a repeat.
    whole_from: u64,
}

impl History {
    /// Whether an interaction with this id was added, as far as is still known.
    #[must_use]
    pub fn knows(&self, id: u64) -> bool {
        self.packed.iter().any(|interaction| interaction.id == id)
            || self.behind.iter().any(|(_, behind)| *behind == id)
    }

    /// Whether an interaction of that time may have been added and forgotten.
    #[must_use]
    pub const fn is_beyond(&self, at: Timestamp) -> bool {
        at.0 < self.whole_from
    }

    /// Interactions held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.packed.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.packed.is_empty()
    }

    /// Adds an interaction in its place by time; one older than a full history holds leaves only its id.
    pub fn add(&mut self, id: u64, content: &str, kind: &str, value: Option<f32>, at: Timestamp) {
        let packed = Packed {
            id,
            at: at.0,
            content: self.content(content),
            value: value.unwrap_or(f32::NAN),
            kind: u16::try_from(self.text(kind)).unwrap_or(u16::MAX),
        };
        if self.packed.len() == self.packed.capacity() {
            // By a sixteenth rather than by half: most histories are done growing when they are read.
            self.packed.reserve_exact((self.packed.len() / 16).max(4));
        }
        let place = self.packed.partition_point(|held| (held.at, held.id) <= (packed.at, packed.id));
        self.packed.insert(place, packed);
        if self.packed.len() > HISTORY_MAX {
            let dropped = self.packed.remove(0);
            self.leave_behind(dropped.at, dropped.id);
            if self.texts.len() > TEXTS_MAX {
                self.drop_unused_texts();
            }
        }
    }

    fn leave_behind(&mut self, at: u64, id: u64) {
        let place = self.behind.partition_point(|held| *held <= (at, id));
        self.behind.insert(place, (at, id));
        if self.behind.len() > BEHIND_MAX {
            let (forgotten, _) = self.behind.remove(0);
            self.whole_from = self.whole_from.max(forgotten.saturating_add(1));
        }
    }

    /// Newest first.
    pub fn newest(&self) -> impl Iterator<Item = InteractionView> {
        self.packed.iter().rev().map(|packed| InteractionView {
            id: packed.id,
            content: self.content_text(packed.content),
            kind: self.texts.get(usize::from(packed.kind)).map_or_else(String::new, ToString::to_string),
            value: Some(packed.value).filter(|value| !value.is_nan()),
            at: Timestamp(packed.at),
        })
    }

    /// Distinct contents, newest first.
    #[must_use]
    pub fn contents(&self) -> Vec<String> {
        let mut seen = std::collections::HashSet::with_capacity(self.packed.len());
        let distinct = self.packed.iter().rev().filter(|packed| seen.insert(packed.content));
        distinct.map(|packed| self.content_text(packed.content)).collect()
    }

    /// Heap bytes.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.packed.capacity() * size_of::<Packed>()
            + self.texts.capacity() * size_of::<Box<str>>()
            + self.text_bytes as usize
            + self.behind.capacity() * size_of::<(u64, u64)>()
    }

    fn content(&mut self, id: &str) -> u32 {
        match id.parse::<u32>() {
            // Only the plain way of writing a number, or two ids would become one.
            Ok(number) if number < TEXT && number.to_string() == id => number,
            _ => TEXT | self.text(id),
        }
    }

    fn content_text(&self, content: u32) -> String {
        if content & TEXT == 0 {
            return content.to_string();
        }
        self.texts.get((content & !TEXT) as usize).map_or_else(String::new, ToString::to_string)
    }

    fn text(&mut self, text: &str) -> u32 {
        let place = self.texts.iter().position(|held| &**held == text).unwrap_or_else(|| {
            self.texts.push(text.into());
            self.text_bytes += u32::try_from(text.len()).unwrap_or(0);
            self.texts.len() - 1
        });
        u32::try_from(place).unwrap_or(0)
    }

    fn drop_unused_texts(&mut self) {
        let mut before: Vec<Option<Box<str>>> =
            std::mem::take(&mut self.texts).into_iter().map(Some).collect();
        let mut places = vec![0_u16; before.len()];
        let texts = &mut self.texts;
        let mut keep = |place: usize| {
            if let Some(text) = before[place].take() {
                texts.push(text);
                places[place] = u16::try_from(texts.len() - 1).unwrap_or(u16::MAX);
            }
            places[place]
        };
        for packed in &mut self.packed {
            packed.kind = keep(usize::from(packed.kind));
            if packed.content & TEXT != 0 {
                packed.content = TEXT | u32::from(keep((packed.content & !TEXT) as usize));
            }
        }
        self.text_bytes = self.texts.iter().map(|text| u32::try_from(text.len()).unwrap_or(0)).sum();
    }
}

impl Serialize for History {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.newest())
    }
}
