//! `chartroom doctor`: looks at what surrounds the record, and says for each thing what to do next.

use super::{exists, open};
use crate::config::Config;
use crate::stop::Stop;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use vault::records::KeySource;
use vault::{Error, Fault};

/// Less free space than this is wrong: an import or a rebuild may not end.
const FREE_MIB_MIN: u64 = 1_024;
/// Syncs timed.
const SYNCS: u32 = 30;
/// No disk with its cache honestly flushed is faster than this; memory is.
const SYNC_MIN: Duration = Duration::from_micros(8);

/// What a check came to.
enum Line {
    Good(String),
    Note(String, String),
    Wrong(String, String),
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Line::Good(what) => write!(f, "ok     {what}"),
            Line::Note(what, next) => write!(f, "note   {what}\n       next: {next}"),
            Line::Wrong(what, next) => write!(f, "wrong  {what}\n       next: {next}"),
        }
    }
}

/// Checks everything, prints a line for each, and ends with `Wrong` when something is.
pub fn doctor(config: &Config) -> Result<(), Stop> {
    let data = &config.data;
    println!("chartroom {}, data in {}", env!("CARGO_PKG_VERSION"), data.display());
    if !data.is_dir() {
        let next = "name the directory with --data, or begin one with `chartroom serve`";
        return Err(Stop::cannot(format!("{} was not looked at.", data.display()), "it is no directory", next));
    }
    let checks = [directory(data), key(config), space(data), file_system(data), syncs(data), record(config)];
    for line in &checks {
        println!("{line}");
    }
    if checks.iter().any(|line| matches!(line, Line::Wrong(..))) { Err(Stop::Wrong) } else { Ok(()) }
}

fn mode(path: &Path) -> io::Result<u32> {
    Ok(fs::metadata(path)?.permissions().mode() & 0o777)
}

fn directory(data: &Path) -> Line {
    match mode(data) {
        Ok(mode) if mode & 0o077 == 0 => Line::Good(format!("only its owner can enter the directory (mode {mode:o})")),
        Ok(mode) => Line::Wrong(
            format!("others than the owner can enter the directory (mode {mode:o})"),
            format!("chmod 700 {}", data.display()),
        ),
        Err(error) => {
            Line::Wrong(format!("the directory cannot be looked at: {error}"), "mend its permissions".to_owned())
        }
    }
}

fn key(config: &Config) -> Line {
    let path = match &config.key {
        KeySource::Hex(_) => return Line::Good("the root key comes from CHARTROOM_KEY".to_owned()),
        KeySource::Passphrase(_) => return Line::Good("the root key comes from CHARTROOM_PASSPHRASE".to_owned()),
        KeySource::Beside => config.data.join("root.key"),
        KeySource::File(path) => path.clone(),
    };
    let shown = path.display();
    match mode(&path) {
        Ok(mode) if mode & 0o077 != 0 => {
            Line::Wrong(format!("others than the owner can read {shown} (mode {mode:o})"), format!("chmod 600 {shown}"))
        }
        Ok(_) if path.starts_with(&config.data) => Line::Note(
            "the root key lies beside the data: who copies the directory can read the record".to_owned(),
            format!("move {shown} elsewhere and name it with --key-file, or use CHARTROOM_PASSPHRASE"),
        ),
        Ok(_) => Line::Good(format!("only its owner can read the root key {shown}")),
        Err(error) if error.kind() == io::ErrorKind::NotFound && exists(&config.data).is_err() => {
            let next = "the first command that writes makes one there, or name another with --key-file";
            Line::Note(format!("there is no root key at {shown} yet"), next.to_owned())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Line::Wrong(format!("there is no root key at {shown}"), "name it with --key-file".to_owned())
        }
        Err(error) => Line::Wrong(format!("{shown}: {error}"), "mend its permissions".to_owned()),
    }
}

/// Free space, as `df` says it (POSIX output format: the fourth column of the second line, in KiB).
fn space(data: &Path) -> Line {
    let said = Command::new("df").arg("-Pk").arg(data).output().ok();
    let text = said.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let free = text.lines().nth(1).and_then(|line| line.split_whitespace().nth(3)?.parse::<u64>().ok());
    match free.map(|kib| kib / 1_024) {
        Some(mib) if mib < FREE_MIB_MIN => {
            Line::Wrong(format!("the disk has {mib} MiB free"), format!("make room: at least {FREE_MIB_MIN} MiB"))
        }
        Some(mib) => Line::Good(format!("the disk has {mib} MiB free")),
        None => Line::Note("df does not say how much space is free".to_owned(), "look at it yourself".to_owned()),
    }
}

/// The file system, from `/proc/mounts`: the longest mount point that the directory lies under.
fn file_system(data: &Path) -> Line {
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let full = fs::canonicalize(data).unwrap_or_else(|_| data.to_owned());
    let parts = mounts.lines().filter_map(|line| {
        let mut columns = line.split(' ').skip(1);
        Some((columns.next()?, columns.next()?))
    });
    let found = parts.filter(|(point, _)| full.starts_with(point)).max_by_key(|(point, _)| point.len());
    match found.map(|(_, kind)| kind) {
        Some(kind @ ("tmpfs" | "ramfs")) => {
            Line::Wrong(format!("the directory is in memory ({kind})"), "use a directory on a disk".to_owned())
        }
        Some(kind) if kind.starts_with("nfs") || matches!(kind, "cifs" | "smb3" | "9p" | "fuse.sshfs") => Line::Wrong(
            format!(
                "the directory is on a network file system ({kind}), whose locks and syncs are not to be relied on"
            ),
            "use a disk of this machine".to_owned(),
        ),
        Some(kind) => Line::Good(format!("the file system is {kind}")),
        None => {
            Line::Note("the file system is not known".to_owned(), "make sure it is a disk of this machine".to_owned())
        }
    }
}

/// Whether a sync takes as long as a disk needs.
fn syncs(data: &Path) -> Line {
    match time_syncs(data) {
        Ok(each) if each < SYNC_MIN => Line::Wrong(
            format!("a sync takes {} us: nothing reaches a disk that fast", each.as_micros()),
            "use a disk that honours fsync, or turn off the option that ignores it; a power cut would lose writes"
                .to_owned(),
        ),
        Ok(each) => Line::Good(format!("a sync takes {} us, as a disk's does", each.as_micros())),
        Err(error) => {
            Line::Wrong(format!("a file cannot be written here: {error}"), "mend permissions or space".to_owned())
        }
    }
}

fn time_syncs(data: &Path) -> io::Result<Duration> {
    let path = data.join("doctor.probe");
    let mut file = File::create(&path)?;
    let started = Instant::now();
    let written = (0..SYNCS).try_for_each(|_| {
        file.write_all(&[0; 4_096])?;
        file.sync_data()
    });
    let took = started.elapsed();
    fs::remove_file(&path)?;
    written.map(|()| took / SYNCS)
}

fn record(config: &Config) -> Line {
    if exists(&config.data).is_err() {
        let next = "begin one with `chartroom import` or `chartroom serve`";
        return Line::Note("there is no record yet".to_owned(), next.to_owned());
    }
    match open(config) {
        Ok(vault) => Line::Good(format!("the record opens: {} entries", vault.head().0)),
        Err(Stop::Cannot(trouble)) => match trouble.error {
            Some(Error::Fault(Fault::Busy(_))) => Line::Good("another chartroom has the record open".to_owned()),
            _ => Line::Wrong(trouble.why, trouble.next),
        },
        Err(Stop::Wrong) => Line::Wrong("the record does not open".to_owned(), "run `chartroom verify`".to_owned()),
    }
}
