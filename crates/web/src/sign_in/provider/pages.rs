//! Going to a provider and coming back, as people see it.

use super::flow::{Flow, Onward};
use super::settings::{Provider, SecondFactor};
use super::token::Said;
use super::{Ahead, Failed, Return, back_address, find, of_path};
use crate::answer::Outcome;
use crate::rest::links::Bookmark;
use crate::server::Shared;
use crate::sign_in::cookies::Cookie;
use crate::sign_in::entrance::{Before, form_page, go_in, go_in_from_elsewhere, leading_page, usual_terms};
use crate::sign_in::forms::{Form, sign, way};
use crate::sign_in::html::{escape, field, page, sentence};
use crate::sign_in::{Asked, draft};
use aws_lc_rs::digest;
use axum::http::{Response, StatusCode};
use base::id::Ids;
use base::refusal::{Kind, Refusal};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use fhir::search::query::url;
use vault::Error;
use vault::access::{Context, Identity, Roles, Vouched, Welcome};
use vault::exchange::status;

/// How long somebody may take to type the code of the account's own second factor.
const CODE_MS: i64 = 5 * 60_000;

const CODE_PATH: &str = "/sign-in/code";

/// One button a provider, for the page on which people sign in.
pub fn buttons(shared: &Shared, hidden: &str) -> String {
    let button = |provider: &Provider| {
        let (id, name) = (escape(&provider.id), escape(&provider.name));
        format!("<button name=\"provider\" value=\"{id}\">Sign in with {name}</button> ")
    };
    let buttons: String = shared.settings.providers.iter().map(button).collect();
    match buttons.is_empty() {
        true => buttons,
        false => format!("<form method=\"post\" action=\"/sign-in/provider\">{hidden}{buttons}</form>"),
    }
}

/// `POST /sign-in/provider`: on to the provider.
pub fn begin(shared: &Shared, asked: &Asked, ahead: Ahead) -> Outcome {
    let form = Form::read(&asked.body)?;
    let onward = Onward { way: way(form.text("return")).to_owned(), kept: form.text("kept").to_owned() };
    let provider = find(shared, form.text("provider"));
    let (Some(provider), Ahead::Doors(doors)) = (provider, ahead) else {
        let said = "This browser sent no cookie with the form, or the page was open too long. Try again.";
        return again(shared, asked, StatusCode::FORBIDDEN, &onward, said);
    };
    let doors = match doors {
        Ok(doors) => doors,
        Err(why) => return failed(shared, asked, provider, &onward, Failed::Unreachable(why)),
    };
    let flow = Flow::fresh();
    let to = address(shared, provider, &doors.authorize, &flow);
    let mut answer = leading_page(shared, &to, &provider.name);
    Cookie::Provider.set(shared, &mut answer, &flow.seal(shared, provider));
    let whose = draft::open(shared, &onward.kept, &onward.way).map(|draft| draft.account);
    shared.providers.flows.wait(&flow, onward, whose);
    Ok(answer)
}

/// What the provider is asked (OpenID Connect Core 1.0 section 3.1.2.1; RFC 7636 section 4.3).
fn address(shared: &Shared, provider: &Provider, door: &str, flow: &Flow) -> String {
    let scope = ["openid"].into_iter().chain(provider.scopes.iter().map(String::as_str)).collect::<Vec<_>>().join(" ");
    let challenge = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, flow.verifier.as_bytes()));
    let mut fields = vec![
        ("response_type", "code".to_owned()),
        ("client_id", provider.client.clone()),
        ("redirect_uri", back_address(shared, provider)),
        ("scope", scope),
        ("state", flow.state.clone()),
        ("nonce", flow.nonce.clone()),
        ("code_challenge", challenge),
        ("code_challenge_method", "S256".to_owned()),
    ];
    if let SecondFactor::Said { acr, .. } = &provider.second_factor
        && !acr.is_empty()
    {
        fields.push(("acr_values", acr.join(" ")));
    }
    fields.extend(provider.max_age_seconds.map(|seconds| ("max_age", seconds.to_string())));
    let mut out = door.to_owned();
    for (name, value) in fields {
        out.push(if out.contains('?') { '&' } else { '?' });
        out.push_str(name);
        out.push('=');
        url::encode(&value, &mut out);
    }
    out
}

/// `GET /sign-in/callback/ID`: back from the provider.
pub fn back(shared: &Shared, asked: &Asked, ahead: Ahead) -> Outcome {
    let provider = of_path(asked.path()).and_then(|id| find(shared, id));
    let (Some(provider), Ahead::Back(back)) = (provider, ahead) else {
        return Err(Refusal::new(Kind::NotFound, "not-found", "there is no such provider; sign in at /sign-in").into());
    };
    let Return { onward, said } = *back;
    let mut answer = match said {
        Ok(said) => welcomed(shared, asked, provider, &onward, &said),
        Err(why) => failed(shared, asked, provider, &onward, why),
    }?;
    Cookie::Provider.clear(shared, &mut answer);
    Ok(answer)
}

fn welcomed(shared: &Shared, asked: &Asked, provider: &Provider, onward: &Onward, said: &Said) -> Outcome {
    let vouched = vouched(shared, provider, said, None);
    let welcome = shared.vault.sign_in_vouched(&vouched, asked.context(), |account| usual_terms(shared, account));
    match welcome {
        Ok(Welcome::In(entered)) => Ok(go_in_from_elsewhere(shared, &entered, way(&onward.way), &onward.kept)),
        Ok(Welcome::CodeWanted) => Ok(code_page(shared, provider, onward, said)),
        Err(Error::Refusal(refusal)) => {
            let code = StatusCode::from_u16(status(refusal.kind)).unwrap_or(StatusCode::UNAUTHORIZED);
            let why = refusal.findings.first().map(|finding| finding.message.clone()).unwrap_or_default();
            let said = format!("{} knows you, but {why}.", provider.name);
            again(shared, asked, code, onward, &said)
        }
        Err(error) => Err(error),
    }
}

fn vouched<'a>(shared: &Shared, provider: &'a Provider, said: &Said, code: Option<&'a str>) -> Vouched<'a> {
    Vouched {
        provider: &provider.id,
        identity: Identity { issuer: provider.issuer.clone(), subject: said.subject.clone() },
        roles: said.roles,
        is_strong: said.is_strong,
        needs_second_factor: shared.settings.second_factor,
        code,
    }
}

/// The page for signing in, with what went wrong.
fn failed(shared: &Shared, asked: &Asked, provider: &Provider, onward: &Onward, why: Failed) -> Outcome {
    let name = &provider.name;
    let (code, said) = match why {
        Failed::Stray => (
            StatusCode::FORBIDDEN,
            format!("This answer of {name} does not belong to this browser, or came too late. Begin again."),
        ),
        Failed::Refused(word) => (StatusCode::UNAUTHORIZED, format!("{name} did not sign you in ({word}).")),
        Failed::Unreachable(why) => {
            let said = format!("{name} cannot be asked just now: {why}. Try again, or sign in with a password.");
            (StatusCode::SERVICE_UNAVAILABLE, said)
        }
        Failed::Unbelieved(why) => {
            let context: Context = asked.context();
            shared.vault.note_failed_sign_in(&format!("provider={} refused={why}", provider.id), context)?;
            let said =
                format!("What {name} sent cannot be believed: {why}. Begin again; if it stays so, ask the operator.");
            (StatusCode::UNAUTHORIZED, said)
        }
    };
    again(shared, asked, code, onward, &said)
}

fn again(shared: &Shared, asked: &Asked, code: StatusCode, onward: &Onward, said: &str) -> Outcome {
    form_page(shared, asked, code, Before { way: way(&onward.way), kept: &onward.kept, said, login: "" })
}

/// Asks for the code of the account's own second factor. Who it is goes along, sealed for this browser.
fn code_page(shared: &Shared, provider: &Provider, onward: &Onward, said: &Said) -> Response<Bytes> {
    let mark = Ids::System.uuid();
    let mut query = format!("provider={}&subject=", provider.id);
    url::encode(&said.subject, &mut query);
    query.extend(said.roles.map(|roles| format!("&roles={}", roles.bits())));
    let asked = shared.vault.clock().now().0;
    let sealed = shared.sealer.seal(&Bookmark { at: 0, offset: 0, asked, query }, &mark, CODE_PATH);
    let mut answer = code_form(shared, StatusCode::OK, &mark, &sealed, onward, "");
    Cookie::Form.set(shared, &mut answer, &mark);
    answer
}

fn code_form(
    shared: &Shared,
    code: StatusCode,
    mark: &str,
    sealed: &str,
    onward: &Onward,
    said: &str,
) -> Response<Bytes> {
    let hidden =
        [("csrf", sign(shared, mark).as_str()), ("sealed", sealed), ("return", &onward.way), ("kept", &onward.kept)]
            .map(|(name, value)| field(name, value))
            .concat();
    let said = if said.is_empty() { String::new() } else { format!("<p role=\"alert\">{}</p>", escape(said)) };
    let body = format!(
        "<h1>One more step</h1>{said}<form method=\"post\" action=\"{CODE_PATH}\">{hidden}\
         <label for=\"code\">Code of your app, or a recovery code</label>\
         <input id=\"code\" name=\"code\" autocomplete=\"one-time-code\" spellcheck=\"false\" required>\
         <button>Sign in</button></form>"
    );
    page(shared, code, "One more step", None, &body)
}

/// `POST /sign-in/code`: the account's own second factor, after a provider that saw one.
pub fn code(shared: &Shared, asked: &Asked) -> Outcome {
    let form = Form::read(&asked.body)?;
    let onward = Onward { way: way(form.text("return")).to_owned(), kept: form.text("kept").to_owned() };
    let mark = Cookie::Form.read(shared, &asked.parts.headers).unwrap_or_default();
    let sealed = form.text("sealed");
    let opened = form.check(shared, &mark).ok().and_then(|()| shared.sealer.open(sealed, &mark, CODE_PATH).ok());
    let now = shared.vault.clock().now().0;
    let opened = opened.filter(|kept| now - kept.asked <= CODE_MS).and_then(|kept| read(shared, &kept.query));
    let Some((provider, said)) = opened else {
        return again(shared, asked, StatusCode::FORBIDDEN, &onward, "That took too long. Begin again.");
    };
    let vouched = vouched(shared, provider, &said, Some(form.text("code")));
    let welcome = shared.vault.sign_in_vouched(&vouched, asked.context(), |account| usual_terms(shared, account));
    match welcome {
        Ok(Welcome::In(entered)) => Ok(go_in(shared, &entered, &onward.way, &onward.kept)),
        Ok(Welcome::CodeWanted) => Ok(code_form(shared, StatusCode::OK, &mark, sealed, &onward, "")),
        Err(Error::Refusal(refusal)) if matches!(refusal.kind, Kind::Unauthenticated | Kind::Unavailable) => {
            let said = refusal.findings.first().map(|finding| sentence(&finding.message)).unwrap_or_default();
            let code = match refusal.kind {
                Kind::Unavailable => StatusCode::TOO_MANY_REQUESTS,
                _ => StatusCode::UNAUTHORIZED,
            };
            Ok(code_form(shared, code, &mark, sealed, &onward, &said))
        }
        Err(error) => Err(error),
    }
}

/// Who waits for the code to be typed.
fn read<'a>(shared: &'a Shared, query: &str) -> Option<(&'a Provider, Said)> {
    let form = Form::read(query.as_bytes()).ok()?;
    let roles = form.text("roles").parse().ok().map(Roles::from_bits);
    let said = Said { subject: form.text("subject").to_owned(), roles, is_strong: false };
    Some((find(shared, form.text("provider"))?, said))
}
