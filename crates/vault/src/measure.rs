//! What this machine can do without Chartroom: the figures that the benchmarks divide by.

use crate::error::{Error, Fault};
use rusqlite::{Connection, params};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

/// Rows a second of 2 KB inserts into SQLite, a thousand a transaction, each commit durable: the raw rate of the engine.
pub fn raw_inserts_per_second(dir: &Path, rows: u32) -> Result<f64, Error> {
    const BATCH: u32 = 1000;
    let db = Connection::open(dir.join("raw-inserts.sqlite"))?;
    db.execute_batch(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE row(id INTEGER PRIMARY KEY, body BLOB)",
    )?;
    // Text that no page compression of the disk could shrink to nothing.
    let body: Vec<u8> = (0..2048_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let started = Instant::now();
    for batch in 0..rows / BATCH {
        db.execute_batch("BEGIN IMMEDIATE")?;
        let mut insert = db.prepare_cached("INSERT INTO row VALUES (?, ?)")?;
        for i in 0..BATCH {
            insert.execute(params![batch * BATCH + i, body])?;
        }
        drop(insert);
        db.execute_batch("COMMIT")?;
    }
    Ok(f64::from(rows) / started.elapsed().as_secs_f64())
}

/// Appends of 4 KiB a second to a file, each followed by `fdatasync`: what one client that waits could get at best.
pub fn serial_syncs_per_second(dir: &Path, count: u32) -> Result<f64, Error> {
    let path = dir.join("serial-syncs");
    let fault = |source| Fault::File { what: format!("writing {}", path.display()), source };
    let mut file = File::create(&path).map_err(fault)?;
    let started = Instant::now();
    for _ in 0..count {
        file.write_all(&[0x5a; 4096]).and_then(|()| file.sync_data()).map_err(fault)?;
    }
    Ok(f64::from(count) / started.elapsed().as_secs_f64())
}
