//! How much of a resource is sent: `_summary`, `_elements`, `_pretty` (R4 search sections 3.1.1.5.8 and 3.1.1.5.9).

use base::refusal::{Kind, Refusal};
use bytes::Bytes;
use fhir::definitions::{ElementDef, TypeDef, TypeKind, r4};
use fhir::json::{Json, Object};
use fhir::search::query::Summary;
use vault::Version;
use vault::access::view::tag_subsetted;

/// An answer is indented up to this size.
const PRETTY_BYTES_MAX: usize = 8 << 20;

/// What the caller wants to see of each resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// `_summary`.
    pub summary: Summary,
    /// `_elements`: base names, or none for all.
    pub elements: Vec<String>,
    /// `_pretty`.
    pub pretty: bool,
}

impl View {
    /// Reads the view out of a request's parameters. Those it knows are taken out of `pairs`.
    pub fn take(pairs: &mut Vec<(String, String)>) -> Result<View, Refusal> {
        let mut view = View::default();
        let mut wrong = None;
        pairs.retain(|(name, value)| {
            match name.as_str() {
                "_summary" => match summary(value) {
                    Some(summary) => view.summary = summary,
                    None => wrong = Some("_summary is one of true, false, text, data, count"),
                },
                "_elements" => {
                    let names = value.split(',').map(str::trim).filter(|name| !name.is_empty());
                    view.elements.extend(names.map(str::to_owned));
                }
                "_pretty" => match value.as_str() {
                    "true" | "" => view.pretty = true,
                    "false" => view.pretty = false,
                    _ => wrong = Some("_pretty is true or false"),
                },
                _ => return true,
            }
            false
        });
        match wrong {
            Some(message) => Err(Refusal::new(Kind::Malformed, "value", message)),
            None => Ok(view),
        }
    }

    /// Whether resources are sent whole.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        matches!(self.summary, Summary::False | Summary::Count) && self.elements.is_empty()
    }

    /// The bytes of a version that are sent inside a bundle: those stored, unless something is left out.
    pub fn part(&self, version: &Version) -> Bytes {
        let stored = Bytes::from_owner(version.body.clone());
        if self.is_whole() {
            return stored;
        }
        match Json::parse(&stored) {
            Ok(resource) => Bytes::from(self.trimmed(resource).to_bytes()),
            Err(_) => stored,
        }
    }

    /// The bytes of a version as an answer of its own.
    pub fn whole(&self, version: &Version) -> Bytes {
        self.printed(self.part(version))
    }

    /// The text as the caller wants it printed. What would grow too large stays as it is: indentation is for people.
    pub fn printed(&self, body: Bytes) -> Bytes {
        if !self.pretty {
            return body;
        }
        indented(&body).map_or(body, Bytes::from)
    }

    /// The resource without what the view leaves out, tagged `SUBSETTED`.
    pub fn trimmed<'a>(&self, mut resource: Json<'a>) -> Json<'a> {
        let ty = resource.text("resourceType").and_then(|name| r4().resource(name));
        let (Some(ty), false) = (ty, self.is_whole()) else { return resource };
        if let Some(object) = resource.as_object_mut() {
            object.retain(|name, _| self.keeps(ty, name));
            if self.summary == Summary::True && self.elements.is_empty() {
                trim_inner(object, ty);
            }
            tag_subsetted(object);
        }
        resource
    }

    fn keeps(&self, ty: &TypeDef, member: &str) -> bool {
        let name = member.strip_prefix('_').unwrap_or(member);
        if matches!(name, "resourceType" | "id" | "meta" | "implicitRules") {
            return true;
        }
        let Some(property) = ty.property(name) else { return false };
        let element = property.element;
        if !self.elements.is_empty() {
            return element.min > 0 || element.is_modifier || self.names(ty, element, name);
        }
        match self.summary {
            Summary::True => in_summary(element),
            Summary::Text => element.min > 0 || name == "text",
            Summary::Data => name != "text",
            Summary::False | Summary::Count => true,
        }
    }

    fn names(&self, ty: &TypeDef, element: &ElementDef, member: &str) -> bool {
        self.elements.iter().any(|wanted| {
            let wanted = match wanted.split_once('.') {
                Some((of, rest)) if of == ty.name => rest,
                _ => wanted,
            };
            let wanted = wanted.strip_suffix("[x]").unwrap_or(wanted);
            wanted == element.name || wanted == member
        })
    }
}

/// Compact JSON indented by two spaces, without a tree of it; `None` beyond [`PRETTY_BYTES_MAX`].
fn indented(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len().min(PRETTY_BYTES_MAX) * 2);
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(&byte) = text.get(at) {
        let line = |out: &mut Vec<u8>, depth: usize| {
            out.push(b'\n');
            out.extend(std::iter::repeat_n(b' ', depth * 2));
        };
        let mut width = 1;
        match byte {
            b'"' => {
                width = string_width(&text[at..]);
                out.extend_from_slice(&text[at..at + width]);
            }
            b'{' | b'[' if matches!(text.get(at + 1), Some(b'}' | b']')) => {
                width = 2;
                out.extend_from_slice(&text[at..at + width]);
            }
            b'{' | b'[' => {
                depth += 1;
                out.push(byte);
                line(&mut out, depth);
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(byte);
            }
            b',' => {
                out.push(byte);
                line(&mut out, depth);
            }
            b':' => out.extend_from_slice(b": "),
            byte if byte.is_ascii_whitespace() => {}
            byte => out.push(byte),
        }
        at += width;
        if out.len() > PRETTY_BYTES_MAX {
            return None;
        }
    }
    out.push(b'\n');
    Some(out)
}

/// The width of the string that a text begins with, quotes included.
fn string_width(text: &[u8]) -> usize {
    let mut at = 1;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

fn summary(text: &str) -> Option<Summary> {
    Some(match text {
        "true" => Summary::True,
        "false" => Summary::False,
        "text" => Summary::Text,
        "data" => Summary::Data,
        "count" => Summary::Count,
        _ => return None,
    })
}

// A modifier without its summary flag would change what the rest means.
fn in_summary(element: &ElementDef) -> bool {
    element.is_summary || element.is_modifier || element.min > 0
}

/// Backbone elements hold elements of the resource itself, so the flags go on inside; data types come whole.
fn trim_inner(object: &mut Object<'_>, ty: &TypeDef) {
    let defs = r4();
    for (name, value) in object.iter_mut() {
        let Some(inner) = ty.property(name).map(|p| defs.get(p.ty)).filter(|t| t.kind == TypeKind::Backbone) else {
            continue;
        };
        match value {
            Json::Array(items) => {
                items.iter_mut().filter_map(Json::as_object_mut).for_each(|o| trim_backbone(o, inner));
            }
            Json::Object(object) => trim_backbone(object, inner),
            _ => {}
        }
    }
}

fn trim_backbone(object: &mut Object<'_>, ty: &TypeDef) {
    object.retain(|name, _| {
        let name = name.strip_prefix('_').unwrap_or(name);
        name == "id" || ty.property(name).is_some_and(|p| in_summary(p.element))
    });
    trim_inner(object, ty);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indentation_is_that_of_the_tree() {
        for text in [
            r#"{"a":"x\"y\\","b":[],"c":{},"d":[1,-2.50e3,{"e":null,"f":[true,"{,:[]}"]}],"g":"é\u0001"}"#,
            "[]",
            "7",
            r#""s""#,
        ] {
            let tree = Json::parse(text.as_bytes()).unwrap();
            let (mut compact, mut pretty) = (Vec::new(), Vec::new());
            tree.write(&mut compact);
            tree.write_pretty(&mut pretty);
            pretty.push(b'\n');
            assert_eq!(indented(&compact), Some(pretty), "{text}");
        }
        assert_eq!(indented(&b"[1,".repeat(100_000)), None);
        assert!(indented(b"\"unended\\").is_some());
    }

    #[test]
    fn a_view_takes_its_own_parameters() {
        let mut pairs: Vec<_> = [("_summary", "text"), ("name", "x"), ("_elements", "id, active"), ("_pretty", "true")]
            .map(|(n, v)| (n.to_owned(), v.to_owned()))
            .to_vec();
        let view = View::take(&mut pairs).unwrap();
        assert_eq!(view.summary, Summary::Text);
        assert_eq!(view.elements, ["id", "active"]);
        assert!(view.pretty);
        assert_eq!(pairs, [("name".to_owned(), "x".to_owned())]);
        for (name, value) in [("_summary", "yes"), ("_pretty", "1")] {
            assert!(View::take(&mut vec![(name.to_owned(), value.to_owned())]).is_err());
        }
    }
}
