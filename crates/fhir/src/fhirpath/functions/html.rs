//! `htmlChecks()`: is a narrative the basic XHTML that R4 allows (R4 narrative section 2.4, txt-1 and txt-2)?
//!
//! One `div` in the XHTML namespace, well formed, with formatting elements and attributes only, no script, style sheet,
//! form or event, and something to see. It answers a constraint and is no sanitizer: a page that shows a narrative must
//! not rely on it.

const ELEMENTS: &str = "\
    a abbr acronym b big blockquote br caption cite code col colgroup dd dfn div dl dt em h1 h2 h3 h4 h5 h6 \
    hr i img li ol p pre q samp small span strong sub sup table tbody td tfoot th thead tr tt ul var address \
    bdo center del ins kbd s strike u font map area label nobr wbr";
const ATTRIBUTES: &str = "\
    abbr accesskey align alt axis bgcolor border cellhalign cellpadding cellspacing cellvalign char charoff \
    charset cite class colspan compact coords dir frame headers height href hreflang hspace id lang longdesc \
    name nowrap rel rev rowspan rules scope shape span src start style summary tabindex title type valign \
    value vspace width xml:lang xml:space xmlns color size face clear noshade usemap ismap datetime for link \
    text background target xsi:schemaLocation xmlns:xsi xmlns:xhtml xml:id data-fhir";
const DEPTH_MAX: usize = 200;

/// Whether the text is a narrative.
pub(super) fn is_narrative(text: &str) -> bool {
    let mut reader = Reader { text: text.trim(), open: Vec::new(), shows: false };
    reader.document().is_some() && reader.shows
}

struct Reader<'t> {
    text: &'t str,
    open: Vec<&'t str>,
    shows: bool,
}

impl<'t> Reader<'t> {
    fn document(&mut self) -> Option<()> {
        if let Some(rest) = self.text.strip_prefix("<?xml") {
            self.text = rest.split_once("?>")?.1.trim_start();
        }
        if !self.text.starts_with("<div") {
            return None;
        }
        while !self.text.is_empty() {
            self.piece()?;
            if self.open.is_empty() {
                return self.text.is_empty().then_some(());
            }
        }
        None
    }

    fn piece(&mut self) -> Option<()> {
        if let Some(rest) = self.text.strip_prefix("<!--") {
            self.text = rest.split_once("-->")?.1;
            return Some(());
        }
        if let Some(rest) = self.text.strip_prefix("</") {
            let (name, rest) = rest.split_once('>')?;
            self.text = rest;
            return (self.open.pop()? == name.trim_end()).then_some(());
        }
        if let Some(rest) = self.text.strip_prefix('<') {
            self.text = rest;
            return self.tag();
        }
        let end = self.text.find('<')?;
        let (words, rest) = self.text.split_at(end);
        self.shows |= !words.trim().is_empty();
        self.text = rest;
        are_references_whole(words).then_some(())
    }

    fn tag(&mut self) -> Option<()> {
        let name = self.name()?;
        if !is_one_of(name, ELEMENTS) || self.open.len() >= DEPTH_MAX {
            return None;
        }
        self.shows |= name == "img";
        loop {
            self.text = self.text.trim_start();
            if let Some(rest) = self.text.strip_prefix("/>") {
                self.text = rest;
                return Some(());
            }
            if let Some(rest) = self.text.strip_prefix('>') {
                self.text = rest;
                self.open.push(name);
                return Some(());
            }
            self.attribute()?;
        }
    }

    fn attribute(&mut self) -> Option<()> {
        let name = self.name()?;
        let rest = self.text.trim_start().strip_prefix('=')?.trim_start();
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let (value, rest) = rest[1..].split_once(quote)?;
        self.text = rest;
        let is_namespace_right = name != "xmlns" || value == "http://www.w3.org/1999/xhtml";
        let is_script = value.trim_start().to_ascii_lowercase().starts_with("javascript:");
        let is_sound = !value.contains('<') && are_references_whole(value) && is_namespace_right && !is_script;
        (is_sound && is_one_of(name, ATTRIBUTES)).then_some(())
    }

    fn name(&mut self) -> Option<&'t str> {
        let end = self.text.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, ':' | '-' | '_'))?;
        let (name, rest) = self.text.split_at(end);
        self.text = rest;
        (!name.is_empty()).then_some(name)
    }
}

fn is_one_of(name: &str, words: &str) -> bool {
    words.split(' ').any(|word| word == name)
}

fn are_references_whole(text: &str) -> bool {
    text.split('&').skip(1).all(|rest| {
        rest.split_once(';').is_some_and(|(name, _)| {
            let name = name.strip_prefix('#').unwrap_or(name);
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrative_formats_and_does_nothing_else() {
        let div = |inner: &str| format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{inner}</div>");
        for inner in [
            "<p>a &amp; b</p>",
            "x<br/>",
            "<img src='a.png' alt=\"\"/>",
            "<!-- c -->a",
            "<table><tr><td>1</td></tr></table>",
        ] {
            assert!(is_narrative(&div(inner)), "{inner}");
        }
        for inner in [
            "",
            "  <p/> ",
            "<script>x</script>",
            "<p onclick='x'>a</p>",
            "<p>a",
            "<p>a</b>",
            "a & b",
            "<a href='javascript:x'>a</a>",
        ] {
            assert!(!is_narrative(&div(inner)), "{inner}");
        }
        for text in ["", "x", "<p>a</p>", "<div xmlns='x'>a</div>", "<div>a</div><div>b</div>", "<div>a</div"] {
            assert!(!is_narrative(text), "{text}");
        }
    }
}
