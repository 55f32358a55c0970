//! Tokens to the tree that is evaluated. Recursive descent, depth-limited.

use regex_automata::meta::Regex;
use regex_automata::util::syntax;

use super::eval::{Node, Op, Test};
use super::level::Level;
use super::lexer::{error_at, tokens, ExprError, Token};
use crate::event::field::{Fields, Role, Source};
use crate::event::number;
use crate::event::time;
use crate::spec::unbuilt;

/// Deepest nesting of parentheses and `not`, in levels: the parser's and the evaluator's stack stay bounded.
pub const DEPTH_MAX: usize = 64;
/// Most memory one pattern may take, in bytes.
const PATTERN_BYTES_MAX: usize = 1 << 20;
const COMPARISONS: &str = "one of == != < <= > >= ~ in";

pub fn parse(text: &str, fields: &mut Fields) -> Result<Node, ExprError> {
    let mut parser = Parser { text, tokens: tokens(text)?, next: 0, depth: 0, fields };
    let root = parser.any()?;
    match parser.peek() {
        Token::End => Ok(root),
        _ => Err(parser.expected("`and`, `or` or the end")),
    }
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<(usize, Token)>,
    next: usize,
    depth: usize,
    fields: &'a mut Fields,
}

impl Parser<'_> {
    fn peek(&self) -> &Token {
        &self.tokens[self.next].1
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Token::Word(next) if next == word);
        self.next += usize::from(found);
        found
    }

    fn take_sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Token::Sign(next) if *next == sign);
        self.next += usize::from(found);
        found
    }

    fn error(&self, at: usize, reason: impl Into<String>) -> ExprError {
        error_at(self.text, at, reason)
    }

    fn expected(&self, what: &str) -> ExprError {
        let (at, token) = &self.tokens[self.next];
        self.error(*at, format!("expected {what}, found {}", token.describe()))
    }

    /// Count one level; the token that opened it was just taken.
    fn deeper(&mut self) -> Result<(), ExprError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            let at = self.tokens[self.next - 1].0;
            return Err(self.error(at, format!("nested more than {DEPTH_MAX} levels deep")));
        }
        Ok(())
    }

    fn any(&mut self) -> Result<Node, ExprError> {
        let mut nodes = vec![self.all()?];
        while self.take_word("or") {
            nodes.push(self.all()?);
        }
        Ok(if nodes.len() == 1 { nodes.remove(0) } else { Node::Any(nodes) })
    }

    fn all(&mut self) -> Result<Node, ExprError> {
        let mut nodes = vec![self.one()?];
        while self.take_word("and") {
            nodes.push(self.one()?);
        }
        if let [Node::All(_), ..] = nodes.as_slice() {
            // `(a and b) and c` is `a and b and c`: an event name at the front stays at the front.
            let Node::All(first) = nodes.remove(0) else { return Err(self.expected("an expression")) };
            nodes.splice(0..0, first);
        }
        Ok(if nodes.len() == 1 { nodes.remove(0) } else { Node::All(nodes) })
    }

    fn one(&mut self) -> Result<Node, ExprError> {
        if self.take_word("not") {
            self.deeper()?;
            let node = self.one()?;
            self.depth -= 1;
            return Ok(Node::Not(Box::new(node)));
        }
        if self.take_sign("(") {
            self.deeper()?;
            let node = self.any()?;
            self.depth -= 1;
            self.close(")")?;
            return Ok(node);
        }
        if self.opens_call("exists") {
            self.next += 2;
            let source = self.source()?;
            self.close(")")?;
            return Ok(Node::Exists(source));
        }
        let source = self.source()?;
        self.comparison(source)
    }

    /// Whether `name(` comes next.
    fn opens_call(&self, name: &str) -> bool {
        let opens = matches!(self.tokens.get(self.next + 1), Some((_, Token::Sign("("))));
        opens && matches!(self.peek(), Token::Word(word) if word == name)
    }

    fn close(&mut self, sign: &str) -> Result<(), ExprError> {
        match self.take_sign(sign) {
            true => Ok(()),
            false => Err(self.expected(&format!("`{sign}`"))),
        }
    }

    fn source(&mut self) -> Result<Source, ExprError> {
        const WANTED: &str = "a field name, `exists(`, `not` or `(`";
        const RESERVED: [&str; 7] = ["and", "or", "not", "in", "true", "false", "null"];
        let at = self.tokens[self.next].0;
        let source = match self.peek().clone() {
            Token::Word(word) if RESERVED.contains(&word.as_str()) => return Err(self.expected(WANTED)),
            Token::Word(_) if self.opens_call("field") => {
                self.next += 2;
                let Token::Text(path) = self.peek().clone() else { return Err(self.expected("a quoted field name")) };
                self.next += 1;
                self.close(")")?;
                return self.fields.path(&path).map_err(|reason| self.error(at, reason));
            }
            Token::Word(word) => self.fields.source(&word),
            Token::Path(path) => self.fields.path(&path),
            _ => return Err(self.expected(WANTED)),
        };
        self.next += 1;
        source.map_err(|reason| self.error(at, reason))
    }

    fn comparison(&mut self, source: Source) -> Result<Node, ExprError> {
        let negated = matches!(self.peek(), Token::Word(word) if word == "not");
        self.next += usize::from(negated);
        if self.take_word("in") {
            let test = Node::Test(source, Test::OneOf(self.list(source)?));
            return Ok(if negated { Node::Not(Box::new(test)) } else { test });
        }
        let op = match self.peek() {
            _ if negated => return Err(self.expected("`in`")),
            Token::Sign("~") => {
                self.next += 1;
                return Ok(Node::Test(source, self.pattern()?));
            }
            Token::Sign("==") => Op::Eq,
            Token::Sign("!=") => Op::Ne,
            Token::Sign("<") => Op::Lt,
            Token::Sign("<=") => Op::Le,
            Token::Sign(">") => Op::Gt,
            Token::Sign(">=") => Op::Ge,
            _ => return Err(self.expected(COMPARISONS)),
        };
        self.next += 1;
        Ok(Node::Test(source, self.literal(source, op)?))
    }

    fn list(&mut self, source: Source) -> Result<Vec<Test>, ExprError> {
        let close = match self.peek() {
            Token::Sign("(") => ")",
            Token::Sign("[") => "]",
            _ => return Err(self.expected("`(` or `[`")),
        };
        self.next += 1;
        let mut tests = Vec::new();
        loop {
            tests.push(self.literal(source, Op::Eq)?);
            if self.take_sign(close) {
                return Ok(tests);
            }
            if !self.take_sign(",") {
                return Err(self.expected(&format!("`,` or `{close}`")));
            }
            if self.take_sign(close) {
                return Ok(tests);
            }
        }
    }

    fn pattern(&mut self) -> Result<Test, ExprError> {
        let (at, token) = (self.tokens[self.next].0, self.peek().clone());
        let Token::Text(pattern) = token else { return Err(self.expected("a quoted pattern")) };
        self.next += 1;
        let config = Regex::config().utf8_empty(false).nfa_size_limit(Some(PATTERN_BYTES_MAX));
        let built = Regex::builder().configure(config).syntax(syntax::Config::new().utf8(false)).build(&pattern);
        built
            .map(Test::Pattern)
            .map_err(|error| self.error(at, format!("pattern does not compile: {}", unbuilt(&error))))
    }

    fn literal(&mut self, source: Source, op: Op) -> Result<Test, ExprError> {
        let (at, token) = (self.tokens[self.next].0, self.peek().clone());
        let test = match token {
            Token::Text(text) => self.text_test(source, op, text, at)?,
            Token::Number(number) if source == Source::Role(Role::Level) => match Level::from_number(number) {
                Some(level) => Test::Level(op, level),
                None => return Err(self.error(at, "expected a level number from 10 to 60")),
            },
            Token::Number(number) if source == Source::Role(Role::Time) => match time::from_number(number) {
                Some(seconds) => Test::Number(op, seconds),
                None => return Err(self.error(at, "expected a time")),
            },
            Token::Number(number) => Test::Number(op, number),
            Token::Word(word) if matches!(word.as_str(), "true" | "false" | "null") => {
                if !matches!(op, Op::Eq | Op::Ne) {
                    return Err(self.error(at, format!("`{word}` has no order; expected == or !=")));
                }
                let equal = op == Op::Eq;
                if word == "null" {
                    Test::Null(equal)
                } else {
                    Test::Bool(equal, word == "true")
                }
            }
            _ => return Err(self.expected("a quoted text, a number, true, false or null")),
        };
        self.next += 1;
        Ok(test)
    }

    fn text_test(&self, source: Source, op: Op, text: String, at: usize) -> Result<Test, ExprError> {
        match source {
            Source::Role(Role::Level) => match Level::from_text(text.as_bytes()) {
                Some(level) => Ok(Test::Level(op, level)),
                None if matches!(op, Op::Eq | Op::Ne) => Ok(Test::Text(op, text.into_bytes(), None)),
                None => Err(self.error(at, "expected a level: TRACE DEBUG INFO WARN ERROR CRITICAL")),
            },
            Source::Role(Role::Time) => match time::parse_text(text.as_bytes(), 0) {
                Some(seconds) => Ok(Test::Number(op, seconds)),
                None => Err(self.error(at, "expected a time such as \"2026-11-23T06:16:13Z\"")),
            },
            _ => {
                let number = number::text(text.as_bytes());
                Ok(Test::Text(op, text.into_bytes(), number))
            }
        }
    }
}
