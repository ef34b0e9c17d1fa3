//! Detection of endless loops: the condition is the literal `true`, and no statement inside leaves the loop.

use crate::expression::ast::{Expr, Expression, Statement, Stmt};

/// The position of the first endless loop, in bytes.
pub(in crate::expression) fn endless(program: &[Stmt]) -> Option<u32> {
    program.iter().find_map(of)
}

fn of(statement: &Stmt) -> Option<u32> {
    let always = |condition: &Expr| condition.is == Expression::Boolean(true);
    match &statement.is {
        Statement::Block(inner) => endless(inner),
        Statement::If(_, yes, no) => of(yes).or_else(|| no.as_ref().and_then(|no| of(no))),
        Statement::While(condition, body) if always(condition) && !leaves(body, true) => Some(statement.at),
        Statement::For(_, condition, _, body)
            if condition.as_ref().is_none_or(always) && !leaves(body, true) =>
        {
            Some(statement.at)
        }
        Statement::While(_, body) | Statement::For(_, _, _, body) | Statement::Each(_, _, body) => of(body),
        _ => None,
    }
}

/// Whether a statement in a loop's body may leave the loop; `own` is true if a break here belongs to that loop.
fn leaves(statement: &Stmt, own: bool) -> bool {
    match &statement.is {
        Statement::Return(_) | Statement::Throw(_) => true,
        Statement::Break => own,
        Statement::Block(inner) => inner.iter().any(|one| leaves(one, own)),
        Statement::If(_, yes, no) => leaves(yes, own) || no.as_ref().is_some_and(|no| leaves(no, own)),
        Statement::While(_, body) | Statement::For(_, _, _, body) | Statement::Each(_, _, body) => {
            leaves(body, false)
        }
        _ => false,
    }
}
