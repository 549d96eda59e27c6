//! Breaking the glass at a page: a patient who is not in one's care is named exactly, with a reason.

use super::escape;
use super::frame::{At, address, line, seated};
use crate::answer::Outcome;
use crate::server::Shared;
use crate::sign_in::html::sentence;
use crate::sign_in::{Asked, see_other};
use axum::http::{Response, StatusCode};
use base::refusal::Kind;
use bytes::Bytes;
use vault::Error;
use vault::access::audit::Deed;
use vault::access::glass::{HOURS, Named};

/// `GET /break-glass`: the form.
pub fn form(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, Deed::Read, |at| Ok(draw(at, "")))
}

fn draw(at: &At<'_>, said: &str) -> Response<Bytes> {
    let said = if said.is_empty() { String::new() } else { format!("<p role=\"alert\">{}</p>", escape(said)) };
    let body = format!(
        "<h1>Break the glass</h1><p>For an emergency with a patient who is not in your care. It opens this one chart to you \
         for {HOURS} hours. The patient and the privacy officer read who you are and the reason you give.</p>{said}\
         <form method=\"post\" action=\"/break-glass\">{}{}<p class=\"soft\">Or, where there is no number, both of these, as \
         they stand in the record:</p><div class=\"side\">{}{}</div>\
         <label for=\"reason\">Why you must see the chart now</label>\
         <textarea id=\"reason\" name=\"reason\" required minlength=\"10\">{}</textarea>\
         <button>Break the glass</button></form>",
        at.sign(),
        line("number", "Record number", at.text("number"), "autocomplete=\"off\""),
        line("family", "Family name", at.text("family"), "autocomplete=\"off\""),
        line("born", "Day of birth", at.text("born"), "type=\"date\""),
        escape(at.text("reason"))
    );
    at.page("Break the glass", &body)
}

/// `POST /break-glass`.
pub fn break_it(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, Deed::BreakGlass, |at| {
        let named = Named { number: at.text("number"), family: at.text("family"), born: at.text("born") };
        match shared.vault.break_glass_for(&at.seat.visit, named, at.text("reason")) {
            Ok(glass) => Ok(see_other(&address("/patient", &[("id", &glass.patient)]))),
            Err(Error::Refusal(refusal)) if matches!(refusal.kind, Kind::Invalid | Kind::Unavailable) => {
                let said = refusal.findings.first().map(|finding| finding.message.as_str()).unwrap_or_default();
                let mut answer = draw(at, &sentence(said));
                *answer.status_mut() = match refusal.kind {
                    Kind::Unavailable => StatusCode::TOO_MANY_REQUESTS,
                    _ => StatusCode::UNPROCESSABLE_ENTITY,
                };
                Ok(answer)
            }
            Err(error) => Err(error),
        }
    })
}
