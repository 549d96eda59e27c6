//! Coming and going.

use super::cookies::Cookie;
use super::forms::{Form, sign, way};
use super::html::{escape, field, page, sentence};
use super::seat::{self, seated};
use super::{Asked, draft, passkeys, provider, see_other};
use crate::answer::Outcome;
use crate::server::Shared;
use axum::http::{HeaderValue, Response, StatusCode, header};
use base::id::Ids;
use base::refusal::{Kind, Refusal};
use bytes::Bytes;
use vault::Error;
use vault::access::{Account, Attempt, Purpose, Role, SignedIn, Terms, purposes};
use vault::exchange::status;

/// How long a session lasts at most: one long shift.
const LASTS_MS: i64 = 12 * 3_600_000;

/// What stands in the form for signing in.
#[derive(Clone, Copy, Default)]
pub struct Before<'a> {
    /// The login that was typed.
    pub login: &'a str,
    /// Where to go on to.
    pub way: &'a str,
    /// What was typed before the session fell asleep, sealed.
    pub kept: &'a str,
    /// What went wrong.
    pub said: &'a str,
}

/// What a session at pages is to be.
pub fn terms(shared: &Shared, purpose: Purpose) -> Terms {
    let idle_ms = i64::try_from(shared.settings.idle.as_millis()).unwrap_or(i64::MAX);
    Terms { idle_ms: Some(idle_ms), ..Terms::new(purpose, LASTS_MS) }
}

/// The same, for the purpose that an account's roles usually come for.
pub fn usual_terms(shared: &Shared, account: &Account) -> Terms {
    terms(shared, purposes(account.roles).first().copied().unwrap_or(Purpose::Operations))
}

/// `GET /sign-in`.
pub fn sign_in_page(shared: &Shared, asked: &Asked) -> Outcome {
    let query = asked.query()?;
    let to = if query.text("return").is_empty() { "/home" } else { way(query.text("return")) };
    if seat::present(shared, asked)?.is_some() {
        return Ok(see_other(to));
    }
    form_page(shared, asked, StatusCode::OK, Before { way: to, ..Before::default() })
}

/// The page for whoever has to sign in before a form is taken.
pub fn sign_in_again(shared: &Shared, asked: &Asked, path: &str, kept: Option<&str>) -> Outcome {
    let said = match kept {
        Some(_) => "Nobody was active for a while, so you were signed out. Sign in: what you typed is kept for you.",
        None => "Nobody is signed in here. Sign in, then open the page again.",
    };
    // Forms are sent to addresses that need not be pages to look at.
    let before =
        Before { way: if kept.is_some() { path } else { "/account" }, kept: kept.unwrap_or(""), said, login: "" };
    form_page(shared, asked, StatusCode::UNAUTHORIZED, before)
}

/// The page for signing in.
pub fn form_page(shared: &Shared, asked: &Asked, status: StatusCode, before: Before<'_>) -> Outcome {
    let known = Cookie::Form.read(shared, &asked.parts.headers);
    let mark = known.clone().unwrap_or_else(|| Ids::System.uuid());
    let sign = sign(shared, &mark);
    let hidden = [field("csrf", &sign), field("return", before.way), field("kept", before.kept)].concat();
    let said = match before.said {
        "" => String::new(),
        said => format!("<p role=\"alert\">{}</p>", escape(said)),
    };
    let people = if shared.settings.is_demo { people(shared, &hidden)? } else { String::new() };
    let providers = provider::buttons(shared, &hidden);
    let passkey = passkeys::button(shared, &mark, &hidden);
    let body = format!(
        "<h1>Sign in</h1>{said}{passkey}{providers}{people}<form method=\"post\" action=\"/sign-in\">{hidden}\
         <label for=\"login\">Login</label>\
         <input id=\"login\" name=\"login\" autocomplete=\"username\" autocapitalize=\"none\" spellcheck=\"false\" required value=\"{}\">\
         <label for=\"password\">Password</label>\
         <input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"current-password\" required>\
         <label for=\"code\">Code of your app, or a recovery code, if you have one</label>\
         <input id=\"code\" name=\"code\" autocomplete=\"one-time-code\" spellcheck=\"false\">\
         <button>Sign in</button></form>",
        escape(before.login)
    );
    let mut answer = page(shared, status, "Sign in", None, &body);
    passkeys::with_script(shared, &mut answer);
    if known.is_none() {
        Cookie::Form.set(shared, &mut answer, &mark);
    }
    Ok(answer)
}

/// The made-up people of a demo hospital, one click each.
fn people(shared: &Shared, hidden: &str) -> Result<String, Error> {
    let accounts = shared.vault.accounts()?;
    let button = |account: &Account| {
        let roles: Vec<&str> = account.roles.iter().map(Role::words).collect();
        let (login, name, roles) = (escape(&account.login), escape(&account.name), escape(&roles.join(", ")));
        format!("<button class=\"person\" name=\"as\" value=\"{login}\">{name} – {roles}</button>")
    };
    let of_demo = accounts.iter().filter(|account| account.is_demo && account.is_active);
    let buttons: String = of_demo.map(|account| button(account)).collect();
    if buttons.is_empty() {
        return Ok(String::new());
    }
    Ok(format!(
        "<h2>Made-up people of this demo</h2><form method=\"post\" action=\"/sign-in\">{hidden}{buttons}</form>\
         <h2>With a login</h2>"
    ))
}

/// `POST /sign-in`.
pub fn sign_in(shared: &Shared, asked: &Asked) -> Outcome {
    let form = Form::read(&asked.body)?;
    let mark = Cookie::Form.read(shared, &asked.parts.headers);
    let to = way(form.text("return"));
    let before = Before { login: form.text("login"), way: to, kept: form.text("kept"), said: "" };
    if mark.is_none_or(|mark| form.check(shared, &mark).is_err()) {
        let said = "This browser sent no cookie with the form, or the page was open too long. Try again.";
        return form_page(shared, asked, StatusCode::FORBIDDEN, Before { said, ..before });
    }
    match enter(shared, asked, &form) {
        Ok(entered) => Ok(go_in(shared, &entered, to, before.kept)),
        Err(Error::Refusal(refusal)) if matches!(refusal.kind, Kind::Unauthenticated | Kind::Unavailable) => {
            let said = refusal.findings.first().map(|finding| sentence(&finding.message)).unwrap_or_default();
            let code = match refusal.kind {
                Kind::Unavailable => StatusCode::TOO_MANY_REQUESTS,
                kind => StatusCode::from_u16(status(kind)).unwrap_or(StatusCode::UNAUTHORIZED),
            };
            form_page(shared, asked, code, Before { said: &said, ..before })
        }
        Err(error) => Err(error),
    }
}

fn enter(shared: &Shared, asked: &Asked, form: &Form) -> Result<SignedIn, Error> {
    let terms = |account: &Account| usual_terms(shared, account);
    let context = asked.context();
    let person = form.text("as");
    if shared.settings.is_demo && !person.is_empty() {
        let account = shared.vault.account_of_login(person)?.filter(|account| account.is_demo);
        let Some(account) = account else {
            return Err(Refusal::new(Kind::Unauthenticated, "login", "nobody of this demo has that name").into());
        };
        return shared.vault.sign_in_as(&account, context, terms);
    }
    let device = Cookie::Device.read(shared, &asked.parts.headers);
    let only = provider::only(shared);
    let attempt = Attempt {
        login: form.text("login"),
        password: form.text("password"),
        code: form.text("code"),
        device: device.as_deref(),
        only: &only,
    };
    shared.vault.sign_in_with(&attempt, context, terms)
}

/// In: a session that nobody could know before, and the way on.
pub fn go_in(shared: &Shared, entered: &SignedIn, to: &str, kept: &str) -> Response<Bytes> {
    let answer = if kept.is_empty() { see_other(to) } else { kept_page(shared, entered, to, kept) };
    seat_in(shared, entered, answer)
}

/// The same, for a browser that another site has sent here: it sends the cookie of the session only once a page of this
/// server leads on.
pub fn go_in_from_elsewhere(shared: &Shared, entered: &SignedIn, to: &str, kept: &str) -> Response<Bytes> {
    let answer = if kept.is_empty() { leading_page(shared, to, "") } else { kept_page(shared, entered, to, kept) };
    seat_in(shared, entered, answer)
}

fn seat_in(shared: &Shared, entered: &SignedIn, mut answer: Response<Bytes>) -> Response<Bytes> {
    Cookie::Session.set(shared, &mut answer, &entered.token);
    Cookie::Device.set(shared, &mut answer, &entered.device);
    Cookie::Form.clear(shared, &mut answer);
    answer
}

/// A page that leads on by itself: a path of this server, or the address of a provider called `name`.
pub fn leading_page(shared: &Shared, to: &str, name: &str) -> Response<Bytes> {
    let title = if name.is_empty() { "You are signed in".to_owned() } else { format!("On to {name}") };
    let body = format!("<h1>{}</h1><p><a href=\"{}\">Go on</a></p>", escape(&title), escape(to));
    let mut answer = page(shared, StatusCode::OK, &title, None, &body);
    if let Ok(lead) = HeaderValue::try_from(format!("0; url={to}")) {
        answer.headers_mut().insert(header::REFRESH, lead);
    }
    answer
}

/// What was typed before the session fell asleep, ready to be sent by the same person.
fn kept_page(shared: &Shared, entered: &SignedIn, to: &str, kept: &str) -> Response<Bytes> {
    // What another person typed is not shown.
    let draft = draft::open(shared, kept, to).filter(|draft| draft.account == entered.account.id);
    let Some(draft) = draft else { return see_other("/account") };
    let hidden: String = draft.form.fields().map(|(name, value)| field(name, value)).collect();
    let sign = field("csrf", &sign(shared, &entered.session.id));
    let body = format!(
        "<h1>What you typed is kept</h1><p>It has not been sent yet.</p>\
         <form method=\"post\" action=\"{}\">{sign}{hidden}<button>Send it now</button></form>\
         <p><a href=\"/account\">Leave it</a></p>",
        escape(to)
    );
    let seat =
        seat::Seat { account: entered.account.clone(), session: entered.session.clone(), visit: entered.visit.clone() };
    page(shared, StatusCode::OK, "Go on", Some(&seat), &body)
}

/// `GET /sign-out`: asks first, for a link must not sign anybody out.
pub fn sign_out_page(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, |seat| {
        let sign = field("csrf", &seat.sign(shared));
        let body = format!(
            "<h1>Sign out</h1><form method=\"post\" action=\"/sign-out\">{sign}<button>Sign out</button></form>"
        );
        Ok(page(shared, StatusCode::OK, "Sign out", Some(&seat), &body))
    })
}

/// `POST /sign-out`: the session ends at the server, whatever the browser keeps.
pub fn sign_out(shared: &Shared, asked: &Asked) -> Outcome {
    if let Some(seat) = seat::present(shared, asked)? {
        return seat::noted(shared, asked, seat, |seat| {
            seat.form(shared, asked)?;
            shared.vault.end_session(&seat.visit, &seat.session)?;
            Ok(signed_out(shared))
        });
    }
    Ok(signed_out(shared))
}

/// Out, with nothing left in the browser.
pub fn signed_out(shared: &Shared) -> Response<Bytes> {
    let mut answer = see_other("/sign-in");
    Cookie::Session.clear(shared, &mut answer);
    answer
        .headers_mut()
        .insert(header::HeaderName::from_static("clear-site-data"), HeaderValue::from_static("\"cache\""));
    answer
}
