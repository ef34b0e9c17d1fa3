//! Bounds on text that people and clients send.

/// The first `chars_max` characters of a text. Counts characters and not bytes, so it never splits one.
#[must_use]
pub fn cut(text: &str, chars_max: usize) -> String {
    text.chars().take(chars_max).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        for (text, chars_max, cut_to) in
            [("", 3, ""), ("abc", 3, "abc"), ("abcd", 3, "abc"), ("äöü", 2, "äö"), ("abc", 0, "")]
        {
            assert_eq!(cut(text, chars_max), cut_to, "{text} {chars_max}");
        }
    }
}
