//! The interpreter of the syntax tree: names, statements and expressions. `methods` has the methods.

use super::ast::{Binary, Expr, Expression, Statement, Stmt, Unary};
use super::classes::is_class;
use super::error::Failure;
use super::limits::Limits;
use super::object::Object;
use super::operators;
use crate::params::{Facts, Value};

pub(super) struct Machine<'a> {
    pub(super) names: &'a dyn Fn(&str) -> Option<Value>,
    pub(super) facts: &'a dyn Facts,
    pub(super) limits: &'a Limits,
    /// Variables; a program has few, so a linear search is fast.
    locals: Vec<(&'a str, Object)>,
    steps: u64,
    rounds: u64,
    memory: usize,
    /// Count of generated ids.
    pub(super) ids: u64,
    last: Object,
}

/// The result of a statement.
enum Flow {
    On,
    Break,
    Continue,
    Return(Object),
}

pub(super) type Ran<T> = Result<T, Failure>;

impl<'a> Machine<'a> {
    pub(super) fn new(
        names: &'a dyn Fn(&str) -> Option<Value>,
        facts: &'a dyn Facts,
        limits: &'a Limits,
    ) -> Self {
        Self {
            names,
            facts,
            limits,
            locals: Vec::new(),
            steps: 0,
            rounds: 0,
            memory: 0,
            ids: 0,
            last: Object::Null,
        }
    }

    /// Runs a program; its value is that of `return` or of the last statement.
    pub(super) fn program(&mut self, program: &'a [Stmt]) -> Ran<Value> {
        let mut result = None;
        for statement in program {
            match self.statement(statement)? {
                Flow::On => {}
                Flow::Return(value) => {
                    result = Some(value);
                    break;
                }
                Flow::Break | Flow::Continue => {
                    return Err(Failure::value(
                        statement.at,
                        "break and continue need a loop around them",
                        "remove it",
                    ));
                }
            }
        }
        let value = result.unwrap_or_else(|| std::mem::replace(&mut self.last, Object::Null));
        let at = program.last().map_or(0, |statement| statement.at);
        let sort = value.sort();
        value.value().ok_or_else(|| Failure::value(at, format!("it comes to {sort}"), "return a value"))
    }

    pub(super) fn step(&mut self, at: u32) -> Ran<()> {
        self.steps += 1;
        if self.steps > self.limits.steps {
            let what = format!("it takes more than {} steps", self.limits.steps);
            return Err(Failure::limit(at, what, "do less"));
        }
        Ok(())
    }

    /// Counts the bytes of a value, before it is made.
    pub(super) fn charge(&mut self, at: u32, bytes: usize) -> Ran<()> {
        self.memory = self.memory.saturating_add(bytes);
        if self.memory > self.limits.memory_bytes {
            let what = format!("its values take more than {} bytes", self.limits.memory_bytes);
            return Err(Failure::limit(at, what, "make fewer or smaller values"));
        }
        Ok(())
    }

    /// Counts the work of an operation that is one step but scales with its input.
    pub(super) fn work(&mut self, at: u32, steps: usize) -> Ran<()> {
        self.steps = self.steps.saturating_add(steps as u64);
        self.step(at)
    }

    /// Makes a string within the limits.
    pub(super) fn text(&mut self, at: u32, text: String) -> Ran<Object> {
        if text.len() > self.limits.string_bytes {
            let what =
                format!("a string of {} bytes is longer than {}", text.len(), self.limits.string_bytes);
            return Err(Failure::limit(at, what, "keep strings shorter"));
        }
        self.charge(at, 32 + text.len())?;
        Ok(Object::Text(text.into()))
    }

    /// Checks the limit of elements.
    pub(super) fn room(&mut self, at: u32, elements: usize) -> Ran<()> {
        if elements > self.limits.elements {
            let what = format!("{elements} elements are more than {}", self.limits.elements);
            return Err(Failure::limit(at, what, "keep arrays and maps smaller"));
        }
        self.charge(at, 32 * (elements + 1))
    }

    fn round(&mut self, at: u32) -> Ran<()> {
        self.rounds += 1;
        if self.rounds > self.limits.rounds {
            let what = format!("its loops go round more than {} times", self.limits.rounds);
            return Err(Failure::limit(at, what, "let the loop end earlier"));
        }
        Ok(())
    }

    fn statement(&mut self, statement: &'a Stmt) -> Ran<Flow> {
        self.step(statement.at)?;
        match &statement.is {
            Statement::Empty => {}
            Statement::Expression(value) => self.last = self.evaluate(value)?,
            Statement::Declare(all) => {
                for (name, value) in all {
                    let value = match value {
                        Some(value) => self.evaluate(value)?,
                        None => Object::Null,
                    };
                    self.set(name, value);
                }
            }
            Statement::Block(inner) => {
                for one in inner {
                    match self.statement(one)? {
                        Flow::On => {}
                        other => return Ok(other),
                    }
                }
            }
            Statement::If(condition, yes, no) => {
                if self.holds(condition)? {
                    return self.statement(yes);
                }
                if let Some(no) = no {
                    return self.statement(no);
                }
            }
            Statement::While(condition, body) => return self.repeat(Some(condition), &[], body),
            Statement::For(first, condition, steps, body) => {
                for one in first {
                    self.statement(one)?;
                }
                return self.repeat(condition.as_ref(), steps, body);
            }
            Statement::Each(name, over, body) => return self.each(name, over, body),
            Statement::Return(value) => {
                return Ok(Flow::Return(match value {
                    Some(value) => self.evaluate(value)?,
                    None => Object::Null,
                }));
            }
            Statement::Throw(value) => {
                let thrown = self.evaluate(value)?.to_text();
                return Err(Failure::thrown(statement.at, format!("it throws {thrown:?}")));
            }
            Statement::Break => return Ok(Flow::Break),
            Statement::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::On)
    }

    fn repeat(&mut self, condition: Option<&'a Expr>, steps: &'a [Expr], body: &'a Stmt) -> Ran<Flow> {
        loop {
            if let Some(condition) = condition
                && !self.holds(condition)?
            {
                return Ok(Flow::On);
            }
            self.round(body.at)?;
            match self.statement(body)? {
                Flow::Break => return Ok(Flow::On),
                Flow::Return(value) => return Ok(Flow::Return(value)),
                Flow::On | Flow::Continue => {}
            }
            for step in steps {
                self.evaluate(step)?;
            }
        }
    }

    fn each(&mut self, name: &'a str, over: &'a Expr, body: &'a Stmt) -> Ran<Flow> {
        let values = match self.evaluate(over)? {
            Object::Array(array) => array.values.borrow().clone(),
            other => {
                let what = format!("{} cannot be gone through", other.sort());
                return Err(Failure::value(over.at, what, "go through an array"));
            }
        };
        for value in values {
            self.round(body.at)?;
            self.set(name, value);
            match self.statement(body)? {
                Flow::Break => break,
                Flow::Return(value) => return Ok(Flow::Return(value)),
                Flow::On | Flow::Continue => {}
            }
        }
        Ok(Flow::On)
    }

    fn holds(&mut self, condition: &'a Expr) -> Ran<bool> {
        match self.evaluate(condition)? {
            Object::Boolean(holds) => Ok(holds),
            other => {
                let what = format!("{} is not a condition", other.sort());
                Err(Failure::value(condition.at, what, "compare it with something"))
            }
        }
    }

    pub(super) fn set(&mut self, name: &'a str, value: Object) {
        match self.locals.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.locals.push((name, value)),
        }
    }

    pub(super) fn evaluate(&mut self, expression: &'a Expr) -> Ran<Object> {
        let at = expression.at;
        self.step(at)?;
        match &expression.is {
            Expression::Null => Ok(Object::Null),
            Expression::Long(value) => Ok(Object::Long(*value)),
            Expression::Double(value) => Ok(Object::Double(*value)),
            Expression::Boolean(value) => Ok(Object::Boolean(*value)),
            Expression::Text(text) => Ok(Object::Text(text.clone())),
            Expression::Name(name) => self.name(at, name),
            Expression::Binary(..) => self.chain(expression),
            Expression::Unary(operator, value) => {
                let value = self.evaluate(value)?;
                unary(at, *operator, &value)
            }
            Expression::Ternary(condition, yes, no) => {
                if self.holds(condition)? {
                    self.evaluate(yes)
                } else {
                    self.evaluate(no)
                }
            }
            Expression::Index(of, index) => {
                let (of, index) = (self.evaluate(of)?, self.evaluate(index)?);
                self.element(at, &of, &index)
            }
            Expression::Field(of, name) => {
                let of = self.evaluate(of)?;
                super::methods::field(at, &of, name)
            }
            Expression::Call(of, name, arguments) => self.call(at, of, name, arguments),
            Expression::New(class, arguments) => {
                let arguments = self.all(arguments)?;
                super::methods::create(self, at, class, &arguments)
            }
            Expression::NewArray(element, size) => self.empty(at, *element, size),
            Expression::Array(element, values) => {
                let values = self.all(values)?;
                self.room(at, values.len())?;
                super::elements::array(at, *element, values)
            }
            Expression::Assign(target, operator, value) => self.assign(at, target, *operator, value),
            Expression::Step(target, by, before) => self.count(at, target, *by, *before),
        }
    }

    #[inline(never)]
    pub(super) fn name(&self, at: u32, name: &str) -> Ran<Object> {
        if let Some((_, value)) = self.locals.iter().find(|(known, _)| *known == name) {
            return Ok(value.clone());
        }
        if is_class(name) {
            return Ok(Object::Class(name.to_owned()));
        }
        match (self.names)(name) {
            Some(value) => Ok(Object::from(value)),
            None => {
                let what = format!("{name} is not defined");
                Err(Failure::value(
                    at,
                    what,
                    "name a parameter of this step or workflow, or declare a variable",
                ))
            }
        }
    }

    #[inline(never)]
    fn call(&mut self, at: u32, of: &'a Expr, name: &str, arguments: &'a [Expr]) -> Ran<Object> {
        let of = self.evaluate(of)?;
        let arguments = self.all(arguments)?;
        super::methods::call(self, at, &of, name, &arguments)
    }

    fn all(&mut self, expressions: &'a [Expr]) -> Ran<Vec<Object>> {
        expressions.iter().map(|one| self.evaluate(one)).collect()
    }

    /// Evaluates operators, without recursion on the left: sums may be long.
    #[inline(never)]
    fn chain(&mut self, expression: &'a Expr) -> Ran<Object> {
        let mut rights = Vec::new();
        let mut at = expression;
        while let Expression::Binary(operator, left, right) = &at.is {
            rights.push((at.at, *operator, &**right));
            at = left;
        }
        let mut value = self.evaluate(at)?;
        for (at, operator, right) in rights.into_iter().rev() {
            self.step(at)?;
            value = match (operator, &value) {
                (Binary::And, Object::Boolean(false)) => Object::Boolean(false),
                (Binary::Or, Object::Boolean(true)) => Object::Boolean(true),
                _ => {
                    let right = self.evaluate(right)?;
                    operators::binary(self, at, operator, &value, &right)?
                }
            };
        }
        Ok(value)
    }
}

#[inline(never)]
fn unary(at: u32, operator: Unary, value: &Object) -> Ran<Object> {
    match (operator, value) {
        (Unary::Not, Object::Boolean(value)) => Ok(Object::Boolean(!value)),
        (Unary::Minus, Object::Long(value)) => Ok(Object::Long(value.wrapping_neg())),
        (Unary::Minus, Object::Double(value)) => Ok(Object::Double(-value)),
        (Unary::Plus, Object::Long(_) | Object::Double(_)) => Ok(value.clone()),
        (operator, value) => {
            let sign = match operator {
                Unary::Not => "!",
                Unary::Minus => "-",
                Unary::Plus => "+",
            };
            Err(Failure::value(
                at,
                format!("{sign} does not go with {}", value.sort()),
                "use it on another value",
            ))
        }
    }
}
