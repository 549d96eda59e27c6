//! Who sits at the command line: the operating system's user, for the audit.

use std::fs;
use std::os::unix::fs::MetadataExt;

/// The user of this process, and whose `sudo` it is, if it is one.
pub fn present() -> String {
    let user = fs::metadata("/proc/self").map_or_else(|_| "an unknown user".to_owned(), |found| named(found.uid()));
    match std::env::var("SUDO_USER") {
        Ok(sudo) if !sudo.is_empty() && sudo.len() <= 64 => format!("{user} (sudo of {sudo})"),
        _ => user,
    }
}

/// The user of a number, by name where the machine knows it.
pub fn named(uid: u32) -> String {
    let known = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = known.lines().find_map(|line| {
        let mut parts = line.split(':');
        let name = parts.next()?;
        (parts.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    });
    format!("user {}", name.unwrap_or_else(|| uid.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_without_a_name_has_a_number() {
        assert_eq!(named(4_242_424_242), "user 4242424242");
        assert!(present().starts_with("user "), "{}", present());
    }
}
