//! Apps' public keys: from the registration, or from the address it names.

use super::statement;
use super::{Place, form_of};
use crate::egress::Reach;
use crate::server::Shared;
use crate::sign_in::Asked;
use base::refusal::{Kind, Refusal};
use std::sync::Arc;
use vault::access::apps::{App, Proof};

/// The set that was fetched for a request.
pub struct Fetched {
    app: Arc<App>,
    set: Result<String, &'static str>,
}

impl Fetched {
    /// The set, for the app that it was fetched for.
    pub fn keys(&self, app: &App) -> Result<String, Refusal> {
        if self.app.id != app.id {
            return Err(super::client::unknown("the app's keys were not fetched"));
        }
        let message = |why: &str| format!("the app's keys cannot be fetched: {why}");
        self.set.clone().map_err(|why| Refusal::new(Kind::Unauthenticated, "invalid_client", message(why)))
    }
}

/// Fetches what a request needs, if it carries a statement of an app whose keys stand at an address.
pub async fn fetch_for(shared: &Shared, place: Place, asked: &Asked) -> Option<Fetched> {
    if !matches!(place, Place::Token | Place::Introspect | Place::Revoke) {
        return None;
    }
    let form = form_of(asked).ok()?;
    let text = form.text("client_assertion");
    let app = shared.vault.app(&statement::name(text)?).ok().flatten().filter(|app| app.is_approved())?;
    let Proof::KeysAt(address) = &app.registration.proof else { return None };
    let wanted = statement::key_name(text)?;
    let reach = Reach::of_others(&shared.settings);
    let set = shared.smart.keys.set(&reach, shared.vault.clock(), address, Some(&wanted)).await;
    Some(Fetched { app, set })
}
