//! Programs of others, for whoever runs the installation: what each may ask for, and whether it may act at all.

use super::escape;
use super::frame::{At, seated};
use crate::answer::Outcome;
use crate::server::Shared;
use crate::sign_in::html::field;
use crate::sign_in::{Asked, see_other};
use base::refusal::{Kind, Refusal};
use std::fmt::Write;
use vault::Error;
use vault::access::apps::{App, Proof, Registration, Review};
use vault::access::audit::Deed;
use vault::access::{Role, Roles};

/// Who reads the directory. Only technologists decide.
const READERS: Roles = Roles::NONE.with(Role::Technologist).with(Role::PrivacyOfficer);

/// `GET /apps`.
pub fn list(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, Deed::Read, |at| {
        if at.seat.account.roles.intersection(READERS).is_empty() {
            let message =
                "the directory of apps is for technologists and privacy officers; your own apps are at /smart/apps";
            return Err(Refusal::new(Kind::Forbidden, "forbidden", message).into());
        }
        let apps = shared.vault.apps()?;
        let all = apps.iter().map(|app| item(at, app)).collect::<Result<String, Error>>()?;
        let all = if all.is_empty() { "<p>None is registered.</p>".to_owned() } else { all };
        let body = format!(
            "<h1>App directory</h1><p>Programs of others. One that is approved may ask people for their agreement, and sees \
             no more than they do. Suspending one ends all it holds, at once. Apps are registered at the server with \
             <code>chartroom app register</code>.</p>{all}"
        );
        Ok(at.page("App directory", &body))
    })
}

fn item(at: &At<'_>, app: &App) -> Result<String, Error> {
    let (mark, deed, words) = match app.review {
        Review::Pending => ("<span class=\"mark due\">waits for review</span>", "approve", "Approve"),
        Review::Approved => ("<span class=\"mark good\">approved</span>", "suspend", "Suspend"),
        Review::Suspended => ("<span class=\"mark bad\">suspended</span>", "approve", "Approve again"),
    };
    let plain = if deed == "suspend" { " class=\"plain\"" } else { "" };
    let decision = match at.seat.account.roles.contains(Role::Technologist) {
        true => format!(
            "<form method=\"post\" action=\"/apps\">{}{}<button{plain} name=\"do\" value=\"{deed}\">{words}</button></form>",
            at.sign(),
            field("client", &app.id)
        ),
        false => String::new(),
    };
    Ok(format!(
        "<h2>{} {mark}</h2><dl><dt>Client id</dt><dd><code>{}</code></dd>{}</dl>{decision}",
        escape(app.name()),
        escape(&app.id),
        said(at, &app.registration)?
    ))
}

/// All that was said of an app: whoever approves it decides about that.
fn said(at: &At<'_>, said: &Registration) -> Result<String, Error> {
    let mut list = String::new();
    let mut fact = |name: &str, html: &str| {
        if !html.is_empty() {
            let _ = write!(list, "<dt>{name}</dt><dd>{html}</dd>");
        }
    };
    let code = |text: &str| format!("<code>{}</code>", escape(text));
    fact("Who stands behind it", said.reach.words());
    if let Some(basis) = said.basis {
        let counts = match basis.exclusion() {
            None => "what it reads stands in the accounting of disclosures",
            Some(_) => "the accounting leaves out what it reads",
        };
        fact("Gets what it reads as", &format!("{}; {counts}", basis.words()));
        fact("Where they are", &escape(&said.address));
    }
    fact("Shows that it is itself by", proof(&said.proof));
    if let Proof::KeysAt(address) = &said.proof {
        fact("Its public keys are at", &code(address));
    }
    fact("May ask for", &code(&said.scopes));
    fact("Sends people back to", &said.redirects.iter().map(|to| code(to)).collect::<Vec<_>>().join("<br>"));
    fact("Opened from charts at", &said.launch.as_deref().map(code).unwrap_or_default());
    if let Some(account) = &said.acts_as {
        let who = at.shared.vault.who(account)?.name;
        let purpose = said.purpose.map(|purpose| format!(", for {}", purpose.words())).unwrap_or_default();
        fact("By itself it acts as", &format!("{}{purpose}", escape(&who)));
    }
    fact("Its tokens last", &said.token_seconds.map(|seconds| format!("{seconds} seconds")).unwrap_or_default());
    Ok(list)
}

fn proof(proof: &Proof) -> &'static str {
    match proof {
        Proof::Public => "nothing but PKCE: a public app",
        Proof::Secret(_) => "a secret",
        Proof::Keys(_) => "a private key; its public keys are registered",
        Proof::KeysAt(_) => "a private key; its public keys are fetched",
    }
}

/// `POST /apps`: the review of one.
pub fn review(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, Deed::Administer, |at| {
        let review = match at.text("do") {
            "approve" => Review::Approved,
            "suspend" => Review::Suspended,
            _ => return Err(Refusal::new(Kind::Invalid, "invalid", "an app is approved or suspended").into()),
        };
        shared.vault.review_app(&at.seat.visit, at.text("client"), review)?;
        Ok(see_other("/apps"))
    })
}
