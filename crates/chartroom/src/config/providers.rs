//! Identity providers in the configuration: `[[sign_in.provider]]`.

use crate::stop::Stop;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use web::{ClientProof, Provider, RoleRule, SecondFactor};

/// Said when a provider cannot be used.
const WHAT: &str = "The identity providers were not understood.";

/// How people sign in besides login and password.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignInFile {
    #[serde(default)]
    pub provider: Vec<ProviderFile>,
}

/// One provider.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProviderFile {
    pub id: String,
    pub name: String,
    pub issuer: String,
    client_id: String,
    client_secret_file: Option<PathBuf>,
    client_authentication: Option<String>,
    client_key_file: Option<PathBuf>,
    client_key_name: Option<String>,
    #[serde(default = "sub")]
    subject_claim: String,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    hosts: Vec<String>,
    #[serde(default = "signatures")]
    signatures: Vec<String>,
    /// Whether whoever it lets in has always shown two factors.
    #[serde(default)]
    second_factor: bool,
    #[serde(default)]
    second_factor_amr: Vec<String>,
    #[serde(default)]
    second_factor_acr: Vec<String>,
    roles_claim: Option<String>,
    /// How many seconds ago people may have shown there who they are.
    max_age: Option<u32>,
    /// Whether those who are linked with it come in by its word alone.
    #[serde(default)]
    only: bool,
    #[serde(default)]
    roles: BTreeMap<String, Vec<String>>,
}

fn sub() -> String {
    "sub".to_owned()
}

fn signatures() -> Vec<String> {
    ["RS256", "ES256"].map(str::to_owned).to_vec()
}

/// The providers, with their secrets. Refuses what cannot be one, and two of one id or issuer.
pub(super) fn read(file: &SignInFile) -> Result<Vec<Provider>, Stop> {
    let providers = file.provider.iter().map(ProviderFile::read).collect::<Result<Vec<_>, Stop>>()?;
    for (i, one) in providers.iter().enumerate() {
        if providers[..i].iter().any(|other| other.id == one.id || other.issuer == one.issuer) {
            let why = format!("two providers have the id {} or the issuer {}", one.id, one.issuer);
            return Err(Stop::cannot(WHAT, why, "keep one of them"));
        }
    }
    Ok(providers)
}

impl ProviderFile {
    fn read(&self) -> Result<Provider, Stop> {
        let refuse = |why: String| Stop::cannot(WHAT, why, "mend it; `chartroom config check` tries it again");
        let provider = Provider {
            id: self.id.clone(),
            name: self.name.clone(),
            issuer: self.issuer.clone(),
            client: self.client_id.clone(),
            proof: self.proof()?,
            subject: self.subject_claim.clone(),
            scopes: self.scopes.clone(),
            hosts: self.hosts.clone(),
            signatures: self.signatures.clone(),
            second_factor: self.second_factor().map_err(refuse)?,
            roles: self.role_rule().map_err(refuse)?,
            max_age_seconds: self.max_age,
            is_only: self.only,
        };
        provider.check().map_err(refuse)?;
        Ok(provider)
    }

    fn second_factor(&self) -> Result<SecondFactor, String> {
        let (amr, acr) = (self.second_factor_amr.clone(), self.second_factor_acr.clone());
        match (self.second_factor, amr.is_empty() && acr.is_empty()) {
            (true, true) => Ok(SecondFactor::Always),
            (true, false) => {
                let id = &self.id;
                Err(format!("{id}: second_factor = true believes every token, second_factor_amr and _acr only some"))
            }
            (false, true) => Ok(SecondFactor::Never),
            (false, false) => Ok(SecondFactor::Said { amr, acr }),
        }
    }

    fn role_rule(&self) -> Result<Option<RoleRule>, String> {
        match (&self.roles_claim, self.roles.is_empty()) {
            (None, true) => Ok(None),
            (Some(claim), false) => RoleRule::read(claim.clone(), self.roles.clone()).map(Some),
            _ => Err(format!("{}: roles_claim and the table of roles go together; write both", self.id)),
        }
    }

    fn proof(&self) -> Result<ClientProof, Stop> {
        match self.client_authentication.as_deref().unwrap_or("client_secret_basic") {
            "client_secret_basic" => self.secret().map(ClientProof::Basic),
            "client_secret_post" => self.secret().map(ClientProof::Post),
            "private_key_jwt" => self.key(),
            other => {
                let why = format!("{}: client_authentication is `{other}`", self.id);
                Err(Stop::cannot(WHAT, why, "write client_secret_basic, client_secret_post or private_key_jwt"))
            }
        }
    }

    /// The secret of the environment, or else of the file.
    fn secret(&self) -> Result<String, Stop> {
        let name = format!("CHARTROOM_SECRET_{}", self.id.to_uppercase().replace('-', "_"));
        if let Some(secret) = std::env::var(&name).ok().filter(|secret| !secret.is_empty()) {
            return Ok(secret);
        }
        let next = format!("name a file as client_secret_file, or set {name}");
        let Some(path) = &self.client_secret_file else {
            return Err(Stop::cannot(WHAT, format!("{} has no secret", self.id), &next));
        };
        let secret = String::from_utf8(file(path, &next)?).unwrap_or_default().trim().to_owned();
        if secret.is_empty() {
            return Err(Stop::cannot(WHAT, format!("{} holds no secret", path.display()), &next));
        }
        Ok(secret)
    }

    fn key(&self) -> Result<ClientProof, Stop> {
        let next = "name a private key (PKCS #8 in PEM) as client_key_file, and its kid as client_key_name";
        match (&self.client_key_file, &self.client_key_name) {
            (Some(path), Some(name)) => Ok(ClientProof::Key { pem: file(path, next)?, name: name.clone() }),
            _ => Err(Stop::cannot(WHAT, format!("{} has no key, or no name for it", self.id), next)),
        }
    }
}

fn file(path: &Path, next: &str) -> Result<Vec<u8>, Stop> {
    std::fs::read(path).map_err(|error| Stop::cannot(WHAT, format!("{}: {error}", path.display()), next))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        [[provider]]
        id = "hospital"
        name = "Saint Anna"
        issuer = "https://login.example.org/staff"
        client_id = "chartroom"
        client_secret_file = "SECRET"
        second_factor_amr = ["mfa"]
        roles_claim = "groups"
        [provider.roles]
        doctors = ["physician"]
    "#;

    fn tried(text: &str) -> Result<Vec<Provider>, String> {
        let dir = tempfile::tempdir().expect("a folder");
        let secret = dir.path().join("secret");
        std::fs::write(&secret, "s3cret\n").expect("written");
        let text = text.replace("SECRET", secret.to_str().expect("UTF-8"));
        let file: SignInFile = toml::from_str(&text).map_err(|error| error.to_string())?;
        read(&file).map_err(|stop| match stop {
            Stop::Cannot(trouble) => trouble.why,
            Stop::Wrong => String::new(),
        })
    }

    #[test]
    fn a_provider_is_read_or_refused_with_a_reason() {
        let [good] = &tried(GOOD).expect("read")[..] else { panic!("one provider") };
        assert!(matches!(&good.proof, ClientProof::Basic(secret) if secret == "s3cret"));
        assert_eq!((good.subject.as_str(), good.signatures.len()), ("sub", 2));
        for (from, to, why) in [
            ("SECRET", "/nowhere/secret", "/nowhere/secret"),
            ("client_secret_file = \"SECRET\"", "", "hospital has no secret"),
            ("https://", "http://", "no https address"),
            ("[\"physician\"]", "[\"king\"]", "king is no role"),
            ("roles_claim = \"groups\"", "", "go together"),
            ("client_id", "client", "unknown field `client`"),
            (
                "second_factor_amr",
                "client_authentication = \"none\"\nsecond_factor_amr",
                "client_authentication is `none`",
            ),
            ("client_id", "subject_claim = \"E-Mail\"\nclient_id", "can pass to somebody else"),
            ("client_id", "second_factor = true\nclient_id", "believes every token"),
            ("client_id", "max_age = -1\nclient_id", "max_age"),
        ] {
            let said = tried(&GOOD.replace(from, to)).expect_err(to);
            assert!(said.contains(why), "{said}");
        }
        assert_eq!((good.max_age_seconds, good.is_only), (None, false));
        let strict = tried(&GOOD.replace("client_id", "max_age = 600\nonly = true\nclient_id")).expect("read");
        assert_eq!((strict[0].max_age_seconds, strict[0].is_only), (Some(600), true));
        let twice = tried(&format!("{GOOD}{GOOD}")).expect_err("two");
        assert!(twice.contains("two providers"), "{twice}");
    }
}
