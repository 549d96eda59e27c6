//! What a token is worth (RFC 7662), and giving one back (RFC 7009).

use super::client::{show, unknown};
use super::identity::fhir_user;
use super::keys::Fetched;
use super::{answer_json, form_of};
use crate::answer::{Outcome, empty};
use crate::gate;
use crate::server::Shared;
use crate::sign_in::Asked;
use axum::http::StatusCode;
use fhir::json::Json;
use std::sync::Arc;
use vault::Error;
use vault::access::apps::{App, Grant};
use vault::access::{Account, Session};

type Member = (&'static str, Json<'static>);

/// `POST /smart/introspect`: for an app that shows that it is itself, about its own tokens; for the operator, about all.
/// Whatever is wrong with a token, it is just not active.
pub fn introspect(shared: &Shared, asked: &Asked, fetched: Option<&Fetched>) -> Outcome {
    let form = form_of(asked)?;
    let is_operator = gate::visit(&shared.vault, &asked.parts.headers).is_ok_and(|visit| visit.is_operator());
    let app = if is_operator { None } else { Some(proven(shared, asked, &form, fetched)?) };
    let token = form.text("token");
    let found = access(shared, app.as_deref(), token)?.or_else(|| refresh(shared, app.as_deref()?, token));
    let members = match found {
        Some(members) => [vec![("active", Json::Bool(true))], members].concat(),
        None => vec![("active", Json::Bool(false))],
    };
    Ok(answer_json(StatusCode::OK, &Json::object(members)))
}

fn proven(
    shared: &Shared,
    asked: &Asked,
    form: &crate::sign_in::forms::Form,
    fetched: Option<&Fetched>,
) -> Result<Arc<App>, Error> {
    let shown = show(shared, asked, form, fetched)?;
    if shown.is_proven {
        return Ok(shown.app);
    }
    Err(unknown("only an app that can show that it is itself may ask what a token is worth").into())
}

fn access(shared: &Shared, app: Option<&App>, token: &str) -> Result<Option<Vec<Member>>, Error> {
    let session = shared.vault.session(token).map(|(session, _)| session);
    let own = |session: &Session| match (&session.client, app) {
        (Some(client), Some(app)) => *client == app.id,
        (client, None) => client.is_some(),
        (None, Some(_)) => false,
    };
    let Some(session) = session.filter(own) else { return Ok(None) };
    let Some(account) = shared.vault.account(&session.account)? else { return Ok(None) };
    let grant = shared.vault.grant_of(&session);
    let mut members = common(shared, &account, session.client.as_deref().unwrap_or_default(), &session.scopes);
    members.push(("token_type", Json::string("Bearer")));
    members.push(("iat", Json::number(session.issued.0.div_euclid(1_000))));
    members.push(("exp", Json::number(session.until.0.div_euclid(1_000))));
    members.extend(session.patient.map(|patient| ("patient", Json::string(patient))));
    members
        .extend(grant.and_then(|grant| grant.agreed.encounter).map(|encounter| ("encounter", Json::string(encounter))));
    Ok(Some(members))
}

fn refresh(shared: &Shared, app: &App, token: &str) -> Option<Vec<Member>> {
    let (account, Grant { agreed, until, .. }) = shared.vault.refresh_stands_for(app, token)?;
    let mut members = common(shared, &account, &app.id, &agreed.scopes.to_string());
    members.push(("exp", Json::number(until.0.div_euclid(1_000))));
    members.extend(agreed.patient.map(|patient| ("patient", Json::string(patient))));
    Some(members)
}

fn common(shared: &Shared, account: &Account, client: &str, scopes: &str) -> Vec<Member> {
    let mut members = vec![
        ("client_id", Json::string(client.to_owned())),
        ("scope", Json::string(scopes.to_owned())),
        ("sub", Json::string(account.id.clone())),
        ("iss", Json::string(shared.base.clone())),
    ];
    let own = fhir_user(account).filter(|_| scopes.split(' ').any(|scope| scope == "fhirUser"));
    members.extend(own.map(|reference| ("fhirUser", Json::string(format!("{}/{reference}", shared.base)))));
    members
}

/// `POST /smart/revoke`: the token is void, and so is all that came from the same agreement. A token that is none of the
/// app's is answered the same.
pub fn revoke(shared: &Shared, asked: &Asked, fetched: Option<&Fetched>) -> Outcome {
    let form = form_of(asked)?;
    let shown = show(shared, asked, &form, fetched)?;
    shared.vault.give_back(&shown.app, form.text("token"), asked.context())?;
    Ok(empty(StatusCode::OK))
}
