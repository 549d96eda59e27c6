//! `chartroom account`: who may come in. Done here, or by the server that has the record open.

use crate::cli::{AccountCommand, Profiled, TokenArgs};
use crate::config::Config;
use crate::control::{self, AccountDeed, Deed, What};
use crate::stop::Stop;
use std::io::{Read as _, stdin};

/// Carries out one of its commands.
pub fn account(config: &Config, command: &AccountCommand) -> Result<(), Stop> {
    let deed = match command {
        AccountCommand::Add { profile, password_stdin } => {
            AccountDeed { password: password(*password_stdin)?, ..profiled(What::Add, profile) }
        }
        AccountCommand::List { json } => AccountDeed { is_json: *json, ..AccountDeed::new(What::List, "") },
        AccountCommand::Change { profile, activate } => {
            AccountDeed { is_active: *activate, ..profiled(What::Change, profile) }
        }
        AccountCommand::Deactivate { login, json } => with_json(What::Deactivate, login, *json),
        AccountCommand::SignOut { login, json } => with_json(What::SignOut, login, *json),
        AccountCommand::Password { login, password_stdin, json } => {
            AccountDeed { password: password(*password_stdin)?, ..with_json(What::Password, login, *json) }
        }
        AccountCommand::Totp { login, remove } => {
            AccountDeed::new(if *remove { What::TotpRemove } else { What::Totp }, login)
        }
        AccountCommand::RemovePasskeys { login, json } => with_json(What::PasskeysRemove, login, *json),
        AccountCommand::Link { login, provider, subject, json } => {
            let issuer = Some(config.issuer_of(provider)?);
            AccountDeed { issuer, subject: Some(subject.clone()), ..with_json(What::Link, login, *json) }
        }
        AccountCommand::Unlink { login, provider, subject, json } => {
            // A provider that is gone from the configuration is named by its issuer, as `account list` shows it.
            let issuer = Some(config.issuer_of(provider).unwrap_or_else(|_| provider.clone()));
            AccountDeed { issuer, subject: subject.clone(), ..with_json(What::Unlink, login, *json) }
        }
    };
    say(config, deed)
}

/// `chartroom token --as LOGIN`: a token with the rights of an account.
pub fn token(config: &Config, login: &str, args: &TokenArgs) -> Result<(), Stop> {
    let (purpose, minutes) = (args.purpose.clone(), args.minutes);
    say(config, AccountDeed { purpose, minutes, ..AccountDeed::new(What::Token, login) })
}

fn say(config: &Config, deed: AccountDeed) -> Result<(), Stop> {
    let (done, _) = control::carry_out(config, &Deed::Account(deed))?;
    print!("{}", done.said);
    Ok(())
}

fn with_json(what: What, login: &str, json: bool) -> AccountDeed {
    AccountDeed { is_json: json, ..AccountDeed::new(what, login) }
}

/// What is not given is left as it is.
fn profiled(what: What, profile: &Profiled) -> AccountDeed {
    let given = |list: &[String]| {
        let list: Vec<String> = list.iter().filter(|item| !item.is_empty()).cloned().collect();
        Some(list)
    };
    AccountDeed {
        name: profile.name.clone(),
        roles: profile.role.as_deref().and_then(given),
        stands_for: profile.stands_for.as_deref().and_then(given),
        units: profile.unit.as_deref().and_then(given),
        ..with_json(what, &profile.login, profile.json)
    }
}

/// A password from standard input: in the arguments other users of the machine could see it.
fn password(is_given: bool) -> Result<Option<String>, Stop> {
    if !is_given {
        return Ok(None);
    }
    let mut text = String::new();
    let read = stdin().lock().take(1 << 16).read_to_string(&mut text);
    read.map_err(|e| Stop::cannot(control::UNDONE, e, "give the password on standard input"))?;
    Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
}
