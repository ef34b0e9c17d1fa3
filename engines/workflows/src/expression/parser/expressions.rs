//! The grammar of expressions, lowest precedence first: assignment, ternary, operators, signs, calls, atoms.

use super::Parser;
use crate::expression::ast::{Binary, Element, Expr, Expression, Node, Unary};
use crate::expression::error::Failure;
use crate::expression::lexer::Token;

/// Limit of chained calls, fields and indices on one atom.
const CHAIN_MAX: usize = 60;

/// Limit of chained operators; dropping the tree recurses equally deep.
const OPERATORS_MAX: usize = 1000;

/// Operators with their precedence.
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
        let at = self.tokens.at();
        let left = self.ternary()?;
        let operator = match self.tokens.look(0) {
            Token::Sign("=") => None,
            Token::Sign("+=") => Some(Binary::Add),
            Token::Sign("-=") => Some(Binary::Subtract),
            Token::Sign("*=") => Some(Binary::Multiply),
            Token::Sign("/=") => Some(Binary::Divide),
            Token::Sign("%=") => Some(Binary::Remainder),
            _ => return Ok(left),
        };
        if !matches!(left.is, Expression::Name(_) | Expression::Index(..)) {
            return self.tokens.fail("assign to a variable or an element");
        }
        self.tokens.skip(1);
        let right = if self.tokens.sign(0, "{") { self.array(None)? } else { self.expression()? };
        Ok(node(at, Expression::Assign(Box::new(left), operator, Box::new(right))))
    }

    fn ternary(&mut self) -> Result<Expr, Failure> {
        let condition = self.operators(1)?;
        let at = self.tokens.at();
        if !self.tokens.eat("?") {
            return Ok(condition);
        }
        let yes = self.expression()?;
        self.tokens.expect(":")?;
        let no = self.deeper(Self::ternary)?;
        Ok(node(at, Expression::Ternary(Box::new(condition), Box::new(yes), Box::new(no))))
    }

    /// Parses operators of at least this precedence. A chain is a loop here and in the interpreter.
    fn operators(&mut self, least: u8) -> Result<Expr, Failure> {
        let mut left = self.unary()?;
        let mut count = 0;
        loop {
            let Token::Sign(sign) = self.tokens.look(0) else { return Ok(left) };
            let Some((_, binds, operator)) = OPERATORS.iter().find(|(known, ..)| known == sign) else {
                return Ok(left);
            };
            if *binds < least {
                return Ok(left);
            }
            let at = self.tokens.at();
            count += 1;
            if count > OPERATORS_MAX {
                let what = format!("more than {OPERATORS_MAX} operators follow each other");
                return Err(Failure::limit(at, what, "put the first ones into a variable"));
            }
            self.tokens.skip(1);
            let right = self.operators(binds + 1)?;
            left = node(at, Expression::Binary(*operator, Box::new(left), Box::new(right)));
        }
    }

    fn unary(&mut self) -> Result<Expr, Failure> {
        let at = self.tokens.at();
        let unary = |operator| move |value| node(at, Expression::Unary(operator, Box::new(value)));
        match self.tokens.look(0) {
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
        self.tokens.skip(1);
        self.deeper(Self::unary)
    }

    fn stepped(&mut self, by: i64) -> Result<Expr, Failure> {
        let at = self.tokens.at();
        let target = self.signed()?;
        self.step(at, target, by, false)
    }

    fn step(&mut self, at: u32, target: Expr, by: i64, before: bool) -> Result<Expr, Failure> {
        match target.is {
            Expression::Name(_) | Expression::Index(..) => {
                Ok(node(at, Expression::Step(Box::new(target), by, before)))
            }
            _ => self.tokens.fail("count a variable or an element up or down"),
        }
    }

    fn postfix(&mut self) -> Result<Expr, Failure> {
        let mut value = self.atom()?;
        for _ in 0..CHAIN_MAX {
            let at = self.tokens.at();
            if self.tokens.eat(".") {
                let name = self.tokens.name()?;
                value = if self.tokens.sign(0, "(") {
                    let arguments = self.arguments()?;
                    node(at, Expression::Call(Box::new(value), name, arguments))
                } else {
                    node(at, Expression::Field(Box::new(value), name))
                };
            } else if self.tokens.eat("[") {
                let index = self.expression()?;
                self.tokens.expect("]")?;
                value = node(at, Expression::Index(Box::new(value), Box::new(index)));
            } else if self.tokens.sign(0, "++") || self.tokens.sign(0, "--") {
                let by = if self.tokens.sign(0, "++") { 1 } else { -1 };
                self.tokens.skip(1);
                return self.step(at, value, by, true);
            } else {
                return Ok(value);
            }
        }
        let what = format!("more than {CHAIN_MAX} calls follow each other");
        Err(Failure::limit(self.tokens.at(), what, "put the first ones into a variable"))
    }

    fn arguments(&mut self) -> Result<Vec<Expr>, Failure> {
        self.tokens.expect("(")?;
        let mut arguments = Vec::new();
        if self.tokens.eat(")") {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.expression()?);
            if self.tokens.eat(")") {
                return Ok(arguments);
            }
            self.tokens.expect(",")?;
        }
    }

    fn atom(&mut self) -> Result<Expr, Failure> {
        let at = self.tokens.at();
        let is = match self.tokens.look(0).clone() {
            Token::Long(i64::MIN) if !self.tokens.follows_minus() => {
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
                    self.tokens.skip(1);
                    return self.creation(at);
                }
                "if" | "else" | "for" | "while" | "return" | "throw" | "break" | "continue" => {
                    return self.tokens.fail("write a value");
                }
                _ => Expression::Name(name),
            },
            Token::Sign("(") => {
                self.tokens.skip(1);
                if let Some(cast) = self.tokens.cast() {
                    self.tokens.skip(cast);
                    return self.deeper(Self::unary);
                }
                let inner = self.expression()?;
                self.tokens.expect(")")?;
                return Ok(inner);
            }
            _ => return self.tokens.fail("write a value"),
        };
        self.tokens.skip(1);
        Ok(node(at, is))
    }

    fn creation(&mut self, at: u32) -> Result<Expr, Failure> {
        let mut class = self.tokens.name()?;
        while self.tokens.eat(".") {
            class = self.tokens.name()?;
        }
        self.tokens.generics()?;
        if self.tokens.eat("[") {
            let element = element(&class);
            let Some(element) = element else {
                return self.tokens.fail("make an array of String, long, double or boolean");
            };
            if self.tokens.eat("]") {
                return self.array(Some(element));
            }
            let size = self.expression()?;
            self.tokens.expect("]")?;
            return Ok(node(at, Expression::NewArray(element, Box::new(size))));
        }
        let arguments = self.arguments()?;
        Ok(node(at, Expression::New(class, arguments)))
    }

    /// `{a, b}`
    pub(super) fn array(&mut self, element: Option<Element>) -> Result<Expr, Failure> {
        let at = self.tokens.at();
        self.tokens.expect("{")?;
        let mut values = Vec::new();
        while !self.tokens.eat("}") {
            values.push(self.expression()?);
            if !self.tokens.sign(0, "}") {
                self.tokens.expect(",")?;
            }
        }
        Ok(node(at, Expression::Array(element, values)))
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
