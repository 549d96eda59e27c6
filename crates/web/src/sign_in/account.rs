//! One's own account: what the server knows of it, and what its owner changes.

use super::cookies::Cookie;
use super::entrance::signed_out;
use super::html::{escape, field, page};
use super::seat::{Seat, seated};
use super::{Asked, passkeys, qr, see_other};
use crate::answer::Outcome;
use crate::server::Shared;
use axum::http::StatusCode;
use base::refusal::{Kind, Refusal};
use vault::access::{Purpose, Role, purposes};

/// `GET /account`.
pub fn overview(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, |seat| {
        let account = &seat.account;
        let roles: Vec<&str> = account.roles.iter().map(Role::words).collect();
        let fact = |name: &str, value: &str| format!("<dt>{name}</dt><dd>{}</dd>", escape(value));
        let stands_for = account.stands_for.join(", ");
        let facts = [
            fact("Login", &account.login),
            fact("Roles", &roles.join(", ")),
            fact("In the record", if stands_for.is_empty() { "nobody" } else { &stands_for }),
            fact("Units", if account.units.is_empty() { "none" } else { "as below" }),
        ];
        let units: String = account.units.iter().map(|unit| format!("<dd>{}</dd>", escape(unit))).collect();
        let parts = [
            format!("<h1>{}</h1><dl>{}{units}</dl>", escape(&account.name), facts.concat()),
            purpose_form(shared, &seat),
            factor(&seat),
            passkeys::summary(&seat),
            password_form(shared, &seat),
            APPS.to_owned(),
            everywhere_form(shared, &seat),
        ];
        Ok(page(shared, StatusCode::OK, "Your account", Some(&seat), &parts.concat()))
    })
}

/// The way to what others' programs may do.
const APPS: &str = "<h2>Apps</h2><p><a href=\"/smart/apps\">Programs of others that act in your name</a></p>";

fn purpose_form(shared: &Shared, seat: &Seat) -> String {
    let choice = |purpose: &Purpose| {
        let checked = if *purpose == seat.session.purpose { " checked" } else { "" };
        let (code, words) = (purpose.code(), escape(purpose.words()));
        format!(
            "<label class=\"choice\"><input type=\"radio\" name=\"purpose\" value=\"{code}\"{checked}> {words}</label>"
        )
    };
    let choices: String = purposes(seat.account.roles).iter().map(choice).collect();
    let sign = field("csrf", &seat.sign(shared));
    format!(
        "<h2>Why you are here</h2><p>It is written down with all you look at, and decides what you see.</p>\
         <form method=\"post\" action=\"/account/purpose\">{sign}{choices}<button>Work for this purpose</button></form>"
    )
}

fn factor(seat: &Seat) -> String {
    let left = seat.account.recovery_codes_left();
    let state = if seat.account.has_second_factor() {
        format!("Signing in needs a code of your app. Recovery codes left: {left}.")
    } else {
        "Signing in needs your password alone. A code of an app on your telephone makes it safer.".to_owned()
    };
    let deed = if seat.account.has_second_factor() { "Change to another app" } else { "Set it up" };
    format!("<h2>Second factor</h2><p>{state}</p><p><a href=\"/account/second-factor\">{deed}</a></p>")
}

fn password_form(shared: &Shared, seat: &Seat) -> String {
    if !seat.account.has_password() {
        return String::new();
    }
    let sign = field("csrf", &seat.sign(shared));
    let present = secret("present", "Present password", "current-password");
    let new = secret("new", "New password, 12 characters or more", "new-password");
    let again = secret("again", "New password again", "new-password");
    format!(
        "<h2>Password</h2><form method=\"post\" action=\"/account/password\">{sign}{present}{new}{again}\
         <button>Change it and sign out elsewhere</button></form>"
    )
}

fn everywhere_form(shared: &Shared, seat: &Seat) -> String {
    let sign = field("csrf", &seat.sign(shared));
    format!(
        "<h2>Lost a device?</h2><p>This ends every session and every app's access, this one too.</p>\
         <form method=\"post\" action=\"/account/sign-out-everywhere\">{sign}<button>Sign out everywhere</button></form>"
    )
}

pub fn secret(name: &str, words: &str, autocomplete: &str) -> String {
    format!(
        "<label for=\"{name}\">{words}</label>\
         <input id=\"{name}\" name=\"{name}\" type=\"password\" autocomplete=\"{autocomplete}\" required>"
    )
}

/// `POST /account/purpose`: another session for another purpose; the one before ends.
pub fn choose_purpose(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, |seat| {
        let form = seat.form(shared, asked)?;
        let Some(purpose) = Purpose::from_code(form.text("purpose")) else {
            let message = "that is no purpose of this list; choose one of the page";
            return Err(Refusal::new(Kind::Invalid, "invalid", message).into());
        };
        let (token, _) = shared.vault.issue_session(&seat.account, seat.terms(shared, purpose))?;
        shared.vault.end_session(&seat.visit, &seat.session)?;
        let mut answer = see_other("/account");
        Cookie::Session.set(shared, &mut answer, &token);
        Ok(answer)
    })
}

/// `POST /account/password`: all sessions end, and this browser gets a new one.
pub fn set_password(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, |seat| {
        let form = seat.form(shared, asked)?;
        if form.text("new") != form.text("again") {
            let message = "the new password was not typed the same twice; type it again";
            return Err(Refusal::new(Kind::Invalid, "invalid", message).into());
        }
        let (present, new) = (form.text("present"), form.text("new"));
        let account = shared.vault.set_password(&seat.visit, &seat.account.id, present, new)?;
        let (token, _) = shared.vault.issue_session(&account, seat.terms(shared, seat.session.purpose))?;
        let mut answer = see_other("/account");
        Cookie::Session.set(shared, &mut answer, &token);
        Ok(answer)
    })
}

/// `POST /account/sign-out-everywhere`.
pub fn sign_out_everywhere(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, |seat| {
        seat.form(shared, asked)?;
        shared.vault.sign_out_everywhere(&seat.visit, &seat.account.id)?;
        Ok(signed_out(shared))
    })
}

/// `GET /account/second-factor`.
pub fn second_factor_page(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, |seat| {
        let proposal = shared.vault.propose_second_factor(&seat.visit, &seat.account.id)?;
        let hidden = [field("csrf", &seat.sign(shared)), field("sealed", &proposal.sealed)].concat();
        let spaced: Vec<_> = proposal.text.as_bytes().chunks(4).map(String::from_utf8_lossy).collect();
        let present = match seat.account.has_password() {
            true => secret("present", "Your password", "current-password"),
            false => String::new(),
        };
        let must = shared.settings.second_factor && !seat.account.has_second_factor();
        let why = if must {
            "<p role=\"status\">Everybody here signs in with a second factor. Set yours up to go on.</p>"
        } else {
            ""
        };
        let body = format!(
            "<h1>Second factor</h1>{why}<ol><li>Open an authenticator app on your telephone and scan this, or type the secret: \
             <p>{}</p><p><code>{}</code></p></li><li>Type the code that the app shows.</li></ol>\
             <form method=\"post\" action=\"/account/second-factor\">{hidden}{present}\
             <label for=\"code\">Code</label>\
             <input id=\"code\" name=\"code\" inputmode=\"numeric\" autocomplete=\"one-time-code\" required>\
             <button>Use it from now on</button></form>",
            qr::svg(&proposal.address),
            spaced.join(" ")
        );
        Ok(page(shared, StatusCode::OK, "Second factor", Some(&seat), &body))
    })
}

/// `POST /account/second-factor`: shows the recovery codes, once.
pub fn confirm_second_factor(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, |seat| {
        let form = seat.form(shared, asked)?;
        let (present, sealed, code) = (form.text("present"), form.text("sealed"), form.text("code"));
        let codes = shared.vault.confirm_second_factor(&seat.visit, &seat.account.id, present, sealed, code)?;
        let codes: String = codes.iter().map(|code| format!("<li><code>{code}</code></li>")).collect();
        let body = format!(
            "<h1>Recovery codes</h1><p role=\"status\">From now on signing in needs a code of your app.</p>\
             <p>Each of these signs you in once if you lose the app. They are shown only now: print them, or write them down.</p>\
             <ul>{codes}</ul><p><a href=\"/account\">Done</a></p>"
        );
        Ok(page(shared, StatusCode::OK, "Recovery codes", Some(&seat), &body))
    })
}
