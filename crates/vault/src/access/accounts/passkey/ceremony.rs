//! What a browser sends when somebody shows a passkey, and when it is believed (Web Authentication Level 2, sections 7.1 and
//! 7.2). Pure: challenge and place are arguments.
//!
//! No attestation is asked for, so that nothing but the connection vouches for a new key; browsers hand it over as
//! SubjectPublicKeyInfo (section 5.2.1.1), and no CBOR is read here.

use super::{Algorithm, Passkey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest;
use aws_lc_rs::signature::{ParsedPublicKey, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fhir::json::Json;

/// Longest id of a credential (section 4).
const ID_BYTES_MAX: usize = 1_023;

/// More than any browser sends of any part.
const PART_BYTES_MAX: usize = 16 << 10;

/// The flags of authenticator data (section 6.1; backup by Level 3).
const PRESENT: u8 = 0x01;
const VERIFIED: u8 = 0x04;
const MAY_BACK_UP: u8 = 0x08;
const BACKED_UP: u8 = 0x10;
const HAS_CREDENTIAL: u8 = 0x40;

/// Where passkeys are shown: they are good for no other place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The relying party's id: the host.
    pub host: String,
    /// Scheme, host and port.
    pub origin: String,
}

/// What a ceremony is bound to.
#[derive(Clone, Copy)]
pub struct Bound<'a> {
    /// Where it is held.
    pub place: &'a Place,
    /// The challenge that was given out, in base64url.
    pub challenge: &'a str,
    /// Uses the challenge up, once all else is right; `false` where it was used before.
    pub use_up: &'a dyn Fn() -> bool,
}

/// A new passkey, as the browser hands it over.
#[derive(Clone, Debug)]
pub struct Offered {
    /// `rawId`.
    pub id: Vec<u8>,
    /// `clientDataJSON`.
    pub client: Vec<u8>,
    /// `getAuthenticatorData()`.
    pub authenticator: Vec<u8>,
    /// `getPublicKey()`: SubjectPublicKeyInfo in DER.
    pub key: Vec<u8>,
    /// `getPublicKeyAlgorithm()`, by its COSE number.
    pub algorithm: i32,
}

/// A passkey that is shown.
#[derive(Clone, Debug)]
pub struct Shown {
    /// `rawId`.
    pub id: Vec<u8>,
    /// `clientDataJSON`.
    pub client: Vec<u8>,
    /// `authenticatorData`.
    pub authenticator: Vec<u8>,
    /// `signature`.
    pub signature: Vec<u8>,
    /// `userHandle`: the account's id.
    pub owner: Vec<u8>,
}

/// What an authenticator says.
struct Said {
    flags: u8,
    counter: u32,
}

/// Registers a passkey. Says why not.
pub fn register(offered: &Offered, bound: Bound<'_>) -> Result<Passkey, &'static str> {
    check_client(&offered.client, "webauthn.create", bound)?;
    let said = authenticator(&offered.authenticator, bound.place)?;
    let id = offered.authenticator.get(55..).and_then(|rest| rest.get(..offered.id.len()));
    let length = offered.authenticator.get(53..55).map(|two| usize::from(two[0]) << 8 | usize::from(two[1]));
    let is_named = said.flags & HAS_CREDENTIAL != 0 && length == Some(offered.id.len()) && id == Some(&offered.id[..]);
    if !is_named || offered.id.is_empty() || offered.id.len() > ID_BYTES_MAX {
        return Err("the passkey's id is not the one of its authenticator");
    }
    let algorithm = Algorithm::of(offered.algorithm).ok_or("the passkey's key is none of ES256, RS256 and EdDSA")?;
    if offered.key.len() > PART_BYTES_MAX || ParsedPublicKey::new(algorithm.verification(), &offered.key).is_err() {
        return Err("the passkey's key cannot be read");
    }
    Ok(Passkey {
        id: URL_SAFE_NO_PAD.encode(&offered.id),
        key: offered.key.clone(),
        algorithm,
        counter: said.counter,
        may_back_up: said.flags & MAY_BACK_UP != 0,
        is_backed_up: said.flags & BACKED_UP != 0,
        ..Passkey::default()
    })
}

/// Checks a passkey that is shown, and keeps what its authenticator counts. Says why it is not believed.
pub fn show(passkey: &mut Passkey, shown: &Shown, bound: Bound<'_>) -> Result<(), &'static str> {
    check_client(&shown.client, "webauthn.get", bound)?;
    let said = authenticator(&shown.authenticator, bound.place)?;
    let hash = digest::digest(&digest::SHA256, &shown.client);
    let signed = [&shown.authenticator, hash.as_ref()].concat();
    let key = UnparsedPublicKey::new(passkey.algorithm.verification(), &passkey.key);
    key.verify(&signed, &shown.signature).map_err(|_| "the passkey's signature is wrong")?;
    if (said.flags & MAY_BACK_UP != 0) != passkey.may_back_up {
        return Err("the passkey says of itself what it did not say before");
    }
    // Section 7.2, step 21: two devices that count for themselves have the same key.
    if (said.counter > 0 || passkey.counter > 0) && said.counter <= passkey.counter {
        return Err("the passkey was shown before with a later count: it may have been copied");
    }
    passkey.counter = said.counter;
    passkey.is_backed_up = said.flags & BACKED_UP != 0;
    Ok(())
}

fn check_client(text: &[u8], kind: &str, bound: Bound<'_>) -> Result<(), &'static str> {
    let client = Some(text).filter(|text| text.len() <= PART_BYTES_MAX).and_then(|text| Json::parse(text).ok());
    let client = client.ok_or("what the browser says of itself is no JSON")?;
    if client.text("type") != Some(kind) {
        return Err("the browser did something else with the passkey");
    }
    let challenge = client.text("challenge").unwrap_or_default();
    if verify_slices_are_equal(challenge.as_bytes(), bound.challenge.as_bytes()).is_err() {
        return Err("the challenge is not the one that was given out");
    }
    let is_crossed = client.get("crossOrigin").and_then(Json::as_bool) == Some(true);
    if client.text("origin") != Some(&bound.place.origin) || is_crossed {
        return Err("the passkey was shown at another site");
    }
    Ok(())
}

fn authenticator(says: &[u8], place: &Place) -> Result<Said, &'static str> {
    let (host, rest) = says.split_at_checked(32).ok_or("the authenticator says too little")?;
    let [flags, a, b, c, d, ..] = *rest else { return Err("the authenticator says too little") };
    if says.len() > PART_BYTES_MAX || digest::digest(&digest::SHA256, place.host.as_bytes()).as_ref() != host {
        return Err("the passkey is for another host");
    }
    // Whoever only touches a stolen device has one factor: the device must know its owner.
    if flags & PRESENT == 0 || flags & VERIFIED == 0 {
        return Err("the device did not make sure who holds it; set up its PIN or fingerprint");
    }
    if flags & BACKED_UP != 0 && flags & MAY_BACK_UP == 0 {
        return Err("the authenticator contradicts itself");
    }
    Ok(Said { flags, counter: u32::from_be_bytes([a, b, c, d]) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};

    const CHALLENGE: &str = "Y2hhbGxlbmdl";

    fn place() -> Place {
        Place { host: "localhost".to_owned(), origin: "http://localhost:8080".to_owned() }
    }

    fn client(kind: &str) -> Vec<u8> {
        let origin = place().origin;
        format!(r#"{{"type":"{kind}","challenge":"{CHALLENGE}","origin":"{origin}","crossOrigin":false}}"#).into_bytes()
    }

    fn authenticator_says(host: &str, flags: u8, counter: u32, id: &[u8]) -> Vec<u8> {
        let mut says = digest::digest(&digest::SHA256, host.as_bytes()).as_ref().to_vec();
        says.push(flags);
        says.extend(counter.to_be_bytes());
        if flags & HAS_CREDENTIAL != 0 {
            says.extend([0; 16]);
            says.extend(u16::try_from(id.len()).expect("short").to_be_bytes());
            says.extend(id);
            says.extend([0xa5]);
        }
        says
    }

    fn offered(key: &EcdsaKeyPair) -> Offered {
        let der: PublicKeyX509Der<'_> = key.public_key().as_der().expect("DER");
        Offered {
            id: b"id".to_vec(),
            client: client("webauthn.create"),
            authenticator: authenticator_says("localhost", 0x45, 0, b"id"),
            key: der.as_ref().to_vec(),
            algorithm: -7,
        }
    }

    fn fresh() -> EcdsaKeyPair {
        EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key")
    }

    fn shown(key: &EcdsaKeyPair, client: Vec<u8>, authenticator: Vec<u8>) -> Shown {
        let hash = digest::digest(&digest::SHA256, &client);
        let signed = [&authenticator[..], hash.as_ref()].concat();
        let signature = key.sign(&SystemRandom::new(), &signed).expect("signed").as_ref().to_vec();
        Shown { id: b"id".to_vec(), client, authenticator, signature, owner: b"a".to_vec() }
    }

    #[test]
    fn a_passkey_is_registered_only_as_it_was_asked_for() {
        let (key, place) = (fresh(), place());
        let bound = Bound { place: &place, challenge: CHALLENGE, use_up: &|| true };
        let good = offered(&key);
        let passkey = register(&good, bound).expect("registered");
        assert_eq!((passkey.id.as_str(), passkey.may_back_up, passkey.counter), ("aWQ", false, 0));
        let with_flags = |flags| authenticator_says("localhost", flags, 0, b"id");
        let replaced = |from: &str, to: &str| {
            let text = String::from_utf8(client("webauthn.create")).expect("UTF-8");
            assert!(text.contains(from));
            text.replace(from, to).into_bytes()
        };
        for (name, wrong) in [
            ("another deed", Offered { client: client("webauthn.get"), ..good.clone() }),
            ("another challenge", Offered { client: replaced(CHALLENGE, "eA"), ..good.clone() }),
            ("another port", Offered { client: replaced(":8080", ":8081"), ..good.clone() }),
            ("another site", Offered { client: replaced("localhost", "localhost.evil"), ..good.clone() }),
            ("a frame", Offered { client: replaced("false", "true"), ..good.clone() }),
            ("no JSON", Offered { client: b"{".to_vec(), ..good.clone() }),
            ("another host", Offered { authenticator: authenticator_says("evil", 0x45, 0, b"id"), ..good.clone() }),
            ("nobody verified", Offered { authenticator: with_flags(0x41), ..good.clone() }),
            ("nobody present", Offered { authenticator: with_flags(0x44), ..good.clone() }),
            ("no credential", Offered { authenticator: with_flags(0x05), ..good.clone() }),
            ("backed up, and cannot be", Offered { authenticator: with_flags(0x55), ..good.clone() }),
            ("too little", Offered { authenticator: vec![0; 36], ..good.clone() }),
            ("nothing", Offered { authenticator: Vec::new(), ..good.clone() }),
            ("another id", Offered { id: b"di".to_vec(), ..good.clone() }),
            ("a longer id", Offered { id: b"id\xa5".to_vec(), ..good.clone() }),
            ("no id", Offered { id: Vec::new(), ..good.clone() }),
            ("another algorithm", Offered { algorithm: -257, ..good.clone() }),
            ("an unknown algorithm", Offered { algorithm: -37, ..good.clone() }),
            ("no key", Offered { key: vec![1; 91], ..good.clone() }),
        ] {
            assert!(register(&wrong, bound).is_err(), "{name}");
        }
    }

    #[test]
    fn a_passkey_that_is_shown_is_the_one_that_was_registered() {
        let (key, place) = (fresh(), place());
        let bound = Bound { place: &place, challenge: CHALLENGE, use_up: &|| true };
        let passkey = register(&offered(&key), bound).expect("registered");
        let says = |flags, counter| authenticator_says("localhost", flags, counter, b"");
        let get = || client("webauthn.get");
        let mut own = passkey.clone();
        for (counter, good) in [(0, true), (0, true), (1, true), (1, false), (0, false), (7, true)] {
            assert_eq!(show(&mut own, &shown(&key, get(), says(0x05, counter)), bound).is_ok(), good, "{counter}");
        }
        assert_eq!(own.counter, 7);
        let mut altered = shown(&key, get(), says(0x05, 1));
        altered.authenticator[36] = 2;
        let others = fresh();
        for (name, wrong) in [
            ("another key", shown(&others, get(), says(0x05, 1))),
            ("altered", altered),
            ("another deed", shown(&key, client("webauthn.create"), says(0x05, 1))),
            ("nobody verified", shown(&key, get(), says(0x01, 1))),
            ("can be backed up now", shown(&key, get(), says(0x0d, 1))),
            ("no signature", Shown { signature: Vec::new(), ..shown(&key, get(), says(0x05, 1)) }),
        ] {
            assert!(show(&mut passkey.clone(), &wrong, bound).is_err(), "{name}");
        }
        let elsewhere = Bound { place: &place, challenge: "eA", use_up: &|| true };
        assert!(show(&mut passkey.clone(), &shown(&key, get(), says(0x05, 1)), elsewhere).is_err());
    }
}
