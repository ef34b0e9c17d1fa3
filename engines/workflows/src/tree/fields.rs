//! Reader of one object's fields. Each field is taken by name; a wrong type is reported, and fields that remain are
//! unknown.

use std::cell::RefCell;

use super::{Report, Tree, at};

/// An object during reading.
pub(crate) struct Fields<'a> {
    pub(crate) path: String,
    pub(crate) report: &'a Report,
    entries: &'a [(String, Tree)],
    taken: RefCell<Vec<&'static str>>,
}

impl<'a> Fields<'a> {
    /// The fields of an object; a value of another type is reported.
    pub(crate) fn of(tree: &'a Tree, path: &str, report: &'a Report) -> Option<Self> {
        let Tree::Map(entries) = tree else {
            report.add(path, format!("{} stands where an object belongs", tree.sort()), "write an object");
            return None;
        };
        Some(Self { path: path.to_owned(), report, entries, taken: RefCell::default() })
    }

    pub(crate) fn at(&self, name: &str) -> String {
        at(&self.path, name)
    }

    /// Takes a field; null counts as absent.
    pub(crate) fn tree(&self, name: &'static str) -> Option<&'a Tree> {
        self.taken.borrow_mut().push(name);
        let found = self.entries.iter().find(|(key, _)| key == name).map(|(_, value)| value)?;
        (!matches!(found, Tree::Null)).then_some(found)
    }

    fn wrong<T>(&self, name: &str, found: &Tree, wanted: &str) -> Option<T> {
        self.report.add(
            self.at(name),
            format!("{} stands where {wanted} belongs", found.sort()),
            format!("write {wanted}"),
        );
        None
    }

    /// Takes a string; a number or boolean is taken as written, as YAML's authors expect.
    pub(crate) fn text(&self, name: &'static str) -> Option<String> {
        match self.tree(name)? {
            Tree::Text(text) => Some(text.clone()),
            Tree::Long(value) => Some(value.to_string()),
            Tree::Double(value) => Some(value.to_string()),
            Tree::Boolean(value) => Some(value.to_string()),
            other => self.wrong(name, other, "a string"),
        }
    }

    /// Takes a required string.
    pub(crate) fn needed(&self, name: &'static str, why: &str) -> Option<String> {
        if self.tree(name).is_none() {
            self.report.add(self.at(name), "is missing", why);
            return None;
        }
        self.text(name)
    }

    pub(crate) fn boolean(&self, name: &'static str) -> Option<bool> {
        match self.tree(name)? {
            Tree::Boolean(value) => Some(*value),
            Tree::Text(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Tree::Text(text) if text.eq_ignore_ascii_case("false") => Some(false),
            other => self.wrong(name, other, "true or false"),
        }
    }

    /// Takes a non-negative whole number.
    pub(crate) fn count(&self, name: &'static str) -> Option<u64> {
        match self.tree(name)? {
            Tree::Long(value) if *value >= 0 => u64::try_from(*value).ok(),
            Tree::Text(text) if text.trim().parse::<u64>().is_ok() => text.trim().parse().ok(),
            other => self.wrong(name, other, "a whole number of zero or more"),
        }
    }

    /// Takes the elements of a list with their paths; empty if absent.
    pub(crate) fn list(&self, name: &'static str) -> Vec<(String, &'a Tree)> {
        match self.tree(name) {
            None => Vec::new(),
            Some(Tree::List(values)) => {
                let path = self.at(name);
                values.iter().enumerate().map(|(at, value)| (format!("{path}[{at}]"), value)).collect()
            }
            Some(other) => {
                self.wrong::<()>(name, other, "a list");
                Vec::new()
            }
        }
    }

    /// Takes a list of strings.
    pub(crate) fn texts(&self, name: &'static str) -> Vec<String> {
        self.list(name)
            .into_iter()
            .filter_map(|(path, value)| match value {
                Tree::Text(text) => Some(text.clone()),
                other => {
                    let what = format!("{} stands where a string belongs", other.sort());
                    self.report.add(path, what, "write a string");
                    None
                }
            })
            .collect()
    }

    /// Takes the entries of an object with their paths; empty if absent.
    pub(crate) fn entries(&self, name: &'static str) -> Vec<(&'a str, String, &'a Tree)> {
        match self.tree(name) {
            None => Vec::new(),
            Some(Tree::Map(entries)) => {
                let path = self.at(name);
                entries.iter().map(|(key, value)| (key.as_str(), at(&path, key), value)).collect()
            }
            Some(other) => {
                self.wrong::<()>(name, other, "an object");
                Vec::new()
            }
        }
    }

    /// Takes a word of a closed list, in any case.
    pub(crate) fn word<T: Copy>(&self, name: &'static str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(name)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(&text)) {
            return Some(*value);
        }
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        self.report.add(
            self.at(name),
            format!("{text:?} is not known"),
            format!("use one of {}", known.join(", ")),
        );
        None
    }

    /// The remaining fields, for objects that allow unknown ones.
    pub(crate) fn rest(&self) -> Vec<(&'a str, &'a Tree)> {
        let taken = self.taken.borrow();
        self.entries
            .iter()
            .filter(|(key, _)| !taken.contains(&key.as_str()))
            .map(|(key, value)| (key.as_str(), value))
            .collect()
    }

    /// Reports the remaining fields.
    pub(crate) fn finish(self) {
        for (key, _) in self.rest() {
            let near = self.taken.borrow().iter().copied().min_by_key(|name| distance(name, key));
            let fix = match near {
                Some(name) if distance(name, key) <= 2 => format!("remove it, or write {name}"),
                _ => "remove it".to_owned(),
            };
            self.report.add(self.at(key), "is not a field that is known here", fix);
        }
    }
}

/// The edit distance of two words; only near words matter, so long ones are cut.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(40).collect(), b.chars().take(40).collect());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.iter().enumerate() {
        let mut before = row[0];
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let stay = before + usize::from(left != right);
            before = row[j + 1];
            row[j + 1] = stay.min(row[j] + 1).min(before + 1);
        }
    }
    row[b.len()]
}
