//! What is remembered of all accounts while the vault is open: read once, then kept in step with every change.

use super::Account;
use super::document::KIND;
use crate::error::Error;
use crate::records::Vault;
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

/// Where the book lies.
#[derive(Default)]
pub(crate) struct Accounts {
    book: Mutex<Option<Book>>,
    turn: Mutex<()>,
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
