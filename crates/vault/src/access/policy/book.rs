//! The policies that hold now, and what they grant, remembered.

use super::grants::Grants;
use super::text::Policies;
use crate::access::principal::{Principal, Purpose, Roles};
use crate::records::Vault;
use parking_lot::{Mutex, MutexGuard, RwLock};
use std::collections::HashMap;
use std::sync::Arc;

/// More sets of roles than any hospital has; then all are forgotten and compiled again.
const KEPT_MAX: usize = 512;

/// The policies in force with a number that grows at each change, and their grants by roles and purpose.
#[derive(Debug)]
pub struct PolicyBook {
    now: RwLock<(u64, Arc<Policies>)>,
    kept: Mutex<HashMap<(u64, Roles, Purpose), Arc<Grants>>>,
    operator: Arc<Grants>,
    turn: Mutex<()>,
}

impl PolicyBook {
    /// A book that opens with these policies.
    #[must_use]
    pub fn new(policies: Policies) -> PolicyBook {
        PolicyBook {
            now: RwLock::new((1, Arc::new(policies))),
            kept: Mutex::new(HashMap::new()),
            operator: Arc::new(Grants::operator()),
            turn: Mutex::new(()),
        }
    }

    /// Puts other policies in force, from the next request on. Returns the new number.
    pub fn replace(&self, policies: Policies) -> u64 {
        let mut now = self.now.write();
        *now = (now.0 + 1, Arc::new(policies));
        self.kept.lock().clear();
        now.0
    }

    /// Held while others are written down and put in force, one after the other.
    pub(super) fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock()
    }

    /// The number of the policies in force.
    pub fn generation(&self) -> u64 {
        self.now.read().0
    }

    /// The policies in force.
    pub fn policies(&self) -> Arc<Policies> {
        Arc::clone(&self.now.read().1)
    }

    /// What somebody is granted for a purpose.
    pub fn grants(&self, principal: &Principal, purpose: Purpose) -> Arc<Grants> {
        if principal.is_operator() {
            return Arc::clone(&self.operator);
        }
        let (generation, policies) = self.now.read().clone();
        let key = (generation, principal.roles, purpose);
        if let Some(grants) = self.kept.lock().get(&key) {
            return Arc::clone(grants);
        }
        // Compiled outside the lock: two may do the same work, and nobody waits.
        let grants = Arc::new(Grants::compile(&policies, principal.roles, purpose));
        let mut kept = self.kept.lock();
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(key, Arc::clone(&grants));
        grants
    }
}

impl Vault {
    /// Who may do what: the policies of the house, until others are put in force.
    pub fn policies(&self) -> &PolicyBook {
        &self.inner.policies
    }
}

#[cfg(test)]
mod tests {
    use super::super::question::{Action, Class};
    use super::super::text::PolicyFile;
    use super::*;
    use crate::access::principal::Role;

    #[test]
    fn a_change_of_policy_holds_at_once() {
        let book = PolicyBook::new(Policies::house().clone());
        let nurse = Principal::new("n", "N", Roles::NONE.with(Role::Nurse));
        let before = book.grants(&nurse, Purpose::Treatment);
        assert!(before.ever(Action::Read, Class::Note));
        assert!(Arc::ptr_eq(&before, &book.grants(&nurse, Purpose::Treatment)));
        let text = "@id(\"n\") @says(\"x\") @source(\"y\") forbid (principal in Role::\"nurse\", action, resource);";
        let site = PolicyFile { name: "site.cedar".to_owned(), text: text.to_owned() };
        assert_eq!(book.replace(Policies::with_site(&[site]).expect("valid")), 2);
        assert!(!book.grants(&nurse, Purpose::Treatment).ever(Action::Read, Class::Note));
        assert!(
            book.grants(&Principal::operator(), Purpose::SystemAdministration).ever(Action::Operate, Class::System)
        );
    }
}
