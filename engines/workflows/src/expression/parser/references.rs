//! The names that a program reads from its scope.

use std::collections::HashSet;

use crate::expression::NestedReference;
use crate::expression::ast::{Expr, Expression, Statement, Stmt};
use crate::expression::classes::is_class;

/// The names that are read before an assignment, and literal names passed to `params`, each once; and the references to
/// nested steps.
pub(in crate::expression) fn references(program: &[Stmt]) -> (Vec<String>, Vec<NestedReference>) {
    let mut found = References { own: HashSet::new(), names: Vec::new(), nested: Vec::new() };
    program.iter().for_each(|one| found.statement(one));
    (found.names, found.nested)
}

struct References {
    own: HashSet<String>,
    names: Vec<String>,
    nested: Vec<NestedReference>,
}

impl References {
    fn name(&mut self, name: &str) {
        if !self.own.contains(name) && !is_class(name) && !self.names.iter().any(|known| known == name) {
            self.names.push(name.to_owned());
        }
    }

    fn statement(&mut self, statement: &Stmt) {
        match &statement.is {
            Statement::Empty | Statement::Break | Statement::Continue | Statement::Return(None) => {}
            Statement::Expression(value) | Statement::Throw(value) | Statement::Return(Some(value)) => {
                self.expression(value);
            }
            Statement::Declare(all) => {
                for (name, value) in all {
                    value.iter().for_each(|value| self.expression(value));
                    self.own.insert(name.clone());
                }
            }
            Statement::Block(inner) => inner.iter().for_each(|one| self.statement(one)),
            Statement::If(condition, yes, no) => {
                self.expression(condition);
                self.statement(yes);
                no.iter().for_each(|no| self.statement(no));
            }
            Statement::While(condition, body) => {
                self.expression(condition);
                self.statement(body);
            }
            Statement::For(first, condition, steps, body) => {
                first.iter().for_each(|one| self.statement(one));
                condition.iter().for_each(|value| self.expression(value));
                self.statement(body);
                steps.iter().for_each(|value| self.expression(value));
            }
            Statement::Each(name, over, body) => {
                self.expression(over);
                self.own.insert(name.clone());
                self.statement(body);
            }
        }
    }

    fn expression(&mut self, expression: &Expr) {
        // Chains grow on the left, so the left side is a loop.
        let mut at = expression;
        loop {
            at = match &at.is {
                Expression::Name(name) => return self.name(name),
                Expression::Binary(_, left, right) => {
                    self.expression(right);
                    left
                }
                Expression::Unary(_, value)
                | Expression::NewArray(_, value)
                | Expression::Step(value, ..) => value,
                Expression::Field(value, _) => value,
                Expression::Ternary(condition, yes, no) => {
                    self.expression(yes);
                    self.expression(no);
                    condition
                }
                Expression::Index(value, index) => {
                    self.params_reference(value, std::slice::from_ref(index));
                    self.expression(index);
                    value
                }
                Expression::Call(value, method, arguments) => {
                    match method.as_str() {
                        "get" => self.params_reference(value, arguments),
                        "getFromForeach" | "getFromSubworkflow" => self.nested_reference(value, arguments),
                        _ => {}
                    }
                    arguments.iter().for_each(|argument| self.expression(argument));
                    value
                }
                Expression::New(_, arguments) | Expression::Array(_, arguments) => {
                    return arguments.iter().for_each(|argument| self.expression(argument));
                }
                Expression::Assign(target, operator, value) => {
                    self.expression(value);
                    match &target.is {
                        Expression::Name(name) if operator.is_none() => {
                            self.own.insert(name.clone());
                            return;
                        }
                        _ => target,
                    }
                }
                _ => return,
            };
        }
    }

    /// `params.get('x')`, `params['x']`
    fn params_reference<T: std::borrow::Borrow<Expr>>(&mut self, of: &Expr, arguments: &[T]) {
        if let (Expression::Name(name), [argument]) = (&of.is, arguments)
            && name == "params"
            && let Expression::Text(text) = &argument.borrow().is
        {
            self.name(text);
        }
    }

    /// `params.getFromForeach('loop', 'step', 'param')`
    fn nested_reference(&mut self, of: &Expr, arguments: &[Expr]) {
        let texts = arguments.iter().map(|argument| match &argument.is {
            Expression::Text(text) => Some(text.to_string()),
            _ => None,
        });
        let texts: Option<Vec<String>> = texts.collect();
        let names = texts.and_then(|texts| <[String; 3]>::try_from(texts).ok());
        if let (Expression::Name(name), Some([outer, step, param])) = (&of.is, names)
            && name == "params"
        {
            let nested = NestedReference { outer, step, param };
            if !self.nested.contains(&nested) {
                self.nested.push(nested);
            }
        }
    }
}
