//! Accounts: made, changed and ended by the operator, and in force from the next request on.

use base::clock::Clock;
use base::id::Ids;
use std::path::Path;
use vault::access::audit::Deed;
use vault::access::{Context, Profile, Purpose, Role, Roles, Terms, Visit};
use vault::records::{KeySource, Scope};
use vault::{Options, Position, Vault};

fn open(dir: &Path) -> Vault {
    let clock = Clock::manual(base::clock::Instant(1_700_000_000_000));
    Vault::open(Options { dir: dir.to_owned(), key: KeySource::Beside, clock, ids: Ids::seeded(1), labels: None })
        .expect("open")
}

fn profile(login: &str, role: Role) -> Profile {
    Profile { login: login.to_owned(), name: login.to_uppercase(), roles: Roles::NONE.with(role), ..Profile::default() }
}

fn operator() -> Visit {
    Visit::operator().asking(Context::new(Deed::Administer, "account"))
}

#[test]
fn an_account_is_kept_found_and_hidden_from_the_record() {
    let dir = tempfile::tempdir().expect("a folder");
    let vault = open(dir.path());
    let kim = vault.create_account(&operator(), profile("Kim", Role::Physician)).expect("made");
    let lee = vault.create_account(&operator(), profile("lee", Role::Nurse)).expect("made");
    let changed = vault.change_account(&operator(), &lee.id, |account| {
        account.units = vec!["Location/icu".to_owned()];
        Ok(())
    });
    assert_eq!(changed.expect("changed").units, ["Location/icu"]);
    let check = |vault: &Vault| {
        assert_eq!(vault.account_of_login(" KIM").expect("read").expect("found").id, kim.id);
        let logins: Vec<_> = vault.accounts().expect("read").iter().map(|a| a.login.clone()).collect();
        assert_eq!(logins, ["kim", "lee"]);
        let found = vault.account(&lee.id).expect("read").expect("found");
        assert_eq!(found.principal().units, ["Location/icu"]);
        let visit = Visit::operator();
        assert!(vault.read(&visit, "x-account", &kim.id, None).expect("read").is_none());
        assert!(vault.vread(&visit, "x-account", &kim.id, 1).expect("read").is_none());
        assert!((0..vault.head().0).all(|p| vault.at(&visit, Position(p)).expect("read").is_none()));
        for scope in [Scope::System, Scope::Type("x-account".to_owned())] {
            assert!(vault.history(&visit, &scope, vault.head(), None, 100).expect("read").is_empty());
        }
    };
    check(&vault);
    drop(vault);
    check(&open(dir.path()));
}

#[test]
fn what_is_no_account_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let vault = open(dir.path());
    let kim = vault.create_account(&operator(), profile("kim", Role::Physician)).expect("made");
    let good = || profile("lee", Role::Nurse);
    let cases = [
        Profile { login: "KIM".to_owned(), ..good() },
        Profile { login: String::new(), ..good() },
        Profile { login: "-lee".to_owned(), ..good() },
        Profile { login: "le e".to_owned(), ..good() },
        Profile { login: "l".repeat(101), ..good() },
        Profile { name: " ".to_owned(), ..good() },
        Profile { name: "a\nb".to_owned(), ..good() },
        Profile { roles: Roles::NONE, ..good() },
        Profile { stands_for: vec!["Observation/1".to_owned()], ..good() },
        Profile { stands_for: vec!["Patient".to_owned()], ..good() },
        Profile { units: vec!["Practitioner/1".to_owned()], ..good() },
    ];
    for case in cases {
        assert!(vault.create_account(&operator(), case.clone()).is_err(), "{case:?}");
    }
    assert_eq!(vault.accounts().expect("read").len(), 1);
    assert!(vault.deactivate_account(&operator(), "nobody").is_err());
    let ended = vault.deactivate_account(&operator(), &kim.id).expect("ended");
    assert!(!ended.is_active && ended.tokens_from > kim.tokens_from);
}

#[test]
fn nobody_without_a_password_gives_themselves_another_way_in() {
    let dir = tempfile::tempdir().expect("a folder");
    let vault = open(dir.path());
    let kim = vault.create_account(&operator(), profile("kim", Role::Physician)).expect("made");
    let (token, _) = vault.issue_session(&kim, Terms::new(Purpose::Treatment, 60_000)).expect("a session");
    let visit = vault.sign_in(&token).expect("signed in");
    assert!(vault.set_password(&visit, &kim.id, "", "correct horse battery").is_err());
    vault.set_password(&operator(), &kim.id, "", "correct horse battery").expect("by the operator");
}
