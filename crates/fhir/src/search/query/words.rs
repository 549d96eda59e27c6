//! `_text` and `_content`: words, `AND`, `OR` and parentheses (R4 search section 3.1.1.4.9 shows
//! `(bone OR liver) and metastases`).

use super::Filter;
use super::condition::{DEPTH_MAX, all, any};
use super::value::Expected;
use crate::search::extract::words;

/// The filter that a text asks for. Words side by side must all be there.
pub(super) fn filter(text: &str, narrative: bool) -> Result<Filter, Expected> {
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    let mut reader = Reader { tokens: spaced.split_whitespace().peekable(), narrative, depth: 0 };
    let filter = reader.either()?;
    if reader.tokens.next().is_some() {
        return Err("a parenthesis is closed that was not opened".to_owned());
    }
    Ok(filter)
}

struct Reader<'t, I: Iterator<Item = &'t str>> {
    tokens: std::iter::Peekable<I>,
    narrative: bool,
    depth: usize,
}

impl<'t, I: Iterator<Item = &'t str>> Reader<'t, I> {
    fn either(&mut self) -> Result<Filter, Expected> {
        let mut ways = vec![self.together()?];
        while self.tokens.next_if(|t| t.eq_ignore_ascii_case("or")).is_some() {
            ways.push(self.together()?);
        }
        Ok(any(ways))
    }

    fn together(&mut self) -> Result<Filter, Expected> {
        let (mut found, mut parts) = (Vec::new(), Vec::new());
        while let Some(token) = self.tokens.next_if(|t| *t != ")" && !t.eq_ignore_ascii_case("or")) {
            match token {
                "(" => parts.push(self.parenthesis()?),
                token if token.eq_ignore_ascii_case("and") => {}
                token => found.extend(words(token)),
            }
        }
        if !found.is_empty() {
            parts.push(Filter::Words { narrative: self.narrative, words: found });
        }
        if parts.is_empty() { Err("at least one word was expected".to_owned()) } else { Ok(all(parts)) }
    }

    fn parenthesis(&mut self) -> Result<Filter, Expected> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err("fewer parentheses were expected".to_owned());
        }
        let inner = self.either()?;
        self.depth -= 1;
        if self.tokens.next().is_some() { Ok(inner) } else { Err("a parenthesis is not closed".to_owned()) }
    }
}
