//! Configuration: one file, the environment, flags, in that order of growing precedence.
//!
//! ```toml
//! key_file = "/etc/chartroom/root.key"
//!
//! [serve]
//! listen = "127.0.0.1:8080"
//! public_url = "https://records.example.org"
//! tls_certificate = "/etc/chartroom/cert.pem"
//! tls_key = "/etc/chartroom/key.pem"
//! witness_interval = 60
//! conditional_deletes_max = 100
//!
//! [access]
//! policies = "/etc/chartroom/policies"
//! labels = "/etc/chartroom/labels"
//!
//! [audit]
//! years = 6
//! expire = true
//!
//! [apps]
//! authorities = "/etc/ssl/certs/ca-certificates.crt"
//! private_addresses = false
//! export_hours = 24
//!
//! [[sign_in.provider]]
//! id = "hospital"
//! name = "Saint Anna Hospital"
//! issuer = "https://login.example.org/realms/staff"
//! client_id = "chartroom"
//! client_secret_file = "/etc/chartroom/hospital.secret"
//!
//! [[witness]]
//! url = "http://witness.example.org:8081"
//! key = "witness.example.org/w1+3a3f4ccd+BP..."
//! ```

mod providers;

use self::providers::SignInFile;
use crate::cli::{Place, ServeArgs};
use crate::control::UNDONE;
use crate::stop::Stop;
use base::near::nearest;
use serde::Deserialize;
use std::net::SocketAddr;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;
use vault::access::audit::YEARS_MIN;
use vault::access::policy::{self, Policies, PolicyFile};
use vault::log::checkpoint::VerifierKey;
use vault::records::KeySource;
use web::{Address, Provider, Witness};

/// What the file says. Every name is optional; an unknown one is refused, because it is a typing error.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    key_file: Option<PathBuf>,
    #[serde(default)]
    serve: ServeFile,
    #[serde(default)]
    access: AccessFile,
    #[serde(default)]
    audit: AuditFile,
    #[serde(default)]
    apps: AppsFile,
    #[serde(default, alias = "sign-in")]
    sign_in: SignInFile,
    #[serde(default)]
    witness: Vec<WitnessFile>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WitnessFile {
    url: String,
    key: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccessFile {
    policies: Option<PathBuf>,
    labels: Option<PathBuf>,
}

/// How long the audit is kept.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct AuditFile {
    years: Option<u32>,
    expire: Option<bool>,
}

/// What apps may do at this server.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct AppsFile {
    /// PEM of the authorities that are trusted, where keys of apps are fetched.
    authorities: Option<PathBuf>,
    /// Whether private addresses may be asked for them.
    #[serde(default)]
    private_addresses: bool,
    /// How long a bulk export is kept.
    export_hours: Option<NonZeroU64>,
}

/// Where systems keep the authorities that they trust.
const AUTHORITIES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

impl AppsFile {
    /// How long a bulk export is kept.
    fn exports_kept(&self) -> Duration {
        Duration::from_secs(self.export_hours.map_or(EXPORT_HOURS, NonZeroU64::get).saturating_mul(3_600))
    }

    /// The file of authorities that counts, if there is one.
    fn bundle(&self) -> Option<PathBuf> {
        let usual = || AUTHORITIES.iter().map(PathBuf::from).find(|path| path.is_file());
        self.authorities.clone().or_else(usual)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ServeFile {
    listen: Option<SocketAddr>,
    public_url: Option<String>,
    tls_certificate: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    witness_interval: Option<NonZeroU64>,
    conditional_deletes_max: Option<NonZeroUsize>,
}

/// Where a setting comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A flag or an environment variable.
    Given,
    /// The file.
    File,
    /// Nobody said anything.
    Default,
}

impl Origin {
    fn words(self) -> &'static str {
        match self {
            Origin::Given => "flag or environment",
            Origin::File => "file",
            Origin::Default => "default",
        }
    }
}

/// Everything the place of the data decides.
#[derive(Debug)]
pub struct Config {
    /// The data directory.
    pub data: PathBuf,
    /// The configuration file that was read.
    pub file: Option<PathBuf>,
    /// Where the root key comes from.
    pub key: KeySource,
    key_origin: Origin,
    data_origin: Origin,
    serve: ServeFile,
    /// Where the site's policies are.
    pub policies: Option<PathBuf>,
    /// Where the site's value sets of sensitivity labels are.
    pub labels: Option<PathBuf>,
    audit: AuditFile,
    apps: AppsFile,
    sign_in: SignInFile,
    witness: Vec<WitnessFile>,
}

/// Everything serving needs.
#[derive(Debug)]
pub struct Serving {
    /// Address and port.
    pub listen: SocketAddr,
    /// As clients write it, if it differs.
    pub public_url: Option<String>,
    /// Certificate chain and private key.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Who is asked to co-sign the log.
    pub witnesses: Vec<Witness>,
    /// How often they are asked.
    pub witness_interval: Duration,
    /// Most resources that one conditional delete may delete.
    pub conditional_deletes_max: usize,
    /// PEM of the authorities that are trusted when keys of apps are fetched.
    pub authorities: Vec<u8>,
    /// Whether they may be fetched from private addresses.
    pub private_addresses: bool,
    /// The identity providers.
    pub providers: Vec<Provider>,
    /// How long a bulk export is kept.
    pub exports_kept: Duration,
    origins: [Origin; 6],
}

const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);

const EXPORT_HOURS: u64 = 24;

const WITNESS_INTERVAL_S: u64 = 60;

const CONDITIONAL_DELETES_MAX: NonZeroUsize = NonZeroUsize::new(100).unwrap();

impl Config {
    /// Puts flags, environment and file together. `default_data` serves when nobody names a directory.
    pub fn load(place: &Place, default_data: &str) -> Result<Config, Stop> {
        let (data, data_origin) = choose(place.data.clone(), None, PathBuf::from(default_data));
        let beside = data.join("chartroom.toml");
        let path = place.config.clone().or_else(|| beside.is_file().then_some(beside));
        let file = path.as_deref().map_or_else(|| Ok(File::default()), read)?;
        let (key, key_origin) = key_source(place.key_file.clone(), file.key_file)?;
        let (serve, apps, sign_in, witness) = (file.serve, file.apps, file.sign_in, file.witness);
        let (audit, AccessFile { policies, labels }) = (file.audit, file.access);
        if audit.years.is_some_and(|years| years < YEARS_MIN) {
            let why = format!("audit.years is less than {YEARS_MIN} (45 CFR 164.316(b)(2)(i))");
            let next = "name as many years or more; audit.expire = false keeps everything";
            return Err(Stop::cannot("The configuration was not read.", why, next));
        }
        Ok(Config {
            data,
            file: path,
            key,
            key_origin,
            data_origin,
            serve,
            policies,
            labels,
            audit,
            apps,
            sign_in,
            witness,
        })
    }

    /// The site's policies, tried. `None`: the configuration names none.
    pub fn site_policies(&self) -> Result<Option<Vec<PolicyFile>>, Stop> {
        let what = "The site's policies were not taken.";
        let Some(dir) = &self.policies else { return Ok(None) };
        let files = policy::read_site(dir).map_err(|fault| Stop::vault(what, fault.into()))?;
        Policies::with_site(&files).map_err(|bad| {
            let lines: Vec<String> = bad.iter().map(ToString::to_string).collect();
            Stop::cannot(what, lines.join("\n"), "mend these lines; `chartroom policy check` tries them again")
        })?;
        Ok(Some(files))
    }

    /// How many years the audit is kept; `None`: for good.
    pub fn audit_years(&self) -> Option<u32> {
        self.audit.expire.unwrap_or(true).then(|| self.audit.years.unwrap_or(YEARS_MIN))
    }

    /// Reads the site's value sets of labels, to see whether they can be used.
    pub fn check_labels(&self) -> Result<(), Stop> {
        let what = "The site's value sets of labels were not taken.";
        let checked = vault::access::label::sets(self.labels.as_deref());
        checked.map(|_| ()).map_err(|refusal| Stop::vault(what, refusal.into()))
    }

    /// PEM of the authorities that are trusted when keys of apps are fetched; empty where the system has none.
    fn authorities(&self) -> Result<Vec<u8>, Stop> {
        let Some(path) = self.apps.bundle() else { return Ok(Vec::new()) };
        std::fs::read(&path).map_err(|e| {
            let next = "name a PEM file that can be read as apps.authorities";
            Stop::cannot("The server was not started.", format!("{}: {e}", path.display()), next)
        })
    }

    /// The settings of the server.
    pub fn serving(&self, args: &ServeArgs) -> Result<Serving, Stop> {
        let own = &self.serve;
        let (listen, listen_from) = choose(args.listen, own.listen, LISTEN);
        let (public_url, url_from) = choose_some(args.public_url.clone(), own.public_url.clone());
        if let Some(url) = public_url.as_deref().filter(|url| !is_base(url)) {
            let next = "write public_url with its scheme and without a query, as https://records.example.org";
            return Err(Stop::cannot(
                "The server was not started.",
                format!("{url} is no address to begin links with"),
                next,
            ));
        }
        let (certificate, tls_from) = choose_some(args.tls_certificate.clone(), own.tls_certificate.clone());
        let (key, _) = choose_some(args.tls_key.clone(), own.tls_key.clone());
        let tls = match (certificate, key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => {
                let why = "TLS needs a certificate and its key, and only one of them is set";
                return Err(Stop::cannot("The server was not started.", why, "set both tls_certificate and tls_key"));
            }
        };
        let (witnesses, witnesses_from) = self.witnesses(&args.witness)?;
        let own_interval = own.witness_interval.map(NonZeroU64::get);
        let (seconds, interval_from) = choose(args.witness_interval, own_interval, WITNESS_INTERVAL_S);
        let witness_interval = Duration::from_secs(seconds);
        let (deletes, deletes_from) =
            choose(args.conditional_deletes_max, own.conditional_deletes_max, CONDITIONAL_DELETES_MAX);
        let conditional_deletes_max = deletes.get();
        let origins = [listen_from, url_from, tls_from, witnesses_from, interval_from, deletes_from];
        let (authorities, private_addresses) = (self.authorities()?, self.apps.private_addresses);
        let providers = providers::read(&self.sign_in)?;
        Ok(Serving {
            listen,
            public_url,
            tls,
            witnesses,
            witness_interval,
            conditional_deletes_max,
            authorities,
            private_addresses,
            providers,
            exports_kept: self.apps.exports_kept(),
            origins,
        })
    }

    /// The issuer of a provider: of one of the configuration by its id, or as it was given, if it is one's address.
    pub fn issuer_of(&self, provider: &str) -> Result<String, Stop> {
        let known = self.sign_in.provider.iter().find(|known| known.id == provider);
        if let Some(known) = known {
            return Ok(known.issuer.clone());
        }
        if provider.starts_with("https://") {
            return Ok(provider.to_owned());
        }
        let ids: Vec<&str> = self.sign_in.provider.iter().map(|known| known.id.as_str()).collect();
        let next = match nearest(provider, ids.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "name one of [[sign_in.provider]] of the configuration by its id".to_owned(),
        };
        Err(Stop::cannot(UNDONE, format!("`{provider}` is no provider of the configuration"), next))
    }

    /// The witnesses of the flags, `URL=KEY` each, or else of the file.
    fn witnesses(&self, given: &[String]) -> Result<(Vec<Witness>, Origin), Stop> {
        let pair =
            |text: &String| text.split_once('=').map_or((text.clone(), String::new()), |(u, k)| (u.into(), k.into()));
        let given = (!given.is_empty()).then(|| given.iter().map(pair).collect::<Vec<_>>());
        let file: Vec<_> = self.witness.iter().map(|w| (w.url.clone(), w.key.clone())).collect();
        let (pairs, origin) = choose_some(given, (!file.is_empty()).then_some(file));
        let witnesses =
            pairs.unwrap_or_default().iter().map(|(url, key)| witness(url, key)).collect::<Result<_, _>>()?;
        Ok((witnesses, origin))
    }

    /// Prints every setting and where it comes from. Secrets are not shown.
    pub fn show(&self, serving: &Serving) {
        let line = |name: &str, value: String, origin: Origin| println!("{name:<16} {value}   ({})", origin.words());
        let file = self.file.as_ref().map_or_else(|| "none".to_owned(), |path| path.display().to_string());
        println!("{:<16} {file}", "file");
        line("data", self.data.display().to_string(), self.data_origin);
        let key = match &self.key {
            KeySource::Beside => "root.key in the data directory".to_owned(),
            KeySource::File(path) => path.display().to_string(),
            KeySource::Hex(_) => "CHARTROOM_KEY".to_owned(),
            KeySource::Passphrase(_) => "CHARTROOM_PASSPHRASE".to_owned(),
        };
        line("root key", key, self.key_origin);
        let from = if self.policies.is_some() { Origin::File } else { Origin::Default };
        let site = self.policies.as_ref().map_or_else(|| "ours alone".to_owned(), |dir| dir.display().to_string());
        line("access.policies", site, from);
        let from = if self.labels.is_some() { Origin::File } else { Origin::Default };
        let site = self.labels.as_ref().map_or_else(|| "ours alone".to_owned(), |dir| dir.display().to_string());
        line("access.labels", site, from);
        let from = if self.audit.expire.is_some() { Origin::File } else { Origin::Default };
        line("audit.expire", self.audit.expire.unwrap_or(true).to_string(), from);
        let from = if self.audit.years.is_some() { Origin::File } else { Origin::Default };
        let unused = if self.audit_years().is_none() { ", not used: the audit is kept for good" } else { "" };
        line("audit.years", format!("{}{unused}", self.audit.years.unwrap_or(YEARS_MIN)), from);
        let from = if self.apps.authorities.is_some() { Origin::File } else { Origin::Default };
        let bundle = self.apps.bundle().map_or_else(|| "none".to_owned(), |path| path.display().to_string());
        line("apps.authorities", bundle, from);
        let from = if self.apps.private_addresses { Origin::File } else { Origin::Default };
        line("apps.private_addresses", self.apps.private_addresses.to_string(), from);
        if serving.providers.is_empty() {
            line("sign_in.provider", "none".to_owned(), Origin::Default);
        }
        for provider in &serving.providers {
            line("sign_in.provider", format!("{} {} {}", provider.id, provider.issuer, provider.client), Origin::File);
        }
        let from = if self.apps.export_hours.is_some() { Origin::File } else { Origin::Default };
        line("apps.export_hours", (self.apps.exports_kept().as_secs() / 3_600).to_string(), from);
        let [listen, url, tls, witnesses, interval, deletes] = serving.origins;
        line("serve.listen", serving.listen.to_string(), listen);
        line("serve.public_url", serving.public_url.clone().unwrap_or_else(|| "from serve.listen".to_owned()), url);
        let certificate = serving.tls.as_ref().map_or_else(|| "off".to_owned(), |(path, _)| path.display().to_string());
        line("serve.tls", certificate, tls);
        for witness in &serving.witnesses {
            line("witness", format!("{} {}", witness.address, witness.key), witnesses);
        }
        if serving.witnesses.is_empty() {
            line("witness", "none".to_owned(), witnesses);
        }
        line("witness interval", format!("{} s", serving.witness_interval.as_secs()), interval);
        line("serve.conditional_deletes_max", serving.conditional_deletes_max.to_string(), deletes);
    }
}

fn witness(url: &str, key: &str) -> Result<Witness, Stop> {
    let what = "The witnesses were not understood.";
    let Some(address) = Address::parse(url) else {
        let next = "write http://HOST:PORT; what is sent is public, and answers are signed, so that TLS is not needed";
        return Err(Stop::cannot(what, format!("`{url}` is not the address of a witness"), next));
    };
    let Some(key) = VerifierKey::parse(key).filter(VerifierKey::is_witness) else {
        let next = "copy the key that `chartroom witness` prints: name+hash+base64";
        return Err(Stop::cannot(what, format!("the key of the witness at {address} is not one"), next));
    };
    Ok(Witness { address, key })
}

/// Whether links can begin with it.
fn is_base(url: &str) -> bool {
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    host.is_some_and(|host| !host.is_empty() && !host.contains(['?', '#', ' ']))
}

fn choose<T>(given: Option<T>, file: Option<T>, default: T) -> (T, Origin) {
    let (value, origin) = choose_some(given, file);
    (value.unwrap_or(default), origin)
}

fn choose_some<T>(given: Option<T>, file: Option<T>) -> (Option<T>, Origin) {
    match (given, file) {
        (Some(value), _) => (Some(value), Origin::Given),
        (None, Some(value)) => (Some(value), Origin::File),
        (None, None) => (None, Origin::Default),
    }
}

fn key_source(given: Option<PathBuf>, file: Option<PathBuf>) -> Result<(KeySource, Origin), Stop> {
    let from_environment = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let given = [
        given.map(KeySource::File),
        from_environment("CHARTROOM_KEY").map(KeySource::Hex),
        from_environment("CHARTROOM_PASSPHRASE").map(KeySource::Passphrase),
    ];
    let mut given = given.into_iter().flatten();
    match (given.next(), given.next(), file) {
        (Some(_), Some(_), _) => Err(Stop::cannot(
            "The data was not opened.",
            "more than one root key is given: --key-file, CHARTROOM_KEY and CHARTROOM_PASSPHRASE exclude each other",
            "keep one of them",
        )),
        (Some(source), None, _) => Ok((source, Origin::Given)),
        (None, _, Some(path)) => Ok((KeySource::File(path), Origin::File)),
        (None, _, None) => Ok((KeySource::Beside, Origin::Default)),
    }
}

fn read(path: &Path) -> Result<File, Stop> {
    let what = "The configuration was not read.";
    let text = std::fs::read_to_string(path).map_err(|e| {
        Stop::cannot(what, format!("{}: {e}", path.display()), "name a file that can be read with --config")
    })?;
    toml::from_str(&text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        let line = text.as_bytes()[..offset.min(text.len())].iter().filter(|&&b| b == b'\n').count() + 1;
        let why = format!("{}, line {line}: {}", path.display(), error.message());
        Stop::cannot(what, why, fix(error.message()))
    })
}

/// What to write instead of what stands there.
fn fix(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    match (message.starts_with("unknown field"), quoted.next()) {
        (true, Some(wrong)) => match nearest(wrong, quoted) {
            Some(right) => format!("did you mean `{right}`? `chartroom config check` shows all settings"),
            None => format!("take `{wrong}` out"),
        },
        _ if message.contains("socket address") => "write an IP address and a port, as 127.0.0.1:8080".to_owned(),
        _ => "mend this line; `chartroom config check` tries it again".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_in_the_file_is_shown_with_its_line_and_the_fix() {
        let dir = tempfile::tempdir().expect("a folder");
        for (text, line, next) in [
            ("\n[serve]\nlistn = \"127.0.0.1:1\"\n", "line 3", "did you mean `listen`?"),
            ("[serve]\nlisten = \"nowhere\"\n", "line 2", "write an IP address and a port"),
            ("key_file = \n", "line 1", "mend this line"),
        ] {
            let path = dir.path().join("c.toml");
            std::fs::write(&path, text).expect("written");
            let Err(Stop::Cannot(trouble)) = read(&path) else { panic!("taken: {text}") };
            assert!(trouble.why.contains(line), "{}", trouble.why);
            assert!(trouble.next.starts_with(next), "{}", trouble.next);
        }
    }

    #[test]
    fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
        assert_eq!(choose(Some(1), Some(2), 3), (1, Origin::Given));
        assert_eq!(choose(None, Some(2), 3), (2, Origin::File));
        assert_eq!(choose(None, None, 3), (3, Origin::Default));
    }
}
