//! `chartroom bench`: measures, prints, and writes the manual's chapter.

use crate::bench::{OWN_STORE, Plan, measure};
use crate::cli::BenchArgs;
use crate::config::Config;
use crate::stop::Stop;
use base::clock::Clock;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use web::{Server, Settings};

/// Measures what the arguments ask for.
pub fn bench(args: &BenchArgs) -> Result<(), Stop> {
    let work = args.work.clone().unwrap_or_else(|| "./chartroom-bench".into());
    if let Some(missing) = args.synthea.as_ref().filter(|folder| !folder.is_dir()) {
        return Err(not_measured(format!("{} is no directory", missing.display())));
    }
    let plan = Plan { work, synthea: args.synthea.clone(), patients: args.patients };
    let report = measure(&plan).map_err(not_measured)?;
    if args.json {
        println!("{}", String::from_utf8_lossy(&report.json().to_bytes()));
    }
    let today = &Clock::System.now().to_string()[..10];
    if let Some(out) = &args.out {
        fs::write(out, report.markdown(&machine(), today)).map_err(not_measured)?;
        eprintln!("written: {}", out.display());
    }
    if report.measures.iter().all(crate::bench::Measure::reached) { Ok(()) } else { Err(Stop::Wrong) }
}

/// The bare server that `bench` compares with; a process of its own so that its CPU time is its own.
pub fn echo(listen: SocketAddr) -> Result<(), Stop> {
    let runtime = Runtime::new().map_err(not_measured)?;
    runtime.block_on(async {
        let listener = TcpListener::bind(listen).await.map_err(not_measured)?;
        match web::echo(listener).await {}
    })
}

/// A server that leaves no audit, to measure what the audit costs; on a store that the benchmark has made, and no other.
pub fn serve(config: &Config, listen: SocketAddr) -> Result<(), Stop> {
    if !config.data.join(OWN_STORE).exists() {
        return Err(not_measured("only a store that `chartroom bench` has made is served without an audit"));
    }
    let vault = super::open(config)?;
    let settings = Settings { is_audited: false, ..Settings::new(format!("http://{listen}")) };
    let runtime = Runtime::new().map_err(not_measured)?;
    runtime.block_on(async {
        let listener = TcpListener::bind(listen).await.map_err(not_measured)?;
        web::serve(&Server::new(vault, settings), listener, std::future::pending()).await.map_err(not_measured)
    })
}

fn not_measured(why: impl std::fmt::Display) -> Stop {
    Stop::cannot(
        "The benchmark did not finish.",
        why,
        "mend that and run it again; --work names a directory with room for it",
    )
}

/// Processor and cores, as the kernel names them.
fn machine() -> String {
    let cpuinfo = fs::read_to_string(Path::new("/proc/cpuinfo")).unwrap_or_default();
    let model = cpuinfo.lines().find_map(|l| l.strip_prefix("model name")).unwrap_or("");
    let model = model.trim_start_matches([' ', '\t', ':']);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    format!("{cores} cores of {}", if model.is_empty() { "an unnamed processor" } else { model })
}
