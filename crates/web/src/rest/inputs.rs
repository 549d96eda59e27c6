//! What an operation is called with: parameters in the address, or a `Parameters` resource in the body
//! (R4 operations section 3.2.0.2).

use super::{Asked, write};
use axum::http::Method;
use base::refusal::{Kind, Refusal};
use fhir::json::Json;

/// The inputs of one call.
pub struct Inputs<'c> {
    pairs: Vec<(String, String)>,
    body: Option<Json<'c>>,
}

/// Adds what a `Parameters` resource in the body says to the parameters of the address, for operations that take nothing
/// but primitive values and references.
pub fn merge(asked: &mut Asked<'_>) -> Result<(), Refusal> {
    if asked.call.parts.method != Method::POST || asked.call.body.is_empty() {
        return Ok(());
    }
    let body = write::resource(asked)?;
    if body.text("resourceType") != Some("Parameters") {
        return Err(no_parameters());
    }
    for parameter in body.get("parameter").map_or(&[][..], Json::items) {
        let value = primitive(parameter).or_else(|| reference(parameter));
        let (Some(name), Some(value)) = (parameter.text("name"), value) else {
            let message = "this operation takes parameters with a name and a primitive value or a reference only";
            return Err(Refusal::new(Kind::Malformed, "value", message));
        };
        asked.pairs.push((name.to_owned(), value));
    }
    Ok(())
}

fn no_parameters() -> Refusal {
    Refusal::new(Kind::Malformed, "structure", "an operation takes a Parameters resource as its body")
}

/// A code with its system and text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coding {
    /// The system's URL.
    pub system: Option<String>,
    /// The code.
    pub code: String,
    /// The text for people.
    pub display: Option<String>,
}

impl<'c> Inputs<'c> {
    /// Reads the inputs. Refuses what is not among `known`: an input that is left out in silence gives a wrong answer.
    pub fn read(asked: &mut Asked<'c>, known: &[&str]) -> Result<Inputs<'c>, Refusal> {
        let pairs = std::mem::take(&mut asked.pairs);
        let body = match asked.call.parts.method {
            Method::POST if !asked.call.body.is_empty() => Some(write::resource(asked)?),
            _ => None,
        };
        if body.as_ref().is_some_and(|body| body.text("resourceType") != Some("Parameters")) {
            return Err(no_parameters());
        }
        let inputs = Inputs { pairs, body };
        if inputs.names().any(|name| !known.contains(&name)) {
            let message = format!("this operation knows these parameters only: {}", known.join(", "));
            return Err(Refusal::new(Kind::Malformed, "not-supported", message));
        }
        Ok(inputs)
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        let in_body = self.parameters().iter().filter_map(|parameter| parameter.text("name"));
        self.pairs.iter().map(|(name, _)| name.as_str()).chain(in_body)
    }

    fn parameters(&self) -> &[Json<'c>] {
        self.body.as_ref().and_then(|body| body.get("parameter")).map_or(&[], Json::items)
    }

    fn parameter(&self, name: &str) -> Option<&Json<'c>> {
        self.parameters().iter().find(|parameter| parameter.text("name") == Some(name))
    }

    /// The primitive values of that name, as text.
    pub fn texts(&self, name: &str) -> Vec<String> {
        let in_address = self.pairs.iter().filter(|(n, _)| n == name).map(|(_, value)| value.clone());
        let in_body = self.parameters().iter().filter(|p| p.text("name") == Some(name)).filter_map(primitive);
        in_address.chain(in_body).collect()
    }

    /// The first primitive value of that name, as text.
    pub fn text(&self, name: &str) -> Option<String> {
        self.texts(name).into_iter().next()
    }

    /// A whole number, or a refusal.
    pub fn number(&self, name: &str) -> Result<Option<usize>, Refusal> {
        let bad = || Refusal::new(Kind::Malformed, "value", format!("{name} is a whole number, 0 or more"));
        self.text(name).map(|text| text.parse().map_err(|_| bad())).transpose()
    }

    /// Whether that name is `true`.
    pub fn is_true(&self, name: &str) -> bool {
        self.text(name).is_some_and(|text| text == "true")
    }

    /// The resource of that name.
    pub fn resource(&self, name: &str) -> Option<&Json<'c>> {
        self.parameter(name)?.get("resource")
    }

    /// The codes asked about: `code` with `system` and `display`, a `coding`, or all of a `codeableConcept`.
    pub fn codings(&self) -> Vec<Coding> {
        if let Some(code) = self.text("code") {
            return vec![Coding { system: self.text("system"), code, display: self.text("display") }];
        }
        if let Some(coding) = self.coding("coding") {
            return vec![coding];
        }
        let concept = self.parameter("codeableConcept").and_then(|p| p.get("valueCodeableConcept"));
        concept.and_then(|c| c.get("coding")).map_or(&[][..], Json::items).iter().filter_map(coding).collect()
    }

    /// The `Coding` of that name; in an address it is written `system|code`.
    pub fn coding(&self, name: &str) -> Option<Coding> {
        if let Some((_, text)) = self.pairs.iter().find(|(n, _)| n == name) {
            let (system, code) = text.split_once('|').map_or((None, text.as_str()), |(s, c)| (Some(s.to_owned()), c));
            return Some(Coding { system, code: code.to_owned(), display: None });
        }
        coding(self.parameter(name)?.get("valueCoding")?)
    }
}

fn coding(json: &Json<'_>) -> Option<Coding> {
    let text = |name: &str| json.text(name).map(str::to_owned);
    Some(Coding { system: text("system"), code: text("code")?, display: text("display") })
}

fn reference(parameter: &Json<'_>) -> Option<String> {
    parameter.get("valueReference")?.text("reference").map(str::to_owned)
}

fn primitive(parameter: &Json<'_>) -> Option<String> {
    let (_, value) = parameter.as_object()?.iter().find(|(name, _)| name.starts_with("value"))?;
    match value {
        Json::String(text) | Json::Number(text) => Some(text.to_string()),
        Json::Bool(value) => Some(value.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}
