//! The policies as people read them, and what an edit would change for everybody who has an account. Nothing is put in force
//! here.

use super::escape;
use super::frame::{At, seated};
use crate::answer::Outcome;
use crate::server::Shared;
use crate::sign_in::Asked;
use base::refusal::{Kind, Refusal};
use vault::Error;
use vault::access::audit::Deed;
use vault::access::policy::{Policies, PolicyFile, Said};
use vault::access::{Role, Roles};

/// Who reads them: those who review, and those who run the installation.
const READERS: Roles = Roles::NONE.with(Role::PrivacyOfficer).with(Role::Auditor).with(Role::Technologist);

/// What stands in the box before somebody types.
const EXAMPLE: &str = "@id(\"no-notes-for-coders\")\n@says(\"Coders see no notes.\")\n@source(\"hospital rule 12.4\")\nforbid (principal in Role::\"coder\", action, resource == Class::\"note\");\n";

/// Sentences shown of an edit.
const SHOWN: usize = 60;

/// `GET /policies`.
pub fn list(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, Deed::Read, |at| {
        may_read(at)?;
        Ok(at.page("Policies", &body(at, EXAMPLE, "")))
    })
}

/// `POST /policies`: says what the text would change.
pub fn simulate(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, Deed::Preview, |at| {
        may_read(at)?;
        let text = at.form.text("text").replace("\r\n", "\n");
        let file = PolicyFile { name: "edit.cedar".to_owned(), text: text.clone() };
        let said = match shared.vault.simulate_policies(&at.seat.visit, &[file]) {
            Ok(simulation) => sentences(&simulation.summary(), &simulation.sentences()),
            Err(Error::Refusal(refusal)) if refusal.kind == Kind::Invalid => {
                let wrong: String =
                    refusal.findings.iter().map(|finding| format!("<li>{}</li>", escape(&finding.message))).collect();
                format!("<div role=\"alert\"><p>The text is not right:</p><ul>{wrong}</ul></div>")
            }
            Err(error) => return Err(error),
        };
        Ok(at.page("Policies", &body(at, &text, &said)))
    })
}

fn may_read(at: &At<'_>) -> Result<(), Refusal> {
    if at.seat.account.roles.intersection(READERS).is_empty() {
        let message = "policies are read by privacy officers, auditors and technologists";
        return Err(Refusal::new(Kind::Forbidden, "forbidden", message));
    }
    Ok(())
}

/// For which roles something changes, and what.
fn sentences(summary: &[String], said: &[String]) -> String {
    if said.is_empty() {
        return "<p role=\"status\">Nothing would change for anybody who has an account.</p>".to_owned();
    }
    let lines: String = said.iter().take(SHOWN).map(|line| format!("<li>{}</li>", escape(line))).collect();
    let more = match said.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!("<li>and {more} more</li>"),
    };
    let roles: String = summary.iter().map(|line| format!("<li>{}</li>", escape(line))).collect();
    format!(
        "<div role=\"status\"><p><strong>This edit changes who may do what:</strong></p><ul>{roles}</ul><p>Each \
         change:</p><ul>{lines}{more}</ul></div>"
    )
}

fn body(at: &At<'_>, text: &str, said: &str) -> String {
    let policies = at.shared.vault.policies().policies();
    let closed: String = policies
        .misunderstood()
        .iter()
        .map(|bad| {
            format!(
                "<p role=\"alert\">No policy is in force, so that nobody sees anything: {}</p>",
                escape(&bad.to_string())
            )
        })
        .collect();
    let all: String = policies.said().map(|policy| item(&policies, policy)).collect();
    let trial =
        if at.seat.account.roles.contains(Role::PrivacyOfficer) { trial(at, text, said) } else { String::new() };
    format!(
        "<h1>Policies</h1><p>What no policy permits is refused, and a policy that forbids wins over every other. Patients’ \
         consents come on top.</p>{closed}{trial}<h2>In force</h2>{all}"
    )
}

fn trial(at: &At<'_>, text: &str, said: &str) -> String {
    format!(
        "<h2>Try an edit</h2><p>Policies of this house, all of them together, in the language Cedar. A policy with the id of \
         one below takes its place. Nothing is put in force: that is done at the server, with <code>chartroom policy \
         apply</code>.</p>{said}<form class=\"wide\" method=\"post\" action=\"/policies\">{}<label for=\"text\">Policies</label>\
         <textarea class=\"code\" id=\"text\" name=\"text\" spellcheck=\"false\" required>\n{}</textarea>\
         <button>What would it change?</button></form>",
        at.sign(),
        escape(text)
    )
}

fn item(policies: &Policies, policy: &Said) -> String {
    let whose = if policy.of_site { " <span class=\"mark\">of this house</span>" } else { "" };
    let does = if policy.forbids {
        "<span class=\"mark bad\">forbids</span>"
    } else {
        "<span class=\"mark good\">permits</span>"
    };
    let text = policies.text(&policy.id).unwrap_or_default();
    format!(
        "<details><summary>{does} {}{whose}</summary><p><small>{}</small></p><pre>{}</pre></details>",
        escape(&policy.says),
        escape(&policy.id),
        escape(text.trim())
    )
}
