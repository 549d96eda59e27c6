//! Invariants that plainly hold, seen without FHIRPath.
//!
//! Most have nothing to say about most records: `data.empty() or contentType.exists()` where there is no data. A shortcut
//! only ever says yes; whatever is not plain goes to FHIRPath, which alone says no.

use crate::json::Json;
use std::collections::HashSet;

/// A reason for which an expression plainly holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shortcut {
    /// The element is not there: `A.empty() or ...`.
    Absent(String),
    /// The element is there: `A.exists() or ...`, `... or B.exists()`.
    Present(String),
    /// The element has another value: `A = 'a' implies ...`.
    Differs(String, String),
    /// An expression of its own, by its place in [`OWN`].
    Own(usize),
}

/// Whether an expression plainly holds for an element of a resource.
type Plain = fn(element: &Json, resource: &Json) -> bool;

/// The expressions asked most often that no pattern covers, word for word as R4 has them.
const OWN: [(&str, Plain); 5] = [
    ("fullUrl.contains('/_history/').not()", unversioned),
    ("start.hasValue().not() or end.hasValue().not() or (start <= end)", in_order),
    (
        "entry.all(request.exists() = (%resource.type = 'batch' or %resource.type = 'transaction' or %resource.type = 'history'))",
        |bundle, _| all_or_none(bundle, "request", ["batch", "transaction", "history"]),
    ),
    (
        "entry.all(response.exists() = (%resource.type = 'batch-response' or %resource.type = 'transaction-response' or %resource.type = 'history'))",
        |bundle, _| all_or_none(bundle, "response", ["batch-response", "transaction-response", "history"]),
    ),
    (
        "(type = 'history') or entry.where(fullUrl.exists()).select(fullUrl&resource.meta.versionId).isDistinct()",
        distinct,
    ),
];

/// The shortcuts of an expression; any of them will do.
pub(super) fn of(expression: &str) -> Vec<Shortcut> {
    if let Some(own) = OWN.iter().position(|(own, _)| *own == expression) {
        return vec![Shortcut::Own(own)];
    }
    let mut all = Vec::new();
    if let Some((condition, _)) = expression.split_once(" implies ") {
        let parts = condition.strip_suffix('\'').and_then(|c| c.split_once(" = '"));
        if let Some((name, value)) = parts.filter(|(name, value)| is_name(name) && !value.contains('\'')) {
            all.push(Shortcut::Differs(name.to_owned(), value.to_owned()));
        }
        return all;
    }
    // `xor` binds like `or` and would take the whole of it as its left side.
    if expression.contains(" xor ") {
        return all;
    }
    if let Some((first, _)) = expression.split_once(" or ") {
        all.extend(named(first, ".empty()").map(Shortcut::Absent));
        all.extend(named(first, ".exists()").map(Shortcut::Present));
    }
    if let Some((_, last)) = expression.split_once(".empty() or ") {
        all.extend(named(last, ".exists()").map(Shortcut::Present));
    }
    all
}

fn named(term: &str, suffix: &str) -> Option<String> {
    term.strip_suffix(suffix).filter(|name| is_name(name)).map(str::to_owned)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

impl Shortcut {
    /// Whether the expression plainly holds.
    pub fn holds(&self, element: &Json, resource: &Json) -> bool {
        let Some(object) = element.as_object() else { return false };
        match self {
            // A choice has its type after its name: what starts alike may be it.
            Shortcut::Absent(name) => !object.iter().any(|(n, _)| n.trim_start_matches('_').starts_with(name.as_str())),
            Shortcut::Present(name) => object.get(name).is_some_and(|v| *v != Json::Null),
            Shortcut::Differs(name, value) => object.get(name).and_then(Json::as_str).is_some_and(|v| v != value),
            Shortcut::Own(own) => OWN[*own].1(element, resource),
        }
    }
}

fn unversioned(entry: &Json, _: &Json) -> bool {
    entry.text("fullUrl").is_none_or(|url| !url.contains("/_history/"))
}

/// Moments written alike, with the same offset, are in the order of their text.
fn in_order(period: &Json, _: &Json) -> bool {
    let (Some(start), Some(end)) = (period.text("start"), period.text("end")) else {
        return period.get("start").is_none() || period.get("end").is_none();
    };
    let offset = |text: &'_ str| text.get(19..).map(str::to_owned);
    start.len() == end.len() && start <= end && (start.len() <= 10 || offset(start) == offset(end))
}

fn all_or_none(bundle: &Json, name: &str, types: [&str; 3]) -> bool {
    let Some(kind) = bundle.text("type") else { return false };
    let must = types.contains(&kind);
    bundle.get("entry").map(Json::items).unwrap_or_default().iter().all(|entry| entry.get(name).is_some() == must)
}

fn distinct(bundle: &Json, _: &Json) -> bool {
    let mut seen = HashSet::new();
    let entries = bundle.get("entry").map(Json::items).unwrap_or_default();
    entries.iter().filter_map(|entry| entry.text("fullUrl")).all(|url| seen.insert(url))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::r4;
    use crate::fhirpath::{Context, Node, compile};
    use base::clock::Instant;

    #[test]
    fn a_shortcut_never_says_yes_where_fhirpath_says_no() {
        let absent = |name: &str| Shortcut::Absent(name.into());
        let present = |name: &str| Shortcut::Present(name.into());
        for (expression, expected) in [
            ("data.empty() or contentType.exists()", vec![absent("data"), present("contentType")]),
            ("a.empty() or (b.exists() and c)", vec![absent("a")]),
            ("name.exists() or telecom.exists()", vec![present("name")]),
            ("a.empty() or b implies c", vec![]),
            ("a.empty() or b xor c", vec![]),
            ("type = 'document' implies x", vec![Shortcut::Differs("type".into(), "document".into())]),
            ("a.b.empty() or c", vec![]),
        ] {
            assert_eq!(of(expression), expected, "{expression}");
        }
        for (ty, text) in [
            ("Period", r#"{"start":"2024","end":"2023"}"#),
            ("Period", r#"{"start":"2024-01-01","end":"2024-01-02"}"#),
            ("Period", r#"{"start":"2024-01-01T10:00:00Z","end":"2024-01-01T09:30:00Z"}"#),
            ("Period", r#"{"start":"2024-01-01T10:00:00+01:00","end":"2024-01-01T09:30:00-01:00"}"#),
            ("Period", r#"{"start":"2024-01-01T10:00:00-01:00","end":"2024-01-01T10:30:00+01:00"}"#),
            ("Period", r#"{"start":"2024-01-01T10:00:00.5Z","end":"2024-01-01T10:00:01.0Z"}"#),
            ("Quantity", r#"{"value":1,"code":"mg"}"#),
            ("Quantity", r#"{"value":1,"code":"mg","system":"x"}"#),
            ("Attachment", r#"{"_data":{"id":"x"}}"#),
            ("Observation", r#"{"resourceType":"Observation","valueString":"x","dataAbsentReason":{"text":"x"}}"#),
            ("Bundle", r#"{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET"}},{}]}"#),
            ("Bundle", r#"{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET"}}]}"#),
            ("Bundle", r#"{"resourceType":"Bundle","type":"document","entry":[{"fullUrl":"a"},{"fullUrl":"a"}]}"#),
            ("Bundle.entry", r#"{"fullUrl":"http://x/Patient/1/_history/1"}"#),
        ] {
            let tree = Json::parse(text.as_bytes()).unwrap();
            let owner = ty.split_once('.').map_or(ty, |(owner, _)| owner);
            let ty_def = r4().by_name(ty).unwrap();
            let own = r4().by_name(owner).unwrap().elements.iter().filter(|_| owner != ty);
            let constraints = ty_def.constraints.iter().chain(own.flat_map(|e| &e.constraints));
            for constraint in constraints {
                let node = Node::typed(&tree, r4().type_id(ty).unwrap());
                let context = Context { resource: Some(node), root: Some(node), ..Context::empty(Instant(0)).at(node) };
                let slow = compile(&constraint.expression).unwrap().holds(&context).unwrap_or(None);
                let fast = of(&constraint.expression).iter().any(|s| s.holds(&tree, &tree));
                assert!(!fast || slow != Some(false), "{} {text}", constraint.key);
            }
        }
    }
}
