//! `$validate`: what a resource would be told if it were written (R4 operation `Resource/$validate`).

use super::operations::version;
use super::route::Key;
use super::{Asked, outcome, read, write};
use crate::answer::{Outcome, json};
use crate::server::Shared;
use axum::http::{Method, StatusCode};
use base::finding::Finding;
use base::refusal::{Kind, Refusal};
use fhir::json::Json;
use fhir::validate::{Depth, validate};

/// What the resource is validated for (FHIR value set resource-validation-mode).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Create,
    Update,
    Delete,
    /// Only the resource itself is looked at.
    Unsaid,
}

/// Answers `Patient/$validate` and `Patient/1/$validate`. What is found is an answer (200), never a refusal.
pub fn answer(shared: &Shared, mut asked: Asked<'_>, resource_type: &str, key: Option<Key<'_>>) -> Outcome {
    let mut said = asked.take("mode");
    let profile = asked.take("profile");
    asked.all_taken()?;
    let body = match asked.call.parts.method {
        Method::POST if !asked.call.body.is_empty() => Some(write::resource(&asked)?),
        _ => None,
    };
    let parameters = body.as_ref().filter(|body| is_parameters(body, resource_type));
    let mut profile_asked = profile.is_some();
    if let Some(parameters) = parameters {
        said = said.or_else(|| code(parameters, "mode"));
        profile_asked |= parameter(parameters, "profile").is_some();
    }
    let mode = mode(said.as_deref())?;
    let resource = match parameters {
        Some(parameters) => parameter(parameters, "resource").and_then(|p| p.get("resource")),
        None => body.as_ref(),
    };
    let mut findings = match (resource, key) {
        (Some(resource), _) => of_resource(resource, resource_type, key, mode),
        (None, Some(key)) if mode == Mode::Delete => of_deletion(shared, &asked, key)?,
        (None, Some(key)) => of_stored(shared, &asked, key)?,
        (None, None) => return Err(nothing_given().into()),
    };
    if profile_asked {
        let message = "profiles are not looked at; the resource was validated against R4 itself";
        findings.push(Finding::warning("not-supported", "", message));
    }
    Ok(json(StatusCode::OK, asked.printed(outcome::write(&findings).into())))
}

// `Parameters/$validate` may carry a Parameters resource as itself.
fn is_parameters(body: &Json<'_>, resource_type: &str) -> bool {
    body.text("resourceType") == Some("Parameters")
        && (resource_type != "Parameters" || parameter(body, "resource").is_some())
}

/// A parameter of a Parameters resource by name.
pub fn parameter<'p, 'a>(parameters: &'p Json<'a>, name: &str) -> Option<&'p Json<'a>> {
    parameters.get("parameter")?.items().iter().find(|parameter| parameter.text("name") == Some(name))
}

/// The text of a parameter, whatever string type it has.
pub fn code(parameters: &Json<'_>, name: &str) -> Option<String> {
    let members = parameter(parameters, name)?.as_object()?;
    members.iter().find(|(name, _)| name.starts_with("value")).and_then(|(_, value)| value.as_str()).map(str::to_owned)
}

fn mode(said: Option<&str>) -> Result<Mode, Refusal> {
    match said {
        None => Ok(Mode::Unsaid),
        Some("create") => Ok(Mode::Create),
        Some("update") => Ok(Mode::Update),
        Some("delete") => Ok(Mode::Delete),
        Some("profile") => Err(Refusal::new(Kind::NotOffered, "not-supported", "the mode `profile` is not offered")),
        Some(_) => Err(Refusal::new(Kind::Malformed, "value", "the mode is one of create, update, delete")),
    }
}

fn of_resource(resource: &Json<'_>, resource_type: &str, key: Option<Key<'_>>, mode: Mode) -> Vec<Finding> {
    if resource.text("resourceType") != Some(resource_type) {
        let message = format!("the resource is not of type {resource_type}, which the address names");
        return vec![Finding::error("invalid", "resourceType", message)];
    }
    let mut findings = validate(resource, Depth::Advice);
    let id = resource.text("id");
    let place = format!("{resource_type}.id");
    match (mode, key) {
        (Mode::Create, _) if id.is_some() => {
            let message = "the server gives a created resource its id; this one will be ignored";
            findings.push(Finding::warning("informational", place, message));
        }
        (Mode::Update, None) if id.is_none() => {
            findings.push(Finding::error("required", place, "an update needs the resource's id in the body"));
        }
        (Mode::Update | Mode::Unsaid, Some(key)) if id.is_some_and(|id| id != key.id) => {
            findings.push(Finding::error("invalid", place, "the resource's id is not the id in the address"));
        }
        _ => {}
    }
    findings
}

fn of_deletion(shared: &Shared, asked: &Asked<'_>, key: Key<'_>) -> Result<Vec<Finding>, vault::Error> {
    version(shared, asked, key, None).map(|_| Vec::new())
}

fn of_stored(shared: &Shared, asked: &Asked<'_>, key: Key<'_>) -> Result<Vec<Finding>, vault::Error> {
    let version = version(shared, asked, key, None)?;
    let resource = Json::parse(&version.body).map_err(|_| read::gone(key))?;
    Ok(validate(&resource, Depth::Advice))
}

fn nothing_given() -> Refusal {
    let message = "$validate needs a resource: POST it as the body, or as the parameter `resource`";
    Refusal::new(Kind::Malformed, "required", message)
}
