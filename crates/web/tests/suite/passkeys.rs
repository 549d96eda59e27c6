//! Passkeys: signing in with one, and every way to sign in with somebody else's.

use crate::browser::{Browser, field, location};
use crate::clients::{told_by, with_npm};
use crate::house::{Answer, House};
use crate::stage::{START, operator};
use aws_lc_rs::digest;
use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base::clock::Clock;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use std::sync::Arc;
use vault::access::passkey::{Bound, Offered, Place};
use vault::access::{Account, Profile, Role, Roles};

const PASSWORD: &str = "correct horse battery";

/// A house that has a name, as passkeys need it.
fn house(clock: Clock) -> House {
    House::at(clock, |settings| settings.public_url = settings.public_url.replace("127.0.0.1", "localhost"))
}

/// Somebody with a password and a second factor.
fn account(house: &House, login: &str) -> (Arc<Account>, Vec<String>) {
    let (login, name, roles) = (login.to_owned(), login.to_uppercase(), Roles::NONE.with(Role::Physician));
    let profile = Profile { login, name, roles, ..Profile::default() };
    let made = house.vault.create_account(&operator(), profile).unwrap();
    house.vault.set_password(&operator(), &made.id, "", PASSWORD).unwrap();
    let (_, codes) = house.vault.give_second_factor(&operator(), &made.id).unwrap();
    (house.vault.account(&made.id).unwrap().unwrap(), codes)
}

fn code(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A device with one key, as honest as a test needs it.
struct Device {
    key: EcdsaKeyPair,
    owner: String,
    origin: String,
    flags: u8,
    counter: u32,
}

impl Device {
    fn new(house: &House, owner: &Account) -> Device {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let origin = format!("http://localhost:{}", house.address.port());
        Device { key, owner: owner.id.clone(), origin, flags: 0x05, counter: 1 }
    }

    fn client(&self, kind: &str, page: &Answer) -> String {
        let challenge = page.text().split("data-challenge=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        json!({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": false}).to_string()
    }

    fn says(&self, is_new: bool) -> Vec<u8> {
        let mut says = digest::digest(&digest::SHA256, b"localhost").as_ref().to_vec();
        says.push(self.flags | if is_new { 0x40 } else { 0 });
        says.extend(self.counter.to_be_bytes());
        if is_new {
            says.extend([0; 16]);
            says.extend([0, 4]);
            says.extend(b"id-1");
        }
        says
    }

    /// What a page's form says of a new key.
    fn added(&self, page: &Answer) -> Vec<(&'static str, String)> {
        let key: PublicKeyX509Der<'_> = self.key.public_key().as_der().unwrap();
        vec![
            ("sealed", field(page, "sealed").unwrap()),
            ("id", code("id-1")),
            ("client", code(self.client("webauthn.create", page))),
            ("authenticator", code(self.says(true))),
            ("key", code(key.as_ref())),
            ("algorithm", "-7".to_owned()),
            ("name", "Laptop".to_owned()),
            ("present", PASSWORD.to_owned()),
        ]
    }

    /// What a page's form says when the key is shown.
    fn shown(&self, page: &Answer) -> Vec<(&'static str, String)> {
        let (client, says) = (self.client("webauthn.get", page), self.says(false));
        let hash = digest::digest(&digest::SHA256, client.as_bytes());
        let signature = self.key.sign(&SystemRandom::new(), &[&says[..], hash.as_ref()].concat()).unwrap();
        vec![
            ("sealed", field(page, "sealed").unwrap()),
            ("id", code("id-1")),
            ("client", code(&client)),
            ("authenticator", code(&says)),
            ("signature", code(signature.as_ref())),
            ("owner", code(&self.owner)),
        ]
    }
}

fn send(browser: &mut Browser<'_>, path: &str, fields: &[(&'static str, String)]) -> Answer {
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    browser.post(path, &fields)
}

/// Somebody who came in with password and code, and added the device's key.
fn with_key<'h>(house: &'h House, kim: &Account, recovery: &str, device: &Device) -> Browser<'h> {
    let mut browser = Browser::new(house);
    browser.get("/sign-in");
    let fields = [("login", kim.login.as_str()), ("password", PASSWORD), ("code", recovery)];
    assert_eq!(location(&browser.post("/sign-in", &fields)), Some("/account"));
    let page = browser.get("/account/passkeys");
    let added = send(&mut browser, "/account/passkeys", &device.added(&page));
    assert_eq!(location(&added), Some("/account/passkeys"));
    browser
}

/// Signs in with what `fields` makes of the page.
fn come(house: &House, fields: impl FnOnce(&Answer) -> Vec<(&'static str, String)>) -> Answer {
    let mut browser = Browser::new(house);
    let page = browser.get("/sign-in");
    send(&mut browser, "/sign-in/passkey", &fields(&page))
}

#[test]
fn a_passkey_signs_its_owner_in_until_it_is_taken_away() {
    let clock = Clock::manual(START);
    let house = house(clock.clone());
    let (kim, codes) = account(&house, "kim");
    let mut device = Device::new(&house, &kim);
    let mut first = with_key(&house, &kim, &codes[0], &device);
    let page = Browser::new(&house).get("/sign-in");
    let policy = page.header("content-security-policy").unwrap();
    let script = format!("; script-src http://localhost:{}/passkey.js", house.address.port());
    assert!(policy.ends_with(&script) && !policy.contains("unsafe"), "{policy}");
    let own = house.bare("GET", "/passkey.js", &[], b"");
    assert_eq!((own.status, own.header("content-type")), (200, Some("text/javascript; charset=utf-8")));
    device.counter = 2;
    assert_eq!(location(&come(&house, |page| device.shown(page))), Some("/account"));
    // It counts as two factors: no code is asked for, and what was set up stays as it was.
    assert_eq!(house.vault.account(&kim.id).unwrap().unwrap().recovery_codes_left(), 9);
    let listed = first.get("/account/passkeys");
    assert!(
        listed.text().contains("<strong>Laptop</strong>: added on 2026-09-21, used on 2026-09-21"),
        "{}",
        listed.text()
    );
    let passkey = field(&listed, "passkey").unwrap();
    let mut other = Browser::new(&house);
    device.counter = 3;
    let page = other.get("/sign-in");
    send(&mut other, "/sign-in/passkey", &device.shown(&page));
    assert_eq!(other.get("/account").status, 200);
    assert_eq!(location(&first.post("/account/passkeys/remove", &[("passkey", &passkey)])), Some("/account/passkeys"));
    assert_eq!((first.get("/account").status, other.get("/account").status), (200, 303));
    device.counter = 4;
    assert_eq!(come(&house, |page| device.shown(page)).status, 401);
}

/// What is wrong with a device.
type Forgery<'a> = (&'static str, &'a dyn Fn(&mut Device));

#[test]
fn a_passkey_of_somebody_else_or_of_elsewhere_signs_nobody_in() {
    let clock = Clock::manual(START);
    let house = house(clock.clone());
    let (kim, codes) = account(&house, "kim");
    let (lee, _) = account(&house, "lee");
    let device = Device::new(&house, &kim);
    with_key(&house, &kim, &codes[0], &device);
    let next = |change: &dyn Fn(&mut Device)| {
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, device.key.to_pkcs8v1().unwrap().as_ref());
        let mut next =
            Device { key: key.unwrap(), owner: kim.id.clone(), origin: device.origin.clone(), flags: 5, counter: 2 };
        change(&mut next);
        next
    };
    let forged: [Forgery<'_>; 7] = [
        ("another key", &|one| one.key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap()),
        ("another owner", &|one| one.owner = lee.id.clone()),
        ("no owner", &|one| one.owner = String::new()),
        ("another site", &|one| one.origin = "https://localhost.evil.example".to_owned()),
        ("unverified", &|one| one.flags = 0x01),
        ("backed up since", &|one| one.flags = 0x1d),
        ("counted before", &|one| one.counter = 1),
    ];
    for (name, change) in forged {
        clock.advance(60_000);
        let before = house.vault.head().0;
        let answer = come(&house, |page| next(change).shown(page));
        assert_eq!(answer.status, 401, "{name}: {}", answer.text());
        assert!(!answer.headers("set-cookie").any(|cookie| cookie.starts_with("chartroom=")), "{name}");
        assert_eq!(house.vault.head().0, before + 1, "{name}: one entry of the audit");
    }
    let unknown = |page: &Answer| {
        let mut fields = next(&|_| {}).shown(page);
        fields[1].1 = code("id-2");
        fields
    };
    assert_eq!(come(&house, unknown).status, 401);
    assert_eq!(come(&house, |page| vec![("sealed", field(page, "sealed").unwrap())]).status, 401);
    // A challenge is for the browser that was given it, counts once, and not for long.
    let mut browser = Browser::new(&house);
    let page = browser.get("/sign-in");
    let fields = next(&|_| {}).shown(&page);
    let mut stranger = Browser::new(&house);
    stranger.get("/sign-in");
    assert_eq!(send(&mut stranger, "/sign-in/passkey", &fields).status, 403);
    let cookies = browser.cookies.clone();
    let sign = browser.sign.clone();
    assert_eq!(location(&send(&mut browser, "/sign-in/passkey", &fields)), Some("/account"));
    (browser.cookies, browser.sign) = (cookies, sign);
    assert_eq!(send(&mut browser, "/sign-in/passkey", &fields).status, 403);
    let late = come(&house, |page| {
        clock.advance(10 * 60_000 + 1);
        next(&|one| one.counter = 9).shown(page)
    });
    assert_eq!(late.status, 403);
    house.vault.deactivate_account(&operator(), &kim.id).unwrap();
    assert_eq!(come(&house, |page| next(&|one| one.counter = 9).shown(page)).status, 401);
}

#[test]
fn a_passkey_is_added_by_its_owner_who_knows_the_password() {
    let house = house(Clock::manual(START));
    let (kim, codes) = account(&house, "kim");
    let device = Device::new(&house, &kim);
    let mut browser = with_key(&house, &kim, &codes[0], &device);
    let changed = |page: &Answer, name: &str, value: &str| {
        let mut fields = device.added(page);
        fields.iter_mut().filter(|(known, _)| *known == name).for_each(|(_, old)| *old = value.to_owned());
        fields
    };
    for (name, value, status) in [
        ("present", "wrong", 422),
        ("name", "", 422),
        ("sealed", "AAAA", 422),
        ("id", "eA", 422),
        ("key", "AAAA", 422),
        ("algorithm", "-37", 422),
        ("client", "AAAA", 422),
        // The one that is there already.
        ("name", "Laptop", 409),
    ] {
        let page = browser.get("/account/passkeys");
        let answer = send(&mut browser, "/account/passkeys", &changed(&page, name, value));
        assert_eq!(answer.status, status, "{name}: {}", answer.text());
    }
    for path in ["/account/passkeys", "/account/passkeys/remove"] {
        assert_eq!(browser.post_as(path, &[("csrf", "00"), ("passkey", "aWQtMQ")], &[]).status, 403);
    }
    assert_eq!(house.vault.account(&kim.id).unwrap().unwrap().passkeys().len(), 1);
    // A server without a name offers none.
    let nameless = House::open();
    assert!(!Browser::new(&nameless).get("/sign-in").text().contains("passkey"));
}

#[test]
fn a_challenge_is_used_up_by_whoever_shows_the_key_and_by_nobody_else() {
    let house = house(Clock::manual(START));
    let (kim, codes) = account(&house, "kim");
    let mut device = Device::new(&house, &kim);
    with_key(&house, &kim, &codes[0], &device);
    device.counter += 1;
    let mut browser = Browser::new(&house);
    let page = browser.get("/sign-in");
    let mut forged = device.shown(&page);
    let good = forged.clone();
    let signature = forged.iter_mut().find(|(name, _)| *name == "signature").unwrap();
    signature.1 = code("none");
    assert_eq!(send(&mut browser, "/sign-in/passkey", &forged).status, 401);
    // The sign of the form stands in the page before.
    browser.sign = field(&page, "csrf").unwrap();
    assert_eq!(send(&mut browser, "/sign-in/passkey", &good).status, 303);
    assert_eq!(send(&mut browser, "/sign-in/passkey", &good).status, 403);
}

#[test]
fn two_people_who_add_one_passkey_at_once_do_not_both_have_it() {
    let house = house(Clock::manual(START));
    let people = ["kim", "lee"].map(|login| account(&house, login).0);
    let device = Device::new(&house, &people[0]);
    let key: PublicKeyX509Der<'_> = device.key.public_key().as_der().unwrap();
    let client = json!({"type": "webauthn.create", "challenge": "eA", "origin": device.origin, "crossOrigin": false});
    let offered = Offered {
        id: b"id-1".to_vec(),
        client: client.to_string().into_bytes(),
        authenticator: device.says(true),
        key: key.as_ref().to_vec(),
        algorithm: -7,
    };
    let place = Place { host: "localhost".to_owned(), origin: device.origin.clone() };
    for round in 0..30 {
        let together = std::sync::Barrier::new(2);
        let add = |person: &Account| {
            together.wait();
            let bound = Bound { place: &place, challenge: "eA", use_up: &|| true };
            house.vault.add_passkey(&operator(), &person.id, "", "Laptop", &offered, bound).is_ok()
        };
        let added = std::thread::scope(|scope| {
            let both = people.each_ref().map(|person| scope.spawn(|| add(person)));
            both.map(|one| one.join().unwrap())
        });
        assert_eq!(added.iter().filter(|added| **added).count(), 1, "round {round}");
        for (person, added) in people.iter().zip(added) {
            if added {
                house.vault.remove_passkey(&operator(), &person.id, None).unwrap();
            }
        }
    }
}

#[test]
fn a_real_browser_adds_shows_and_removes_a_passkey() {
    let Some(modules) = with_npm("npm", "fhirclient@2.6.3") else { return };
    let house = House::with(|settings| {
        settings.public_url = settings.public_url.replace("127.0.0.1", "localhost");
        settings.second_factor = false;
    });
    let profile = Profile {
        login: "kim".to_owned(),
        name: "Kim".to_owned(),
        roles: Roles::NONE.with(Role::Physician),
        ..Profile::default()
    };
    let kim = house.vault.create_account(&operator(), profile).unwrap();
    house.vault.set_password(&operator(), &kim.id, "", PASSWORD).unwrap();
    let server = format!("http://localhost:{}", house.address.port());
    let told = told_by("passkey.mjs", &modules, &[&server, "kim", PASSWORD]);
    let [told] = &told[..] else { panic!("{told:?}") };
    for (name, wanted) in [
        ("listed", json!("Laptop <b>")),
        ("resident", json!([true])),
        ("entered", json!("/home")),
        ("used", json!(true)),
        ("unverified", json!("/sign-in")),
        ("left", json!(0)),
        ("end", json!("/sign-in/passkey")),
        ("violations", json!([])),
    ] {
        assert_eq!(told[name], wanted, "{told}");
    }
    assert!(told["refused"].as_str().unwrap().contains("The passkey is none of an active account here"), "{told}");
}
