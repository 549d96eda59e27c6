//! What operations take and answer: `Parameters`, from words and objects.

use base::refusal::{Kind, Refusal};
use fhir::json::{Json, Object};
use web::room::{Answer, Call};

/// Refuses a word that an operation does not know.
pub fn known(call: &Call<'_>, known: &[&str]) -> Result<(), Refusal> {
    if call.words.iter().all(|(name, _)| known.contains(&name.as_str())) {
        return Ok(());
    }
    let message = match known {
        [] => "this operation takes no parameters; leave them out".to_owned(),
        known => format!("this operation knows these parameters only: {}", known.join(", ")),
    };
    Err(Refusal::new(Kind::Malformed, "not-supported", message))
}

/// Objects, each as a parameter of that name.
pub fn list(name: &'static str, all: impl IntoIterator<Item = Json<'static>>) -> Answer {
    answer(all.into_iter().map(|one| parameter(name, &one)).collect())
}

/// Parameters; none are no empty list, as FHIR wants it.
pub fn answer(parameter: Vec<Json<'static>>) -> Answer {
    let mut members = vec![("resourceType", Json::string("Parameters"))];
    if !parameter.is_empty() {
        members.push(("parameter", Json::Array(parameter)));
    }
    Answer::Resource(Json::object(members))
}

/// An object as a parameter with parts; what is empty is left out, as FHIR wants it.
pub fn parameter(name: &str, of: &Json<'_>) -> Json<'static> {
    let members = of.as_object().into_iter().flat_map(Object::iter);
    let parts: Vec<Json<'static>> = members.flat_map(|(name, value)| part(name, value)).collect();
    Json::object([("name", Json::string(name.to_owned())), ("part", Json::Array(parts))])
}

fn part(name: &str, value: &Json<'_>) -> Vec<Json<'static>> {
    let of = |kind: &'static str, value: Json<'static>| {
        vec![Json::object([("name", Json::string(name.to_owned())), (kind, value)])]
    };
    match value {
        Json::String(text) if text.is_empty() => Vec::new(),
        Json::String(text) => of("valueString", Json::string(text.to_string())),
        Json::Number(number) => of("valueDecimal", Json::number(number)),
        Json::Bool(value) => of("valueBoolean", Json::Bool(*value)),
        Json::Array(items) => items.iter().flat_map(|item| part(name, item)).collect(),
        Json::Object(_) => vec![parameter(name, value)],
        Json::Null => Vec::new(),
    }
}
