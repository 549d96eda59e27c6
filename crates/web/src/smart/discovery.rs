//! What is offered, and where (SMART App Launch 2.2 "Conformance"; OpenID Connect Discovery 1.0).

use super::Place;
use crate::server::Shared;
use fhir::json::Json;
use vault::access::scopes::Word;

const CAPABILITIES: [&str; 18] = [
    "launch-ehr",
    "launch-standalone",
    "authorize-post",
    "client-public",
    "client-confidential-symmetric",
    "client-confidential-asymmetric",
    "sso-openid-connect",
    "context-banner",
    "context-style",
    "context-ehr-patient",
    "context-ehr-encounter",
    "context-standalone-patient",
    "permission-offline",
    "permission-online",
    "permission-patient",
    "permission-user",
    "permission-v1",
    "permission-v2",
];

/// Ways in which an app shows that it is itself.
const PROOFS: [&str; 2] = ["client_secret_basic", "private_key_jwt"];

/// Signatures that are taken.
const ALGORITHMS: [&str; 2] = ["RS384", "ES384"];

/// `.well-known/smart-configuration`.
pub fn configuration(shared: &Shared) -> Json<'static> {
    let mut members = both(shared);
    members.extend([
        ("grant_types_supported", texts(["authorization_code", "refresh_token", "client_credentials"])),
        ("introspection_endpoint", address(shared, Place::Introspect)),
        ("revocation_endpoint", address(shared, Place::Revoke)),
        ("management_endpoint", address(shared, Place::Agreed)),
        ("capabilities", texts(CAPABILITIES)),
    ]);
    Json::object(members)
}

/// `.well-known/openid-configuration`.
pub fn openid(shared: &Shared) -> Json<'static> {
    let mut members = both(shared);
    members.extend([
        ("userinfo_endpoint", address(shared, Place::UserInfo)),
        ("subject_types_supported", texts(["public"])),
        ("id_token_signing_alg_values_supported", texts(["RS256"])),
        ("claims_supported", texts(["iss", "sub", "aud", "exp", "iat", "nonce", "fhirUser", "profile", "name"])),
        ("claims_parameter_supported", Json::Bool(false)),
        ("request_parameter_supported", Json::Bool(false)),
        ("request_uri_parameter_supported", Json::Bool(false)),
    ]);
    Json::object(members)
}

/// What both say.
fn both(shared: &Shared) -> Vec<(&'static str, Json<'static>)> {
    let mut scopes: Vec<&str> = Word::ALL.iter().map(|word| word.code()).collect();
    scopes.extend(["patient/*.cruds", "user/*.cruds", "system/*.rs", "patient/*.read", "user/*.read", "user/*.write"]);
    vec![
        ("issuer", Json::string(shared.base.clone())),
        ("jwks_uri", address(shared, Place::Keys)),
        ("authorization_endpoint", address(shared, Place::Authorize)),
        ("token_endpoint", address(shared, Place::Token)),
        ("token_endpoint_auth_methods_supported", texts(PROOFS)),
        ("token_endpoint_auth_signing_alg_values_supported", texts(ALGORITHMS)),
        ("scopes_supported", texts(scopes)),
        ("response_types_supported", texts(["code"])),
        ("response_modes_supported", texts(["query"])),
        ("code_challenge_methods_supported", texts(["S256"])),
        ("authorization_response_iss_parameter_supported", Json::Bool(true)),
    ]
}

/// `smart_style_url`: how an app may look inside (SMART App Launch 2.2 "Styling").
pub fn style() -> Json<'static> {
    Json::object(
        [
            ("color_background", "#ffffff"),
            ("color_error", "#aa0000"),
            ("color_highlight", "#0b4f9c"),
            ("color_modal_backdrop", ""),
            ("color_success", "#00aa66"),
            ("color_text", "#1b1b1b"),
            ("dim_border_radius", "3px"),
            ("dim_font_size", "16px"),
            ("dim_spacing_size", "16px"),
            ("font_family_body", "system-ui, sans-serif"),
            ("font_family_heading", "system-ui, sans-serif"),
        ]
        .map(|(name, value)| (name, Json::string(value))),
    )
}

/// `CapabilityStatement.rest.security` for a FHIR base.
pub fn security(base: &str) -> Json<'static> {
    const SERVICE: &str = "http://terminology.hl7.org/CodeSystem/restful-security-service";
    const ADDRESSES: &str = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris";
    let public_url = base.strip_suffix("/fhir").unwrap_or(base);
    let named = [
        ("authorize", Place::Authorize),
        ("token", Place::Token),
        ("introspect", Place::Introspect),
        ("revoke", Place::Revoke),
        ("manage", Place::Agreed),
    ];
    let address = |(name, place): (&str, Place)| {
        Json::object([("url", Json::string(name)), ("valueUri", Json::string(place.address(public_url)))])
    };
    let addresses = named.into_iter().map(address).collect();
    let coding = Json::object([("system", Json::string(SERVICE)), ("code", Json::string("SMART-on-FHIR"))]);
    Json::object([
        (
            "extension",
            Json::Array(vec![Json::object([("extension", Json::Array(addresses)), ("url", Json::string(ADDRESSES))])]),
        ),
        ("cors", Json::Bool(true)),
        ("service", Json::Array(vec![Json::object([("coding", Json::Array(vec![coding]))])])),
        (
            "description",
            Json::string(
                "Every request but this one needs an Authorization header with a bearer token (RFC 6750). Apps get one \
                 by SMART App Launch 2.2 and SMART Backend Services.",
            ),
        ),
    ])
}

fn address(shared: &Shared, place: Place) -> Json<'static> {
    Json::string(place.address(&shared.settings.public_url))
}

fn texts<'t>(texts: impl IntoIterator<Item = &'t str>) -> Json<'static> {
    Json::Array(texts.into_iter().map(|text| Json::string(text.to_owned())).collect())
}
