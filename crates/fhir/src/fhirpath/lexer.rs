//! Words of an expression: FHIRPath 2.0's tokens with their places.

use super::ast::Outcome;
use super::decimal;
use super::error::FhirPathError;
use super::value::{Text, Value};
use crate::calendar::{self, Moment};

/// One token.
#[derive(Clone, Debug)]
pub(super) enum Token {
    /// A name or keyword; `is_quoted` if it stood in backticks.
    Word { text: String, is_quoted: bool },
    /// `'text'`
    Text(String),
    /// A number.
    Number(Value<'static>),
    /// `@...`
    Moment(Value<'static>),
    /// `$this`, without the sign.
    Special(&'static str),
    /// `%name`, without the sign.
    Constant(String),
    /// An operator or bracket.
    Sign(&'static str),
    /// The end.
    End,
}

/// A token and where it starts.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) token: Token,
    pub(super) at: usize,
}

const SIGNS: [&str; 22] =
    ["!=", "!~", "<=", ">=", "(", ")", "[", "]", "{", "}", ".", ",", "+", "-", "*", "/", "&", "|", "=", "~", "<", ">"];

/// Splits an expression into tokens, [`Token::End`] last.
pub(super) fn tokens(text: &str) -> Outcome<Vec<Placed>> {
    let mut lexer = Lexer { text, at: 0 };
    let mut tokens = Vec::with_capacity(text.len() / 4 + 1);
    loop {
        lexer.skip_space()?;
        let at = lexer.at;
        let token = lexer.token()?;
        let is_end = matches!(token, Token::End);
        tokens.push(Placed { token, at });
        if is_end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn error<T>(&self, what: &'static str) -> Outcome<T> {
        Err(FhirPathError::syntax(what, self.at))
    }

    fn skip_space(&mut self) -> Outcome<()> {
        loop {
            let rest = self.rest();
            if rest.starts_with("//") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if let Some(comment) = rest.strip_prefix("/*") {
                let Some(end) = comment.find("*/") else { return self.error("a comment does not end") };
                self.at += end + 4;
            } else {
                let space = rest.len() - rest.trim_start().len();
                if space == 0 {
                    return Ok(());
                }
                self.at += space;
            }
        }
    }

    fn token(&mut self) -> Outcome<Token> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(Token::End) };
        match first {
            '\'' => Ok(Token::Text(self.quoted('\'')?)),
            '`' => Ok(Token::Word { text: self.quoted('`')?, is_quoted: true }),
            '0'..='9' => self.number(),
            '@' => self.moment(),
            '$' => self.special(),
            '%' => self.constant(),
            'A'..='Z' | 'a'..='z' | '_' => Ok(Token::Word { text: self.word().to_owned(), is_quoted: false }),
            _ => self.sign(),
        }
    }

    fn word(&mut self) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn sign(&mut self) -> Outcome<Token> {
        let rest = self.rest();
        let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) else {
            return self.error("this character has no meaning in FHIRPath");
        };
        self.at += sign.len();
        Ok(Token::Sign(sign))
    }

    fn special(&mut self) -> Outcome<Token> {
        self.at += 1;
        match self.word() {
            "this" => Ok(Token::Special("this")),
            "index" => Ok(Token::Special("index")),
            "total" => Ok(Token::Special("total")),
            _ => self.error("only $this, $index and $total begin with a dollar sign"),
        }
    }

    fn constant(&mut self) -> Outcome<Token> {
        self.at += 1;
        let name = match self.rest().chars().next() {
            Some(quote @ ('\'' | '`')) => self.quoted(quote)?,
            _ => self.word().to_owned(),
        };
        if name.is_empty() { self.error("a name was expected after %") } else { Ok(Token::Constant(name)) }
    }

    fn number(&mut self) -> Outcome<Token> {
        let bytes = self.rest().as_bytes();
        let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
        let mut len = digits(0);
        let is_decimal = bytes.get(len) == Some(&b'.') && bytes.get(len + 1).is_some_and(u8::is_ascii_digit);
        if is_decimal {
            len += 1 + digits(len + 1);
        }
        let text = &self.rest()[..len];
        let value = if is_decimal {
            decimal::parse(text).map(Value::Decimal)
        } else {
            text.parse::<i64>().ok().map(Value::Integer)
        };
        let Some(value) = value else { return self.error("the number has too many digits") };
        self.at += len;
        Ok(Token::Number(value))
    }

    fn moment(&mut self) -> Outcome<Token> {
        let rest = &self.rest()[1..];
        let read: Option<(Value<'static>, usize)> = match rest.strip_prefix('T') {
            Some(time) => calendar::read_time(time).map(|(moment, len)| (Value::Time(moment), len + 1)),
            None => calendar::read(rest).map(|(moment, has_t, len)| (dated(moment, has_t), len)),
        };
        let Some((value, len)) = read else { return self.error("this is no date or time") };
        self.at += 1 + len;
        Ok(Token::Moment(value))
    }

    fn quoted(&mut self, quote: char) -> Outcome<String> {
        let mut out = String::new();
        let mut letters = self.rest().char_indices().skip(1);
        while let Some((i, c)) = letters.next() {
            if c == quote {
                self.at += i + 1;
                return Ok(out);
            }
            if c != '\\' {
                out.push(c);
                continue;
            }
            match letters.next() {
                Some((_, 'u')) => {
                    let code = self.rest().get(i + 2..i + 6).and_then(|hex| u32::from_str_radix(hex, 16).ok());
                    let Some(c) = code.and_then(char::from_u32) else {
                        return self.error("four hexadecimal digits of a character were expected after \\u");
                    };
                    out.push(c);
                    letters.nth(3);
                }
                Some((_, c)) => out.push(unescaped(c)),
                None => break,
            }
        }
        self.error("the text in quotes does not end")
    }
}

fn dated(moment: Moment, has_t: bool) -> Value<'static> {
    if has_t { Value::DateTime(moment) } else { Value::Date(moment) }
}

// An escape the grammar does not name stands for its own letter, as in the reference implementation.
fn unescaped(c: char) -> char {
    match c {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'f' => '\u{c}',
        other => other,
    }
}

impl Token {
    pub(super) fn literal(self) -> Option<Value<'static>> {
        match self {
            Token::Text(text) => Some(Value::String(Text::from(text))),
            Token::Number(value) | Token::Moment(value) => Some(value),
            _ => None,
        }
    }
}
