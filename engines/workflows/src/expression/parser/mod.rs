//! The parser: from tokens to a tree, by recursive descent with a depth limit.

mod cursor;
mod endless;
mod expressions;
mod references;
mod statements;

use self::cursor::Cursor;
use super::ast::Stmt;
use super::error::Failure;

pub(super) use endless::endless;
pub(super) use references::references;

/// Nesting limit of expressions and statements. The interpreter recurses equally deep, on a thread's default stack.
const DEPTH_MAX: usize = 60;

pub(super) fn parse(source: &str) -> Result<Vec<Stmt>, Failure> {
    let mut parser = Parser { tokens: Cursor::new(source)?, depth: 0 };
    parser.program()
}

struct Parser {
    tokens: Cursor,
    depth: usize,
}

impl Parser {
    /// Parses one level deeper.
    fn deeper<T>(&mut self, part: impl FnOnce(&mut Self) -> Result<T, Failure>) -> Result<T, Failure> {
        if self.depth >= DEPTH_MAX {
            let what = format!("it is nested deeper than {DEPTH_MAX} levels");
            return Err(Failure::limit(self.tokens.at(), what, "put inner parts into variables"));
        }
        self.depth += 1;
        let parsed = part(self);
        self.depth -= 1;
        parsed
    }
}
