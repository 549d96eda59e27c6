//! Deeds about amendments, by the operator.

use super::desk::{DeskDeed, json_line};
use base::refusal::{Kind, Refusal};
use fhir::json::Json;
use rooms::rights::case::Case;
use rooms::rights::operations::{stands, told};
use rooms::rights::work;
use vault::access::Visit;
use vault::access::disclosures::reading::Words;
use vault::{Error, Vault};

pub(super) const WHATS: [&str; 4] = ["note", "show", "step", "answer"];

pub(super) fn act(deed: &DeskDeed, vault: &Vault, visit: &Visit) -> Result<String, Error> {
    let words = deed.words.as_slice();
    match deed.what.as_str() {
        "note" => work::take_in(vault, visit, words).map(|request| format!("{}\n", request.id)),
        "show" => {
            let case = Case::find(vault, visit, &deed.id)?;
            let untold = case.untold(vault, visit)?;
            Ok(json_line(&Json::object([("request", told(&case.request)), ("state", stands(&case, &untold))])))
        }
        "step" => {
            let step = words.one("step").unwrap_or_default();
            work::step(vault, visit, &deed.id, step, words).map(|done| format!("{}\n", done.says.trim_end()))
        }
        "answer" => {
            work::answer_back(vault, visit, &deed.id, words).map(|_| "Noted. next: link it to the entry\n".to_owned())
        }
        _ => Err(Refusal::new(Kind::Invalid, "invalid", "this is nothing that is done about amendments").into()),
    }
}
