//! "Why can('t) I see this?", as a page.

use super::escape;
use super::frame::{line, seated};
use crate::answer::Outcome;
use crate::server::Shared;
use crate::sign_in::Asked;
use vault::access::audit::Deed;

/// `GET /why?about=TYPE/ID`.
pub fn page(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, Deed::Operation, |at| {
        let about = at.text("about");
        let said = match about.split_once('/') {
            None => String::new(),
            Some((kind, id)) => {
                let why = shared.vault.why(&at.seat.visit, kind, id)?;
                let mark = match why.permitted {
                    true => "<span class=\"mark good\">You may see it</span>",
                    false => "<span class=\"mark due\">You may not see it</span>",
                };
                let lines: String = why.text.lines().map(|line| format!("<li>{}</li>", escape(line))).collect();
                format!("<h2>{}</h2><p>{mark}</p><ul>{lines}</ul>", escape(about))
            }
        };
        let body = format!(
            "<h1>Why can or can’t I see this?</h1><form method=\"get\" action=\"/why\">{}<button>Ask</button></form>{said}",
            line(
                "about",
                "What, as Patient/17 or Observation/9",
                about,
                "autocomplete=\"off\" spellcheck=\"false\" required"
            )
        );
        Ok(at.page("Why", &body))
    })
}
