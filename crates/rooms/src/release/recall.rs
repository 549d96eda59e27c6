//! Who received something that was changed since: when a record is amended or withdrawn, they are told.

use super::case::Case;
use vault::access::Visit;
use vault::{Error, Vault};

/// One resource that somebody has in an older version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recall {
    /// The request under which it went.
    pub request: String,
    /// The id of the patient.
    pub patient: String,
    /// Who has it.
    pub recipient: String,
    /// When it went.
    pub on: base::day::Day,
    /// `Type/id`.
    pub about: String,
    /// The version that went.
    pub sent: u64,
    /// The version that stands now.
    pub now: u64,
    /// Whether it was deleted or marked as entered in error.
    pub is_withdrawn: bool,
}

/// Everything that went out and was changed since; `patient`: of one.
pub fn recalls(vault: &Vault, visit: &Visit, patient: Option<&str>) -> Result<Vec<Recall>, Error> {
    let mut all = Vec::new();
    for case in Case::all(vault, visit)? {
        let Some(delivered) = &case.state.delivered else { continue };
        if patient.is_some_and(|patient| patient != case.request.patient) {
            continue;
        }
        for sent in &delivered.versions {
            let Some((about, sent)) = sent.split_once("/_history/") else { continue };
            let (Some((kind, id)), Ok(sent)) = (about.split_once('/'), sent.parse::<u64>()) else { continue };
            let Some(now) = vault.read(visit, kind, id, None)?.filter(|now| now.version > sent) else { continue };
            let status = fhir::json::Json::parse(&now.body).ok();
            let status = status.as_ref().and_then(|json| json.text("status").or_else(|| json.text("docStatus")));
            all.push(Recall {
                request: case.request.id.clone(),
                patient: case.request.patient.clone(),
                recipient: delivered.recipient.clone(),
                on: delivered.on,
                about: about.to_owned(),
                sent,
                now: now.version,
                is_withdrawn: now.deleted || status == Some("entered-in-error"),
            });
        }
    }
    Ok(all)
}
