//! Markup of others made harmless: what is kept is a small set of elements without any attribute but the spans of cells.
//! Everything else loses its tags and keeps its text; what is no text for people loses that too.
//!
//! Nothing of the input is copied as markup: tags are written anew from a closed list and text is escaped, so that what this
//! reader takes for text can only be text to a browser.

use super::super::escape;

/// Longest markup that is shown, in bytes.
const BYTES_MAX: usize = 1 << 20;

/// Elements open at a time.
const DEPTH_MAX: usize = 64;

/// What stays, as it is written here (left: theirs, right: ours). C-CDA's names beside XHTML's.
const KEPT: &[(&str, &str)] = &[
    ("p", "p"),
    ("paragraph", "p"),
    ("div", "div"),
    ("br", "br"),
    ("hr", "hr"),
    ("ul", "ul"),
    ("ol", "ol"),
    ("list", "ul"),
    ("li", "li"),
    ("item", "li"),
    ("table", "table"),
    ("thead", "thead"),
    ("tbody", "tbody"),
    ("tfoot", "tfoot"),
    ("tr", "tr"),
    ("td", "td"),
    ("th", "th"),
    ("caption", "strong"),
    ("title", "h3"),
    ("h1", "h3"),
    ("h2", "h3"),
    ("h3", "h3"),
    ("h4", "h4"),
    ("b", "strong"),
    ("strong", "strong"),
    ("i", "em"),
    ("em", "em"),
    ("sub", "sub"),
    ("sup", "sup"),
    ("pre", "pre"),
    ("dl", "dl"),
    ("dt", "dt"),
    ("dd", "dd"),
    ("blockquote", "blockquote"),
];

/// What loses its text too.
const DROPPED: [&str; 11] =
    ["script", "style", "head", "template", "iframe", "object", "svg", "math", "noscript", "textarea", "select"];

/// Markup as a browser may show it. `None`: it is too long.
pub fn harmless(markup: &str) -> Option<String> {
    if markup.len() > BYTES_MAX {
        return None;
    }
    let mut reader = Reader { out: String::with_capacity(markup.len()), open: Vec::new(), dropping: None };
    let mut rest = markup;
    while let Some(at) = rest.find('<') {
        reader.text(&rest[..at]);
        rest = reader.tag(&rest[at..]);
    }
    reader.text(rest);
    while let Some(name) = reader.open.pop() {
        reader.close(name);
    }
    Some(reader.out)
}

struct Reader {
    out: String,
    /// What was opened, in our names.
    open: Vec<&'static str>,
    /// The element whose content is dropped, and how deep it stands in itself.
    dropping: Option<(String, usize)>,
}

impl Reader {
    fn text(&mut self, text: &str) {
        if self.dropping.is_none() {
            self.out.push_str(&escape(&decoded(text)));
        }
    }

    /// Reads a tag, a comment or what looks like one, and gives what follows. A `<` that begins none is text.
    fn tag<'t>(&mut self, text: &'t str) -> &'t str {
        for (begin, end) in [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>"), ("<!", ">")] {
            if let Some(inner) = text.strip_prefix(begin) {
                let (inner, rest) = inner.split_once(end).unwrap_or((inner, ""));
                if begin == "<![CDATA[" && self.dropping.is_none() {
                    self.out.push_str(&escape(inner));
                }
                return rest;
            }
        }
        let is_end = text[1..].starts_with('/');
        let from = if is_end { 2 } else { 1 };
        let named = text[from..].chars().next().is_some_and(|c| c.is_ascii_alphabetic());
        let Some(length) = ending(&text[from..]).filter(|_| named) else {
            self.text("<");
            return &text[1..];
        };
        let inner = &text[from..from + length];
        let name = inner.split(|c: char| c.is_whitespace() || c == '/').next().unwrap_or_default();
        // `hl7:paragraph` is a paragraph.
        let name = name.rsplit(':').next().unwrap_or_default().to_ascii_lowercase();
        let is_alone = inner.ends_with('/');
        if is_end {
            self.ended(&name);
        } else {
            self.began(&name, inner, is_alone);
        }
        &text[from + length + 1..]
    }

    fn began(&mut self, name: &str, inner: &str, is_alone: bool) {
        if let Some((dropped, depth)) = &mut self.dropping {
            *depth += usize::from(dropped == name && !is_alone);
            return;
        }
        if DROPPED.contains(&name) {
            self.dropping = (!is_alone).then(|| (name.to_owned(), 1));
            return;
        }
        let Some((_, ours)) = KEPT.iter().find(|(theirs, _)| *theirs == name) else { return };
        if self.open.len() >= DEPTH_MAX {
            return;
        }
        self.out.push('<');
        self.out.push_str(ours);
        if matches!(*ours, "td" | "th") {
            for span in ["colspan", "rowspan"] {
                let cells = attribute(inner, span).filter(|cells| (2..=50).contains(cells));
                self.out.push_str(&cells.map(|cells| format!(" {span}=\"{cells}\"")).unwrap_or_default());
            }
        }
        self.out.push('>');
        match (*ours, is_alone) {
            ("br" | "hr", _) => {}
            (ours, true) => self.close(ours),
            (ours, false) => self.open.push(ours),
        }
    }

    fn ended(&mut self, name: &str) {
        if let Some((dropped, depth)) = &mut self.dropping {
            if dropped == name {
                *depth -= 1;
                if *depth == 0 {
                    self.dropping = None;
                }
            }
            return;
        }
        let Some((_, ours)) = KEPT.iter().find(|(theirs, _)| *theirs == name) else { return };
        if let Some(at) = self.open.iter().rposition(|open| open == ours) {
            for open in self.open.split_off(at).into_iter().rev() {
                self.close(open);
            }
        }
    }

    fn close(&mut self, name: &str) {
        self.out.push_str(&format!("</{name}>"));
    }
}

/// Where a tag's `>` stands, outside quotation marks.
fn ending(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '>') => return Some(at),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
    }
    None
}

/// A whole number in an attribute.
fn attribute(inner: &str, name: &str) -> Option<u32> {
    let inner = inner.to_ascii_lowercase();
    let (_, rest) = inner.split_once(&format!(" {name}="))?;
    let digits: String = rest.trim_start_matches(['"', '\'']).chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// Text with its references resolved: the few of XML, those by number, and the space that HTML writes so often.
fn decoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.bytes().take(12).position(|b| b == b';');
        match end.and_then(|end| Some((named(&rest[1..end])?, end))) {
            Some((c, end)) => {
                out.push(c);
                rest = &rest[end + 1..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out + rest
}

fn named(name: &str) -> Option<char> {
    let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
    let found = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        _ => match name.strip_prefix('#')? {
            hex if hex.starts_with(['x', 'X']) => number(&hex[1..], 16)?,
            digits => number(digits, 10)?,
        },
    };
    (!found.is_control() || found.is_whitespace()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_read_stays_and_everything_else_goes() {
        for (markup, shown) in [
            ("<p>a &amp; b</p>", "<p>a &amp; b</p>"),
            ("<p class='x' onclick=\"alert(1)\" style='color:red'>a</p>", "<p>a</p>"),
            ("<script>alert('<p>')</script>b", "b"),
            ("<SCRIPT >x</SCRIPT\n>b", "b"),
            ("<img src=x onerror=alert(1)>a", "a"),
            ("<a href=\"javascript:alert(1)\">link</a>", "link"),
            ("<svg><p>x</p></svg>b", "b"),
            ("<svg><svg></svg>x</svg>b", "b"),
            ("<td colspan=\"3\" rowspan='x'>a</td>", "<td colspan=\"3\">a</td>"),
            ("<td colspan=\"99999\">a</td>", "<td>a</td>"),
            ("&lt;script&gt;", "&lt;script&gt;"),
            ("&#60;b&#x3e;&bogus;&", "&lt;b&gt;&amp;bogus;&amp;"),
            ("a < b > c", "a &lt; b &gt; c"),
            ("<p", "&lt;p"),
            ("<p title='>'>a", "<p>a</p>"),
            ("<!--<script>-->a<!-- b", "a"),
            ("<![CDATA[<script>]]>", "&lt;script&gt;"),
            ("<paragraph>a<br/>b</paragraph><list><item>c</item></list>", "<p>a<br>b</p><ul><li>c</li></ul>"),
            ("<b>a<i>b</b>c</i>", "<strong>a<em>b</em></strong>c"),
            ("</div></p>a", "a"),
            ("<form action=/x><button>go</button><input>", "go"),
            ("<p/><script/>a", "<p></p>a"),
            ("<style>p{}", ""),
        ] {
            assert_eq!(harmless(markup).as_deref(), Some(shown), "{markup}");
        }
        assert!(harmless(&"x".repeat(BYTES_MAX + 1)).is_none());
        let deep = harmless(&"<div>".repeat(5_000)).expect("shown");
        assert_eq!(deep.matches("<div>").count(), DEPTH_MAX);
    }

    #[test]
    fn no_input_makes_a_tag_that_is_not_in_the_list() {
        // Every way of gluing these together.
        let pieces =
            ["<", ">", "script", "p", "/", "\"", "'", " onload=x", "&lt;", "<!--", "-->", "<![CDATA[", "]]>", "é"];
        let mut seed = 1u64;
        for _ in 0..20_000 {
            let mut text = String::new();
            for _ in 0..12 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                text.push_str(pieces[(seed >> 33) as usize % pieces.len()]);
            }
            let shown = harmless(&text).expect("short");
            let tags = shown.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or_default());
            for tag in tags {
                assert!(matches!(tag, "p" | "/p"), "{text}: {shown}");
            }
        }
    }
}
