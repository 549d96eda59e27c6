//! Coming in, staying, and being put out: every way a session ends ends it at the next request.

use base::clock::{Clock, Instant};
use base::id::Ids;
use base::refusal::Kind;
use std::path::Path;
use std::sync::Arc;
use vault::access::audit::Deed;
use vault::access::{
    Account, Attempt, Context, Identity, Profile, Purpose, Role, Roles, SignedIn, Terms, Visit, Vouched, Welcome,
};
use vault::records::KeySource;
use vault::{Error, Options, Vault};

const PASSWORD: &str = "correct horse battery";
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

struct House {
    dir: tempfile::TempDir,
    clock: Clock,
    vault: Vault,
    kim: Arc<Account>,
}

impl House {
    fn open() -> House {
        let dir = tempfile::tempdir().expect("a folder");
        let clock = Clock::manual(Instant(1_700_000_000_000));
        let vault = open(dir.path(), &clock);
        let roles = Roles::NONE.with(Role::Physician);
        let profile = Profile { login: "kim".to_owned(), name: "Dr Kim".to_owned(), roles, ..Profile::default() };
        let kim = vault.create_account(&operator(), profile).expect("made");
        let kim = vault.set_password(&operator(), &kim.id, "", PASSWORD).expect("set");
        House { dir, clock, vault, kim }
    }

    fn reopen(self) -> House {
        let House { dir, clock, vault, kim } = self;
        drop(vault);
        let vault = open(dir.path(), &clock);
        House { dir, clock, vault, kim }
    }

    fn enter(&self, login: &str, password: &str, code: &str) -> Result<SignedIn, Error> {
        self.enter_from("10.0.0.1", None, login, password, code)
    }

    fn enter_from(
        &self,
        from: &str,
        device: Option<&str>,
        login: &str,
        password: &str,
        code: &str,
    ) -> Result<SignedIn, Error> {
        let context = Context { from: from.to_owned(), ..Context::new(Deed::SignIn, "POST sign-in") };
        let terms = |_: &Account| Terms { idle_ms: Some(15 * MINUTE), ..Terms::new(Purpose::Treatment, 12 * HOUR) };
        self.vault.sign_in_with(&Attempt { login, password, code, device, only: &[] }, context, terms)
    }

    fn kim_enters(&self) -> SignedIn {
        self.enter("kim", PASSWORD, "").expect("signed in")
    }

    fn is_in(&self, token: &str) -> bool {
        self.vault.sign_in(token).is_some()
    }
}

fn open(dir: &Path, clock: &Clock) -> Vault {
    let options = Options {
        dir: dir.to_owned(),
        key: KeySource::Beside,
        clock: clock.clone(),
        ids: Ids::seeded(1),
        labels: None,
    };
    Vault::open(options).expect("open")
}

fn operator() -> Visit {
    Visit::operator().asking(Context::new(Deed::Administer, "account"))
}

fn kind(result: Result<SignedIn, Error>) -> Option<Kind> {
    match result {
        Err(Error::Refusal(refusal)) => Some(refusal.kind),
        _ => None,
    }
}

#[test]
fn who_signs_in_visits_as_the_account() {
    let house = House::open();
    let entered = house.enter(" KIM ", PASSWORD, "").expect("signed in");
    let visit = house.vault.sign_in(&entered.token).expect("good");
    assert_eq!((visit.principal().account.as_str(), visit.purpose()), (house.kim.id.as_str(), Purpose::Treatment));
    assert!(!visit.is_operator() && visit.principal().roles.contains(Role::Physician));
    assert!(!format!("{visit:?}").contains(PASSWORD));
    assert_ne!(house.kim_enters().session.id, entered.session.id);
}

#[test]
fn whatever_is_wrong_the_answer_is_the_same() {
    let house = House::open();
    let lee = Profile { login: "lee".to_owned(), name: "Lee".to_owned(), roles: house.kim.roles, ..Profile::default() };
    let lee = house.vault.create_account(&operator(), lee).expect("made");
    let mut said = Vec::new();
    for (login, password) in
        [("kim", "wrong"), ("nobody", PASSWORD), ("", ""), ("lee", ""), ("kim", &"x".repeat(5_000))]
    {
        said.push(house.enter(login, password, "").expect_err(login).to_string());
    }
    house.vault.set_password(&operator(), &lee.id, "", PASSWORD).expect("set");
    house.vault.deactivate_account(&operator(), &lee.id).expect("ended");
    said.push(house.enter("lee", PASSWORD, "").expect_err("not active").to_string());
    said.dedup();
    assert_eq!(said.len(), 1, "{said:?}");
}

#[test]
fn a_session_ends_in_every_way_at_the_next_request() {
    type Ending = fn(&House, &SignedIn);
    let endings: [(&str, Ending); 9] = [
        ("its time", |house, entered| {
            for _ in 0..72 {
                house.clock.advance(10 * MINUTE);
                house.is_in(&entered.token);
            }
        }),
        ("idleness", |house, _| house.clock.advance(15 * MINUTE + 1)),
        ("signing out", |house, entered| {
            let visit = entered.visit.asking(Context::new(Deed::SignOut, "POST sign-out"));
            house.vault.end_session(&visit, &entered.session).expect("ended");
        }),
        ("signing out everywhere", |house, entered| {
            drop(house.vault.sign_out_everywhere(&entered.visit, &house.kim.id).expect("ended"));
        }),
        ("the operator", |house, _| {
            drop(house.vault.sign_out_everywhere(&operator(), &house.kim.id).expect("ended"));
        }),
        ("deactivation", |house, _| drop(house.vault.deactivate_account(&operator(), &house.kim.id).expect("ended"))),
        ("another role", |house, _| {
            let change = |account: &mut Account| {
                account.roles = Roles::NONE.with(Role::Biller);
                Ok(())
            };
            drop(house.vault.change_account(&operator(), &house.kim.id, change).expect("changed"));
        }),
        ("a new password", |house, _| {
            drop(house.vault.set_password(&operator(), &house.kim.id, "", "another horse battery").expect("set"));
        }),
        ("another root key", |house, _| {
            drop(house.vault.rotate_root_key(&operator(), &KeySource::Beside).expect("rotated"));
        }),
    ];
    for (name, end) in endings {
        let house = House::open();
        let entered = house.kim_enters();
        house.clock.advance(MINUTE);
        assert!(house.is_in(&entered.token), "{name}");
        end(&house, &entered);
        assert!(!house.is_in(&entered.token), "{name}");
        let house = house.reopen();
        assert!(!house.is_in(&entered.token), "{name}, after a restart");
    }
}

#[test]
fn a_session_outlives_other_ends_and_restarts() {
    let house = House::open();
    let (first, second) = (house.kim_enters(), house.kim_enters());
    house.vault.end_session(&first.visit, &first.session).expect("ended");
    assert!(house.is_in(&second.token) && !house.is_in(&first.token));
    let house = house.reopen();
    assert!(house.is_in(&second.token) && !house.is_in(&first.token));
    for _ in 0..10 {
        house.clock.advance(14 * MINUTE);
        assert!(house.is_in(&second.token));
    }
    // What the server has forgotten counts as idle since it began.
    assert!(!house.reopen().is_in(&second.token));
}

#[test]
fn one_session_too_many_ends_the_one_used_longest_ago() {
    let house = House::open();
    let mut entered = Vec::new();
    for _ in 0..12 {
        house.clock.advance(1_000);
        entered.push(house.kim_enters());
    }
    let good: Vec<bool> = entered.iter().map(|one| house.is_in(&one.token)).collect();
    assert_eq!(good, [[false; 2].as_slice(), &[true; 10]].concat());
}

#[test]
fn nobody_ends_or_changes_what_is_anothers() {
    let house = House::open();
    let lee = Profile { login: "lee".to_owned(), name: "Lee".to_owned(), roles: house.kim.roles, ..Profile::default() };
    let lee = house.vault.create_account(&operator(), lee).expect("made");
    let kim = house.kim_enters();
    assert!(house.vault.sign_out_everywhere(&kim.visit, &lee.id).is_err());
    assert!(house.vault.deactivate_account(&kim.visit, &lee.id).is_err());
    assert!(house.vault.deactivate_account(&kim.visit, &house.kim.id).is_err());
    assert!(house.vault.set_password(&kim.visit, &lee.id, "", "another horse battery").is_err());
    assert!(house.vault.set_password(&kim.visit, &house.kim.id, "wrong", "another horse battery").is_err());
    assert!(house.vault.create_account(&kim.visit, Profile::default()).is_err());
    assert!(house.vault.propose_second_factor(&kim.visit, &lee.id).is_err());
    assert!(house.vault.set_password(&kim.visit, &house.kim.id, PASSWORD, "another horse battery").is_ok());
}

#[test]
fn a_second_factor_counts_once_and_recovery_codes_too() {
    let house = House::open();
    let kim = house.kim_enters();
    let proposal = house.vault.propose_second_factor(&kim.visit, &house.kim.id).expect("proposed");
    let confirm =
        |code: &str| house.vault.confirm_second_factor(&kim.visit, &house.kim.id, PASSWORD, &proposal.sealed, code);
    assert!(confirm("000000").is_err());
    let codes = confirm(&totp(&proposal.text, &house.clock)).expect("in force");
    assert_eq!(codes.len(), 10);
    assert_eq!(kind(house.enter("kim", PASSWORD, "")), Some(Kind::Unauthenticated));
    // The code that confirmed it is used up.
    assert!(house.enter("kim", PASSWORD, &totp(&proposal.text, &house.clock)).is_err());
    house.clock.advance(30_000);
    let code = totp(&proposal.text, &house.clock);
    assert!(house.enter("kim", "wrong", &code).is_err());
    assert!(house.enter("kim", PASSWORD, &code).is_ok());
    house.clock.advance(MINUTE);
    let house = house.reopen();
    assert!(house.enter("kim", PASSWORD, &code).is_err());
    assert!(house.enter("kim", PASSWORD, &codes[3].to_uppercase()).is_ok());
    assert!(house.enter("kim", PASSWORD, &codes[3]).is_err());
    assert_eq!(house.vault.account(&house.kim.id).expect("read").expect("there").recovery_codes_left(), 9);
    house.vault.drop_second_factor(&operator(), &house.kim.id).expect("gone");
    house.clock.advance(HOUR);
    assert!(house.enter("kim", PASSWORD, "").is_ok());
}

#[test]
fn strangers_who_guess_wait_and_the_owner_comes_in() {
    let house = House::open();
    let device = house.kim_enters().device;
    for i in 0..40 {
        let from = format!("10.2.0.{i}");
        let no = kind(house.enter_from(&from, None, "kim", "wrong guess", ""));
        assert_eq!(no, Some(if i < 20 { Kind::Unauthenticated } else { Kind::Unavailable }), "{i}");
    }
    assert_eq!(kind(house.enter_from("10.9.9.9", None, "kim", PASSWORD, "")), Some(Kind::Unavailable));
    assert!(house.enter_from("10.9.9.9", Some(&device), "kim", PASSWORD, "").is_ok());
    assert_eq!(kind(house.enter_from("10.9.9.9", Some("forged"), "kim", PASSWORD, "")), Some(Kind::Unavailable));
    house.clock.advance(10_000);
    assert!(house.enter_from("10.9.9.9", None, "kim", PASSWORD, "").is_ok());
}

#[test]
fn codes_after_the_right_password_are_counted_wherever_they_come_from() {
    let house = House::open();
    let (proposal, _) = house.vault.give_second_factor(&operator(), &house.kim.id).expect("given");
    house.clock.advance(MINUTE);
    let enter = |code: &str| house.enter_from("127.0.0.1", None, "kim", PASSWORD, code);
    let wrong = enter("000000").expect_err("wrong").to_string();
    for i in 1..12 {
        assert_eq!(enter("000000").expect_err("wrong").to_string(), wrong, "{i}");
    }
    // Behind a proxy all come from here. That one has to wait is not said: it would tell that the password is right.
    let code = totp(&proposal.text, &house.clock);
    assert_eq!(enter(&code).expect_err("too soon").to_string(), wrong);
    house.clock.advance(15 * MINUTE);
    assert!(enter(&totp(&proposal.text, &house.clock)).is_ok());
    // Strangers without the password use up none of the owner's tries.
    house.clock.advance(HOUR);
    for _ in 0..12 {
        assert!(house.enter_from("127.0.0.1", None, "kim", "wrong guess", "000000").is_err());
    }
    assert!(enter(&totp(&proposal.text, &house.clock)).is_ok());
}

#[test]
fn tries_at_ones_own_account_do_not_hold_back_the_code_after_a_provider() {
    let house = House::open();
    let (proposal, _) = house.vault.give_second_factor(&operator(), &house.kim.id).expect("given");
    let identity = Identity { issuer: "https://id.example".to_owned(), subject: "7".to_owned() };
    house.vault.link_identity(&operator(), &house.kim.id, identity.clone()).expect("linked");
    house.clock.advance(MINUTE);
    let kim = house.enter("kim", PASSWORD, &totp(&proposal.text, &house.clock)).expect("signed in");
    for _ in 0..8 {
        assert!(house.vault.set_password(&kim.visit, &house.kim.id, "wrong", "another horse battery").is_err());
    }
    house.clock.advance(MINUTE);
    let code = totp(&proposal.text, &house.clock);
    let vouched = Vouched {
        provider: "hospital",
        identity,
        roles: None,
        is_strong: false,
        needs_second_factor: true,
        code: Some(&code),
    };
    let terms = |_: &Account| Terms::new(Purpose::Treatment, HOUR);
    let welcome = house.vault.sign_in_vouched(&vouched, Context::new(Deed::SignIn, "POST code"), terms);
    assert!(matches!(welcome, Ok(Welcome::In(_))), "{welcome:?}");
}

#[test]
fn who_comes_by_a_providers_word_alone_has_no_right_password() {
    let house = House::open();
    let identity = Identity { issuer: "https://id.example".to_owned(), subject: "7".to_owned() };
    house.vault.link_identity(&operator(), &house.kim.id, identity).expect("linked");
    let enter = |only: &[&str], password: &str| {
        let attempt = Attempt { login: "kim", password, code: "", device: None, only };
        let terms = |_: &Account| Terms::new(Purpose::Treatment, HOUR);
        house.vault.sign_in_with(&attempt, Context::new(Deed::SignIn, "POST sign-in"), terms)
    };
    assert!(enter(&[], PASSWORD).is_ok() && enter(&["https://other.example"], PASSWORD).is_ok());
    let [alone, wrong] =
        [PASSWORD, "wrong"].map(|word| enter(&["https://id.example"], word).expect_err("no").to_string());
    assert_eq!(alone, wrong);
}

#[test]
fn a_token_serves_only_a_purpose_of_the_roles() {
    let house = House::open();
    assert!(house.vault.issue_session(&house.kim, Terms::new(Purpose::Research, HOUR)).is_err());
    assert!(house.vault.issue_session(&house.kim, Terms::new(Purpose::BreakGlass, HOUR)).is_err());
    let (token, session) = house.vault.issue_session(&house.kim, Terms::new(Purpose::Emergency, HOUR)).expect("issued");
    // Without a bound on idleness it lasts, also across a restart.
    house.clock.advance(59 * MINUTE);
    let house = house.reopen();
    assert_eq!(house.vault.session(&token).expect("good").0, session);
    house.clock.advance(MINUTE);
    assert!(!house.is_in(&token));
}

/// The code an app shows for a secret.
fn totp(text: &str, clock: &Clock) -> String {
    use aws_lc_rs::hmac;
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bits: String = text.chars().map(|c| format!("{:05b}", letters.find(c).expect("base32"))).collect();
    let secret: Vec<u8> = bits
        .as_bytes()
        .chunks_exact(8)
        .map(|b| u8::from_str_radix(str::from_utf8(b).expect("bits"), 2).expect("bits"))
        .collect();
    let step = u64::try_from(clock.now().0 / 30_000).expect("after 1970");
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &secret), &step.to_be_bytes());
    let offset = usize::from(tag.as_ref()[19] & 15);
    let number = u32::from_be_bytes(tag.as_ref()[offset..offset + 4].try_into().expect("four")) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}
