//! Titles of contents, kept for a while so that a recommendation seldom has to ask for them.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use troupe_runtime::locks::lock;

/// A bounded cache: when it is full the oldest entry goes, and an entry older than its age is read again.
pub(crate) struct Titles {
    kept: Mutex<Cached>,
    titles_max: usize,
    age_max: Duration,
}

#[derive(Default)]
struct Cached {
    titles: HashMap<String, (String, Instant)>,
    /// Contents in the order in which they were first kept.
    order: VecDeque<String>,
}

impl Titles {
    pub(crate) fn new(titles_max: usize, age_max: Duration) -> Self {
        Self { kept: Mutex::default(), titles_max, age_max }
    }

    /// The title of a content, if it is known and fresh at `now`.
    pub(crate) fn get(&self, content: &str, now: Instant) -> Option<String> {
        let kept = lock(&self.kept);
        let (title, since) = kept.titles.get(content)?;
        (now.saturating_duration_since(*since) <= self.age_max).then(|| title.clone())
    }

    /// Keeps a title read at `now`.
    pub(crate) fn keep(&self, content: &str, title: &str, now: Instant) {
        let mut kept = lock(&self.kept);
        if kept.titles.insert(content.to_owned(), (title.to_owned(), now)).is_none() {
            kept.order.push_back(content.to_owned());
        }
        while kept.titles.len() > self.titles_max {
            let Some(oldest) = kept.order.pop_front() else { break };
            kept.titles.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_forgotten_when_it_is_old_or_one_too_many() {
        let start = Instant::now();
        let titles = Titles::new(2, Duration::from_secs(60));
        titles.keep("1", "Toy Story", start);
        titles.keep("2", "GoldenEye", start);
        titles.keep("1", "Toy Story (1995)", start);
        titles.keep("3", "Four Rooms", start);
        assert_eq!(titles.get("1", start), None, "the oldest of three went");
        assert_eq!(titles.get("2", start).as_deref(), Some("GoldenEye"));
        assert_eq!(titles.get("2", start + Duration::from_secs(61)), None);
        titles.keep("2", "GoldenEye (1995)", start + Duration::from_secs(61));
        assert_eq!(titles.get("2", start + Duration::from_secs(62)).as_deref(), Some("GoldenEye (1995)"));
    }
}
