//! The lexer: from text to tokens.

use super::error::Failure;
use crate::bounds::EXPRESSION_BYTES_MAX;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Name(String),
    Long(i64),
    Double(f64),
    Text(String),
    /// Operators and punctuation.
    Sign(&'static str),
    End,
}

/// A token with its position, in bytes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Placed {
    pub(super) token: Token,
    pub(super) at: u32,
}

/// Longest first, so that `<=` is not read as `<`.
const SIGNS: [&str; 37] = [
    "==", "!=", "<=", ">=", "&&", "||", "++", "--", "+=", "-=", "*=", "/=", "%=", "->", "(", ")", "[", "]",
    "{", "}", "<", ">", "+", "-", "*", "/", "%", "!", "?", ":", ";", ",", ".", "=", "&", "|", "@",
];

pub(super) fn tokens(source: &str) -> Result<Vec<Placed>, Failure> {
    if source.len() > EXPRESSION_BYTES_MAX {
        let what = format!("{} bytes are more than {EXPRESSION_BYTES_MAX}", source.len());
        return Err(Failure::limit(0, what, "split it into several parameters"));
    }
    let mut lexer = Lexer { source, at: 0, found: Vec::new() };
    while lexer.next()? {}
    let end = lexer.at;
    lexer.put(Token::End, end);
    Ok(lexer.found)
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
    found: Vec<Placed>,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.source[self.at..]
    }

    fn put(&mut self, token: Token, at: usize) {
        self.found.push(Placed { token, at: u32::try_from(at).unwrap_or(u32::MAX) });
    }

    fn fail<T>(&self, what: impl Into<String>, fix: &str) -> Result<T, Failure> {
        Err(Failure::syntax(u32::try_from(self.at).unwrap_or(u32::MAX), what, fix))
    }

    /// Reads one token or one gap; false at the end.
    fn next(&mut self) -> Result<bool, Failure> {
        let Some(first) = self.rest().chars().next() else { return Ok(false) };
        let at = self.at;
        if first.is_whitespace() {
            self.at += first.len_utf8();
        } else if self.rest().starts_with("//") {
            self.at += self.rest().find('\n').unwrap_or(self.rest().len());
        } else if self.rest().starts_with("/*") {
            match self.rest().find("*/") {
                Some(end) => self.at += end + 2,
                None => return self.fail("a comment has no end", "write */"),
            }
        } else if first.is_ascii_digit() || (first == '.' && self.digit_at(1)) {
            let token = self.number()?;
            self.put(token, at);
        } else if first == '"' || first == '\'' {
            let token = self.text(first)?;
            self.put(token, at);
        } else if first.is_alphabetic() || first == '_' || first == '$' {
            let part = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
            let len = self.rest().find(|c| !part(c)).unwrap_or(self.rest().len());
            let name = self.rest()[..len].to_owned();
            self.at += len;
            self.put(Token::Name(name), at);
        } else if let Some(sign) = SIGNS.iter().find(|sign| self.rest().starts_with(**sign)) {
            self.at += sign.len();
            self.put(Token::Sign(sign), at);
        } else {
            return self.fail(format!("{first:?} has no meaning here"), "remove it or put it in quotes");
        }
        Ok(true)
    }

    fn digit_at(&self, offset: usize) -> bool {
        self.rest().as_bytes().get(offset).is_some_and(u8::is_ascii_digit)
    }

    fn digits(&mut self) {
        while self.digit_at(0) {
            self.at += 1;
        }
    }

    fn number(&mut self) -> Result<Token, Failure> {
        let from = self.at;
        self.digits();
        let mut double = false;
        if self.rest().starts_with('.') && self.digit_at(1) {
            double = true;
            self.at += 1;
            self.digits();
        }
        if self.rest().starts_with(['e', 'E']) {
            let signed = self.rest().as_bytes().get(1).is_some_and(|byte| b"+-".contains(byte));
            if self.digit_at(1) || (signed && self.digit_at(2)) {
                double = true;
                self.at += if signed { 2 } else { 1 };
                self.digits();
            }
        }
        let text = &self.source[from..self.at];
        let suffix = self.rest().chars().next();
        let parsed = if double || suffix.is_some_and(|c| "dDfF".contains(c)) {
            text.parse().ok().filter(|value: &f64| value.is_finite()).map(Token::Double)
        } else {
            // The smallest whole number has no positive counterpart: the parser accepts it only after a minus.
            text.parse::<u64>()
                .ok()
                .filter(|value| *value <= 1 << 63)
                .map(|value| Token::Long(value.cast_signed()))
        };
        if suffix.is_some_and(|c| "lLdDfF".contains(c)) {
            self.at += 1;
        }
        match parsed {
            Some(token) => Ok(token),
            None => {
                let what = format!("{text} is larger than any number");
                self.at = from;
                self.fail(what, "use a smaller one")
            }
        }
    }

    fn text(&mut self, quote: char) -> Result<Token, Failure> {
        let mut text = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((offset, c)) = chars.next() {
            if c == quote {
                self.at += offset + 1;
                return Ok(Token::Text(text));
            }
            if c != '\\' {
                text.push(c);
                continue;
            }
            match chars.next().map(|(_, escaped)| escaped) {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some('r') => text.push('\r'),
                Some('b') => text.push('\u{8}'),
                Some('f') => text.push('\u{c}'),
                Some('0') => text.push('\0'),
                Some('u') => {
                    let code: String = chars.by_ref().take(4).map(|(_, digit)| digit).collect();
                    let read = u32::from_str_radix(&code, 16).ok().filter(|_| code.len() == 4);
                    match read.and_then(char::from_u32) {
                        Some(c) => text.push(c),
                        None => return self.fail("\\u names no character", "write \\u and four hex digits"),
                    }
                }
                Some(other) => text.push(other),
                None => break,
            }
        }
        self.fail("a string has no end", "close it with the quote that it began with")
    }
}
