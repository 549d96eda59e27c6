//! One seed, one life of a vault: thousands of random writes, reads, searches, looks into the past, restarts and
//! rebuilds, each compared with a model that is nothing but a list of versions.
//!
//! The vault's own clock and ids come from the seed, so that `SEED=n cargo test simulation` replays a failure.

use base::clock::{Clock, Instant};
use base::id::Ids;
use fhir::json::Json;
use std::path::Path;
use vault::access::Visit;
use vault::records::{KeySource, Scope};
use vault::search::Page;
use vault::{Change, Error, Expect, Options, Position, Vault, Version, Written};

const START: Instant = Instant(1_767_225_600_000);
const STEPS: u32 = 400;

/// One version as the model knows it.
#[derive(Clone, Debug)]
struct Known {
    position: u64,
    resource_type: &'static str,
    id: String,
    version: u64,
    /// The family name or code text; `None` for a deletion.
    text: Option<String>,
    at: Instant,
}

struct World {
    seed: u64,
    state: u64,
    step: u32,
    log: Vec<Known>,
    clock: Clock,
    vault: Option<Vault>,
}

impl World {
    fn new(seed: u64, dir: &Path) -> World {
        let clock = Clock::manual(START);
        let mut world = World { seed, state: seed, step: 0, log: Vec::new(), clock, vault: None };
        world.open(dir);
        world
    }

    fn open(&mut self, dir: &Path) {
        self.vault = None;
        let options = Options {
            dir: dir.to_owned(),
            key: KeySource::Beside,
            clock: self.clock.clone(),
            ids: Ids::seeded(self.seed),
            labels: None,
        };
        self.vault = Some(Vault::open(options).unwrap_or_else(|e| panic!("{}: does not open: {e}", self.place())));
    }

    fn vault(&self) -> &Vault {
        self.vault.as_ref().unwrap()
    }

    fn place(&self) -> String {
        format!("seed {} step {}", self.seed, self.step)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    fn current(&self, resource_type: &str, id: &str, before: u64) -> Option<&Known> {
        self.log.iter().rev().find(|k| k.position < before && k.resource_type == resource_type && k.id == id)
    }

    fn write(&mut self) {
        let count = 1 + self.below(3);
        let mut changes = Vec::new();
        let mut planned: Vec<Known> = Vec::new();
        let mut refused = false;
        for _ in 0..count {
            let resource_type = ["Patient", "Observation"][self.below(2) as usize];
            let id = format!("r{}", self.below(6));
            if planned.iter().any(|p| p.resource_type == resource_type && p.id == id) {
                continue;
            }
            let old = self.current(resource_type, &id, u64::MAX).cloned();
            let lives = old.as_ref().is_some_and(|k| k.text.is_some());
            let expect = match self.below(5) {
                0 => Expect::Absent,
                1 => Expect::Version(1 + self.below(4)),
                _ => Expect::Any,
            };
            let holds = match expect {
                Expect::Any => true,
                Expect::Absent => !lives,
                Expect::Version(n) => lives && old.as_ref().is_some_and(|k| k.version == n),
            };
            let delete = self.below(5) == 0;
            refused |= !holds;
            let text = (!delete).then(|| format!("Name{}", self.below(8)));
            let position = self.log.len() as u64 + planned.len() as u64;
            if !delete || lives {
                let version = old.map_or(1, |k| k.version + 1);
                planned.push(Known { position, resource_type, id: id.clone(), version, text: text.clone(), at: START });
            }
            changes.push(change(resource_type, &id, text.as_deref(), expect));
        }
        match self.vault().commit(&Visit::operator(), changes) {
            Ok(written) => {
                assert!(!refused, "{}: an expectation that does not hold was let through", self.place());
                let at = self.clock.now();
                let versions: Vec<&Version> = written.iter().filter_map(version_of).collect();
                assert_eq!(versions.len(), planned.len(), "{}", self.place());
                for (known, version) in planned.iter().zip(versions) {
                    assert_eq!(known.position, version.position.0, "{}", self.place());
                    assert_eq!(known.version, version.version, "{}", self.place());
                }
                self.log.extend(planned.into_iter().map(|k| Known { at, ..k }));
            }
            Err(Error::Refusal(refusal)) => assert!(refused, "{}: refused: {refusal}", self.place()),
            Err(Error::Fault(fault)) => panic!("{}: {fault}", self.place()),
        }
    }

    fn read(&mut self) {
        let resource_type = ["Patient", "Observation"][self.below(2) as usize];
        let id = format!("r{}", self.below(7));
        let before = self.below(self.log.len() as u64 + 1);
        let found = self.vault().read(&Visit::operator(), resource_type, &id, Some(Position(before))).unwrap();
        self.same(self.current(resource_type, &id, before), found.as_ref());
        let found = self.vault().read(&Visit::operator(), resource_type, &id, None).unwrap();
        self.same(self.current(resource_type, &id, u64::MAX), found.as_ref());
        let version = 1 + self.below(5);
        let found = self.vault().vread(&Visit::operator(), resource_type, &id, version).unwrap();
        let known = self.log.iter().find(|k| k.resource_type == resource_type && k.id == id && k.version == version);
        self.same(known, found.as_ref());
    }

    fn same(&self, known: Option<&Known>, found: Option<&Version>) {
        let place = self.place();
        match (known, found) {
            (None, None) => {}
            (Some(known), Some(found)) => {
                assert_eq!((known.position, known.version), (found.position.0, found.version), "{place}");
                assert_eq!(known.text.is_none(), found.deleted, "{place}");
                assert_eq!(known.at, found.updated, "{place}");
                if let Some(text) = &known.text {
                    assert!(String::from_utf8_lossy(&found.body).contains(text.as_str()), "{place}");
                }
            }
            (known, found) => panic!("{place}: the model has {known:?}, the vault {found:?}"),
        }
    }

    /// Searches by name, now or at a moment in the past, and compares matches, order and total.
    fn search(&mut self) {
        let name = format!("Name{}", self.below(8));
        let before = if self.below(2) == 0 { self.log.len() as u64 } else { self.below(self.log.len() as u64 + 1) };
        let pairs = [("family".to_owned(), name.clone())];
        let query = fhir::search::query::parse(Some("Patient"), &pairs, true, self.clock.now()).unwrap();
        let page = Page { at: Some(Position(before)), offset: 0, count: 100 };
        let found = self.vault().search(&Visit::operator(), &query, &page).unwrap();
        let ids = || (0..6).map(|n| format!("r{n}"));
        let mut expected: Vec<u64> = ids()
            .filter_map(|id| self.current("Patient", &id, before))
            .filter(|k| k.text.as_deref() == Some(&name))
            .map(|k| k.position)
            .collect();
        expected.sort_unstable_by(|a, b| b.cmp(a));
        let got: Vec<u64> = found.matches.iter().map(|v| v.position.0).collect();
        assert_eq!(got, expected, "{}: {name} before {before}", self.place());
        assert_eq!(found.total, Some(expected.len() as u64), "{}", self.place());
    }

    fn history(&mut self) {
        let before = self.below(self.log.len() as u64 + 1);
        let found = self.vault().history(&Visit::operator(), &Scope::System, Position(before), None, 10_000).unwrap();
        let got: Vec<u64> = found.iter().map(|v| v.position.0).collect();
        assert_eq!(got, (0..before).rev().collect::<Vec<_>>(), "{}", self.place());
        let instant = Instant(START.0 + self.below(u64::from(STEPS) * 10) as i64);
        let expected = self.log.iter().filter(|k| k.at <= instant).count() as u64;
        assert_eq!(self.vault().position_at(instant).unwrap().0, expected, "{}", self.place());
    }

    fn live(&mut self, dir: &Path) {
        for step in 0..STEPS {
            self.step = step;
            let pause = self.below(20);
            self.clock.advance(pause.cast_signed());
            match self.below(40) {
                0 => self.open(dir),
                1 => self.history(),
                2..12 => self.read(),
                12..20 => self.search(),
                _ => self.write(),
            }
        }
    }
}

fn change(resource_type: &str, id: &str, text: Option<&str>, expect: Expect) -> Change {
    let Some(text) = text else {
        return Change::Delete { resource_type: resource_type.to_owned(), id: id.to_owned(), expect };
    };
    let rest = match resource_type {
        "Patient" => format!(r#""name":[{{"family":"{text}"}}]"#),
        _ => format!(r#""status":"final","code":{{"text":"{text}"}},"subject":{{"reference":"Patient/r1"}}"#),
    };
    let json = format!(r#"{{"resourceType":"{resource_type}","id":"{id}",{rest}}}"#);
    Change::Put { resource: Json::parse(json.as_bytes()).unwrap().into_owned(), expect, skip_same: false }
}

fn version_of(written: &Written) -> Option<&Version> {
    match written {
        Written::Created(v) | Written::Updated(v) | Written::Deleted(Some(v)) => Some(v),
        Written::Unchanged(_) | Written::Deleted(None) => None,
    }
}

#[test]
fn a_vault_agrees_with_its_model_whatever_happens() {
    let seeds: Vec<u64> = match std::env::var("SEED") {
        Ok(seed) => vec![seed.parse().expect("SEED is a number")],
        Err(_) => (1..=12).collect(),
    };
    for seed in seeds {
        let dir = tempfile::tempdir().unwrap();
        World::new(seed, dir.path()).live(dir.path());
    }
}

#[test]
fn one_seed_writes_one_record() {
    let bodies = |seed| {
        let dir = tempfile::tempdir().unwrap();
        let mut world = World::new(seed, dir.path());
        world.live(dir.path());
        let head = world.vault().head();
        let all = world.vault().history(&Visit::operator(), &Scope::System, head, None, 10_000).unwrap();
        all.iter().map(|v| v.body.to_vec()).collect::<Vec<_>>()
    };
    assert_eq!(bodies(3), bodies(3));
    assert_ne!(bodies(3), bodies(4));
}
