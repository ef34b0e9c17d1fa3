//! The grammar of statements.

use super::Parser;
use crate::expression::ast::{Expression, Node, Statement, Stmt};
use crate::expression::error::Failure;
use crate::expression::lexer::Token;

fn node(at: u32, is: Statement) -> Stmt {
    Node { at, is }
}

impl Parser {
    pub(super) fn program(&mut self) -> Result<Vec<Stmt>, Failure> {
        let mut all = Vec::new();
        while self.tokens.eat_word("import") {
            while !self.tokens.eat(";") {
                if matches!(self.tokens.look(0), Token::End) {
                    return self.tokens.fail("write ;");
                }
                self.tokens.skip(1);
            }
        }
        while !matches!(self.tokens.look(0), Token::End) {
            all.push(self.statement()?);
        }
        if all.iter().all(|one| one.is == Statement::Empty) {
            return self.tokens.fail("write an expression");
        }
        Ok(all)
    }

    fn statement(&mut self) -> Result<Stmt, Failure> {
        self.deeper(Self::any_statement)
    }

    fn any_statement(&mut self) -> Result<Stmt, Failure> {
        let at = self.tokens.at();
        let is = match self.tokens.look(0) {
            Token::Sign(";") => {
                self.tokens.skip(1);
                Statement::Empty
            }
            Token::Sign("{") => {
                self.tokens.skip(1);
                let mut inner = Vec::new();
                while !self.tokens.eat("}") {
                    inner.push(self.statement()?);
                }
                Statement::Block(inner)
            }
            Token::Name(name) => match name.as_str() {
                "if" => self.branch()?,
                "while" => {
                    self.tokens.skip(1);
                    let condition = self.condition()?;
                    Statement::While(condition, Box::new(self.statement()?))
                }
                "for" => self.counted()?,
                "return" => {
                    self.tokens.skip(1);
                    let bare = self.tokens.sign(0, ";") || matches!(self.tokens.look(0), Token::End);
                    let value = if bare {
                        None
                    } else if self.tokens.sign(0, "{") {
                        Some(self.array(None)?)
                    } else {
                        Some(self.expression()?)
                    };
                    self.ended()?;
                    Statement::Return(value)
                }
                "throw" => {
                    self.tokens.skip(1);
                    let value = self.expression()?;
                    self.ended()?;
                    Statement::Throw(value)
                }
                "break" | "continue" => {
                    let is = if name == "break" { Statement::Break } else { Statement::Continue };
                    self.tokens.skip(1);
                    self.ended()?;
                    is
                }
                _ => self.simple()?,
            },
            _ => self.simple()?,
        };
        Ok(node(at, is))
    }

    fn condition(&mut self) -> Result<crate::expression::ast::Expr, Failure> {
        self.tokens.expect("(")?;
        let condition = self.expression()?;
        self.tokens.expect(")")?;
        Ok(condition)
    }

    /// Checks the end of a statement: a semicolon, optional after the last one.
    fn ended(&mut self) -> Result<(), Failure> {
        if self.tokens.eat(";") || matches!(self.tokens.look(0), Token::End) || self.tokens.sign(0, "}") {
            return Ok(());
        }
        self.tokens.fail("write ;")
    }

    fn branch(&mut self) -> Result<Statement, Failure> {
        self.tokens.skip(1);
        let condition = self.condition()?;
        let yes = Box::new(self.statement()?);
        let no = if self.tokens.eat_word("else") { Some(Box::new(self.statement()?)) } else { None };
        Ok(Statement::If(condition, yes, no))
    }

    fn simple(&mut self) -> Result<Statement, Failure> {
        let is = self.declaration_or_expression()?;
        self.ended()?;
        Ok(is)
    }

    fn declaration_or_expression(&mut self) -> Result<Statement, Failure> {
        if let Some(type_tokens) = self.tokens.type_before_name() {
            self.tokens.skip(type_tokens);
            return self.declared();
        }
        Ok(Statement::Expression(self.expression()?))
    }

    fn declared(&mut self) -> Result<Statement, Failure> {
        let mut all = Vec::new();
        loop {
            let name = self.tokens.name()?;
            while self.tokens.eat("[") {
                self.tokens.expect("]")?;
            }
            let value = if !self.tokens.eat("=") {
                None
            } else if self.tokens.sign(0, "{") {
                Some(self.array(None)?)
            } else {
                Some(self.expression()?)
            };
            all.push((name, value));
            if !self.tokens.eat(",") {
                return Ok(Statement::Declare(all));
            }
        }
    }

    fn counted(&mut self) -> Result<Statement, Failure> {
        self.tokens.skip(1);
        self.tokens.expect("(")?;
        let mut first = Vec::new();
        if !self.tokens.eat(";") {
            if let Some(type_tokens) = self.tokens.type_before_name()
                && self.tokens.sign(type_tokens + 1, ":")
            {
                self.tokens.skip(type_tokens);
                let name = self.tokens.name()?;
                self.tokens.expect(":")?;
                let over = self.expression()?;
                self.tokens.expect(")")?;
                return Ok(Statement::Each(name, over, Box::new(self.statement()?)));
            }
            loop {
                let at = self.tokens.at();
                let is = self.declaration_or_expression()?;
                first.push(node(at, is));
                if !self.tokens.eat(",") {
                    break;
                }
            }
            self.tokens.expect(";")?;
        }
        let condition = if self.tokens.sign(0, ";") { None } else { Some(self.expression()?) };
        self.tokens.expect(";")?;
        let mut steps = Vec::new();
        while !self.tokens.eat(")") {
            steps.push(self.expression()?);
            if !self.tokens.sign(0, ")") {
                self.tokens.expect(",")?;
            }
        }
        if let Some(condition) = &condition
            && matches!(condition.is, Expression::Assign(..))
        {
            return Err(Failure::syntax(condition.at, "an assignment is not a condition", "compare with =="));
        }
        Ok(Statement::For(first, condition, steps, Box::new(self.statement()?)))
    }
}
