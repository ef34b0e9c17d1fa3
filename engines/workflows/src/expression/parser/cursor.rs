//! The position in the list of tokens.

use crate::expression::error::Failure;
use crate::expression::lexer::{Placed, Token, tokens};

pub(super) struct Cursor {
    /// The last token is the end.
    tokens: Vec<Placed>,
    next: usize,
}

impl Cursor {
    pub(super) fn new(source: &str) -> Result<Self, Failure> {
        Ok(Self { tokens: tokens(source)?, next: 0 })
    }

    /// Skips tokens.
    pub(super) const fn skip(&mut self, count: usize) {
        self.next += count;
    }

    pub(super) fn look(&self, ahead: usize) -> &Token {
        let last = self.tokens.len() - 1;
        &self.tokens[(self.next + ahead).min(last)].token
    }

    pub(super) fn at(&self) -> u32 {
        let last = self.tokens.len() - 1;
        self.tokens[self.next.min(last)].at
    }

    pub(super) fn sign(&self, ahead: usize, wanted: &str) -> bool {
        matches!(self.look(ahead), Token::Sign(sign) if *sign == wanted)
    }

    pub(super) fn word(&self, ahead: usize, wanted: &str) -> bool {
        matches!(self.look(ahead), Token::Name(name) if name == wanted)
    }

    /// Skips a sign if it is next.
    pub(super) fn eat(&mut self, wanted: &str) -> bool {
        let found = self.sign(0, wanted);
        self.next += usize::from(found);
        found
    }

    pub(super) fn eat_word(&mut self, wanted: &str) -> bool {
        let found = self.word(0, wanted);
        self.next += usize::from(found);
        found
    }

    pub(super) fn expect(&mut self, wanted: &str) -> Result<(), Failure> {
        if self.eat(wanted) { Ok(()) } else { self.fail(&format!("write {wanted}")) }
    }

    pub(super) fn name(&mut self) -> Result<String, Failure> {
        match self.look(0) {
            Token::Name(name) => {
                let name = name.clone();
                self.next += 1;
                Ok(name)
            }
            _ => self.fail("write a name"),
        }
    }

    /// The error for an unexpected token.
    pub(super) fn fail<T>(&self, fix: &str) -> Result<T, Failure> {
        let what = match self.look(0) {
            Token::End => "the expression ends too early".to_owned(),
            Token::Name(name) => format!("{name} does not belong here"),
            Token::Long(value) => format!("{value} does not belong here"),
            Token::Double(value) => format!("{value} does not belong here"),
            Token::Text(_) => "a string does not belong here".to_owned(),
            Token::Sign(sign) => format!("{sign} does not belong here"),
        };
        Err(Failure::syntax(self.at(), what, fix))
    }

    pub(super) fn follows_minus(&self) -> bool {
        self.next > 0 && self.tokens[self.next - 1].token == Token::Sign("-")
    }

    /// The tokens of a cast such as `(long)`, without the open parenthesis; a cast has no effect.
    pub(super) fn cast(&self) -> Option<usize> {
        let Token::Name(name) = self.look(0) else { return None };
        let known =
            ["int", "long", "double", "float", "boolean", "String", "Long", "Integer", "Double", "Object"];
        (known.contains(&name.as_str()) && self.sign(1, ")")).then_some(2)
    }

    /// Skips type arguments such as `<String, Object>` and `<>`.
    pub(super) fn generics(&mut self) -> Result<(), Failure> {
        if !self.eat("<") {
            return Ok(());
        }
        let mut open = 1;
        while open > 0 {
            match self.look(0) {
                Token::Sign("<") => open += 1,
                Token::Sign(">") => open -= 1,
                Token::Name(_) | Token::Sign("," | "." | "?" | "[" | "]") => {}
                _ => return self.fail("write >"),
            }
            self.next += 1;
        }
        Ok(())
    }

    /// The tokens of a type, if a type and a name are next.
    pub(super) fn type_before_name(&self) -> Option<usize> {
        let mut ahead = usize::from(self.word(0, "final"));
        let Token::Name(first) = self.look(ahead) else { return None };
        if first == "new" {
            return None;
        }
        ahead += 1;
        while self.sign(ahead, ".") && matches!(self.look(ahead + 1), Token::Name(_)) {
            ahead += 2;
        }
        if self.sign(ahead, "<") {
            let mut open = 0_usize;
            loop {
                match self.look(ahead) {
                    Token::Sign("<") => open += 1,
                    Token::Sign(">") => open -= 1,
                    Token::Name(_) | Token::Sign("," | "." | "?" | "[" | "]") => {}
                    _ => return None,
                }
                ahead += 1;
                if open == 0 {
                    break;
                }
            }
        }
        while self.sign(ahead, "[") && self.sign(ahead + 1, "]") {
            ahead += 2;
        }
        let named = matches!(self.look(ahead), Token::Name(_));
        let after = matches!(self.look(ahead + 1), Token::Sign("=" | ";" | "," | ":" | "[") | Token::End);
        (named && after).then_some(ahead)
    }
}
