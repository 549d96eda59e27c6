//! Passkeys at pages: signing in with one, adding, listing and removing one's own. The browser talks to the device in a
//! script of our own, the only one that these pages load; without it the button stays hidden.

use super::account::secret;
use super::cookies::Cookie;
use super::entrance::{Before, form_page, go_in, usual_terms};
use super::forms::{Form, way};
use super::html::{self, escape, field, page, sentence};
use super::once::{self, GOOD_MS};
use super::seat::{Seat, seated};
use super::{Asked, provider, see_other};
use crate::answer::{Outcome, plain};
use crate::rest::links::Bookmark;
use crate::server::Shared;
use crate::settings::Settings;
use axum::http::{Response, StatusCode, Uri};
use base::clock::Instant;
use base::refusal::{Kind, Refusal};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use core::net::IpAddr;
use vault::Error;
use vault::access::passkey::{Bound, Offered, Passkey, Place, Shown};

/// Where the script is.
pub const SCRIPT: &str = "/passkey.js";

const SHOW: &str = "/sign-in/passkey";
const OWN: &str = "/account/passkeys";

/// `GET /passkey.js`.
pub fn script() -> Response<Bytes> {
    plain(StatusCode::OK, "text/javascript; charset=utf-8", include_str!("passkey.js"))
}

/// Where passkeys are shown. `None`: they cannot be, for they need a name, and TLS unless that is `localhost` (Web
/// Authentication Level 2 section 5.1.2).
fn place(settings: &Settings) -> Option<Place> {
    let uri: Uri = settings.public_url.parse().ok()?;
    let (scheme, host, port) = (uri.scheme_str()?, uri.host()?.to_lowercase(), uri.port_u16());
    let is_address = host.starts_with('[') || host.parse::<IpAddr>().is_ok();
    if is_address || (scheme != "https" && host != "localhost") {
        return None;
    }
    let usual = if scheme == "https" { 443 } else { 80 };
    let port = port.filter(|port| *port != usual).map(|port| format!(":{port}")).unwrap_or_default();
    Some(Place { origin: format!("{scheme}://{host}{port}"), host })
}

/// Lets a page load the script, where passkeys can be shown.
pub fn with_script(shared: &Shared, answer: &mut Response<Bytes>) {
    if let Some(place) = place(&shared.settings) {
        html::with_script(answer, &format!("{}{SCRIPT}", place.origin));
    }
}

/// A fresh challenge: in clear, and sealed for whom and what it is given out.
fn challenge(shared: &Shared, whose: &str, path: &str) -> (String, String) {
    let query = once::secret();
    let asked = shared.vault.clock().now().0;
    let sealed = shared.sealer.seal(&Bookmark { at: 0, offset: 0, asked, query: query.clone() }, whose, path);
    (query, sealed)
}

/// The challenge of a form, which counts once: the vault uses it up when all else is right.
fn given_out(shared: &Shared, whose: &str, path: &str, sealed: &str) -> Option<String> {
    let kept = shared.sealer.open(sealed, whose, path).ok()?;
    let now = shared.vault.clock().now();
    let is_good = (0..=GOOD_MS).contains(&(now.0 - kept.asked)) && shared.used.is_fresh(&kept.query);
    is_good.then_some(kept.query)
}

/// Empty fields, which the script fills.
fn empty(names: &[&str]) -> String {
    names.iter().map(|name| field(name, "")).collect()
}

fn bytes(form: &Form, name: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(form.text(name)).unwrap_or_default()
}

/// The button for the page on which people sign in, for the browser that has this mark.
pub fn button(shared: &Shared, mark: &str, hidden: &str) -> String {
    let Some(place) = place(&shared.settings) else { return String::new() };
    let (challenge, sealed) = challenge(shared, mark, SHOW);
    let fields = empty(&["id", "client", "authenticator", "signature", "owner"]);
    format!(
        "<form method=\"post\" action=\"{SHOW}\" data-passkey=\"show\" data-challenge=\"{challenge}\" data-host=\"{}\" hidden>\
         {hidden}{}{fields}<p role=\"alert\" hidden></p><button>Sign in with a passkey</button></form>{TAG}",
        escape(&place.host),
        field("sealed", &sealed)
    )
}

const TAG: &str = "<script type=\"module\" src=\"/passkey.js\"></script>";

/// `POST /sign-in/passkey`.
pub fn sign_in(shared: &Shared, asked: &Asked) -> Outcome {
    let form = Form::read(&asked.body)?;
    let (to, kept) = (way(form.text("return")), form.text("kept"));
    let again = |code, said: &str| form_page(shared, asked, code, Before { way: to, kept, said, login: "" });
    let mark = Cookie::Form.read(shared, &asked.parts.headers).unwrap_or_default();
    let place = place(&shared.settings).filter(|_| form.check(shared, &mark).is_ok());
    let challenge = place.as_ref().and_then(|_| given_out(shared, &mark, SHOW, form.text("sealed")));
    let (Some(place), Some(challenge)) = (place, challenge) else {
        return again(StatusCode::FORBIDDEN, "The page was open too long, or this browser sent no cookie. Try again.");
    };
    let shown = Shown {
        id: bytes(&form, "id"),
        client: bytes(&form, "client"),
        authenticator: bytes(&form, "authenticator"),
        signature: bytes(&form, "signature"),
        owner: bytes(&form, "owner"),
    };
    let use_up = || shared.used.use_up(&challenge, shared.vault.clock().now());
    let bound = Bound { place: &place, challenge: &challenge, use_up: &use_up };
    let only = provider::only(shared);
    let terms = |account: &vault::access::Account| usual_terms(shared, account);
    match shared.vault.sign_in_with_passkey(&shown, bound, &only, asked.context(), terms) {
        Ok(entered) => Ok(go_in(shared, &entered, to, kept)),
        Err(Error::Refusal(refusal)) if matches!(refusal.kind, Kind::Unauthenticated | Kind::Unavailable) => {
            let said = refusal.findings.first().map(|finding| sentence(&finding.message)).unwrap_or_default();
            let is_wait = refusal.kind == Kind::Unavailable;
            again(if is_wait { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::UNAUTHORIZED }, &said)
        }
        Err(error) => Err(error),
    }
}

/// What one's own account says of passkeys.
pub fn summary(seat: &Seat) -> String {
    let said = match seat.account.passkeys().len() {
        0 => "You have none. A passkey on your telephone, computer or security key signs you in without password and code.".to_owned(),
        1 => "You have one.".to_owned(),
        n => format!("You have {n}."),
    };
    format!("<h2>Passkeys</h2><p>{said} <a href=\"{OWN}\">See and change them</a></p>")
}

/// `GET /account/passkeys`.
pub fn page_of(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, |seat| {
        let own: String = seat.account.passkeys().iter().map(|one| listed(shared, &seat, one)).collect();
        let list = if own.is_empty() { "<p>You have none.</p>".to_owned() } else { format!("<ul>{own}</ul>") };
        let body = format!("<h1>Passkeys</h1>{list}{}", adding(shared, &seat));
        let mut answer = page(shared, StatusCode::OK, "Passkeys", Some(&seat), &body);
        with_script(shared, &mut answer);
        Ok(answer)
    })
}

fn listed(shared: &Shared, seat: &Seat, passkey: &Passkey) -> String {
    let used = passkey.used.map_or("never used".to_owned(), |used| format!("used on {}", day(used)));
    let backed = if passkey.is_backed_up { ", kept by its maker's account, too" } else { "" };
    let (name, added) = (escape(&passkey.name), day(passkey.added));
    let hidden = [field("csrf", &seat.sign(shared)), field("passkey", &passkey.id)].concat();
    format!(
        "<li><strong>{name}</strong>: added on {added}, {used}{backed}\
         <form method=\"post\" action=\"/account/passkeys/remove\">{hidden}\
         <button>Remove it and sign out elsewhere</button></form></li>"
    )
}

fn day(at: Instant) -> String {
    at.to_string().chars().take(10).collect()
}

fn adding(shared: &Shared, seat: &Seat) -> String {
    let Some(place) = place(&shared.settings) else {
        return "<p>Passkeys need a server with a name and TLS; ask the operator.</p>".to_owned();
    };
    let account = &seat.account;
    let (challenge, sealed) = challenge(shared, &seat.session.id, OWN);
    let known: Vec<&str> = account.passkeys().iter().map(|one| one.id.as_str()).collect();
    let hidden = [field("csrf", &seat.sign(shared)), field("sealed", &sealed)].concat();
    let fields = empty(&["id", "client", "authenticator", "key", "algorithm"]);
    let facts = [
        ("passkey", "add"),
        ("challenge", &challenge),
        ("host", &place.host),
        ("owner", &account.id),
        ("login", &account.login),
        ("person", &account.name),
        ("known", &known.join(" ")),
    ]
    .map(|(name, value)| format!(" data-{name}=\"{}\"", escape(value)))
    .concat();
    let present = match account.has_password() {
        true => secret("present", "Your password", "current-password"),
        false => String::new(),
    };
    format!(
        "<h2>Add one</h2><form method=\"post\" action=\"{OWN}\"{facts} hidden>{hidden}{fields}\
         <label for=\"name\">What you call the device</label>\
         <input id=\"name\" name=\"name\" maxlength=\"60\" required>{present}\
         <p role=\"alert\" hidden></p><button>Add a passkey</button></form>{TAG}"
    )
}

/// `POST /account/passkeys`: adds one.
pub fn add(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, |seat| {
        let form = seat.form(shared, asked)?;
        let place = place(&shared.settings);
        let challenge = given_out(shared, &seat.session.id, OWN, form.text("sealed"));
        let (Some(place), Some(challenge)) = (place, challenge) else {
            let message = "the page was open too long; open your passkeys again";
            return Err(Refusal::new(Kind::Invalid, "invalid", message).into());
        };
        let offered = Offered {
            id: bytes(&form, "id"),
            client: bytes(&form, "client"),
            authenticator: bytes(&form, "authenticator"),
            key: bytes(&form, "key"),
            algorithm: form.text("algorithm").parse().unwrap_or_default(),
        };
        let use_up = || shared.used.use_up(&challenge, shared.vault.clock().now());
        let bound = Bound { place: &place, challenge: &challenge, use_up: &use_up };
        let (present, name) = (form.text("present"), form.text("name"));
        shared.vault.add_passkey(&seat.visit, &seat.account.id, present, name, &offered, bound)?;
        Ok(see_other(OWN))
    })
}

/// `POST /account/passkeys/remove`: all sessions end, and this browser gets a new one.
pub fn remove(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, |seat| {
        let form = seat.form(shared, asked)?;
        let account = shared.vault.remove_passkey(&seat.visit, &seat.account.id, Some(form.text("passkey")))?;
        let (token, _) = shared.vault.issue_session(&account, seat.terms(shared, seat.session.purpose))?;
        let mut answer = see_other(OWN);
        Cookie::Session.set(shared, &mut answer, &token);
        Ok(answer)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passkeys_belong_to_a_host_with_a_name() {
        let of = |url: &str| place(&Settings::new(url)).map(|place| format!("{} {}", place.host, place.origin));
        for (url, wanted) in [
            ("https://Records.example.org", Some("records.example.org https://records.example.org")),
            ("https://records.example.org:443/", Some("records.example.org https://records.example.org")),
            ("https://a.org:8443/base", Some("a.org https://a.org:8443")),
            ("http://localhost:8080", Some("localhost http://localhost:8080")),
            ("http://records.example.org", None),
            ("http://127.0.0.1:8080", None),
            ("https://10.0.0.1", None),
            ("https://[::1]", None),
        ] {
            assert_eq!(of(url).as_deref(), wanted, "{url}");
        }
    }
}
