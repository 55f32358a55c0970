//! Expression text to tokens, each with its byte offset.

use std::fmt;

/// Where an expression is wrong and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExprError {
    /// 1-based, in characters.
    pub column: usize,
    pub reason: String,
}

impl fmt::Display for ExprError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: {}", self.column, self.reason)
    }
}

impl std::error::Error for ExprError {}

#[derive(Debug, Clone, PartialEq)]
pub enum Token {
    /// `and`, `status`, `error.name`: keywords are told apart by the parser.
    Word(String),
    /// A path in backquotes, never a keyword nor a role.
    Path(String),
    Text(String),
    Number(f64),
    /// `==` `!=` `<` `<=` `>` `>=` `~` `(` `)` `[` `]` `,`
    Sign(&'static str),
    End,
}

impl Token {
    /// How an error names it: no more of what was written than signs and keywords, for a secret may have got there.
    pub fn describe(&self) -> String {
        match self {
            Self::Word(word) if KEYWORDS.contains(&word.as_str()) => format!("`{word}`"),
            Self::Word(_) => "a word".to_owned(),
            Self::Path(_) => "a field".to_owned(),
            Self::Text(_) => "a text".to_owned(),
            Self::Number(_) => "a number".to_owned(),
            Self::Sign(sign) => format!("`{sign}`"),
            Self::End => "the end".to_owned(),
        }
    }
}

const KEYWORDS: [&str; 8] = ["and", "or", "not", "in", "exists", "true", "false", "null"];
const SIGNS: [&str; 12] = ["==", "!=", "<=", ">=", "<", ">", "~", "(", ")", "[", "]", ","];
/// Habits from other languages, and what to write here.
const HABITS: [(&str, &str); 6] = [("=~", "~"), ("=", "=="), ("&&", "and"), ("||", "or"), ("!", "not"), ("&", "and")];

/// All tokens with their byte offsets, `End` last.
pub fn tokens(text: &str) -> Result<Vec<(usize, Token)>, ExprError> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let (token, width) = match first {
            _ if first.is_whitespace() => {
                at += first.len_utf8();
                continue;
            }
            '"' | '\'' => quoted(text, at, first)?,
            '`' => match rest[1..].find('`') {
                Some(end) if end > 0 => (Token::Path(rest[1..=end].to_owned()), end + 2),
                Some(_) => return Err(error_at(text, at, "an empty field name")),
                None => return Err(error_at(text, at, "a field name without its closing `")),
            },
            '0'..='9' | '-' | '+' | '.' => number(text, at)?,
            _ if starts_word(first) => word(rest),
            _ => match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
                Some(sign) => (Token::Sign(sign), sign.len()),
                None => return Err(stray(text, at, first)),
            },
        };
        found.push((at, token));
        at += width;
    }
    found.push((text.len(), Token::End));
    Ok(found)
}

/// An error at a byte offset.
pub fn error_at(text: &str, at: usize, reason: impl Into<String>) -> ExprError {
    ExprError { column: text[..at].chars().count() + 1, reason: reason.into() }
}

fn stray(text: &str, at: usize, first: char) -> ExprError {
    let habit = HABITS.iter().find(|(habit, _)| text[at..].starts_with(habit));
    let reason = match habit {
        Some((habit, instead)) => format!("`{habit}` is not an operator; write `{instead}`"),
        None => format!("unexpected character {first:?}"),
    };
    error_at(text, at, reason)
}

fn starts_word(first: char) -> bool {
    first.is_alphabetic() || matches!(first, '_' | '@' | '$')
}

fn word(rest: &str) -> (Token, usize) {
    let ends = |c: char| !(c.is_alphanumeric() || matches!(c, '_' | '@' | '$' | '.' | '-' | '/' | ':'));
    let width = rest.find(ends).unwrap_or(rest.len());
    (Token::Word(rest[..width].to_owned()), width)
}

fn number(text: &str, at: usize) -> Result<(Token, usize), ExprError> {
    let rest = &text[at..];
    let mut width = 0;
    for (index, byte) in rest.bytes().enumerate() {
        let signed = matches!(byte, b'-' | b'+') && (index == 0 || matches!(rest.as_bytes()[index - 1], b'e' | b'E'));
        if !(byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'_' || signed) {
            break;
        }
        width = index + 1;
    }
    match crate::event::number::text(&rest.as_bytes()[..width]) {
        Some(number) => Ok((Token::Number(number), width)),
        None => Err(error_at(text, at, "not a number")),
    }
}

/// Escapes `\\ \" \' \n \t \r \uXXXX`. Any other keeps its backslash, so that patterns need no doubling.
fn quoted(text: &str, at: usize, quote: char) -> Result<(Token, usize), ExprError> {
    let mut content = String::new();
    let mut chars = text[at + 1..].char_indices();
    while let Some((offset, c)) = chars.next() {
        if c == quote {
            return Ok((Token::Text(content), offset + 2));
        }
        if c != '\\' {
            content.push(c);
            continue;
        }
        match chars.next() {
            Some((_, escaped @ ('\\' | '"' | '\''))) => content.push(escaped),
            Some((_, 'n')) => content.push('\n'),
            Some((_, 't')) => content.push('\t'),
            Some((_, 'r')) => content.push('\r'),
            Some((begin, 'u')) => {
                let hex = text[at + 1..].get(begin + 1..begin + 5);
                let code = hex.filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
                let decoded = code.and_then(|hex| u32::from_str_radix(hex, 16).ok()).and_then(char::from_u32);
                let Some(decoded) = decoded else {
                    return Err(error_at(text, at + 1 + offset, "`\\u` without four hex digits of a character"));
                };
                content.push(decoded);
                chars.nth(3);
            }
            Some((_, other)) => content.extend(['\\', other]),
            None => break,
        }
    }
    Err(error_at(text, at, format!("a text without its closing {quote}")))
}
