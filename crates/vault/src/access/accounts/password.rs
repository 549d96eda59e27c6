//! Passwords: kept as Argon2id hashes (RFC 9106; OWASP's parameters: 19 MiB, two passes), checked in the same time whether
//! there is such a login or not.

use super::wrong;
use crate::error::{Error, Fault};
use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use base::id::Ids;
use base::refusal::Refusal;
use std::sync::OnceLock;

/// Fewest characters of a password (NIST SP 800-63B section 3.1.1.2 asks 15 where it stands alone, 8 beside a second factor).
pub(crate) const CHARS_MIN: usize = 12;

/// Most bytes, so that hashing stays bounded.
const BYTES_MAX: usize = 1_024;

/// The hash of a new password.
pub(crate) fn hash(password: &str) -> Result<String, Error> {
    let mut salt = [0; 16];
    Ids::System.fill(&mut salt);
    let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
    let hash = hash.map_err(|_| {
        Fault::Key("A password could not be hashed. next: end other programs, then try again.".to_owned())
    })?;
    Ok(hash.to_string())
}

/// Refuses a password that is too short, too long, or what anybody would try first.
pub fn check(password: &str, login: &str) -> Result<(), Refusal> {
    if password.chars().count() < CHARS_MIN {
        return Err(wrong("the password is shorter than 12 characters; use several words"));
    }
    if password.len() > BYTES_MAX {
        return Err(wrong("the password is longer than 1,024 bytes; use a shorter one"));
    }
    let lower = password.to_lowercase();
    let mut letters = lower.chars().collect::<Vec<_>>();
    letters.sort_unstable();
    letters.dedup();
    if lower.contains(login) || letters.len() < 5 {
        return Err(wrong("the password is easy to guess: it has the login in it, or few different characters"));
    }
    Ok(())
}

/// Whether a password is the one of a hash. Without a hash it takes as long, and is not.
pub(crate) fn holds(password: &str, hash: Option<&str>) -> bool {
    let known = hash.is_some();
    let hash = hash.unwrap_or_else(|| nobodys());
    password.len() <= BYTES_MAX && Argon2::default().verify_password(password.as_bytes(), hash).is_ok() && known
}

/// The hash of a password that nobody has.
fn nobodys() -> &'static str {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| {
        let mut secret = [0; 32];
        Ids::System.fill(&mut secret);
        hash(&crate::keys::root::hex(&secret)).unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_itself_is_good() {
        let hashed = hash("correct horse battery").expect("hashed");
        assert!(hashed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hashed}");
        assert_ne!(hashed, hash("correct horse battery").expect("hashed"));
        assert!(holds("correct horse battery", Some(&hashed)));
        for wrong in ["", "correct horse batterz", "Correct horse battery", &"x".repeat(2_000)] {
            assert!(!holds(wrong, Some(&hashed)), "{wrong}");
        }
        assert!(!holds("correct horse battery", None) && !holds("", Some("")) && !holds("", Some("$argon2id$")));
    }

    #[test]
    fn a_weak_password_is_refused() {
        for weak in
            ["", "short", "eleven char", "aaaaaaaaaaaaaa", "abababababab", "my name is KIM!!", &"x1y2z3".repeat(999)]
        {
            assert!(check(weak, "kim").is_err(), "{weak}");
        }
        assert!(check("correct horse battery", "kim").is_ok());
    }
}
