//! `chartroom serve`: FHIR over HTTP until it is told to stop.

use super::demo::is_demo;
use super::open;
use crate::cli::ServeArgs;
use crate::config::{Config, Serving};
use crate::control::Door;
use crate::import::finished;
use crate::stop::Stop;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use vault::Vault;
use vault::access::audit::Keeping;
use web::{Server, Settings, Tls};

/// Room on the disk that is kept for the audit.
const RESERVE_BYTES: u64 = 8 << 20;

/// How often it is looked whether a day has passed.
const TEND_EVERY: Duration = Duration::from_secs(60);

/// A port that is held, before anything else is done.
pub struct Port {
    runtime: Runtime,
    listener: TcpListener,
    settings: Settings,
    /// How many years the audit is kept; `None`: for good.
    audit_years: Option<u32>,
}

/// Serves the data of a configuration.
pub fn serve(config: &Config, args: &ServeArgs) -> Result<(), Stop> {
    let port = Port::take(&config.serving(args)?)?;
    let vault = open(config)?;
    // From here on others than an import may write.
    finished::forget(&config.data);
    println!("Chartroom serves {} at {}", config.data.display(), port.settings.fhir_base());
    println!("next: `chartroom token --data {}` prints a token; Ctrl-C stops the server", config.data.display());
    port.keeping(config.audit_years()).serve(&vault, &config.data)
}

impl Port {
    /// Takes the port, and reads what TLS needs.
    pub fn take(serving: &Serving) -> Result<Port, Stop> {
        let tls = serving.tls.as_ref().map(|(chain, key)| read_tls(chain, key)).transpose()?;
        let runtime = Runtime::new().map_err(|e| not_started(e, "run `chartroom doctor`"))?;
        let listener = runtime.block_on(TcpListener::bind(serving.listen)).map_err(|e| taken(serving.listen, &e))?;
        let address = listener.local_addr().map_err(|e| not_started(e, "choose another address with --listen"))?;
        if !address.ip().is_loopback() && tls.is_none() {
            eprintln!(
                "warning: {address} can be reached from other machines without TLS; set tls_certificate and tls_key"
            );
        }
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = serving.public_url.clone().unwrap_or_else(|| format!("{scheme}://{}", reachable(address)));
        let (witnesses, witness_interval) = (serving.witnesses.clone(), serving.witness_interval);
        let conditional_deletes_max = serving.conditional_deletes_max;
        let (authorities, private_addresses) = (serving.authorities.clone(), serving.private_addresses);
        let providers = serving.providers.clone();
        let settings = Settings {
            tls,
            witnesses,
            witness_interval,
            conditional_deletes_max,
            authorities,
            private_addresses,
            providers,
            exports_kept: serving.exports_kept,
            rooms: rooms::ROOMS,
            ..Settings::new(url)
        };
        Ok(Port { runtime, listener, settings, audit_years: None })
    }

    /// The same, with so many years for which the audit is kept.
    pub fn keeping(self, audit_years: Option<u32>) -> Port {
        Port { audit_years, ..self }
    }

    /// The FHIR base, as clients write it.
    pub fn base(&self) -> String {
        self.settings.fhir_base()
    }

    /// Serves until Ctrl-C or SIGTERM; requests under way are answered first. Commands on the same directory are let in.
    pub fn serve(self, vault: &Vault, data: &Path) -> Result<(), Stop> {
        let Port { runtime, listener, mut settings, audit_years } = self;
        if is_demo(data) {
            (settings.is_demo, settings.second_factor, settings.private_addresses) = (true, false, true);
        }
        let kept =
            vault.keep_reserve(RESERVE_BYTES).map_err(|error| Stop::vault("The server was not started.", error))?;
        if kept < RESERVE_BYTES {
            eprintln!(
                "warning: the disk is full; nothing can be changed, and reading ends when the audit has no room; make room"
            );
        }
        runtime.block_on(async {
            let told = told_to_stop().map_err(|e| not_started(e, "run `chartroom doctor`"))?;
            let broke = broken(vault.clone());
            let stop = async {
                tokio::select! {
                    () = told => {}
                    () = broke => {}
                }
            };
            let server = Server::new(vault.clone(), settings);
            let door = Door::open(&server, vault, data).map_err(|error| shut(data, &error)).ok();
            let tending = audit_years.map(|years| tokio::spawn(tend(vault.clone(), years)));
            let served = web::serve(&server, listener, stop).await;
            if let Some(tending) = tending {
                tending.abort();
            }
            if let Some(door) = door {
                door.close().await;
            }
            served.map_err(|e| not_started(e, "give a PEM certificate chain and its private key"))?;
            vault.check_sound().map_err(|error| Stop::vault("The server has stopped.", error))
        })
    }
}

/// Serving is worth more than the door: without it some commands need the server to be stopped.
fn shut(data: &Path, error: &io::Error) {
    eprintln!(
        "warning: no control.sock in {}: {error}; to change keys, shred or cosign, stop the server first",
        data.display()
    );
}

/// Ends the keeping of what the audit has too long, once a day, as long as the server runs.
async fn tend(vault: Vault, years: u32) {
    let keeping = Arc::new(Keeping::new(years));
    loop {
        let (vault, keeping) = (vault.clone(), keeping.clone());
        let tended = tokio::task::spawn_blocking(move || keeping.tend(&vault)).await;
        if let Ok(Err(error)) = tended {
            eprintln!("warning: old events of the audit were not destroyed: {error}; it is tried again in an hour");
        }
        tokio::time::sleep(TEND_EVERY).await;
    }
}

/// Ready when a write to the disk failed: what is acknowledged must be durable, so the process ends and looks anew.
async fn broken(vault: Vault) {
    while vault.check_sound().is_ok() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Ready when the process gets Ctrl-C or SIGTERM. It listens for them from the call on, not from the first wait.
pub fn told_to_stop() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// The address a client on this machine can use.
fn reachable(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        return SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), address.port());
    }
    address
}

fn read_tls(chain: &Path, key: &Path) -> Result<Tls, Stop> {
    let read = |path: &Path| {
        let next = "name a PEM file that can be read";
        std::fs::read(path).map_err(|e| not_started(format!("{}: {e}", path.display()), next))
    };
    Ok(Tls { certificates: read(chain)?, key: read(key)? })
}

fn taken(address: SocketAddr, error: &io::Error) -> Stop {
    let other = SocketAddr::new(address.ip(), address.port().wrapping_add(1).max(1024));
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            let why = format!("another program listens on {address} already");
            not_started(why, &format!("stop that program, or choose another port: --listen {other}"))
        }
        _ => not_started(format!("{address}: {error}"), "choose another address with --listen ADDR:PORT"),
    }
}

fn not_started(why: impl std::fmt::Display, next: &str) -> Stop {
    Stop::cannot("The server was not started.", why, next)
}
