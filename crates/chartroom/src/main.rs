//! The program: command line, configuration, wiring.

mod bench;
mod cli;
mod commands;
mod config;
mod control;
mod hospital;
mod import;
#[cfg(test)]
mod manual;
mod stop;
mod user;

use clap::Parser;
use std::process::ExitCode;

// Serving and importing allocate in small pieces on many threads; mimalloc keeps both fast and the memory bounded.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match commands::run(&cli::Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(stop) => stop.end(),
    }
}
