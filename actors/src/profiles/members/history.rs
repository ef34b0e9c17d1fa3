//! A member's interactions, packed: there are many members with many interactions each.

use bincode::de::Decoder;
use bincode::enc::Encoder;
use bincode::error::{DecodeError, EncodeError};
use bincode::{Decode, Encode};
use serde::{Serialize, Serializer};
use troupe_runtime::Timestamp;

use super::messages::InteractionView;

/// Upper bound on the interactions of a history; the oldest by event time is dropped first.
pub const HISTORY_MAX: usize = 1_000;
/// Upper bound on the ids kept of interactions older than the history: a late interaction counts once and its repeat
/// does not.
pub const BEHIND_MAX: usize = 1_000;

/// Number of texts above which unreferenced texts are dropped. It exceeds the texts that a history can refer to, and
/// a position still fits [`Interaction::kind`].
const TEXTS_MAX: usize = 4 * HISTORY_MAX;

/// Flags a content that is not a number; the other bits are a position in the history's texts.
const TEXT: u32 = 1 << 31;

/// Each text is stored once per history.
#[derive(Debug, Clone, Copy, PartialEq, Encode, Decode)]
struct Interaction {
    id: u64,
    at: u64,
    content: u32,
    /// `NaN` stands for no value.
    value: f32,
    kind: u16,
}

/// The latest event time that fits six bytes of milliseconds, in the year 10889: later than any recorded one.
const AT_MAX: u64 = (1 << 48) - 1;

/// An interaction without alignment padding.
#[derive(Clone, Copy, PartialEq)]
struct Packed([u8; 24]);

impl Packed {
    fn new(one: Interaction) -> Self {
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&one.id.to_le_bytes());
        bytes[8..14].copy_from_slice(&one.at.min(AT_MAX).to_le_bytes()[..6]);
        bytes[14..18].copy_from_slice(&one.content.to_le_bytes());
        bytes[18..22].copy_from_slice(&one.value.to_le_bytes());
        bytes[22..].copy_from_slice(&one.kind.to_le_bytes());
        Self(bytes)
    }

    fn part<const N: usize>(&self, from: usize) -> [u8; N] {
        let mut part = [0; N];
        part.copy_from_slice(&self.0[from..from + N]);
        part
    }

    fn id(&self) -> u64 {
        u64::from_le_bytes(self.part(0))
    }

    fn get(&self) -> Interaction {
        let mut at = [0; 8];
        at[..6].copy_from_slice(&self.0[8..14]);
        Interaction {
            id: self.id(),
            at: u64::from_le_bytes(at),
            content: u32::from_le_bytes(self.part(14)),
            value: f32::from_le_bytes(self.part(18)),
            kind: u16::from_le_bytes(self.part(22)),
        }
    }
}

impl std::fmt::Debug for Packed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.get().fmt(f)
    }
}

impl Encode for Packed {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.get().encode(encoder)
    }
}

impl<C> Decode<C> for Packed {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Interaction::decode(decoder).map(Self::new)
    }
}

bincode::impl_borrow_decode!(Packed);

/// The newest interactions of one member, in order of event time.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode)]
pub struct History {
    packed: Vec<Packed>,
    texts: Vec<Box<str>>,
    text_bytes: u32,
    /// Event times and ids of the interactions dropped last from the history, in order.
    behind: Vec<(u64, u64)>,
    /// Ids are complete for event times from here on: an older interaction may be a repeat.
    whole_from: u64,
}

impl History {
    /// Whether an interaction with this id was added, as far as ids are kept.
    #[must_use]
    pub fn knows(&self, id: u64) -> bool {
        self.packed.iter().any(|interaction| interaction.id() == id)
            || self.behind.iter().any(|(_, behind)| *behind == id)
    }

    /// Whether an interaction of that time may have been added and forgotten.
    #[must_use]
    pub const fn is_beyond(&self, at: Timestamp) -> bool {
        at.0 < self.whole_from
    }

    /// Number of interactions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.packed.len()
    }

    /// Whether the history is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.packed.is_empty()
    }

    /// Adds an interaction in order of event time. For one older than a full history only the id is kept.
    pub fn add(&mut self, id: u64, content: &str, kind: &str, value: Option<f32>, at: Timestamp) {
        let one = Interaction {
            id,
            at: at.0,
            content: self.content(content),
            value: value.unwrap_or(f32::NAN),
            kind: u16::try_from(self.text(kind)).unwrap_or(u16::MAX),
        };
        if self.packed.len() == self.packed.capacity() {
            // Grows by a sixteenth rather than by half: most histories rarely grow after they are read.
            self.packed.reserve_exact((self.packed.len() / 16).max(4));
        }
        let place = self.packed.partition_point(|held| {
            let held = held.get();
            (held.at, held.id) <= (one.at, one.id)
        });
        self.packed.insert(place, Packed::new(one));
        if self.packed.len() > HISTORY_MAX {
            let dropped = self.packed.remove(0).get();
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

    /// Interactions, newest first.
    pub fn newest(&self) -> impl Iterator<Item = InteractionView> {
        self.packed.iter().rev().map(Packed::get).map(|one| InteractionView {
            id: one.id,
            content: self.content_text(one.content),
            kind: self.texts.get(usize::from(one.kind)).map_or_else(String::new, ToString::to_string),
            value: Some(one.value).filter(|value| !value.is_nan()),
            at: Timestamp(one.at),
        })
    }

    /// Distinct contents, newest first.
    #[must_use]
    pub fn contents(&self) -> Vec<String> {
        let mut seen = std::collections::HashSet::with_capacity(self.packed.len());
        let contents = self.packed.iter().rev().map(|packed| packed.get().content);
        contents.filter(|content| seen.insert(*content)).map(|content| self.content_text(content)).collect()
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
            // Only the canonical form of a number, otherwise two ids would become one.
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
            let mut one = packed.get();
            one.kind = keep(usize::from(one.kind));
            if one.content & TEXT != 0 {
                one.content = TEXT | u32::from(keep((one.content & !TEXT) as usize));
            }
            *packed = Packed::new(one);
        }
        self.text_bytes = self.texts.iter().map(|text| u32::try_from(text.len()).unwrap_or(0)).sum();
    }
}

impl Serialize for History {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.newest())
    }
}
