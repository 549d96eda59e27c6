//! The seal of an entry: whether it is what was written, and who else has seen that, in plain words with the proof to keep.

use super::{Chart, nothing};
use crate::answer::{Outcome, plain};
use crate::pages::frame::seated;
use crate::pages::{escape, words};
use crate::rest::negotiate::FHIR_JSON;
use crate::server::Shared;
use crate::sign_in::Asked;
use axum::http::{HeaderValue, Response, StatusCode, header};
use base::refusal::{Kind, Refusal};
use bytes::Bytes;
use vault::access::audit::Deed;
use vault::log::standing::Standing;
use vault::{Error, Version};

/// Witnesses are asked every minute: what is younger than this many milliseconds still waits for them.
const PENDING_MS: i64 = 120_000;

/// The badge of an entry, which opens to its words; nothing for whoever sees a part of the entry.
pub fn badge(chart: &Chart<'_>, version: &Version) -> Result<String, Error> {
    let at = chart.at;
    let Some(standing) = at.shared.vault.log_standing(&at.seat.visit, version)? else { return Ok(String::new()) };
    let age = at.shared.vault.clock().now().0 - version.updated.0;
    let waits = !at.shared.settings.witnesses.is_empty() && age < PENDING_MS;
    let (mark, words) = said(&standing, waits);
    let about = format!("{}/{}", version.resource_type, version.id);
    let number = version.version.to_string();
    let file = |name| chart.about("/entry/proof", &about, &[("version", &number), ("file", name)]);
    Ok(format!(
        "<details class=\"seal\"><summary>{mark}</summary><p>{words}</p><p><a href=\"{}\" download>The proof</a> and \
         <a href=\"{}\" download>the entry</a> can be checked anywhere, without this system, with the log’s \
         <a href=\"/log/key\">key</a> from somebody you trust: <code>python3 verify-proof.py --key log.key proof \
         entry.tlog-proof entry.json</code></p></details>",
        file("proof"),
        file("entry")
    ))
}

/// The mark, and what it means: a sign, a word and a colour each.
fn said(standing: &Standing, waits: bool) -> (&'static str, String) {
    if !standing.holds {
        let words = "This entry is not what was written, or the log does not hold it as it should. Do not rely on it. Tell whoever \
                     runs this system: they run <code>chartroom verify</code>.";
        return (FAILED, words.to_owned());
    }
    let kept = format!("It is exactly what was written, sealed in a log of {} entries", standing.size);
    match (standing.witnesses.len(), waits) {
        (0, true) => (
            "<span class=\"mark\">◔ Pending</span>",
            format!("{kept}. Witnesses are asked every minute, and will be soon."),
        ),
        (0, false) => (
            "<span class=\"mark due\">◌ Not witnessed</span>",
            format!("{kept}, which this system alone has signed. No witness outside has seen it yet."),
        ),
        (count, _) => {
            let when = standing.witnessed.map(words::moment).unwrap_or_default();
            let others = if count == 1 { "1 witness".to_owned() } else { format!("{count} witnesses") };
            let names = escape(&standing.witnesses.join(", "));
            let mark = "<span class=\"mark good\">◉ Sealed</span>";
            (mark, format!("{kept}, which {others} outside ({names}) signed too, last on {when}."))
        }
    }
}

/// What nobody relies on.
pub const FAILED: &str = "<span class=\"mark bad\">✖ FAILED</span>";

/// `GET /entry/proof?about=TYPE/ID&version=N&file=entry`: the entry as a file, to the byte; else its proof (C2SP tlog-proof).
pub fn proof(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, Deed::Operation, |at| {
        let about = at.text("about");
        let (kind, id) = about.split_once('/').ok_or_else(|| nothing(about, ""))?;
        let found = match at.text("version").parse() {
            Ok(number) => shared.vault.vread(&at.seat.visit, kind, id, number)?,
            Err(_) => shared.vault.read(&at.seat.visit, kind, id, None)?,
        };
        let version = found.ok_or_else(|| nothing(kind, id))?;
        if at.text("file") == "entry" {
            return Ok(file(crate::answer::stored(&version), FHIR_JSON, "attachment; filename=\"entry.json\""));
        }
        let proof = shared.vault.proof(&at.seat.visit, version.position)?.ok_or_else(|| {
            Refusal::new(Kind::Unavailable, "transient", "the proof cannot be made yet; try again shortly")
        })?;
        Ok(file(proof, "text/plain; charset=utf-8", "attachment; filename=\"entry.tlog-proof\""))
    })
}

fn file(body: impl Into<Bytes>, media: &'static str, name: &'static str) -> Response<Bytes> {
    let mut answer = plain(StatusCode::OK, media, body);
    answer.headers_mut().insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(name));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::clock::Instant;

    #[test]
    fn a_seal_says_what_it_is_in_sign_word_and_colour() {
        let standing = |holds, witnesses: &[&str]| Standing {
            holds,
            size: 9,
            witnesses: witnesses.iter().map(|name| (*name).to_owned()).collect(),
            witnessed: witnesses.first().map(|_| Instant(1_763_888_712_000)),
        };
        for (standing, waits, mark, words) in [
            (
                standing(true, &["<w>"]),
                true,
                "good\">◉ Sealed",
                "1 witness outside (&lt;w&gt;) signed too, last on 23 Nov 2025",
            ),
            (standing(true, &[]), true, "mark\">◔ Pending", "every minute"),
            (standing(true, &[]), false, "due\">◌ Not witnessed", "this system alone"),
            (standing(false, &["w"]), false, "bad\">✖ FAILED", "Do not rely on it"),
        ] {
            let said = said(&standing, waits);
            assert!(said.0.contains(mark) && said.1.contains(words), "{said:?}");
        }
    }
}
