//! `chartroom demo`: a made-up hospital, loaded once and served.

use super::open;
use super::serve::Port;
use crate::cli::DemoArgs;
use crate::config::Config;
use crate::hospital::{Hospital, accounts};
use crate::stop::Stop;
use base::refusal::{Kind, Refusal};
use fhir::json::Json;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;
use vault::access::apps::{Registration, Review};
use vault::access::audit::Deed;
use vault::access::{Context, Visit, issue_token};
use vault::{Change, Error, Expect, Vault};

/// What the hospital in a directory was made from, once it is complete.
const MARK: &str = "demo-hospital";

/// The app of the demo, and where its pages are.
const APP: &str = "my-first-app";
const APP_AT: &str = "http://localhost:3000";

const SEED: u64 = 1;
const PATIENTS: usize = 1_000;

/// Patients whose charts are committed together.
const CHARTS: usize = 4;

/// Makes the hospital if it is not there, and serves it.
pub fn demo(config: &Config, args: &DemoArgs) -> Result<(), Stop> {
    let port = Port::take(&config.serving(&args.serve)?)?;
    let vault = open(config)?;
    let made = made(&config.data);
    match made {
        None if vault.head().0 > 0 && !config.data.join(MARK).exists() => return Err(somebody_elses(&config.data)),
        None => make(&vault, &config.data, args)?,
        Some(made) => same_as_asked(made, args, &config.data)?,
    }
    let ready = people(&vault, &config.data).and_then(|()| app(&vault));
    ready.map_err(|e| Stop::vault("The demo was not started.", e))?;
    let token = issue_token(&config.data, &config.key).map_err(|e| Stop::vault("The demo was not started.", e))?;
    welcome(&port, &token, &config.data);
    port.serve(&vault, &config.data)
}

/// Whether a directory holds a whole demo hospital, so that one click may sign in its people.
pub fn is_demo(data: &Path) -> bool {
    made(data).is_some()
}

/// Makes the accounts that are not there yet.
fn people(vault: &Vault, data: &Path) -> Result<(), Error> {
    let Some((seed, patients)) = made(data) else { return Ok(()) };
    let visit = Visit::operator().asking(Context::new(Deed::Administer, "demo"));
    for profile in accounts::profiles(Hospital::new(seed, patients)) {
        if vault.account_of_login(&profile.login)?.is_none() {
            vault.create_account(&visit, profile)?;
        }
    }
    Ok(())
}

/// Registers an app that somebody can try: its pages are their own, on port 3000 of the same machine.
fn app(vault: &Vault) -> Result<(), Error> {
    if vault.app(APP)?.is_some() {
        return Ok(());
    }
    let visit = Visit::operator().asking(Context::new(Deed::Administer, "demo"));
    let registration = Registration {
        name: "My first app".to_owned(),
        redirects: vec![format!("{APP_AT}/index.html")],
        launch: Some(format!("{APP_AT}/launch.html")),
        scopes: "patient/*.rs launch launch/patient openid fhirUser offline_access".to_owned(),
        ..Registration::default()
    };
    vault.register_app(&visit, Some(APP), registration)?;
    vault.review_app(&visit, APP, Review::Approved)?;
    Ok(())
}

/// Seed and patients of the hospital that is there.
fn made(data: &Path) -> Option<(u64, usize)> {
    let text = fs::read_to_string(data.join(MARK)).ok()?;
    let (seed, patients) = text.trim_end().split_once(' ')?;
    Some((seed.parse().ok()?, patients.parse().ok()?))
}

fn same_as_asked((seed, patients): (u64, usize), args: &DemoArgs, data: &Path) -> Result<(), Stop> {
    if args.seed.is_none_or(|asked| asked == seed) && args.patients.is_none_or(|asked| asked == patients) {
        return Ok(());
    }
    let why = format!("{} holds a hospital of {patients} patients made from seed {seed}", data.display());
    Err(Stop::cannot("The demo was not started.", why, "make the other one beside it: --data OTHER-DIRECTORY"))
}

/// What was written stays for ever: made-up patients must never get among real ones.
fn somebody_elses(data: &Path) -> Stop {
    let why = format!("{} holds a record that is no demo hospital", data.display());
    Stop::cannot("The demo was not started.", why, "make the demo beside it: --data OTHER-DIRECTORY")
}

fn make(vault: &Vault, data: &Path, args: &DemoArgs) -> Result<(), Stop> {
    let (seed, patients) = (args.seed.unwrap_or(SEED), args.patients.unwrap_or(PATIENTS));
    let started = Instant::now();
    // A demo that was killed half-way is known by its unfinished mark, and made again.
    fs::write(data.join(MARK), "begun\n").map_err(|e| unmarked(&e))?;
    eprintln!("Making a hospital of {patients} patients ...");
    let count = load(vault, Hospital::new(seed, patients), patients)
        .map_err(|e| Stop::vault("The demo hospital is not complete.", e))?;
    fs::write(data.join(MARK), format!("{seed} {patients}\n")).map_err(|e| unmarked(&e))?;
    eprintln!("{count} resources in {:.1} s", started.elapsed().as_secs_f64());
    Ok(())
}

fn unmarked(error: &io::Error) -> Stop {
    Stop::cannot("The demo hospital is not complete.", error, "make the data directory writable")
}

/// Makes and writes the hospital on all cores; answers how many resources it has.
fn load(vault: &Vault, hospital: Hospital, patients: usize) -> Result<usize, Error> {
    let (next, count) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let failure = Mutex::new(None);
    let visit = Visit::operator();
    let work = || {
        loop {
            let first = next.fetch_add(CHARTS, Ordering::Relaxed);
            let groups = first..(first + CHARTS).min(patients + 1);
            if groups.is_empty() || failure.lock().is_ok_and(|f: std::sync::MutexGuard<'_, Option<Error>>| f.is_some())
            {
                return;
            }
            match changes(hospital, groups).and_then(|changes| vault.commit(&visit, changes)) {
                Ok(written) => drop(count.fetch_add(written.len(), Ordering::Relaxed)),
                Err(error) => {
                    if let Ok(mut failure) = failure.lock() {
                        failure.get_or_insert(error);
                    }
                }
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, |n| n.get() * 2) {
            scope.spawn(work);
        }
    });
    match failure.into_inner() {
        Ok(Some(error)) => Err(error),
        _ => Ok(count.into_inner()),
    }
}

fn changes(hospital: Hospital, groups: std::ops::Range<usize>) -> Result<Vec<Change>, Error> {
    let mut changes = Vec::new();
    for tree in groups.flat_map(|n| hospital.group(n)) {
        let bytes = tree.to_bytes();
        let unreadable = |e| Refusal::new(Kind::Malformed, "structure", format!("the generator made no JSON: {e}"));
        let resource = Json::parse(&bytes).map_err(unreadable)?.into_owned();
        changes.push(Change::Put { resource, expect: Expect::Any, skip_same: true });
    }
    Ok(changes)
}

fn welcome(port: &Port, token: &str, data: &Path) {
    let base = port.base();
    let curl = |what: &str| format!("curl -s -H 'Authorization: Bearer {token}' '{base}/{what}'");
    println!();
    println!("Chartroom serves a made-up hospital at {base}");
    println!("Its data is in {}; nobody in it is real.", data.display());
    println!();
    println!("sign in  {}/sign-in, as anybody of the house, with one click", base.trim_end_matches("/fhir"));
    println!("token  {token}");
    println!();
    println!("1  Two patients, and how many there are");
    println!("   {}", curl("Patient?_count=2&_total=accurate&_pretty=true"));
    println!("2  Who has diabetes");
    println!(
        "   {}",
        curl("Condition?code=http://snomed.info/sct|44054006&_include=Condition:subject&_count=5&_pretty=true")
    );
    println!("3  Everything about Zoe");
    println!("   {}", curl("Patient/zoe/$everything?_count=20&_pretty=true"));
    println!();
    println!("Ctrl-C stops it; the same command starts it again.");
}
