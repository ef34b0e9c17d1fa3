//! Statements.

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
        while self.eat_word("import") {
            while !self.eat(";") {
                if matches!(self.look(0), Token::End) {
                    return self.fail("write ;");
                }
                self.next += 1;
            }
        }
        while !matches!(self.look(0), Token::End) {
            all.push(self.statement()?);
        }
        if all.iter().all(|one| one.is == Statement::Empty) {
            return self.fail("write an expression");
        }
        Ok(all)
    }

    fn statement(&mut self) -> Result<Stmt, Failure> {
        self.deeper(Self::any_statement)
    }

    fn any_statement(&mut self) -> Result<Stmt, Failure> {
        let at = self.at();
        let is = match self.look(0) {
            Token::Sign(";") => {
                self.next += 1;
                Statement::Empty
            }
            Token::Sign("{") => {
                self.next += 1;
                let mut inner = Vec::new();
                while !self.eat("}") {
                    inner.push(self.statement()?);
                }
                Statement::Block(inner)
            }
            Token::Name(name) => match name.as_str() {
                "if" => self.branch()?,
                "while" => {
                    self.next += 1;
                    let condition = self.condition()?;
                    Statement::While(condition, Box::new(self.statement()?))
                }
                "for" => self.counted()?,
                "return" => {
                    self.next += 1;
                    let bare = self.sign(0, ";") || matches!(self.look(0), Token::End);
                    let value = if bare {
                        None
                    } else if self.sign(0, "{") {
                        Some(self.array(None)?)
                    } else {
                        Some(self.expression()?)
                    };
                    self.ended()?;
                    Statement::Return(value)
                }
                "throw" => {
                    self.next += 1;
                    let value = self.expression()?;
                    self.ended()?;
                    Statement::Throw(value)
                }
                "break" | "continue" => {
                    let is = if name == "break" { Statement::Break } else { Statement::Continue };
                    self.next += 1;
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
        self.expect("(")?;
        let condition = self.expression()?;
        self.expect(")")?;
        Ok(condition)
    }

    /// A statement ends with a semicolon; the last one may go without.
    fn ended(&mut self) -> Result<(), Failure> {
        if self.eat(";") || matches!(self.look(0), Token::End) || self.sign(0, "}") {
            return Ok(());
        }
        self.fail("write ;")
    }

    fn branch(&mut self) -> Result<Statement, Failure> {
        self.next += 1;
        let condition = self.condition()?;
        let yes = Box::new(self.statement()?);
        let no = if self.eat_word("else") { Some(Box::new(self.statement()?)) } else { None };
        Ok(Statement::If(condition, yes, no))
    }

    fn simple(&mut self) -> Result<Statement, Failure> {
        let is = self.declaration_or_expression()?;
        self.ended()?;
        Ok(is)
    }

    fn declaration_or_expression(&mut self) -> Result<Statement, Failure> {
        if let Some(type_tokens) = self.type_before_name() {
            self.next += type_tokens;
            return self.declared();
        }
        Ok(Statement::Expression(self.expression()?))
    }

    fn declared(&mut self) -> Result<Statement, Failure> {
        let mut all = Vec::new();
        loop {
            let name = self.name()?;
            while self.eat("[") {
                self.expect("]")?;
            }
            let value = if !self.eat("=") {
                None
            } else if self.sign(0, "{") {
                Some(self.array(None)?)
            } else {
                Some(self.expression()?)
            };
            all.push((name, value));
            if !self.eat(",") {
                return Ok(Statement::Declare(all));
            }
        }
    }

    /// How many tokens a type takes, if one stands here with a name after it.
    fn type_before_name(&self) -> Option<usize> {
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

    fn counted(&mut self) -> Result<Statement, Failure> {
        self.next += 1;
        self.expect("(")?;
        let mut first = Vec::new();
        if !self.eat(";") {
            if let Some(type_tokens) = self.type_before_name()
                && self.sign(type_tokens + 1, ":")
            {
                self.next += type_tokens;
                let name = self.name()?;
                self.expect(":")?;
                let over = self.expression()?;
                self.expect(")")?;
                return Ok(Statement::Each(name, over, Box::new(self.statement()?)));
            }
            loop {
                let at = self.at();
                let is = self.declaration_or_expression()?;
                first.push(node(at, is));
                if !self.eat(",") {
                    break;
                }
            }
            self.expect(";")?;
        }
        let condition = if self.sign(0, ";") { None } else { Some(self.expression()?) };
        self.expect(";")?;
        let mut steps = Vec::new();
        while !self.eat(")") {
            steps.push(self.expression()?);
            if !self.sign(0, ")") {
                self.expect(",")?;
            }
        }
        if let Some(condition) = &condition
            && matches!(condition.is, Expression::Assign(..))
        {
            return Err(Failure::syntax(condition.at, "an assignment is no condition", "compare with =="));
        }
        Ok(Statement::For(first, condition, steps, Box::new(self.statement()?)))
    }
}
