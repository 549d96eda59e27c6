//! What a C-CDA document says to people: titles and narratives of its sections, in order. Coded entries are not for reading.

use super::narrative::harmless;

/// Sections that are shown.
const SECTIONS_MAX: usize = 200;

/// The narratives, made harmless; `None` where the document has none.
pub fn shown(xml: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = xml;
    for _ in 0..SECTIONS_MAX {
        let Some((name, after)) = next(rest) else { break };
        rest = match name {
            // What stands in an entry repeats the narrative in codes.
            "entry" => closing(after, name).map_or("", |end| &after[end..]),
            name => {
                let end = closing(after, name)?;
                let begin = after.find('>').filter(|begin| *begin < end)? + 1;
                let inner = harmless(&after[begin..end])?;
                out.push_str(&if name == "title" {
                    format!("<h3>{inner}</h3>")
                } else {
                    format!("<div>{inner}</div>")
                });
                &after[end..]
            }
        };
    }
    (!out.is_empty()).then_some(out)
}

/// The next title, text or entry: its name, and the text from behind it. Elements that are empty are passed over.
fn next(mut text: &str) -> Option<(&'static str, &str)> {
    loop {
        text = &text[text.find('<')? + 1..];
        for name in ["title", "text", "entry"] {
            let Some(after) = text.strip_prefix(name) else { continue };
            let is_whole = after.starts_with(['>', ' ', '\n', '\r', '\t']);
            let is_empty = after.split('>').next().is_some_and(|inner| inner.ends_with('/'));
            if is_whole && !is_empty {
                return Some((name, after));
            }
        }
    }
}

/// Where an element ends.
fn closing(text: &str, name: &str) -> Option<usize> {
    text.find(&format!("</{name}>"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_and_narratives_are_shown_and_codes_are_not() {
        let xml = "<ClinicalDocument><title>Note</title><section><code/><title>Plan <b>x</b></title><text ID=\"a\">\
                   <list><item>Rest</item></list><script>no</script></text><entry><text>coded</text></entry></section>\
                   <section><title>Empty</title><text/></section></ClinicalDocument>";
        let shown = shown(xml).expect("sections");
        assert_eq!(
            shown,
            "<h3>Note</h3><h3>Plan <strong>x</strong></h3><div><ul><li>Rest</li></ul></div><h3>Empty</h3>"
        );
        for odd in ["", "<text", "<text>", "<title>x", "<x/>", "é<é>"] {
            assert_eq!(super::shown(odd), None, "{odd}");
        }
    }
}
