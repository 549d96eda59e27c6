//! Which pages of other sites may ask (Fetch standard, "CORS protocol"): those of approved apps, and anybody where what is
//! answered is public. No cookie ever counts here, so that none is asked for.

use super::{Place, place};
use crate::server::Shared;
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use bytes::Bytes;

const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";
const HEADERS: &str = "authorization, content-type, accept, prefer, if-match, if-none-match, if-modified-since, if-none-exist, x-request-id";
const SHOWN: &str = "etag, location, content-location, last-modified, www-authenticate, retry-after, x-progress";

/// What a request says of where it comes from.
#[derive(Clone, Debug)]
pub struct Crossing {
    origin: HeaderValue,
    is_question: bool,
    is_public: bool,
}

/// Whether a request comes from a page, and is for something that pages of other sites may ask for.
#[must_use]
pub fn crossing(method: &Method, path: &str, headers: &HeaderMap) -> Option<Crossing> {
    let origin = headers.get(header::ORIGIN)?.clone();
    let known = place(path);
    let is_fhir = path == "/fhir" || path.starts_with("/fhir/");
    if !(is_fhir || known.is_some_and(|place| !place.is_page())) {
        return None;
    }
    let is_public = path == "/fhir/metadata"
        || matches!(known, Some(Place::Configuration | Place::OpenIdConfiguration | Place::Keys | Place::Style));
    let is_question = *method == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    Some(Crossing { origin, is_question, is_public })
}

/// Adds to an answer what lets the page read it.
pub fn admit(shared: &Shared, crossing: &Crossing, answer: &mut Response<Bytes>) {
    let headers = answer.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    let origin = if crossing.is_public {
        HeaderValue::from_static("*")
    } else if is_known(shared, &crossing.origin) {
        crossing.origin.clone()
    } else {
        return;
    };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(SHOWN));
    if crossing.is_question {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(HEADERS));
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        *answer.status_mut() = StatusCode::NO_CONTENT;
    }
}

fn is_known(shared: &Shared, origin: &HeaderValue) -> bool {
    let Ok(origin) = origin.to_str() else { return false };
    let apps = shared.vault.apps().unwrap_or_default();
    apps.iter().any(|app| app.is_approved() && app.origins().any(|own| own == origin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_other_sites_may_ask_for_data_and_not_for_pages() {
        let mut headers = HeaderMap::new();
        assert!(crossing(&Method::GET, "/fhir/Patient/1", &headers).is_none());
        headers.insert(header::ORIGIN, HeaderValue::from_static("https://app.example"));
        for (path, is_public) in [
            ("/fhir", Some(false)),
            ("/fhir/Patient/1", Some(false)),
            ("/fhir/metadata", Some(true)),
            ("/fhir/.well-known/smart-configuration", Some(true)),
            ("/smart/keys", Some(true)),
            ("/smart/token", Some(false)),
            ("/smart/authorize", None),
            ("/smart/consent", None),
            ("/sign-in", None),
            ("/account", None),
            ("/fhirx", None),
            ("/", None),
        ] {
            let found = crossing(&Method::GET, path, &headers).map(|crossing| crossing.is_public);
            assert_eq!(found, is_public, "{path}");
        }
    }
}
