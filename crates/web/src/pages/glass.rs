//! The glasses that were broken, and what a privacy officer found about each.

use super::frame::{At, link, seated, table};
use super::{escape, words};
use crate::answer::Outcome;
use crate::server::Shared;
use crate::sign_in::html::field;
use crate::sign_in::{Asked, see_other};
use base::refusal::{Kind, Refusal};
use vault::Error;
use vault::access::audit::Deed;
use vault::access::glass::Glass;

/// Most that are shown of those that were reviewed.
const REVIEWED_SHOWN: usize = 50;

/// `GET /glass`: what waits for review first.
pub fn list(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, Deed::ReadAudit, |at| {
        let all = shared.vault.glasses(&at.seat.visit)?;
        let (done, waiting): (Vec<&Glass>, Vec<&Glass>) = all.iter().partition(|glass| glass.reviewed.is_some());
        let rows = |glasses: &[&Glass]| glasses.iter().map(|glass| row(at, glass)).collect::<Result<Vec<_>, Error>>();
        let heads = ["When", "Who", "Patient", "Reason", "Review"];
        let queue = match rows(&waiting)? {
            rows if rows.is_empty() => "<p>None: everything has been reviewed.</p>".to_owned(),
            rows => table(&heads, rows),
        };
        let before = match rows(&done[..done.len().min(REVIEWED_SHOWN)])? {
            rows if rows.is_empty() => String::new(),
            rows => format!("<h2>Reviewed</h2>{}", table(&heads, rows)),
        };
        let body = format!(
            "<h1>Broken glass</h1><p>Physicians and nurses opened these charts in an emergency, without the usual \
             permission. The patient reads the reason too.</p><h2>Waiting for review: {}</h2>{queue}{before}",
            waiting.len()
        );
        Ok(at.page("Broken glass", &body))
    })
}

fn row(at: &At<'_>, glass: &Glass) -> Result<Vec<String>, Error> {
    let account = at.shared.vault.account(&glass.account)?;
    let name = account.as_ref().map_or("", |account| account.name.as_str());
    let login = account.as_ref().map_or("", |account| account.login.as_str());
    let seen = link("/audit", &[("patient", &glass.patient), ("login", login)]);
    let is_open = at.shared.vault.clock().now() < glass.until;
    let open = if is_open { "<br><span class=\"mark due\">open now</span>" } else { "" };
    let review = match &glass.reviewed {
        Some((by, finding)) => {
            let by = at.shared.vault.who(by)?.name;
            format!("{}<br><small>{}</small>", escape(finding), escape(&by))
        }
        None if glass.account == at.seat.account.id => "Somebody else has to review it.".to_owned(),
        None => review_form(at, glass),
    };
    Ok(vec![
        format!("{}{open}", words::time(glass.from)),
        escape(name),
        at.person(&glass.patient),
        format!("{}<br><a href=\"{seen}\">What was seen</a>", escape(&glass.reason)),
        review,
    ])
}

fn review_form(at: &At<'_>, glass: &Glass) -> String {
    let id = escape(&glass.id);
    format!(
        "<form method=\"post\" action=\"/glass\">{}{}<label for=\"f-{id}\">What you found</label>\
         <textarea id=\"f-{id}\" name=\"finding\" required></textarea><button>Reviewed</button></form>",
        at.sign(),
        field("id", &glass.id)
    )
}

/// `POST /glass`: the review of one.
pub fn review(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, Deed::Operation, |at| {
        if at.text("finding").is_empty() {
            return Err(Refusal::new(Kind::Invalid, "required", "say what you found").into());
        }
        shared.vault.review_glass(&at.seat.visit, at.text("id"), at.text("finding"))?;
        Ok(see_other("/glass"))
    })
}
