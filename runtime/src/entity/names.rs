//! A map from static names to values: iterated in order, looked up by hash. Every message does several lookups.

use std::collections::HashMap;

/// Values by name.
#[derive(Clone)]
pub struct Names<T> {
    /// By name.
    list: Vec<(&'static str, T)>,
    places: HashMap<&'static str, usize, foldhash::fast::RandomState>,
}

impl<T> Default for Names<T> {
    fn default() -> Self {
        Self { list: Vec::new(), places: HashMap::default() }
    }
}

impl<T> Names<T> {
    /// Adds a value; false, without a change, if the name is taken.
    pub(super) fn add(&mut self, name: &'static str, thing: T) -> bool {
        let Err(place) = self.list.binary_search_by_key(&name, |(name, _)| name) else { return false };
        self.list.insert(place, (name, thing));
        self.places = self.list.iter().enumerate().map(|(place, (name, _))| (*name, place)).collect();
        true
    }

    /// The value of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&T> {
        self.places.get(name).map(|place| &self.list[*place].1)
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut T> {
        self.places.get(name).map(|place| &mut self.list[*place].1)
    }

    /// Every name, in order.
    pub fn keys(&self) -> impl Iterator<Item = &'static str> {
        self.list.iter().map(|(name, _)| *name)
    }

    /// Every value, in the order of names.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.list.iter().map(|(_, thing)| thing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_in_any_order_is_listed_by_name_and_found_and_no_name_is_taken_twice() {
        let mut names = Names::default();
        for (name, thing) in [("put", 1), ("cas", 2), ("take", 3), ("get", 4)] {
            assert!(names.add(name, thing));
        }
        assert!(!names.add("cas", 5));
        assert_eq!(names.keys().collect::<Vec<_>>(), ["cas", "get", "put", "take"]);
        assert_eq!(names.values().copied().collect::<Vec<_>>(), [2, 4, 1, 3]);
        assert_eq!((names.get("take"), names.get("tak")), (Some(&3), None));
        if let Some(put) = names.get_mut("put") {
            *put = 6;
        }
        assert_eq!(names.get("put"), Some(&6));
    }
}
