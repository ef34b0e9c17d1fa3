//! Expressions, loosest first: assignment, ternary, operators, signs, calls, atoms.

use super::Parser;
use crate::expression::ast::{Binary, Element, Expr, Expression, Node, Unary};
use crate::expression::error::Failure;
use crate::expression::lexer::Token;

/// Calls, fields and indices after each other on one atom.
const CHAIN_MAX: usize = 60;

/// Operators after each other; what frees the tree recurses as deep.
const OPERATORS_MAX: usize = 1000;

/// Operators by how tightly they bind.
const OPERATORS: [(&str, u8, Binary); 13] = [
    ("||", 1, Binary::Or),
    ("&&", 2, Binary::And),
    ("==", 3, Binary::Equal),
    ("!=", 3, Binary::Unequal),
    ("<", 4, Binary::Less),
    ("<=", 4, Binary::LessEqual),
    (">", 4, Binary::Greater),
    (">=", 4, Binary::GreaterEqual),
    ("+", 5, Binary::Add),
    ("-", 5, Binary::Subtract),
    ("*", 6, Binary::Multiply),
    ("/", 6, Binary::Divide),
    ("%", 6, Binary::Remainder),
];

fn node(at: u32, is: Expression) -> Expr {
    Node { at, is }
}

impl Parser {
    pub(super) fn expression(&mut self) -> Result<Expr, Failure> {
        self.deeper(Self::assignment)
    }

    fn assignment(&mut self) -> Result<Expr, Failure> {
        let at = self.at();
        let left = self.ternary()?;
        let operator = match self.look(0) {
            Token::Sign("=") => None,
            Token::Sign("+=") => Some(Binary::Add),
            Token::Sign("-=") => Some(Binary::Subtract),
            Token::Sign("*=") => Some(Binary::Multiply),
            Token::Sign("/=") => Some(Binary::Divide),
            Token::Sign("%=") => Some(Binary::Remainder),
            _ => return Ok(left),
        };
        if !matches!(left.is, Expression::Name(_) | Expression::Index(..)) {
            return self.fail("assign to a variable or an element");
        }
        self.next += 1;
        let right = if self.sign(0, "{") { self.array(None)? } else { self.expression()? };
        Ok(node(at, Expression::Assign(Box::new(left), operator, Box::new(right))))
    }

    fn ternary(&mut self) -> Result<Expr, Failure> {
        let condition = self.operators(1)?;
        let at = self.at();
        if !self.eat("?") {
            return Ok(condition);
        }
        let yes = self.expression()?;
        self.expect(":")?;
        let no = self.deeper(Self::ternary)?;
        Ok(node(at, Expression::Ternary(Box::new(condition), Box::new(yes), Box::new(no))))
    }

    /// Operators that bind at least as tightly. A chain of them is a loop here and where it is run.
    fn operators(&mut self, least: u8) -> Result<Expr, Failure> {
        let mut left = self.unary()?;
        let mut count = 0;
        loop {
            let Token::Sign(sign) = self.look(0) else { return Ok(left) };
            let Some((_, binds, operator)) = OPERATORS.iter().find(|(known, ..)| known == sign) else {
                return Ok(left);
            };
            if *binds < least {
                return Ok(left);
            }
            let at = self.at();
            count += 1;
            if count > OPERATORS_MAX {
                let what = format!("more than {OPERATORS_MAX} operators follow each other");
                return Err(Failure::limit(at, what, "put the first ones into a variable"));
            }
            self.next += 1;
            let right = self.operators(binds + 1)?;
            left = node(at, Expression::Binary(*operator, Box::new(left), Box::new(right)));
        }
    }

    fn unary(&mut self) -> Result<Expr, Failure> {
        let at = self.at();
        let unary = |operator| move |value| node(at, Expression::Unary(operator, Box::new(value)));
        match self.look(0) {
            Token::Sign("!") => self.signed().map(unary(Unary::Not)),
            Token::Sign("+") => self.signed().map(unary(Unary::Plus)),
            Token::Sign("-") => {
                let value = self.signed()?;
                Ok(match value.is {
                    Expression::Long(value) => node(at, Expression::Long(value.wrapping_neg())),
                    Expression::Double(value) => node(at, Expression::Double(-value)),
                    _ => unary(Unary::Minus)(value),
                })
            }
            Token::Sign("++") => self.stepped(1),
            Token::Sign("--") => self.stepped(-1),
            _ => self.postfix(),
        }
    }

    fn signed(&mut self) -> Result<Expr, Failure> {
        self.next += 1;
        self.deeper(Self::unary)
    }

    fn stepped(&mut self, by: i64) -> Result<Expr, Failure> {
        let at = self.at();
        let target = self.signed()?;
        self.step(at, target, by, false)
    }

    fn step(&mut self, at: u32, target: Expr, by: i64, before: bool) -> Result<Expr, Failure> {
        match target.is {
            Expression::Name(_) | Expression::Index(..) => {
                Ok(node(at, Expression::Step(Box::new(target), by, before)))
            }
            _ => self.fail("count a variable or an element up or down"),
        }
    }

    fn postfix(&mut self) -> Result<Expr, Failure> {
        let mut value = self.atom()?;
        for _ in 0..CHAIN_MAX {
            let at = self.at();
            if self.eat(".") {
                let name = self.name()?;
                value = if self.sign(0, "(") {
                    let arguments = self.arguments()?;
                    node(at, Expression::Call(Box::new(value), name, arguments))
                } else {
                    node(at, Expression::Field(Box::new(value), name))
                };
            } else if self.eat("[") {
                let index = self.expression()?;
                self.expect("]")?;
                value = node(at, Expression::Index(Box::new(value), Box::new(index)));
            } else if self.sign(0, "++") || self.sign(0, "--") {
                let by = if self.sign(0, "++") { 1 } else { -1 };
                self.next += 1;
                return self.step(at, value, by, true);
            } else {
                return Ok(value);
            }
        }
        let what = format!("more than {CHAIN_MAX} calls follow each other");
        Err(Failure::limit(self.at(), what, "put the first ones into a variable"))
    }

    fn arguments(&mut self) -> Result<Vec<Expr>, Failure> {
        self.expect("(")?;
        let mut arguments = Vec::new();
        if self.eat(")") {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.expression()?);
            if self.eat(")") {
                return Ok(arguments);
            }
            self.expect(",")?;
        }
    }

    fn atom(&mut self) -> Result<Expr, Failure> {
        let at = self.at();
        let is = match self.look(0).clone() {
            Token::Long(i64::MIN) if !self.follows_minus() => {
                let what = "9223372036854775808 is larger than any number";
                return Err(Failure::syntax(at, what, "use a smaller one"));
            }
            Token::Long(value) => Expression::Long(value),
            Token::Double(value) => Expression::Double(value),
            Token::Text(text) => Expression::Text(text.into()),
            Token::Name(name) => match name.as_str() {
                "null" => Expression::Null,
                "true" => Expression::Boolean(true),
                "false" => Expression::Boolean(false),
                "new" => {
                    self.next += 1;
                    return self.creation(at);
                }
                "if" | "else" | "for" | "while" | "return" | "throw" | "break" | "continue" => {
                    return self.fail("write a value");
                }
                _ => Expression::Name(name),
            },
            Token::Sign("(") => {
                self.next += 1;
                if let Some(cast) = self.cast() {
                    self.next += cast;
                    return self.deeper(Self::unary);
                }
                let inner = self.expression()?;
                self.expect(")")?;
                return Ok(inner);
            }
            _ => return self.fail("write a value"),
        };
        self.next += 1;
        Ok(node(at, is))
    }

    fn follows_minus(&self) -> bool {
        self.next > 0 && self.tokens[self.next - 1].token == Token::Sign("-")
    }

    /// `(long) x` has no effect: how many tokens to skip.
    fn cast(&self) -> Option<usize> {
        let Token::Name(name) = self.look(0) else { return None };
        let known =
            ["int", "long", "double", "float", "boolean", "String", "Long", "Integer", "Double", "Object"];
        (known.contains(&name.as_str()) && self.sign(1, ")")).then_some(2)
    }

    fn creation(&mut self, at: u32) -> Result<Expr, Failure> {
        let mut class = self.name()?;
        while self.eat(".") {
            class = self.name()?;
        }
        self.generics()?;
        if self.eat("[") {
            let element = element(&class);
            let Some(element) = element else {
                return self.fail("make an array of String, long, double or boolean");
            };
            if self.eat("]") {
                return self.array(Some(element));
            }
            let size = self.expression()?;
            self.expect("]")?;
            return Ok(node(at, Expression::NewArray(element, Box::new(size))));
        }
        let arguments = self.arguments()?;
        Ok(node(at, Expression::New(class, arguments)))
    }

    /// `{a, b}`
    pub(super) fn array(&mut self, element: Option<Element>) -> Result<Expr, Failure> {
        let at = self.at();
        self.expect("{")?;
        let mut values = Vec::new();
        while !self.eat("}") {
            values.push(self.expression()?);
            if !self.sign(0, "}") {
                self.expect(",")?;
            }
        }
        Ok(node(at, Expression::Array(element, values)))
    }

    /// `<String, Object>` and `<>` say nothing here.
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
}

pub(super) fn element(class: &str) -> Option<Element> {
    Some(match class {
        "String" | "Object" => Element::Text,
        "long" | "int" | "short" | "Long" | "Integer" => Element::Long,
        "double" | "float" | "Double" | "Float" => Element::Double,
        "boolean" | "Boolean" => Element::Boolean,
        _ => return None,
    })
}
