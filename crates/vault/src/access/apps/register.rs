//! The directory of apps: registering, reviewing, ending.

use super::document::KIND;
use super::{App, Book, Proof, Registration, Review, hash_of};
use crate::access::accounts::Session;
use crate::access::{Action, Class, Role, Visit};
use crate::error::Error;
use crate::keys::root::hex;
use crate::records::{Expect, Vault};
use base::clock::Instant;
use base::id::Ids;
use base::refusal::{Kind, Refusal};
use std::sync::Arc;

impl Vault {
    /// Registers an app; it waits for review. With `id` it gets that client id, if nobody has it. Answers a secret where
    /// the app is to have one: it is told only now.
    pub fn register_app(
        &self,
        visit: &Visit,
        id: Option<&str>,
        mut registration: Registration,
    ) -> Result<(Arc<App>, Option<String>), Error> {
        require_operator(visit)?;
        let _turn = self.inner.store.gate.apps.turn();
        let id = id.map_or_else(|| self.fresh_id(), str::to_owned);
        if id.is_empty() || id.len() > 64 || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b)) {
            let message = "a client id is 1 to 64 letters, digits, hyphens and dots; choose such a one, or none";
            return Err(Refusal::new(Kind::Invalid, "invalid", message).into());
        }
        if self.app(&id)?.is_some() {
            return Err(Refusal::new(Kind::Conflict, "duplicate", "an app has this client id; choose another").into());
        }
        let secret = matches!(registration.proof, Proof::Secret(_)).then(fresh_secret);
        if let Some(secret) = &secret {
            registration.proof = Proof::Secret(hash_of(&id, secret));
        }
        let app = App { id, registration, review: Review::Pending, tokens_from: Instant(0), version: 0 };
        Ok((self.keep_app(visit, app)?, secret))
    }

    /// Decides about an app, for the operator and whoever a policy lets run the installation. Whatever it holds is void once
    /// it is not approved.
    pub fn review_app(&self, visit: &Visit, id: &str, review: Review) -> Result<Arc<App>, Error> {
        self.permit(visit, Action::Operate, Class::System, None)?;
        let now = self.clock().now();
        self.change_app(visit, id, |app| {
            if review != Review::Approved {
                app.tokens_from = Instant(now.0.max(app.tokens_from.0) + 1);
            }
            app.review = review;
            None
        })
        .map(|(app, _)| app)
    }

    /// Makes a new secret for an app that has one; the one before is void. It is told only now.
    pub fn renew_app_secret(&self, visit: &Visit, id: &str) -> Result<(Arc<App>, Option<String>), Error> {
        require_operator(visit)?;
        self.change_app(visit, id, |app| {
            let secret = matches!(app.registration.proof, Proof::Secret(_)).then(fresh_secret)?;
            app.registration.proof = Proof::Secret(hash_of(&app.id, &secret));
            Some(secret)
        })
    }

    /// The caller has found that the visit may.
    fn change_app(
        &self,
        visit: &Visit,
        id: &str,
        change: impl FnOnce(&mut App) -> Option<String>,
    ) -> Result<(Arc<App>, Option<String>), Error> {
        let _turn = self.inner.store.gate.apps.turn();
        let present = self.app(id)?.ok_or_else(no_app)?;
        let mut app = App::clone(&present);
        let secret = change(&mut app);
        let app = if app == *present { present } else { self.keep_app(visit, app)? };
        Ok((app, secret))
    }

    /// All apps, by name.
    pub fn apps(&self) -> Result<Vec<Arc<App>>, Error> {
        let mut apps: Vec<_> = self.app_book()?.values().cloned().collect();
        apps.sort_by(|a, b| (a.name(), &a.id).cmp(&(b.name(), &b.id)));
        Ok(apps)
    }

    /// The app of a client id.
    pub fn app(&self, id: &str) -> Result<Option<Arc<App>>, Error> {
        Ok(self.app_book()?.get(id).cloned())
    }

    /// Writes an app, and remembers it. The caller holds the turn.
    fn keep_app(&self, visit: &Visit, mut app: App) -> Result<Arc<App>, Error> {
        app.registration.check()?;
        if let Some(id) = &app.registration.acts_as {
            let account = self.account(id)?.filter(|account| account.roles.contains(Role::App));
            account.ok_or_else(|| {
                let message =
                    "the account that the app acts as has not the role app; make one with `account add --role app`";
                Refusal::new(Kind::Invalid, "invalid", message)
            })?;
        }
        let expect = if app.version == 0 { Expect::Absent } else { Expect::Version(app.version) };
        let kept = self.keep(visit, app.write(), expect);
        let mut book = self.inner.store.gate.apps.book.lock();
        if let Err(error) = kept {
            *book = None;
            return Err(error);
        }
        app.version += 1;
        let app = Arc::new(app);
        if let Some(book) = book.as_mut() {
            Arc::make_mut(book).insert(app.id.clone(), Arc::clone(&app));
        }
        Ok(app)
    }

    fn app_book(&self) -> Result<Arc<Book>, Error> {
        let mut book = self.inner.store.gate.apps.book.lock();
        if let Some(book) = &*book {
            return Ok(Arc::clone(book));
        }
        let apps = self.documents(KIND)?;
        let read = apps.iter().filter_map(App::read).map(|app| (app.id.clone(), Arc::new(app)));
        let read: Arc<Book> = Arc::new(read.collect());
        *book = Some(Arc::clone(&read));
        Ok(read)
    }

    /// Whether the app of a session may still act, and what its person agreed to still stands.
    pub(crate) fn app_may_act(&self, session: &Session) -> bool {
        let app = session.client.as_deref().and_then(|id| self.app(id).ok().flatten());
        let may = app.is_some_and(|app| app.is_approved() && session.issued >= app.tokens_from);
        let stands = match &session.grant {
            Some(grant) => self.grant_stands(&session.account, grant),
            None => true,
        };
        may && stands
    }
}

fn fresh_secret() -> String {
    let mut secret = [0; 32];
    Ids::System.fill(&mut secret);
    hex(&secret)
}

fn require_operator(visit: &Visit) -> Result<(), Refusal> {
    if visit.is_operator() {
        return Ok(());
    }
    let message = "apps are registered by the operator; `chartroom app` at the server does it";
    Err(Refusal::new(Kind::Forbidden, "forbidden", message))
}

fn no_app() -> Refusal {
    Refusal::new(Kind::NotFound, "not-found", "no app has this client id; `chartroom app list` prints all")
}
