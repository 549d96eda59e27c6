//! Narrative: the part of XHTML that FHIR lets in (R4 narrative section 2.4.1). Well-formed, formatting only, nothing that
//! runs, loads or submits.

/// Elements nested deeper than this are refused.
const DEPTH_MAX: usize = 64;

/// The elements FHIR lets in: HTML 4.0 chapters 7 to 11 (without 9.4) and 15, links and images.
const TAGS: [&str; 53] = [
    "a",
    "abbr",
    "acronym",
    "address",
    "area",
    "b",
    "bdo",
    "big",
    "blockquote",
    "br",
    "caption",
    "cite",
    "code",
    "col",
    "colgroup",
    "dd",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "kbd",
    "li",
    "map",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "samp",
    "small",
    "span",
    "strong",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "ul",
    "var",
];
/// The same, of the rarer sort.
const MORE_TAGS: [&str; 6] = ["del", "font", "ins", "strike", "tt", "u"];

/// What is wrong with a narrative, if anything.
pub(super) fn check(text: &str) -> Option<&'static str> {
    Scanner { text, at: 0, open: [""; DEPTH_MAX], depth: 0, has_content: false }.document().err()
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
    open: [&'t str; DEPTH_MAX],
    depth: usize,
    has_content: bool,
}

type Scan<T> = Result<T, &'static str>;

const MALFORMED: &str = "the narrative must be well-formed XHTML: each element closed, < and & escaped in text";
const NOT_DIV: &str = "the narrative must be one <div xmlns=\"http://www.w3.org/1999/xhtml\"> element";

impl<'t> Scanner<'t> {
    fn document(&mut self) -> Scan<()> {
        self.at = self.text.len() - self.text.trim_start().len();
        if !self.rest().starts_with("<div") {
            return Err(NOT_DIV);
        }
        loop {
            self.text_run()?;
            if self.rest().is_empty() {
                return Err(MALFORMED);
            }
            self.markup()?;
            if self.depth == 0 {
                break;
            }
        }
        if !self.rest().trim().is_empty() {
            return Err(NOT_DIV);
        }
        if self.has_content { Ok(()) } else { Err("the narrative must have some text or an image") }
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// Text up to the next `<`.
    fn text_run(&mut self) -> Scan<()> {
        let rest = self.rest();
        let end = rest.find('<').unwrap_or(rest.len());
        let run = &rest[..end];
        self.has_content |= run.bytes().any(|b| !b.is_ascii_whitespace());
        self.at += end;
        entities(run)
    }

    fn markup(&mut self) -> Scan<()> {
        let rest = self.rest();
        if let Some(comment) = rest.strip_prefix("<!--") {
            self.at += 4 + comment.find("-->").ok_or(MALFORMED)? + 3;
            return Ok(());
        }
        if let Some(section) = rest.strip_prefix("<![CDATA[") {
            self.at += 9 + section.find("]]>").ok_or(MALFORMED)? + 3;
            self.has_content = true;
            return Ok(());
        }
        if rest.starts_with("</") { self.close() } else { self.open() }
    }

    fn close(&mut self) -> Scan<()> {
        self.at += 2;
        let name = self.name();
        self.space();
        if self.depth == 0 || self.open[self.depth - 1] != name || !self.eat('>') {
            return Err(MALFORMED);
        }
        self.depth -= 1;
        Ok(())
    }

    fn open(&mut self) -> Scan<()> {
        self.at += 1;
        let name = self.name();
        if !TAGS.contains(&name) && !MORE_TAGS.contains(&name) {
            return Err(
                "the narrative has an element FHIR does not let in: only formatting, tables, lists, links and images",
            );
        }
        self.has_content |= name == "img";
        loop {
            let spaced = self.space();
            if self.eat('>') {
                let top = self.open.get_mut(self.depth).ok_or("the narrative is nested too deeply")?;
                *top = name;
                self.depth += 1;
                return Ok(());
            }
            if self.rest().starts_with("/>") {
                self.at += 2;
                return Ok(());
            }
            if !spaced {
                return Err(MALFORMED);
            }
            self.attribute()?;
        }
    }

    fn attribute(&mut self) -> Scan<()> {
        let name = self.name();
        self.space();
        if name.is_empty() || !self.eat('=') {
            return Err(MALFORMED);
        }
        self.space();
        let quote = self.rest().chars().next().filter(|c| matches!(c, '"' | '\'')).ok_or(MALFORMED)?;
        let rest = &self.rest()[1..];
        let value = &rest[..rest.find(quote).ok_or(MALFORMED)?];
        self.at += value.len() + 2;
        if value.contains('<') {
            return Err(MALFORMED);
        }
        entities(value)?;
        harmless(name, value)
    }

    fn name(&mut self) -> &'t str {
        let rest = self.rest();
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '_' | '.');
        let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn space(&mut self) -> bool {
        let rest = self.rest();
        let trimmed = rest.trim_start_matches([' ', '\t', '\r', '\n']);
        self.at += rest.len() - trimmed.len();
        rest.len() != trimmed.len()
    }

    fn eat(&mut self, c: char) -> bool {
        let found = self.rest().starts_with(c);
        self.at += usize::from(found);
        found
    }
}

/// An `&` starts an entity that ends in `;`.
fn entities(text: &str) -> Scan<()> {
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        rest = &rest[start + 1..];
        let name = &rest[..rest.find(';').ok_or(MALFORMED)?];
        let named = name.strip_prefix('#').unwrap_or(name);
        if named.is_empty() || named.len() > 10 || !named.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(MALFORMED);
        }
    }
    Ok(())
}

fn harmless(name: &str, value: &str) -> Scan<()> {
    if name.len() > 2 && name.as_bytes()[..2].eq_ignore_ascii_case(b"on") {
        return Err("the narrative must not have event attributes (onclick and the like)");
    }
    if matches!(name, "href" | "src" | "longdesc" | "cite" | "background" | "xlink:href") && is_script(value) {
        return Err("the narrative must not have links that run a script");
    }
    Ok(())
}

/// Whether a link's scheme is one that runs. Browsers skip control characters and white space inside a scheme.
fn is_script(link: &str) -> bool {
    let mut scheme =
        link.chars().filter(|c| !c.is_ascii_control() && !c.is_whitespace()).map(|c| c.to_ascii_lowercase());
    let mut start = [' '; 11];
    start.iter_mut().zip(&mut scheme).for_each(|(slot, c)| *slot = c);
    let starts = |word: &str| word.chars().zip(start).all(|(a, b)| a == b);
    // An entity inside the scheme hides what it is: no honest link has one there.
    let hides =
        link.split(['/', '?', '#']).next().is_some_and(|scheme| scheme.contains('&') && !scheme.contains("&amp;"));
    starts("javascript:") || starts("vbscript:") || starts("data:text/") || hides
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrative_is_formatting_and_nothing_else() {
        for (inside, right) in [
            ("<p>Eve &amp; <b>Anne</b><br/>&#160;&nbsp;</p>", true),
            ("<img src=\"#pic\" alt='x'/>", true),
            ("<!-- c --><table border=\"1\"><tr><td>1</td></tr></table>", true),
            ("<a href=\"http://x/y?a=1&amp;b=2\">y</a>", true),
            ("  ", false),
            ("<p>x", false),
            ("<p>x</b>", false),
            ("a < b", false),
            ("a & b", false),
            ("<p class=x>x</p>", false),
            ("<script>x</script>", false),
            ("<iframe src=\"http://x\"></iframe>", false),
            ("<object>x</object>", false),
            ("<form>x</form>", false),
            ("<p onclick=\"x()\">x</p>", false),
            ("<p ONLOAD='x()'>x</p>", false),
            ("<a href=\"javascript:x()\">x</a>", false),
            ("<a href=\" Java\tScript:x()\">x</a>", false),
            ("<a href=\"&#106;avascript:x()\">x</a>", false),
            ("<img src=\"data:text/html,x\"/>", false),
            ("x</div><div>y", false),
        ] {
            let text = format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{inside}</div>");
            assert_eq!(check(&text).is_none(), right, "{inside}");
        }
        for text in ["", "x", "<p>x</p>", "<div>x</div> y", "<div>x"] {
            assert!(check(text).is_some(), "{text}");
        }
        assert!(check(&"<div>".repeat(100)).is_some());
    }
}
