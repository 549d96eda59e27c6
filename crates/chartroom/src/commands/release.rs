//! `chartroom release`: the desk, by the operator; and `chartroom verify PACKAGE`: is a package what was sent? The first is
//! done here, or by the server that has the record open; the second needs no record.

use crate::cli::ReleaseCommand;
use crate::config::Config;
use crate::control::{self, Deed, Desk, DeskDeed};
use crate::stop::Stop;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rooms::release::receipt;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use vault::log::checkpoint::VerifierKey;

const UNSENT: &str = "The package was not written.";
const UNVERIFIED: &str = "Nothing was verified.";

/// Carries out one of its commands.
pub fn release(config: &Config, command: &ReleaseCommand) -> Result<(), Stop> {
    if let ReleaseCommand::Send { id, out, channel, password_file } = command {
        return send(config, id, out, channel.as_deref(), password_file.as_deref());
    }
    print!("{}", carry_out(config, deed(command))?);
    Ok(())
}

fn carry_out(config: &Config, deed: DeskDeed) -> Result<String, Stop> {
    control::carry_out(config, &Deed::Desk(Box::new(deed))).map(|(done, _)| done.said)
}

fn deed(command: &ReleaseCommand) -> DeskDeed {
    let word = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    match command {
        ReleaseCommand::Due { json } => {
            DeskDeed::new(Desk::Release, "due", "", json.then(|| word("form", "json")).into_iter().collect())
        }
        ReleaseCommand::Note(said) => {
            let own = [word("patient", &said.patient), word("what", &said.what)];
            DeskDeed::new(Desk::Release, "note", "", own.into_iter().chain(said.words.iter().cloned()).collect())
        }
        ReleaseCommand::Show { id } => DeskDeed::new(Desk::Release, "show", id, Vec::new()),
        ReleaseCommand::Step { id, step, words } => {
            let own = [word("step", step)];
            DeskDeed::new(Desk::Release, "step", id, own.into_iter().chain(words.iter().cloned()).collect())
        }
        ReleaseCommand::Send { id, .. } => DeskDeed::new(Desk::Release, "send", id, Vec::new()),
        ReleaseCommand::Recall { patient } => DeskDeed::new(
            Desk::Release,
            "recall",
            "",
            patient.as_deref().map(|id| word("patient", id)).into_iter().collect(),
        ),
    }
}

/// The file is made first: once it is recorded that something went, it must not find no room.
fn send(
    config: &Config,
    id: &str,
    out: &Path,
    channel: Option<&str>,
    password_file: Option<&Path>,
) -> Result<(), Stop> {
    let mut words: Vec<(String, String)> = Vec::new();
    words.extend(channel.map(|channel| ("channel".to_owned(), channel.to_owned())));
    words.extend(password_file.map(password).transpose()?.map(|password| ("password".to_owned(), password)));
    let unwritten = |error: std::io::Error| {
        Stop::cannot(UNSENT, format!("{}: {error}", out.display()), "name a file that is not there yet with --out")
    };
    let mut file = OpenOptions::new().write(true).create_new(true).open(out).map_err(unwritten)?;
    let said = match carry_out(config, DeskDeed::new(Desk::Release, "send", id, words)) {
        Ok(said) => said,
        Err(stop) => {
            drop(std::fs::remove_file(out));
            return Err(stop);
        }
    };
    let (manifest, package) = said.split_once(' ').unwrap_or_default();
    let bytes = BASE64_STANDARD.decode(package).map_err(|_| {
        Stop::cannot(UNSENT, "the server answered in words of another version", "restart the server with this version")
    })?;
    file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(unwritten)?;
    println!("{}  {} bytes\nmanifest  {manifest}", out.display(), bytes.len());
    println!("next: whoever gets it runs `chartroom verify {}`", out.display());
    Ok(())
}

fn password(path: &Path) -> Result<String, Stop> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Stop::cannot(UNSENT, format!("{}: {error}", path.display()), "name a file that can be read, with the password")
    })?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// Checks a package. Ends with `Wrong` when something does not hold.
pub fn verify(package: &Path, key: Option<&str>, password_file: Option<&Path>) -> Result<(), Stop> {
    let bytes = std::fs::read(package).map_err(|error| {
        Stop::cannot(UNVERIFIED, format!("{}: {error}", package.display()), "name a package that can be read")
    })?;
    let known = key.map(read_key).transpose()?;
    let password = password_file.map(password).transpose()?;
    let checked = receipt::check(&bytes, password.as_deref(), known.as_ref())
        .map_err(|refusal| Stop::vault(UNVERIFIED, refusal.into()))?;
    for line in &checked.wrong {
        println!("wrong     {line}");
    }
    println!("request   {}\nmanifest  {}\nlog key   {}", checked.request, checked.manifest, checked.key);
    println!("{} files, {} of them proved to stand in the log as they were sent", checked.files, checked.proved);
    if known.is_none() {
        println!("next: get the log's key from the sender by another way, and give it with --key; this one came along");
    }
    if checked.wrong.is_empty() { Ok(()) } else { Err(Stop::Wrong) }
}

fn read_key(text: &str) -> Result<VerifierKey, Stop> {
    let read = if text.contains('+') { Some(text.to_owned()) } else { std::fs::read_to_string(text).ok() };
    let key = read.as_deref().and_then(|text| VerifierKey::parse(text.trim()));
    key.ok_or_else(|| {
        let next = "give what `chartroom log key` printed at the sender's, or a file that holds it";
        Stop::cannot(UNVERIFIED, "--key is no key of a log", next)
    })
}
