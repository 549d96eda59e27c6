//! `chartroom app`: programs of others. Done here, or by the server that has the record open.

use crate::cli::{AppCommand, Registered};
use crate::config::Config;
use crate::control::{self, AppDeed, Deed};
use crate::stop::Stop;

/// Carries out one of its commands.
pub fn app(config: &Config, command: &AppCommand) -> Result<(), Stop> {
    let named = |what: &str, client: &str| AppDeed { client: Some(client.to_owned()), ..AppDeed::new(what) };
    let deed = match command {
        AppCommand::Register(registered) => register(registered)?,
        AppCommand::List { json } => AppDeed { is_json: *json, ..AppDeed::new("list") },
        AppCommand::Approve { client, json } => AppDeed { is_json: *json, ..named("approve", client) },
        AppCommand::Suspend { client, json } => AppDeed { is_json: *json, ..named("suspend", client) },
        AppCommand::Secret { client } => named("secret", client),
    };
    let (done, _) = control::carry_out(config, &Deed::App(Box::new(deed)))?;
    print!("{}", done.said);
    Ok(())
}

fn register(said: &Registered) -> Result<AppDeed, Stop> {
    let keys = said.keys.as_ref().map(|file| {
        std::fs::read_to_string(file).map_err(|e| {
            let why = format!("{}: {e}", file.display());
            Stop::cannot(control::NO_APP, why, "name a file with a JSON Web Key Set that can be read")
        })
    });
    Ok(AppDeed {
        client: said.client_id.clone(),
        name: Some(said.name.clone()),
        redirects: said.redirect.clone(),
        scopes: Some(said.scope.join(" ")),
        launch: said.launch.clone(),
        has_secret: said.secret,
        keys: keys.transpose()?,
        keys_at: said.keys_at.clone(),
        acts_as: said.acts_as.clone(),
        purpose: said.purpose.clone(),
        token_seconds: said.token_seconds,
        reach: Some(said.reach.clone()),
        basis: said.basis.clone(),
        address: said.address.clone(),
        is_approved: said.approve,
        is_json: said.json,
        ..AppDeed::new("register")
    })
}
