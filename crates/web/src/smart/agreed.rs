//! What somebody lets apps do: a list, and the end of it at a press of a button.

use super::{Place, form_of};
use crate::answer::Outcome;
use crate::pages::frame::ways;
use crate::pages::words;
use crate::server::Shared;
use crate::sign_in::Asked;
use crate::sign_in::html::{escape, field, page as html_page};
use crate::sign_in::seat::{Seat, seated};
use crate::sign_in::see_other;
use axum::http::StatusCode;
use vault::Error;
use vault::access::apps::Grant;

/// `GET`.
pub fn page(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, |seat| {
        let grants = shared.vault.grants(&seat.visit, &seat.account.id)?;
        let lines = grants.iter().map(|grant| line(shared, &seat, grant)).collect::<Result<String, Error>>()?;
        let lines = if lines.is_empty() { "<p>None: you have let no app act for you.</p>".to_owned() } else { lines };
        let ways = ways(shared, &seat, "");
        let body = format!("{ways}<h1>Apps</h1><p>Programs of others that act in your name.</p>{lines}");
        Ok(html_page(shared, StatusCode::OK, "Apps", Some(&seat), &body))
    })
}

fn line(shared: &Shared, seat: &Seat, grant: &Grant) -> Result<String, Error> {
    let app = shared.vault.app(&grant.agreed.client)?;
    let name = app.map_or_else(|| grant.agreed.client.clone(), |app| app.name().to_owned());
    let hidden = [field("csrf", &seat.sign(shared)), field("grant", &grant.id)].concat();
    Ok(format!(
        "<h2>{}</h2><p>Since {}. It may: <code>{}</code></p>\
         <form method=\"post\" action=\"{}\">{hidden}<button>End it</button></form>",
        escape(&name),
        words::day(grant.since),
        escape(&grant.agreed.scopes.to_string()),
        Place::Agreed.path()
    ))
}

/// `POST`: ends one; all its tokens are void.
pub fn end(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, |seat| {
        let form = form_of(asked)?;
        form.check(shared, &seat.session.id)?;
        shared.vault.end_grant(&seat.visit, &seat.account.id, form.text("grant"))?;
        Ok(see_other(Place::Agreed.path()))
    })
}
