//! The token endpoint (RFC 6749 section 3.2).

use super::client::{self, Shown, invalid, show};
use super::keys::Fetched;
use super::{Place, answer_json, form_of, identity};
use crate::answer::Outcome;
use crate::server::Shared;
use crate::sign_in::Asked;
use crate::sign_in::forms::Form;
use axum::http::{HeaderValue, StatusCode, header};
use base::refusal::{Kind, Refusal};
use fhir::json::Json;
use vault::Error;
use vault::access::apps::{Handed, Redeemed};
use vault::access::scopes::Word;

/// `POST /smart/token`.
pub fn answer(shared: &Shared, asked: &Asked, fetched: Option<&Fetched>) -> Outcome {
    let form = form_of(asked)?;
    let shown = show(shared, asked, &form, fetched)?;
    let handed = match hand(shared, asked, &form, &shown) {
        Ok(handed) => handed,
        Err(error) => {
            client::note(shared, &shown.app, asked, why(&error))?;
            return Err(error);
        }
    };
    let mut answer = answer_json(StatusCode::OK, &body(shared, &handed)?);
    answer.headers_mut().insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    Ok(answer)
}

fn hand(shared: &Shared, asked: &Asked, form: &Form, shown: &Shown) -> Result<Handed, Error> {
    let (vault, app) = (&shared.vault, &shown.app);
    let context = asked.context();
    match form.text("grant_type") {
        "authorization_code" => {
            let brought = Redeemed {
                code: form.text("code"),
                redirect: form.text("redirect_uri"),
                verifier: form.text("code_verifier"),
            };
            vault.redeem(app, brought, context)
        }
        "refresh_token" => {
            let scope = Some(form.text("scope")).filter(|scope| !scope.is_empty());
            vault.refresh(app, form.text("refresh_token"), scope, context)
        }
        "client_credentials" if shown.is_proven && app.registration.proof.is_signed() => {
            vault.act_for_itself(app, form.text("scope"), context)
        }
        "client_credentials" => {
            let message = "an app acts by itself with a signed statement only";
            Err(Refusal::new(Kind::Forbidden, "unauthorized_client", message).into())
        }
        "" => Err(invalid("grant_type is missing").into()),
        _ => {
            let message = "grant_type is authorization_code, refresh_token or client_credentials";
            Err(Refusal::new(Kind::Invalid, "unsupported_grant_type", message).into())
        }
    }
}

fn why(error: &Error) -> &'static str {
    match error {
        Error::Refusal(refusal) => refusal.findings.first().map_or("refused", |finding| finding.code),
        Error::Fault(_) => "fault",
    }
}

/// What the app is told (RFC 6749 section 5.1; SMART App Launch 2.2 "Response").
fn body(shared: &Shared, handed: &Handed) -> Result<Json<'static>, Error> {
    let text = |text: &str| Json::string(text.to_owned());
    let left_ms = handed.session.until.0 - shared.vault.clock().now().0;
    let mut members = vec![
        ("access_token", text(&handed.token)),
        ("token_type", text("Bearer")),
        ("expires_in", Json::number((left_ms + 999) / 1_000)),
        ("scope", Json::string(handed.scopes.to_string())),
    ];
    members.extend(handed.refresh.as_deref().map(|token| ("refresh_token", text(token))));
    if let Some(grant) = &handed.grant {
        let agreed = &grant.agreed;
        members.extend(agreed.patient.as_deref().map(|patient| ("patient", text(patient))));
        members.extend(agreed.encounter.as_deref().map(|encounter| ("encounter", text(encounter))));
        if agreed.patient.is_some() {
            members.push(("need_patient_banner", Json::Bool(!agreed.has_banner)));
            members.push(("smart_style_url", Json::string(Place::Style.address(&shared.settings.public_url))));
        }
        if handed.scopes.has(Word::OpenId) {
            let token =
                identity::token(shared, &handed.account, &agreed.client, &handed.scopes, agreed.nonce.as_deref())?;
            members.push(("id_token", Json::string(token)));
        }
    }
    Ok(Json::object(members))
}
