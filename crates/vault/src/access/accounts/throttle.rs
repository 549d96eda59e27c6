//! How fast passwords may be tried. Whoever tries too often waits, longer each time; nobody is ever locked out by others.
//!
//! Three things are counted, each in memory and forgotten after an hour of quiet: one login from one source, one source,
//! and one login from anywhere. A device on which the owner has signed in before is a source of its own and is not counted
//! with strangers (OWASP, device cookies): however hard strangers try, the owner comes in at once from there. From a new
//! device the owner waits [`STRANGERS_WAIT_MS`] at most.
//!
//! What only somebody can try who has shown to be an account's owner, or knows its password, is counted by account alone,
//! each sort by itself ([`Own`]): strangers do not get so far.

use base::clock::Instant;
use core::net::IpAddr;
use parking_lot::Mutex;
use std::collections::HashMap;

/// How many tries are free, and the longest wait after that.
#[derive(Clone, Copy)]
struct Rule {
    free: u32,
    wait_ms_max: i64,
    /// Whether a right try forgets those before; else it takes back itself alone.
    is_forgiving: bool,
}

/// One login from one source.
const PAIR: Rule = Rule { free: 5, wait_ms_max: 15 * 60_000, is_forgiving: true };

/// One source, whatever login: a hospital behind one address must still get in.
const SOURCE: Rule = Rule { free: 50, wait_ms_max: 5 * 60_000, is_forgiving: false };

/// One login, from anywhere but its owner's devices.
const STRANGERS: Rule = Rule { free: 20, wait_ms_max: STRANGERS_WAIT_MS, is_forgiving: false };

/// Naming people: one name that is right does not make the guesses before it good.
const NAMING: Rule = Rule { is_forgiving: false, ..PAIR };

/// The longest that strangers can make an owner wait at a new device.
pub(crate) const STRANGERS_WAIT_MS: i64 = 10_000;

/// After so long without a try it is forgotten.
const QUIET_MS: i64 = 3_600_000;

/// Beyond so many counts, those that are over are thrown out.
const COUNTS_MAX: usize = 50_000;

#[derive(Clone, Copy)]
struct Count {
    tries: u32,
    last: Instant,
    next: Instant,
}

/// Who tries what from where.
pub(crate) enum Try<'a> {
    /// Somebody types a login.
    Door {
        login: &'a str,
        /// Network address of the client.
        source: &'a str,
        /// The owner's own device, by its mark.
        device: Option<&'a str>,
    },
    /// The owner of an account, by its id, or who seems to be.
    Owner(&'a str, Own),
}

/// What an owner tries.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Own {
    /// A code after the right password.
    Code,
    /// A code after a provider's word.
    CodeAfterProvider,
    /// The present password, before something of the account is changed.
    Password,
    /// Naming a patient to break the glass.
    Glass,
}

/// What was tried so far.
#[derive(Default)]
pub(crate) struct Throttle(Mutex<HashMap<String, Count>>);

impl Throttle {
    /// Counts a try before it is made; or says how many milliseconds to wait, and counts nothing.
    pub fn begin(&self, now: Instant, of: &Try<'_>) -> Result<(), i64> {
        let mut counts = self.0.lock();
        if counts.len() > COUNTS_MAX {
            counts.retain(|_, count| now.0 - count.last.0 < QUIET_MS);
        }
        let keys = keys(of);
        let wait = keys.iter().filter_map(|(key, _)| counts.get(key)).map(|count| count.next.0 - now.0).max();
        if let Some(wait) = wait.filter(|wait| *wait > 0) {
            return Err(wait);
        }
        for (key, rule) in keys {
            let known = counts.get(&key).filter(|count| now.0 - count.last.0 < QUIET_MS);
            let tries = known.map_or(0, |count| count.tries).saturating_add(1);
            counts.insert(key, Count { tries, last: now, next: Instant(now.0 + rule.wait_ms(tries)) });
        }
        Ok(())
    }

    /// The try was right: what it counted is taken back.
    pub fn succeed(&self, of: &Try<'_>) {
        let mut counts = self.0.lock();
        for (key, rule) in keys(of) {
            if rule.is_forgiving {
                // The owner at this source begins anew.
                counts.remove(&key);
            } else if let Some(count) = counts.get_mut(&key) {
                count.tries = count.tries.saturating_sub(1);
                count.next = count.last;
            }
        }
    }
}

impl Rule {
    /// Milliseconds from the last of so many tries to the next: 1 s, 2 s, 4 s, ...
    fn wait_ms(self, tries: u32) -> i64 {
        match tries.checked_sub(self.free) {
            None => 0,
            Some(over) => (1_000 << over.min(20)).min(self.wait_ms_max),
        }
    }
}

/// What a try is counted under.
fn keys(of: &Try<'_>) -> Vec<(String, Rule)> {
    let (login, source) = match of {
        Try::Owner(account, own @ Own::Glass) => return vec![(format!("own {own:?} {account}"), NAMING)],
        Try::Owner(account, own) => return vec![(format!("own {own:?} {account}"), PAIR)],
        Try::Door { login, device: Some(device), .. } => return vec![(format!("device {device} {login}"), PAIR)],
        Try::Door { login, source, device: None } => (login, source),
    };
    let strangers = (format!("login {login}"), STRANGERS);
    // Behind a proxy on this machine everybody comes from here: counting them as one would let one stop all.
    if source.parse().is_ok_and(|address: IpAddr| address.is_loopback()) {
        return vec![strangers];
    }
    let source = network(source);
    vec![(format!("pair {source} {login}"), PAIR), (format!("source {source}"), SOURCE), strangers]
}

/// The network of an address: IPv6 clients have a whole /64 to themselves.
fn network(source: &str) -> String {
    match source.parse() {
        Ok(IpAddr::V6(address)) if address.to_ipv4_mapped().is_none() => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        _ => source.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_700_000_000_000;

    fn try_of<'a>(login: &'a str, source: &'a str) -> Try<'a> {
        Try::Door { login, source, device: None }
    }

    #[test]
    fn waits_double_and_are_forgotten() {
        let throttle = Throttle::default();
        let (mut now, mut waits) = (START, Vec::new());
        for _ in 0..9 {
            while let Err(wait) = throttle.begin(Instant(now), &try_of("kim", "10.0.0.1")) {
                waits.push(wait);
                now += wait;
            }
        }
        assert_eq!(waits, [1_000, 2_000, 4_000, 8_000]);
        assert!(throttle.begin(Instant(now), &try_of("kim", "10.0.0.1")).is_err());
        assert!(throttle.begin(Instant(now), &try_of("kim", "10.0.0.2")).is_ok());
        assert!(throttle.begin(Instant(now), &try_of("lee", "10.0.0.1")).is_ok());
        assert!(throttle.begin(Instant(now + QUIET_MS), &try_of("kim", "10.0.0.1")).is_ok());
    }

    #[test]
    fn strangers_cannot_lock_an_owner_out() {
        let throttle = Throttle::default();
        let mut now = START;
        for source in 0..5_000 {
            let source = format!("10.1.{}.{}", source / 250, source % 250);
            while let Err(wait) = throttle.begin(Instant(now), &try_of("kim", &source)) {
                assert!(wait <= STRANGERS_WAIT_MS, "{wait}");
                now += wait;
            }
        }
        let own = Try::Door { login: "kim", source: "10.9.9.9", device: Some("d1") };
        assert!(throttle.begin(Instant(now), &own).is_ok());
        let new = throttle.begin(Instant(now), &try_of("kim", "10.9.9.9"));
        assert!(new.is_err_and(|wait| wait <= STRANGERS_WAIT_MS));
    }

    #[test]
    fn what_was_right_is_not_counted() {
        let throttle = Throttle::default();
        for _ in 0..200 {
            assert!(throttle.begin(Instant(START), &try_of("kim", "10.0.0.1")).is_ok());
            throttle.succeed(&try_of("kim", "10.0.0.1"));
        }
    }

    #[test]
    fn what_an_owner_tries_is_counted_each_by_itself_and_a_right_name_forgives_no_guess() {
        let throttle = Throttle::default();
        let sorts = [Own::Code, Own::CodeAfterProvider, Own::Password, Own::Glass];
        for sort in sorts {
            let own = Try::Owner("a", sort);
            assert!((0..5).all(|_| throttle.begin(Instant(START), &own).is_ok()), "{sort:?}");
            assert!(throttle.begin(Instant(START), &own).is_err(), "{sort:?}");
            assert!(throttle.begin(Instant(START), &Try::Owner("b", sort)).is_ok(), "{sort:?}");
        }
        // Ten minutes later the owner is right, and then wrong once.
        for (sort, wait) in sorts.into_iter().zip([0, 0, 0, 2_000]) {
            let (own, later) = (Try::Owner("a", sort), Instant(START + 600_000));
            assert!(throttle.begin(later, &own).is_ok());
            throttle.succeed(&own);
            assert!(throttle.begin(later, &own).is_ok(), "{sort:?}");
            assert_eq!(throttle.begin(later, &own).err().unwrap_or(0), wait, "{sort:?}");
        }
    }

    #[test]
    fn one_network_is_one_source() {
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), network("2001:db8:1:2::9"));
        assert_ne!(network("2001:db8:1:2::"), network("2001:db8:1:3::"));
        assert_eq!(network("10.0.0.1"), "10.0.0.1");
    }
}
