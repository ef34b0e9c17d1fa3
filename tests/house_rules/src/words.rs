//! Words that a reader cannot search for, in comments, string literals and pages.

use std::sync::LazyLock;

use regex::Regex;

use crate::sources::Source;

/// Pronouns and turns of phrase that stand where a noun of the field belongs.
const LISTED: &str = r"(?i)\b(whoever|nobody|somebody|anew|for ever|in spite of|comes? of|came of|(?:is|are|was|were) none|shall|whatever|told|(?:is|are|was|were) no)\b";
/// `who` is for people.
const WHO: &str = r"(?i)\bwhom?\b";
/// Those that `who` may follow.
const PEOPLE: &str = r"(?i)\b(people|person|persons|members?|users?|workers|writers|engineers?|operators?|readers?|subjects?|viewers?|authors?|developers?|callers?|owners?|one|those|anyone|everyone|someone|newcomers?|customers?|admins?|administrators?)\s+$";

struct Rules {
    listed: Regex,
    who: Regex,
    people: Regex,
    literal: Regex,
    comment: Regex,
}

static RULES: LazyLock<Rules> = LazyLock::new(|| {
    let rule = |text: &str| Regex::new(text).expect("the rule is a constant");
    Rules {
        listed: rule(LISTED),
        who: rule(WHO),
        people: rule(PEOPLE),
        literal: rule(r#""(?:[^"\\]|\\.)*""#),
        comment: rule(r"(?:^|\s)(?://[/!]?|#|/?\*)(.*)$"),
    }
});

/// `path:line: word: text` for each listed word of a file.
#[must_use]
pub fn listed(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for (at, line) in source.text.lines().enumerate() {
        for text in prose(&source.path, line) {
            for word in words(text) {
                found.push(format!("{}:{}: {word:?}: {}", source.path, at + 1, text.trim()));
            }
        }
    }
    found
}

/// The parts of a line that people read.
fn prose<'a>(path: &str, line: &'a str) -> Vec<&'a str> {
    let starts_comment = ["//", "#", "*", "/*"].iter().any(|mark| line.trim_start().starts_with(mark));
    // Attributes name what is stored and sent, whose words stay.
    if path.ends_with(".rs") && line.trim_start().starts_with("#[") {
        return Vec::new();
    }
    if path.ends_with(".md") || (path.ends_with(".rs") && line.trim_start().starts_with("//")) {
        return vec![line];
    }
    let mut parts: Vec<&str> = RULES.literal.find_iter(line).map(|literal| literal.as_str()).collect();
    if starts_comment || !path.ends_with(".rs") || line.contains(" //") {
        parts.extend(RULES.comment.captures(line).and_then(|found| found.get(1)).map(|text| text.as_str()));
    }
    parts
}

fn words(text: &str) -> Vec<String> {
    let mut found: Vec<String> = RULES.listed.find_iter(text).map(|word| word.as_str().to_owned()).collect();
    for who in RULES.who.find_iter(text) {
        if !RULES.people.is_match(&text[..who.start()]) {
            found.push(who.as_str().to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        listed(&Source { path: path.to_owned(), text: text.to_owned() }).len()
    }

    #[test]
    fn listed_words_are_found_in_prose_and_not_in_code() {
        for (path, text, count) in [
            ("a.rs", "/// Whoever asks gets it anew.", 2),
            ("a.rs", "let told = 1;", 0),
            ("a.rs", "let x = 1; // nobody asks", 1),
            ("a.rs", "bail!(\"there is no leader\")", 1),
            ("a.rs", "/// Members who were exposed.", 0),
            ("a.rs", "/// The node who leads.", 1),
            ("a.md", "It shall hold for ever.", 2),
            ("a.py", "told = 1  # somebody", 1),
            ("a.toml", "# what is none\nwhoever = 1", 1),
        ] {
            assert_eq!(found(path, text), count, "{path}: {text}");
        }
    }
}
