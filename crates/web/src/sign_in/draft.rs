//! What was typed before a session fell asleep: a form, sealed, for the same person to send after signing in again. It says
//! whose it is, so that the server can tell drafts of its people from what strangers make up.

use super::forms::Form;
use crate::rest::links::Bookmark;
use crate::server::Shared;
use fhir::search::query::url;

/// How long a draft is good.
const KEPT_MS: i64 = 12 * 3_600_000;

const LABEL: &str = "what was typed";

/// Before the form stands whose it is.
const OWNER: &str = "owner";

/// A draft that was opened.
pub struct Draft {
    /// The account of whoever typed it.
    pub account: String,
    /// The fields, as they were typed.
    pub form: Form,
}

/// Seals what somebody has typed for a path.
pub fn keep(shared: &Shared, account: &str, path: &str, form: &Form) -> String {
    let mut query = format!("{OWNER}=");
    url::encode(account, &mut query);
    query.push('&');
    query.push_str(&form.keepable());
    let asked = shared.vault.clock().now().0;
    shared.sealer.seal(&Bookmark { at: 0, offset: 0, asked, query }, LABEL, path)
}

/// Opens what [`keep`] sealed for a path, within its time.
pub fn open(shared: &Shared, sealed: &str, path: &str) -> Option<Draft> {
    let kept = shared.sealer.open(sealed, LABEL, path).ok()?;
    let is_in_time = (0..=KEPT_MS).contains(&(shared.vault.clock().now().0 - kept.asked));
    let (owner, typed) = kept.query.split_once('&').filter(|_| is_in_time)?;
    let account = Form::read(owner.as_bytes()).ok()?.text(OWNER).to_owned();
    Some(Draft { account, form: Form::read(typed.as_bytes()).ok()? })
}
