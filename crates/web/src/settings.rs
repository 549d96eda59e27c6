//! What the operator can set, with defaults that suit one machine.

use crate::room::Room;
use crate::sign_in::provider::Provider;
use crate::witnesses::Witness;
use std::time::Duration;

/// The server's settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The address as clients write it, without a slash at the end: `https://records.example.org`. Every link starts
    /// with it; the `Host` header of a request is never believed.
    pub public_url: String,
    /// Most bytes of one request's body.
    pub body_bytes_max: usize,
    /// Most bytes that all requests may hold together, divided among bodies that arrive, what bundles read, the work
    /// itself, and answers that leave.
    pub memory_bytes_max: usize,
    /// Most bytes of a request's line and headers.
    pub header_bytes_max: usize,
    /// Most requests being worked on.
    pub requests_max: usize,
    /// Most open connections.
    pub connections_max: usize,
    /// Most searches and other long reads at one time; the rest wait their turn.
    pub searches_max: usize,
    /// Most writes waiting for the disk at one time; the rest wait their turn.
    pub writes_max: usize,
    /// How long one request may take, its body included.
    pub request_timeout: Duration,
    /// How long a client may take to send its headers, and how long an idle connection is kept.
    pub header_timeout: Duration,
    /// Whether every request leaves its entry in the audit. Only the benchmark does without, on a record of its own, to
    /// measure what the audit costs.
    pub is_audited: bool,
    /// How long a client may take to send the form of a page.
    pub form_timeout: Duration,
    /// How long a client may leave its answers lying; then the connection is closed.
    pub send_timeout: Duration,
    /// How long open requests may go on after the server was told to stop.
    pub shutdown_timeout: Duration,
    /// Matches on a page when `_count` is not given.
    pub page_size: usize,
    /// Most matches on a page; a greater `_count` gives this many, and the `self` link says so.
    pub page_size_max: usize,
    /// Most resources that one conditional delete may delete; one that matches more is refused. 1: only a single match.
    pub conditional_deletes_max: usize,
    /// How long a bulk export is kept.
    pub exports_kept: Duration,
    /// Most bulk exports that one client or account may have at a time.
    pub exports_max: usize,
    /// Most lines of one file of a bulk export.
    pub export_lines_max: usize,
    /// How long a session at pages may be idle before it ends.
    pub idle: Duration,
    /// Whether everybody who signs in with a password needs a second factor.
    pub second_factor: bool,
    /// Whether the record is a demo hospital, whose made-up people sign in with one click.
    pub is_demo: bool,
    /// PEM: the authorities that are trusted when keys of apps are fetched and identity providers are asked.
    pub authorities: Vec<u8>,
    /// Whether keys of apps may also be fetched from private addresses, there without TLS too.
    pub private_addresses: bool,
    /// Who else's word is taken for who somebody is.
    pub providers: Vec<Provider>,
    /// TLS; plain HTTP without it.
    pub tls: Option<Tls>,
    /// Who is asked to co-sign the log's checkpoints.
    pub witnesses: Vec<Witness>,
    /// From one asking of the witnesses to the next.
    pub witness_interval: Duration,
    /// The rooms: pages and operations of the crates above.
    pub rooms: &'static [Room],
}

/// A certificate and its key.
#[derive(Clone)]
pub struct Tls {
    /// PEM: the server's certificate, then those that lead to its root.
    pub certificates: Vec<u8>,
    /// PEM: the private key (PKCS #8, PKCS #1 or SEC 1).
    pub key: Vec<u8>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls(…)")
    }
}

impl Settings {
    /// The defaults, for an address such as `http://127.0.0.1:8080`.
    #[must_use]
    pub fn new(public_url: impl Into<String>) -> Settings {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Settings {
            public_url: public_url.into().trim_end_matches('/').to_owned(),
            body_bytes_max: 32 << 20,
            memory_bytes_max: 176 << 20,
            header_bytes_max: 24 << 10,
            requests_max: 1_024,
            connections_max: 4_096,
            searches_max: cores * 2,
            writes_max: 128,
            request_timeout: Duration::from_secs(60),
            header_timeout: Duration::from_secs(10),
            is_audited: true,
            form_timeout: Duration::from_secs(5),
            send_timeout: Duration::from_secs(30),
            shutdown_timeout: Duration::from_secs(10),
            page_size: 50,
            page_size_max: 1_000,
            conditional_deletes_max: 100,
            exports_kept: Duration::from_secs(24 * 60 * 60),
            exports_max: 16,
            export_lines_max: 100_000,
            idle: Duration::from_secs(15 * 60),
            second_factor: true,
            is_demo: false,
            authorities: Vec::new(),
            private_addresses: false,
            providers: Vec::new(),
            tls: None,
            witnesses: Vec::new(),
            witness_interval: Duration::from_secs(60),
            rooms: &[],
        }
    }

    /// The FHIR base, `http://127.0.0.1:8080/fhir`.
    #[must_use]
    pub fn fhir_base(&self) -> String {
        format!("{}/fhir", self.public_url)
    }
}
