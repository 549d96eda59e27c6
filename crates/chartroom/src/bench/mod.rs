//! `chartroom bench`: how fast, how large, how much memory, each against something measured in the same run.
//!
//! Every measured server or import is a process of its own, so that its CPU time and memory are its own and the load
//! generator's are not counted. Data: Synthea bundles where a folder is given, and the demo hospital.

mod client;
mod export;
mod gate;
mod process;
mod report;
mod workload;

use crate::hospital::Hospital;
use client::{Request, run};
use process::{Measured, disk_bytes};
use report::Goal::{AtLeast, AtMost, Context};
pub use report::{Measure, Report};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;
use workload::Patients;

/// A file in the stores that a benchmark makes: they are nobody's record.
pub const OWN_STORE: &str = "made-by-bench";

/// What to measure.
pub struct Plan {
    /// Where the stores of the run are made; emptied afterwards.
    pub work: PathBuf,
    /// A folder of Synthea bundles, if there is one.
    pub synthea: Option<PathBuf>,
    /// Patients of the small demo hospital; the large one has ten times as many.
    pub patients: u32,
}

/// Runs all benchmarks.
pub fn measure(plan: &Plan) -> Result<Report, Box<dyn std::error::Error>> {
    let mut report = Report::default();
    fs::create_dir_all(&plan.work)?;
    if fs::read_dir(&plan.work)?.next().is_some() {
        return Err(format!("{} is not empty, and would be removed afterwards", plan.work.display()).into());
    }
    let raw = vault::measure::raw_inserts_per_second(&plan.work, 60_000)?;
    report.add("raw.inserts", "SQLite alone: 2 KB rows, 1,000 a durable transaction", raw, "rows/s", Context);
    let serial = vault::measure::serial_syncs_per_second(&plan.work, 300)?;
    report.add("raw.syncs", "This disk: 4 KiB appends, each with fdatasync", serial, "syncs/s", Context);

    if let Some(synthea) = &plan.synthea {
        synthea_import(plan, synthea, raw, &mut report)?;
    }
    let small = plan.work.join("small");
    let (file, count) = write_hospital(&plan.work.join("small.ndjson"), 1, plan.patients)?;
    let import = import(&small, &file)?;
    report.add(
        "demo.import",
        "Demo hospital NDJSON, durable import",
        count as f64 / import.seconds,
        "resources/s",
        Context,
    );

    gate::decisions(&mut report);
    fs::write(small.join(OWN_STORE), "")?;
    let unaudited = reads(&small, &mut report)?;
    let small_cost = serve_small(plan, &small, (serial, unaudited), &mut report)?;
    let large = plan.work.join("large");
    let (file, count) = write_hospital(&plan.work.join("large.ndjson"), 2, plan.patients * 10)?;
    let import = self::import(&large, &file)?;
    report.add(
        "large.import",
        format!("Import of {count} resources"),
        count as f64 / import.seconds,
        "resources/s",
        Context,
    );
    report.add("large.import.memory", "Peak memory of that import", import.peak_mib, "MiB", AtMost(512.0));
    serve_large(&large, small_cost, &mut report)?;
    verify(&large, count, &mut report)?;
    fs::remove_dir_all(&plan.work)?;
    Ok(report)
}

struct Imported {
    read: f64,
    seconds: f64,
    cpu_seconds: f64,
    peak_mib: f64,
}

fn import(data: &Path, source: &Path) -> Result<Imported, Box<dyn std::error::Error>> {
    let done =
        Measured::start(&["import", "--json", "--data", &data.display().to_string(), &source.display().to_string()])?
            .finish()?;
    let last = done.lines.last().cloned().unwrap_or_default();
    let summary = fhir::json::Json::parse(last.as_bytes())?;
    let figure =
        |name| summary.get(name).and_then(|v| v.as_number()).and_then(|n| n.parse::<f64>().ok()).unwrap_or(0.0);
    if figure("read") == 0.0 {
        return Err(format!("the import of {} read nothing (exit code {:?})", source.display(), done.code).into());
    }
    Ok(Imported {
        read: figure("read"),
        seconds: figure("seconds"),
        cpu_seconds: done.cpu_seconds,
        peak_mib: done.peak_mib,
    })
}

fn synthea_import(
    plan: &Plan,
    synthea: &Path,
    raw: f64,
    report: &mut Report,
) -> Result<(), Box<dyn std::error::Error>> {
    let first = plan.work.join("synthea-bundles");
    let bundles = import(&first, synthea)?;
    report.add(
        "synthea.bundles",
        format!("Synthea bundles as they come ({} resources, bzip2)", bundles.read),
        bundles.read / bundles.seconds,
        "resources/s",
        Context,
    );
    let ndjson = plan.work.join("synthea-ndjson");
    let out =
        Measured::start(&["export", "--data", &first.display().to_string(), "--out", &ndjson.display().to_string()])?;
    out.finish()?;
    let second = plan.work.join("synthea");
    let import = import(&second, &ndjson)?;
    let rate = import.read / import.seconds;
    report.add("import.rate", "Synthea NDJSON, durable import", rate, "resources/s", AtLeast(12_000.0));
    report.add("import.ratio", "the same over SQLite's raw rate", rate / raw, "ratio", AtLeast(0.25));
    report.add("import.cpu", "CPU of that import", import.cpu_seconds * 1000.0 / import.read, "ms/resource", Context);
    let bytes = disk_bytes(&second) as f64 / import.read;
    report.add(
        "disk",
        "Disk a Synthea resource: record, indexes, log, encrypted",
        bytes,
        "bytes/resource",
        AtMost(700.0),
    );
    Ok(())
}

/// The demo hospital as one NDJSON file; gives its path and the number of resources.
fn write_hospital(path: &Path, seed: u64, patients: u32) -> io::Result<(PathBuf, u64)> {
    let mut out = BufWriter::new(File::create(path)?);
    let mut count = 0;
    let hospital = Hospital::new(seed, patients as usize);
    for n in 0..=patients as usize {
        for resource in hospital.group(n) {
            out.write_all(&resource.to_bytes())?;
            out.write_all(b"\n")?;
            count += 1;
        }
    }
    out.flush()?;
    Ok((path.to_owned(), count))
}

fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

fn token(data: &Path) -> Result<String, Box<dyn std::error::Error>> {
    let done = Measured::start(&["token", "--data", &data.display().to_string()])?.finish()?;
    Ok(done.lines.first().cloned().ok_or("`chartroom token` printed nothing")?)
}

fn serve(data: &Path, address: SocketAddr) -> io::Result<Measured> {
    Measured::start(&["serve", "--data", &data.display().to_string(), "--listen", &address.to_string()])
}

/// Measures what reading costs without the audit; gives the reads a second of 64 clients.
fn reads(data: &Path, report: &mut Report) -> Result<f64, Box<dyn std::error::Error>> {
    let (token, address) = (token(data)?, free_address()?);
    let server = Measured::start(&["bench-serve", "--data", &data.display().to_string(), &address.to_string()])?;
    server.wait_until_ready(address)?;
    let patients = Patients::list(address, &token)?;
    let echo_address = free_address()?;
    let echo_server = Measured::start(&["bench-echo", &echo_address.to_string()])?;
    echo_server.wait_until_ready(echo_address)?;
    let get = |n| Request { method: "GET", path: patients.read(n), body: Vec::new() };
    run(address, &token, 8, 5_000, get)?;
    let echo = run(echo_address, &token, 8, 100_000, get)?;
    let read = run(address, &token, 8, 100_000, get)?;
    fail_on_failures("read by id", &read)?;
    report.add("echo.rate", "Bare axum server, same load generator, 8 clients", echo.rate(), "requests/s", Context);
    report.add("read.rate", "Read by id without its audit, 8 clients", read.rate(), "requests/s", Context);
    report.add("read.ratio", "the same over the bare server", read.rate() / echo.rate(), "ratio", AtLeast(0.4));
    report.add("read.p99", "99 of 100 such reads take at most", read.percentile_ms(0.99), "ms", AtMost(2.0));
    let many = run(address, &token, 64, 100_000, get)?;
    fail_on_failures("read by id", &many)?;
    report.add("read.many", "Read by id without its audit, 64 clients", many.rate(), "requests/s", Context);
    let (cpu_ms, load) = searches(&server, address, &token, &patients)?;
    let what = "Twelve patient-scoped searches in turn without their audit, 4 clients";
    report.add("search.plain", what, load.rate(), "searches/s", Context);
    report.add("search.plain.cpu", "Server CPU of one", cpu_ms, "ms", AtMost(0.25));
    Ok(many.rate())
}

/// Measures reading, searching and writing over HTTP, each request with its durable entry in the audit; gives the CPU
/// milliseconds of one patient-scoped search. `known`: serial syncs and reads without audit, a second.
fn serve_small(
    plan: &Plan,
    data: &Path,
    known: (f64, f64),
    report: &mut Report,
) -> Result<f64, Box<dyn std::error::Error>> {
    let (serial, unaudited) = known;
    let (token, address) = (token(data)?, free_address()?);
    let server = serve(data, address)?;
    server.wait_until_ready(address)?;
    let patients = Patients::list(address, &token)?;
    let get = |n| Request { method: "GET", path: patients.read(n), body: Vec::new() };
    let few = run(address, &token, 8, 20_000, get)?;
    fail_on_failures("audited reads", &few)?;
    report.add("audited.few", "Audited read by id, 8 clients", few.rate(), "requests/s", Context);
    report.add("audited.few.p99", "99 of 100 of them take at most", few.percentile_ms(0.99), "ms", Context);
    let many = run(address, &token, 64, 100_000, get)?;
    fail_on_failures("audited reads", &many)?;
    report.add("audited.rate", "Audited read by id, 64 clients", many.rate(), "requests/s", AtLeast(5_000.0));
    report.add("audited.ratio", "the same over reads without audit", many.rate() / unaudited, "ratio", AtLeast(0.65));

    let (cost, load) = searches(&server, address, &token, &patients)?;
    let what = "Twelve patient-scoped searches in turn, audited, 4 clients";
    report.add("search.rate", what, load.rate(), "searches/s", Context);
    report.add("search.cpu", "Server CPU of one", cost, "ms", AtMost(0.25));
    report.add("search.p99", "99 of 100 take at most", load.percentile_ms(0.99), "ms", AtMost(5.0));
    gate::consented_searches(data, address, &token, &patients, report)?;
    gate::who_looked(address, &token, &patients, report)?;
    transactions(plan, &server, address, &token, report)?;
    let patients_body = workload::single_patient();
    let create = |_| Request { method: "POST", path: "/fhir/Patient".into(), body: patients_body.clone() };
    let creates = run(address, &token, 64, 40_000, create)?;
    fail_on_failures("single creates", &creates)?;
    report.add("create.rate", "Single creates, 64 clients, each durable", creates.rate(), "writes/s", AtLeast(4000.0));
    report.add("create.ratio", "the same over serial fdatasync", creates.rate() / serial, "ratio", Context);
    Ok(cost)
}

fn fail_on_failures(what: &str, load: &client::Load) -> Result<(), Box<dyn std::error::Error>> {
    if load.failed > 0 {
        return Err(format!("{what}: {} of {} requests failed", load.failed, load.failed + load.done).into());
    }
    Ok(())
}

/// The server's CPU milliseconds of one patient-scoped search, and what the clients saw.
fn searches(
    server: &Measured,
    address: SocketAddr,
    token: &str,
    patients: &Patients,
) -> Result<(f64, client::Load), Box<dyn std::error::Error>> {
    let get = |n| Request { method: "GET", path: patients.search(n), body: Vec::new() };
    run(address, token, 4, 2_000, get)?;
    let before = server.cpu_seconds();
    let count = 24_000;
    let load = run(address, token, 4, count, get)?;
    fail_on_failures("patient-scoped searches", &load)?;
    Ok(((server.cpu_seconds() - before) * 1000.0 / count as f64, load))
}

fn transactions(
    plan: &Plan,
    server: &Measured,
    address: SocketAddr,
    token: &str,
    report: &mut Report,
) -> Result<(), Box<dyn std::error::Error>> {
    let (bundles, entries) = workload::transactions(3, plan.patients / 2);
    let before = server.cpu_seconds();
    let post = |n: u64| Request { method: "POST", path: "/fhir".into(), body: bundles[n as usize].clone() };
    let load = run(address, token, 4, bundles.len() as u64, post)?;
    fail_on_failures("transaction bundles", &load)?;
    let cpu_ms = (server.cpu_seconds() - before) * 1000.0 / entries as f64;
    let rate = entries as f64 / load.wall.as_secs_f64();
    report.add("bundle.rate", "Transaction bundles over HTTP, 4 clients", rate, "resources/s", AtLeast(8000.0));
    report.add("bundle.cpu", "Server CPU of one resource in them", cpu_ms, "ms", AtMost(0.12));
    Ok(())
}

fn serve_large(data: &Path, small_cost: f64, report: &mut Report) -> Result<(), Box<dyn std::error::Error>> {
    let (token, address) = (token(data)?, free_address()?);
    let server = serve(data, address)?;
    let ready = server.wait_until_ready(address)?;
    report.add("large.start", "Start until /health answers, with all of them", ready.as_secs_f64(), "s", AtMost(1.0));
    let patients = Patients::list(address, &token)?;
    let (cost, _) = searches(&server, address, &token, &patients)?;
    report.add(
        "scale",
        "A patient-scoped search at ten times the data",
        cost / small_cost,
        "times the CPU",
        AtMost(1.3),
    );
    let before = server.cpu_seconds();
    let mut client = client::Client::connect(address, &token)?;
    let mut matches = 0_u64;
    for path in workload::COUNTS.iter().cycle().take(workload::COUNTS.len() * 5) {
        let (_, body) = client.send("GET", path, b"")?;
        let answer = fhir::json::Json::parse(body)?;
        matches += answer.get("total").and_then(|t| t.as_number()).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
    }
    let rate = matches as f64 / (server.cpu_seconds() - before).max(0.01);
    report.add("count.rate", "Population token counts, one core", rate, "matches/s", AtLeast(1e6));
    export::whole(address, &token, report)?;
    report.add("large.serve.memory", "Peak memory while serving", server.peak_mib(), "MiB", AtMost(512.0));
    Ok(())
}

fn verify(data: &Path, entries: u64, report: &mut Report) -> Result<(), Box<dyn std::error::Error>> {
    let done = Measured::start(&["verify", "--data", &data.display().to_string()])?.finish()?;
    if done.code != Some(0) {
        return Err("`chartroom verify` found the large store altered".into());
    }
    let rate = entries as f64 / done.wall.as_secs_f64();
    report.add("verify.rate", "verify: records, log and indexes, start to end", rate, "entries/s", AtLeast(200_000.0));
    report.add("verify.wall", "the whole of it", done.wall.max(Duration::from_millis(1)).as_secs_f64(), "s", Context);
    Ok(())
}
