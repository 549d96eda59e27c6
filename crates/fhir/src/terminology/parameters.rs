//! The pieces of a `Parameters` resource.

use crate::json::Json;

/// The resource.
pub(super) fn resource(parameters: Vec<Json<'static>>) -> Json<'static> {
    Json::object([("resourceType", Json::string("Parameters")), ("parameter", Json::Array(parameters))])
}

/// A parameter with a value; `member` is `valueString` and the like.
pub(super) fn one(name: &str, member: &'static str, value: Json<'static>) -> Json<'static> {
    Json::object([("name", Json::string(name)), (member, value)])
}

/// A parameter with text, unless there is none.
pub(super) fn text(name: &str, value: &str) -> Option<Json<'static>> {
    (!value.is_empty()).then(|| one(name, "valueString", Json::string(value)))
}

/// A parameter with parts.
pub(super) fn parts(name: &str, parts: Vec<Json<'static>>) -> Json<'static> {
    Json::object([("name", Json::string(name)), ("part", Json::Array(parts))])
}
