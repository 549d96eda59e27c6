//! The second factor: time-based one-time passwords (RFC 6238: HMAC-SHA-1, 30 seconds, six digits, as every authenticator
//! app has them), and recovery codes for whoever lost the app.

use super::Totp;
use crate::keys::root::hex;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::{digest, hmac};
use base::clock::Instant;
use base::id::Ids;

const STEP_MS: i64 = 30_000;

/// Steps a clock may be off, either way (RFC 6238 section 5.2).
const DRIFT: u64 = 1;

/// Bytes of a secret: as long as the hash (RFC 4226 section 4, R6).
const SECRET_BYTES: usize = 20;

/// Recovery codes that are given out together.
pub(crate) const CODES: usize = 10;

/// Bytes of a recovery code: 80 bits cannot be guessed.
const CODE_BYTES: usize = 10;

impl Totp {
    /// A fresh secret.
    pub fn fresh() -> Totp {
        let mut secret = vec![0; SECRET_BYTES];
        Ids::System.fill(&mut secret);
        Totp { secret, last_step: 0 }
    }

    /// The time step whose code this is, if it is one that may be used now: near enough, and later than the last one used.
    pub fn step_of(&self, typed: &str, now: Instant) -> Option<u64> {
        let present = u64::try_from(now.0 / STEP_MS).ok()?;
        let typed: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
        let steps = present.saturating_sub(DRIFT)..=present + DRIFT;
        let is_code =
            |step: &u64| verify_slices_are_equal(code(&self.secret, *step).as_bytes(), typed.as_bytes()).is_ok();
        // All are computed, so that the time says nothing about which one it was.
        let matching: Vec<u64> = steps.filter(is_code).collect();
        matching.into_iter().rfind(|step| *step > self.last_step)
    }

    /// The secret as people type it into an app: base32 (RFC 4648 section 6).
    pub fn text(&self) -> String {
        base32(&self.secret)
    }

    /// The address that a QR code shows to an app.
    pub fn address(&self, login: &str) -> String {
        let login = login.replace('@', "%40").replace('+', "%2B");
        format!("otpauth://totp/Chartroom:{login}?secret={}&issuer=Chartroom", self.text())
    }
}

/// The code of a time step (RFC 4226 section 5.3).
pub(crate) fn code(secret: &[u8], step: u64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag.last().copied().unwrap_or(0) & 15);
    let picked = tag.get(offset..offset + 4).unwrap_or(&[0; 4]);
    let number = picked.iter().fold(0u32, |n, byte| n << 8 | u32::from(*byte)) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

/// Fresh recovery codes.
pub(crate) fn fresh_codes() -> Vec<String> {
    let fresh = |_| {
        let mut bytes = [0; CODE_BYTES];
        Ids::System.fill(&mut bytes);
        let text = base32(&bytes).to_lowercase();
        [&text[..4], &text[4..8], &text[8..12], &text[12..]].join("-")
    };
    (0..CODES).map(fresh).collect()
}

/// What is kept of a recovery code. It is long and random, so that a plain hash suffices.
pub(crate) fn hash_code(account: &str, typed: &str) -> String {
    let letters = typed.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    hex(digest::digest(&digest::SHA256, format!("{account} {letters}").as_bytes()).as_ref())
}

fn base32(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let letter = |group: u8| char::from(LETTERS[usize::from(group & 31)]);
    let mut out = String::with_capacity(bytes.len().div_ceil(5) * 8);
    for chunk in bytes.chunks(5) {
        let bits = chunk.iter().fold(0u64, |bits, byte| bits << 8 | u64::from(*byte)) << (8 * (5 - chunk.len()));
        let letters = (chunk.len() * 8).div_ceil(5);
        out.extend((0..letters).map(|i| letter((bits >> (35 - 5 * i) & 31) as u8)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_standard() {
        let secret = b"12345678901234567890";
        // RFC 6238 appendix B, SHA-1, the last six of eight digits.
        for (seconds, digits) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code(secret, seconds / 30), digits, "{seconds}");
        }
        assert_eq!(base32(b"foobar"), "MZXW6YTBOI");
        assert_eq!(base32(secret), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    }

    #[test]
    fn a_code_counts_once_and_near_its_time() {
        let mut totp = Totp { secret: b"12345678901234567890".to_vec(), last_step: 0 };
        let now = Instant(1_111_111_111_000);
        let step = 1_111_111_111 / 30;
        assert_eq!(totp.step_of("050 471", now), Some(step));
        assert_eq!(totp.step_of("050471", Instant(now.0 + STEP_MS)), Some(step));
        assert_eq!(totp.step_of("050471", Instant(now.0 + 2 * STEP_MS)), None);
        assert_eq!(totp.step_of("050472", now), None);
        assert_eq!(totp.step_of("", now), None);
        totp.last_step = step;
        assert_eq!(totp.step_of("050471", now), None);
    }

    #[test]
    fn recovery_codes_are_different_and_belong_to_one_account() {
        let codes = fresh_codes();
        assert!(codes.iter().all(|code| code.len() == 19), "{codes:?}");
        assert_eq!(codes.iter().collect::<std::collections::HashSet<_>>().len(), CODES);
        let (code, spaced) = (&codes[0], codes[0].replace('-', " ").to_uppercase());
        assert_eq!(hash_code("a", code), hash_code("a", &spaced));
        assert_ne!(hash_code("a", code), hash_code("b", code));
    }
}
