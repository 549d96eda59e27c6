//! `chartroom policy`: who may do what. Done here, or by the server that has the record open.

use crate::cli::PolicyCommand;
use crate::config::Config;
use crate::control::{self, Deed, PolicyDeed};
use crate::stop::Stop;
use std::path::{Path, PathBuf};
use vault::access::policy::{Policies, PolicyFile, read_file, read_site};

/// Carries out one of its commands.
pub fn policy(config: &Config, command: &PolicyCommand) -> Result<(), Stop> {
    let deed = match command {
        PolicyCommand::Check { files } => return check(&given(config, files)?),
        PolicyCommand::Show { id } => PolicyDeed::Show { id: id.clone() },
        PolicyCommand::Simulate { files } => PolicyDeed::Simulate { files: given(config, files)? },
        PolicyCommand::Apply { files } => {
            may_apply(config, files)?;
            PolicyDeed::Apply { files: given(config, files)? }
        }
        PolicyCommand::Why { login, reference, purpose } => {
            PolicyDeed::Why { login: login.clone(), reference: reference.clone(), purpose: purpose.clone() }
        }
    };
    let (done, _) = control::carry_out(config, &Deed::Policy(deed))?;
    print!("{}", done.said);
    Ok(())
}

/// Reads the files and directories named, or the site's directory.
fn given(config: &Config, named: &[PathBuf]) -> Result<Vec<PolicyFile>, Stop> {
    let paths: Vec<&Path> = if named.is_empty() {
        config.policies.as_deref().into_iter().collect()
    } else {
        named.iter().map(PathBuf::as_path).collect()
    };
    if paths.is_empty() {
        let why = "no file is named, and the configuration has no access.policies";
        return Err(Stop::cannot(control::POLICIES_UNDONE, why, "name files or directories of *.cedar"));
    }
    let mut files = Vec::new();
    for path in paths {
        if !path.exists() {
            let why = format!("there is no file or directory {}", path.display());
            return Err(Stop::cannot(control::POLICIES_UNDONE, why, "name a file *.cedar, or a directory of them"));
        }
        let read = if path.is_dir() { read_site(path) } else { read_file(path).map(|file| vec![file]) };
        files.extend(read.map_err(|fault| Stop::vault(control::POLICIES_UNDONE, fault.into()))?);
    }
    Ok(files)
}

/// Other files than those of the site's directory would hold until the next start only.
fn may_apply(config: &Config, named: &[PathBuf]) -> Result<(), Stop> {
    let Some(own) = config.policies.as_deref().filter(|own| named.iter().any(|path| path != own)) else {
        return Ok(());
    };
    let why = format!("access.policies names {}, which is put in force at each start", own.display());
    Err(Stop::cannot(control::POLICIES_UNDONE, why, "put the files there, and run `chartroom policy apply`"))
}

/// Says what is wrong, or how many policies there would be.
fn check(files: &[PolicyFile]) -> Result<(), Stop> {
    match Policies::with_site(files) {
        Ok(policies) => {
            let (of_site, all) = (policies.said().filter(|said| said.of_site).count(), policies.said().count());
            println!("{of_site} policies of the site, {all} with ours: all of them are good.");
            Ok(())
        }
        Err(bad) => {
            bad.iter().for_each(|bad| println!("{bad}"));
            Err(Stop::Wrong)
        }
    }
}
