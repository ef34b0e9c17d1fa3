//! Tokens to a tree, by recursive descent with a bound on its depth.

mod endless;
mod expressions;
mod references;
mod statements;

use super::ast::Stmt;
use super::error::Failure;
use super::lexer::{Placed, Token, tokens};

pub(super) use endless::endless;
pub(super) use references::references;

/// Expressions and statements inside each other. What runs a program recurses as deep, on a thread's usual stack.
const DEPTH_MAX: usize = 60;

pub(super) fn parse(source: &str) -> Result<Vec<Stmt>, Failure> {
    let mut parser = Parser { tokens: tokens(source)?, next: 0, depth: 0 };
    parser.program()
}

struct Parser {
    /// The last one is the end.
    tokens: Vec<Placed>,
    next: usize,
    depth: usize,
}

impl Parser {
    fn look(&self, ahead: usize) -> &Token {
        let last = self.tokens.len() - 1;
        &self.tokens[(self.next + ahead).min(last)].token
    }

    fn at(&self) -> u32 {
        let last = self.tokens.len() - 1;
        self.tokens[self.next.min(last)].at
    }

    fn sign(&self, ahead: usize, wanted: &str) -> bool {
        matches!(self.look(ahead), Token::Sign(sign) if *sign == wanted)
    }

    fn word(&self, ahead: usize, wanted: &str) -> bool {
        matches!(self.look(ahead), Token::Name(name) if name == wanted)
    }

    /// Takes a sign if it is there.
    fn eat(&mut self, wanted: &str) -> bool {
        let there = self.sign(0, wanted);
        self.next += usize::from(there);
        there
    }

    fn eat_word(&mut self, wanted: &str) -> bool {
        let there = self.word(0, wanted);
        self.next += usize::from(there);
        there
    }

    fn expect(&mut self, wanted: &str) -> Result<(), Failure> {
        if self.eat(wanted) { Ok(()) } else { self.fail(&format!("write {wanted}")) }
    }

    fn name(&mut self) -> Result<String, Failure> {
        match self.look(0) {
            Token::Name(name) => {
                let name = name.clone();
                self.next += 1;
                Ok(name)
            }
            _ => self.fail("write a name"),
        }
    }

    /// Something else stands here than what may.
    fn fail<T>(&self, fix: &str) -> Result<T, Failure> {
        let found = match self.look(0) {
            Token::End => "the expression ends too early".to_owned(),
            Token::Name(name) => format!("{name} does not belong here"),
            Token::Long(value) => format!("{value} does not belong here"),
            Token::Double(value) => format!("{value} does not belong here"),
            Token::Text(_) => "a string does not belong here".to_owned(),
            Token::Sign(sign) => format!("{sign} does not belong here"),
        };
        Err(Failure::syntax(self.at(), found, fix))
    }

    /// Runs a part of the descent one level deeper.
    fn deeper<T>(&mut self, part: impl FnOnce(&mut Self) -> Result<T, Failure>) -> Result<T, Failure> {
        if self.depth >= DEPTH_MAX {
            let what = format!("it is nested deeper than {DEPTH_MAX} levels");
            return Err(Failure::limit(self.at(), what, "put inner parts into variables"));
        }
        self.depth += 1;
        let parsed = part(self);
        self.depth -= 1;
        parsed
    }
}
