//! Programs of others, for whoever runs the installation: what each may ask for, and whether it may act at all.

use super::escape;
use super::frame::{At, seated};
use crate::answer::Outcome;
use crate::server::Shared;
use crate::sign_in::html::field;
use crate::sign_in::{Asked, see_other};
use base::refusal::{Kind, Refusal};
use vault::access::Role;
use vault::access::apps::{App, Proof, Review};
use vault::access::audit::Deed;

/// `GET /apps`.
pub fn list(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, Deed::Read, |at| {
        if !at.seat.account.roles.contains(Role::Technologist) {
            let message = "the directory of apps is kept by technologists; your own apps are at /smart/apps";
            return Err(Refusal::new(Kind::Forbidden, "forbidden", message).into());
        }
        let apps = shared.vault.apps()?;
        let all: String = apps.iter().map(|app| item(at, app)).collect();
        let all = if all.is_empty() { "<p>None is registered.</p>".to_owned() } else { all };
        let body = format!(
            "<h1>App directory</h1><p>Programs of others. One that is approved may ask people for their agreement, and sees \
             no more than they do. Suspending one ends all it holds, at once. Apps are registered at the server with \
             <code>chartroom app register</code>.</p>{all}"
        );
        Ok(at.page("App directory", &body))
    })
}

fn item(at: &At<'_>, app: &App) -> String {
    let said = &app.registration;
    let (mark, deed, words) = match app.review {
        Review::Pending => ("<span class=\"mark due\">waits for review</span>", "approve", "Approve"),
        Review::Approved => ("<span class=\"mark good\">approved</span>", "suspend", "Suspend"),
        Review::Suspended => ("<span class=\"mark bad\">suspended</span>", "approve", "Approve again"),
    };
    let plain = if deed == "suspend" { " class=\"plain\"" } else { "" };
    let sends: String = said.redirects.iter().map(|to| format!("<dd><code>{}</code></dd>", escape(to))).collect();
    let opened =
        said.launch.as_deref().map(|at| format!("<dt>Opened from charts at</dt><dd><code>{}</code></dd>", escape(at)));
    let hidden = [at.sign(), field("client", &app.id)].concat();
    format!(
        "<h2>{} {mark}</h2><dl><dt>Client id</dt><dd><code>{}</code></dd><dt>Shows that it is itself by</dt><dd>{}</dd>\
         <dt>May ask for</dt><dd><code>{}</code></dd><dt>Sends people back to</dt>{sends}{}</dl>\
         <form method=\"post\" action=\"/apps\">{hidden}<button{plain} name=\"do\" value=\"{deed}\">{words}</button></form>",
        escape(app.name()),
        escape(&app.id),
        proof(&said.proof),
        escape(&said.scopes),
        opened.unwrap_or_default()
    )
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
