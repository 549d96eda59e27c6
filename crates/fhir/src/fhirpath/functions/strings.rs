//! Text (FHIRPath section 5.6). Positions count characters, not bytes.

use super::Arguments::{Between, Exactly};
use super::{Function, function, text_codes};
use crate::fhirpath::ast::Outcome;
use crate::fhirpath::error::FhirPathError;
use crate::fhirpath::eval::{Evaluator, Invocation, text};
use crate::fhirpath::item::{Collection, Item};
use crate::fhirpath::operators::TEXT_MAX;
use crate::fhirpath::value::{Text, Value};
use regex::{Regex, RegexBuilder};
use std::fmt::Write as _;

pub(super) const FUNCTIONS: &[Function] = &[
    function("indexOf", Exactly(1), |e, inv| with_text(e, &inv, |t, part| index(t, t.find(part)))),
    function("lastIndexOf", Exactly(1), |e, inv| with_text(e, &inv, |t, part| index(t, t.rfind(part)))),
    function("substring", Between(1, 2), substring),
    function("startsWith", Exactly(1), |e, inv| with_text(e, &inv, |t, part| Value::Boolean(t.starts_with(part)))),
    function("endsWith", Exactly(1), |e, inv| with_text(e, &inv, |t, part| Value::Boolean(t.ends_with(part)))),
    function("contains", Exactly(1), |e, inv| with_text(e, &inv, |t, part| Value::Boolean(t.contains(part)))),
    function("upper", Exactly(0), |e, inv| mapped(e, &inv, |text| Some(text.to_uppercase()))),
    function("lower", Exactly(0), |e, inv| mapped(e, &inv, |text| Some(text.to_lowercase()))),
    function("trim", Exactly(0), |e, inv| mapped(e, &inv, |text| Some(text.trim().to_owned()))),
    function("replace", Exactly(2), replace),
    function("matches", Exactly(1), |e, inv| matches(e, &inv, false)),
    function("matchesFull", Exactly(1), |e, inv| matches(e, &inv, true)),
    function("replaceMatches", Exactly(2), replace_matches),
    function("length", Exactly(0), length),
    function("toChars", Exactly(0), to_chars),
    function("split", Exactly(1), split),
    function("join", Between(0, 1), join),
    function("encode", Exactly(1), |e, inv| coded(e, &inv, text_codes::encode)),
    function("decode", Exactly(1), |e, inv| coded(e, &inv, text_codes::decode)),
    function("escape", Exactly(1), |e, inv| coded(e, &inv, text_codes::escape)),
    function("unescape", Exactly(1), |e, inv| coded(e, &inv, text_codes::unescape)),
];

type Answer<'a> = Outcome<Collection<'a>>;

/// A compiled pattern larger than this is refused: 1 MiB.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// Compiles a pattern: `.` matches line ends too (official suite, testMatchesSingleLineMode1).
pub(in crate::fhirpath) fn pattern(text: &str, whole: bool) -> Option<Regex> {
    let text = if whole { format!("^(?:{text})$") } else { text.to_owned() };
    RegexBuilder::new(&text).dot_matches_new_line(true).size_limit(PATTERN_BYTES_MAX).build().ok()
}

fn input<'a>(e: &mut Evaluator<'_, 'a>, inv: &Invocation<'_, 'a>) -> Outcome<Option<Text<'a>>> {
    let found = text(&inv.input, inv.call.function.name)?;
    e.spend_text(found.as_deref().map_or(0, str::len))?;
    Ok(found)
}

fn with_text<'a>(
    e: &mut Evaluator<'_, 'a>,
    inv: &Invocation<'_, 'a>,
    answer: impl Fn(&str, &str) -> Value<'static>,
) -> Answer<'a> {
    let (text, argument) = (input(e, inv)?, e.arg_text(inv, 0)?);
    Ok(Collection::optional(text.zip(argument).map(|(text, argument)| answer(&text, &argument))))
}

fn mapped<'a>(e: &mut Evaluator<'_, 'a>, inv: &Invocation<'_, 'a>, map: fn(&str) -> Option<String>) -> Answer<'a> {
    let text = input(e, inv)?;
    Ok(text.and_then(|text| map(&text)).map(Collection::string).unwrap_or_default())
}

fn coded<'a>(
    e: &mut Evaluator<'_, 'a>,
    inv: &Invocation<'_, 'a>,
    code: fn(&str, &str) -> Option<String>,
) -> Answer<'a> {
    let (text, format) = (input(e, inv)?, e.arg_text(inv, 0)?);
    Ok(text.zip(format).and_then(|(text, format)| code(&text, &format)).map(Collection::string).unwrap_or_default())
}

fn index(text: &str, byte: Option<usize>) -> Value<'static> {
    Value::Integer(byte.map_or(-1, |byte| text[..byte].chars().count() as i64))
}

fn substring<'a>(e: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    let text = input(e, &inv)?;
    let start = e.arg_integer(&inv, 0)?;
    let length = e.arg_integer(&inv, 1)?;
    let (Some(text), Some(start)) = (text, start) else { return Ok(Collection::EMPTY) };
    let Some((from, _)) = usize::try_from(start).ok().and_then(|start| text.char_indices().nth(start)) else {
        return Ok(Collection::EMPTY);
    };
    let count = length.map_or(usize::MAX, |length| usize::try_from(length).unwrap_or(0));
    let len = text[from..].char_indices().nth(count).map_or(text.len() - from, |(at, _)| at);
    Ok(Collection::from(Value::String(slice(&text, from, len))))
}

fn slice<'a>(text: &Text<'a>, from: usize, len: usize) -> Text<'a> {
    match text {
        Text::Borrowed(text) => Text::Borrowed(&text[from..from + len]),
        Text::Shared(text) => Text::Shared(text[from..from + len].into()),
    }
}

/// An empty pattern stands between all characters.
fn replace<'a>(e: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    let (text, part, with) = (input(e, &inv)?, e.arg_text(&inv, 0)?, e.arg_text(&inv, 1)?);
    let (Some(text), Some(part), Some(with)) = (text, part, with) else { return Ok(Collection::EMPTY) };
    let count = if part.is_empty() { text.len() + 1 } else { text.len() / part.len() };
    grown(e, text.len() + count.saturating_mul(with.len()))?;
    Ok(Collection::string(text.replace(&*part, &with)))
}

/// Refuses to make texts beyond [`TEXT_MAX`].
fn grown(e: &mut Evaluator<'_, '_>, bytes: usize) -> Outcome<()> {
    e.spend_text(bytes)?;
    if bytes > TEXT_MAX { Err(FhirPathError::TooCostly) } else { Ok(()) }
}

/// The call's pattern: compiled with the expression, or now at a price.
fn called_pattern<'a>(e: &mut Evaluator<'_, 'a>, inv: &Invocation<'_, 'a>, whole: bool) -> Outcome<Option<Regex>> {
    if let Some(pattern) = &inv.call.pattern {
        return Ok(Some(pattern.clone()));
    }
    let Some(text) = e.arg_text(inv, 0)? else { return Ok(None) };
    e.spend(1000 + text.len() as u64)?;
    match pattern(&text, whole) {
        Some(pattern) => Ok(Some(pattern)),
        None => Err(FhirPathError::evaluation("the regular expression cannot be read")),
    }
}

fn matches<'a>(e: &mut Evaluator<'_, 'a>, inv: &Invocation<'_, 'a>, whole: bool) -> Answer<'a> {
    let Some(text) = input(e, inv)? else { return Ok(Collection::EMPTY) };
    if let Some(pattern) = &inv.call.pattern {
        return Ok(Collection::boolean(pattern.is_match(&text)));
    }
    let pattern = called_pattern(e, inv, whole)?;
    Ok(Collection::optional_boolean(pattern.map(|pattern| pattern.is_match(&text))))
}

fn replace_matches<'a>(e: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    let (text, pattern, with) = (input(e, &inv)?, called_pattern(e, &inv, false)?, e.arg_text(&inv, 1)?);
    let (Some(text), Some(pattern), Some(with)) = (text, pattern, with) else { return Ok(Collection::EMPTY) };
    if pattern.as_str().is_empty() {
        return Ok(Collection::from(Value::String(text)));
    }
    let (with, mut out, mut at) = (braced(&with), String::new(), 0);
    for found in pattern.captures_iter(&text) {
        let Some(whole) = found.get(0) else { continue };
        out.push_str(&text[at..whole.start()]);
        found.expand(&with, &mut out);
        at = whole.end();
        grown(e, out.len())?;
    }
    out.push_str(&text[at..]);
    Ok(Collection::string(out))
}

/// `$1x` means group 1 and an x, for which the regex crate wants `${1}x`.
fn braced(with: &str) -> String {
    let mut out = String::with_capacity(with.len());
    let mut letters = with.chars().peekable();
    while let Some(c) = letters.next() {
        out.push(c);
        if c == '$' && letters.peek().is_some_and(char::is_ascii_digit) {
            let mut number = String::new();
            while let Some(digit) = letters.next_if(char::is_ascii_digit) {
                number.push(digit);
            }
            let _ = write!(out, "{{{number}}}");
        }
    }
    out
}

fn length<'a>(e: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    let text = input(e, &inv)?;
    Ok(text.map(|text| Collection::integer(text.chars().count())).unwrap_or_default())
}

fn to_chars<'a>(e: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    let Some(text) = input(e, &inv)? else { return Ok(Collection::EMPTY) };
    e.spend(text.len() as u64)?;
    let letter = |(at, c): (usize, char)| Item::Value(Value::String(slice(&text, at, c.len_utf8())));
    Ok(text.char_indices().map(letter).collect())
}

fn split<'a>(e: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    let (text, separator) = (input(e, &inv)?, e.arg_text(&inv, 0)?);
    let (Some(text), Some(separator)) = (text, separator) else { return Ok(Collection::EMPTY) };
    e.spend(text.len() as u64)?;
    if separator.is_empty() {
        return Ok(Collection::from(Value::String(text)));
    }
    let base = text.as_ptr() as usize;
    let part = |part: &str| Item::Value(Value::String(slice(&text, part.as_ptr() as usize - base, part.len())));
    Ok(text.split(&*separator).map(part).collect())
}

fn join<'a>(e: &mut Evaluator<'_, 'a>, inv: Invocation<'_, 'a>) -> Answer<'a> {
    let separator = e.arg_text(&inv, 0)?;
    if inv.input.is_empty() {
        return Ok(Collection::EMPTY);
    }
    let mut out = String::new();
    for (at, item) in inv.input.iter().enumerate() {
        if at > 0 {
            out.push_str(separator.as_deref().unwrap_or(""));
        }
        out.push_str(text(std::slice::from_ref(item), "join")?.as_deref().unwrap_or(""));
        grown(e, out.len())?;
    }
    Ok(Collection::string(out))
}
