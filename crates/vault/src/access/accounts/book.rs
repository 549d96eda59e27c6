//! What is remembered of all accounts while the vault is open: read once, then kept in step with every change.

use super::Account;
use super::document::KIND;
use super::session::Session;
use super::throttle::Throttle;
use crate::error::Error;
use crate::records::Vault;
use base::clock::Instant;
use parking_lot::{Mutex, MutexGuard};
use std::collections::HashMap;
use std::sync::Arc;

/// The accounts as they are now. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Book {
    by_id: Arc<HashMap<String, Arc<Account>>>,
    by_login: Arc<HashMap<String, Arc<Account>>>,
}

impl Book {
    fn of(accounts: impl Iterator<Item = Arc<Account>>) -> Book {
        let by_id: HashMap<_, _> = accounts.map(|account| (account.id.clone(), account)).collect();
        let by_login = by_id.values().map(|account| (account.login.clone(), Arc::clone(account))).collect();
        Book { by_id: Arc::new(by_id), by_login: Arc::new(by_login) }
    }

    pub fn all(&self) -> impl Iterator<Item = &Arc<Account>> {
        self.by_id.values()
    }

    pub fn by_id(&self, id: &str) -> Option<&Arc<Account>> {
        self.by_id.get(id)
    }

    pub fn by_login(&self, login: &str) -> Option<&Arc<Account>> {
        self.by_login.get(login)
    }
}

/// Sessions known to be active, at most, before those that slept long are forgotten.
const LIVE_MAX: usize = 10_000;

/// A session that idleness ends, as it was last seen.
pub(crate) struct Live {
    pub account: String,
    pub last: Instant,
    pub until: Instant,
    pub idle_ms: i64,
}

/// Where the book lies, and what is known of sessions and tries since the vault was opened.
#[derive(Default)]
pub(crate) struct Accounts {
    book: Mutex<Option<Book>>,
    turn: Mutex<()>,
    live: Mutex<HashMap<String, Live>>,
    pub throttle: Throttle,
}

impl Accounts {
    /// Held from reading an account until its change is durable.
    pub fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock()
    }

    /// An account was written.
    pub fn remember(&self, account: &Arc<Account>) {
        let mut book = self.book.lock();
        let Some(known) = book.take() else { return };
        let others = known.all().filter(|other| other.id != account.id).cloned();
        *book = Some(Book::of(others.chain([Arc::clone(account)])));
    }

    /// A session was used.
    pub fn touch(&self, session: &Session, now: Instant) {
        let Some(idle_ms) = session.idle_ms else { return };
        let mut live = self.live.lock();
        if live.len() > LIVE_MAX {
            live.retain(|_, one| !one.has_slept(one.idle_ms, now));
        }
        let one = Live { account: session.account.clone(), last: now, until: session.until, idle_ms };
        live.insert(session.id.clone(), one);
    }

    /// Whether a session's owner has been active lately; if so, this is activity. What is not known to be active was idle
    /// since it began: a restart of the server revives nobody.
    pub fn is_awake(&self, session: &Session, now: Instant) -> bool {
        let awake = self.was_awake(session, now);
        if awake {
            self.touch(session, now);
        }
        awake
    }

    /// The same, asked by somebody else: no activity.
    pub fn was_awake(&self, session: &Session, now: Instant) -> bool {
        let Some(idle_ms) = session.idle_ms else { return true };
        let last = self.live.lock().get(&session.id).map_or(session.issued, |one| one.last);
        now.0 - last.0 <= idle_ms
    }

    /// A session is over.
    pub fn asleep(&self, session: &str) {
        self.live.lock().remove(session);
    }

    /// The active sessions of an account, the one used longest ago first: id, and when it ends by itself.
    pub fn live_of(&self, account: &str, now: Instant) -> Vec<(String, Instant)> {
        let live = self.live.lock();
        let mut of: Vec<_> =
            live.iter().filter(|(_, one)| one.account == account && !one.has_slept(one.idle_ms, now)).collect();
        of.sort_by_key(|(_, one)| one.last);
        of.into_iter().map(|(id, one)| (id.clone(), one.until)).collect()
    }

    /// It is not known what was written: read again.
    pub fn forget(&self) {
        *self.book.lock() = None;
    }
}

impl Vault {
    /// All accounts as they are now.
    pub(crate) fn account_book(&self) -> Result<Book, Error> {
        let mut book = self.inner.store.gate.accounts.book.lock();
        if let Some(book) = &*book {
            return Ok(book.clone());
        }
        let documents = self.documents(KIND)?;
        let read = Book::of(documents.iter().filter_map(Account::read).map(Arc::new));
        *book = Some(read.clone());
        Ok(read)
    }
}
