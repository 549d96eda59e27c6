//! Power loss, failing disks, full disks, killed processes: nothing that was acknowledged is ever missing.
//!
//! The real engine runs on the real file system with a shim between them (`shim.c`, by `LD_PRELOAD`) that records
//! each write and sync. From the record the test builds the disk as a power loss at a chosen point would leave it,
//! opens it with the ordinary code and asks whether every promise was kept.

mod child;
mod disk;
mod oracle;

use disk::{Loss, Op, Record};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use vault::Options;

fn options(dir: &Path) -> Options {
    Options {
        dir: dir.to_owned(),
        key: vault::records::KeySource::Beside,
        clock: base::clock::Clock::System,
        ids: base::id::Ids::System,
        labels: None,
    }
}

/// The shim, built once by the C compiler that building the program needs anyway.
fn shim() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fault-shim.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/faults/shim.c");
        let done =
            Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&out).arg(source).arg("-ldl").status();
        assert!(done.expect("a C compiler is needed").success());
        out
    })
}

struct Run {
    folder: tempfile::TempDir,
    command: Command,
}

impl Run {
    fn new(rounds: usize) -> Run {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("store");
        fs::create_dir(&dir).unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "faults::program_under_test", "--nocapture", "--test-threads=1"])
            .env(child::CHILD, format!("{rounds} {}", dir.display()))
            .env("LD_PRELOAD", shim())
            .env("SHIM_DIR", &dir)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Run { folder, command }
    }

    fn dir(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    fn with(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Run {
        self.command.env(name, value);
        self
    }

    fn recorded(self) -> Run {
        let log = self.folder.path().join("record");
        self.with("SHIM_LOG", log)
    }

    fn finish(&mut self) -> ExitStatus {
        self.command.status().unwrap()
    }

    /// Runs to the end, and shows what the program said when it did not end well.
    fn succeed(&mut self) {
        let ended = self.command.stderr(Stdio::piped()).output().unwrap();
        assert!(ended.status.success(), "{}: {}", ended.status, String::from_utf8_lossy(&ended.stderr));
    }

    fn record(&self) -> Record {
        Record::read(&self.folder.path().join("record"))
    }

    /// Waits until more than `bytes` of acknowledgements are there.
    fn acknowledges_beyond(&self, bytes: usize) -> bool {
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(30) {
            if self.acknowledged().len() > bytes {
                return true;
            }
            wait(2);
        }
        false
    }

    /// The promises broken by a store whose program was killed. The last acknowledgement may be half written.
    fn broken_after_kill(&self) -> Vec<String> {
        let acknowledged = self.acknowledged();
        assert!(!acknowledged.is_empty());
        let whole = acknowledged.lines().filter(|line| line.ends_with(';'));
        oracle::broken(&self.dir(), whole)
    }

    /// The acknowledgements that reached the file, for runs without a record.
    fn acknowledged(&self) -> String {
        fs::read_to_string(self.dir().join(disk::ACKS)).unwrap_or_default()
    }
}

fn wait(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

/// Not a test of its own: with the environment variable set it is the program that the other tests torment.
#[test]
fn program_under_test() {
    if let Ok(order) = std::env::var(child::CHILD) {
        let (rounds, dir) = order.split_once(' ').unwrap();
        if std::env::var_os(child::READER).is_some() {
            child::look(Path::new(dir));
        }
        child::run(Path::new(dir), rounds.parse().unwrap());
    }
}

/// Builds the image in a fresh folder and gives the promises broken in it.
fn broken_promises(run: &Run, record: &Record, cut: usize, loss: Loss) -> Vec<String> {
    let place = tempfile::tempdir().unwrap();
    for (path, bytes) in disk::image(record, cut, loss) {
        let name = path.strip_prefix(run.dir()).unwrap();
        let target = place.path().join(name);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::write(target, bytes).unwrap();
    }
    oracle::broken(place.path(), record.acknowledged(cut))
}

#[test]
fn a_power_loss_at_any_point_loses_nothing_acknowledged() {
    let mut run = Run::new(12).recorded();
    run.succeed();
    let record = run.record();
    assert!(record.ops.iter().filter(|op| matches!(op, Op::Ack(_))).count() >= 40, "too few acknowledgements");
    let mut images = 0;
    for (n, cut) in disk::cuts(&record.ops, 60).into_iter().enumerate() {
        let seed = n as u64;
        for loss in [Loss::All, Loss::Some(seed), Loss::Torn(seed), Loss::Nothing] {
            let broken = broken_promises(&run, &record, cut, loss);
            assert!(broken.is_empty(), "cut {cut} of {}, {loss:?}: {broken:#?}", record.ops.len());
            images += 1;
        }
    }
    println!("{images} power-loss images held every promise");
}

#[test]
fn the_harness_sees_a_store_that_does_not_sync() {
    let mut run = Run::new(6).recorded().with("SHIM_NO_SYNC", "1");
    run.succeed();
    let record = run.record();
    let seen = disk::cuts(&record.ops, 30)
        .into_iter()
        .any(|cut| record.acknowledged(cut).count() > 0 && !broken_promises(&run, &record, cut, Loss::All).is_empty());
    assert!(seen, "a store without syncs passed: the harness is blind");
}

#[test]
fn a_failing_write_or_sync_stops_the_acknowledgements() {
    for (nth, errno, short) in (10..400)
        .step_by(13)
        .zip([(5, false), (28, false), (28, true)].into_iter().cycle())
        .map(|(n, (e, s))| (n, e, s))
    {
        for stay in [false, true] {
            let mut run = Run::new(8).with("SHIM_NTH", nth.to_string()).with("SHIM_ERRNO", errno.to_string());
            if stay {
                run = run.with("SHIM_STAY", "1");
            }
            if short {
                run = run.with("SHIM_SHORT", "1");
            }
            let status = run.finish();
            let broken = oracle::broken(&run.dir(), run.acknowledged().lines());
            assert!(broken.is_empty(), "call {nth}, errno {errno}, stay {stay}, {status}: {broken:#?}");
        }
    }
}

#[test]
fn a_killed_process_loses_nothing_acknowledged() {
    for ms in [5, 20, 40, 60, 90, 130, 180, 250] {
        let mut run = Run::new(100_000);
        let mut child = run.command.spawn().unwrap();
        // Kill only once it has begun to acknowledge: before that there is nothing to lose.
        assert!(run.acknowledges_beyond(0));
        wait(ms);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(run.broken_after_kill(), Vec::<String>::new(), "killed after {ms} ms");
    }
}

#[test]
fn a_full_disk_refuses_and_then_goes_on_without_a_restart() {
    let flag = tempfile::tempdir().unwrap();
    let flag = flag.path().join("full");
    let mut run = Run::new(1_000_000).with("SHIM_FULL_FLAG", &flag);
    let mut child = run.command.spawn().unwrap();
    for _ in 0..3 {
        assert!(run.acknowledges_beyond(run.acknowledged().len()), "it writes while there is room");
        fs::write(&flag, b"").unwrap();
        wait(50); // whatever was under way when the disk filled up is answered
        let full = run.acknowledged().len();
        wait(150);
        assert_eq!(run.acknowledged().len(), full, "nothing is acknowledged on a full disk");
        assert!(child.try_wait().unwrap().is_none(), "a full disk does not end the program");
        fs::remove_file(&flag).unwrap();
        assert!(run.acknowledges_beyond(full), "service resumes when there is room again");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(run.broken_after_kill(), Vec::<String>::new());
}

#[test]
fn searches_find_everything_while_the_index_has_no_room() {
    let flag = tempfile::tempdir().unwrap();
    let flag = flag.path().join("full");
    let mut run = Run::new(1_000_000).with("SHIM_FULL_FLAG", &flag).with("SHIM_FULL_ONLY", "index.sqlite");
    let mut child = run.command.spawn().unwrap();
    for _ in 0..3 {
        for full in [false, true] {
            if full {
                fs::write(&flag, b"").unwrap();
            }
            // The program ends when a search lacks what was acknowledged.
            for _ in 0..20 {
                assert!(run.acknowledges_beyond(run.acknowledged().len()), "full: {full}, {:?}", child.try_wait());
            }
        }
        fs::remove_file(&flag).unwrap();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(run.broken_after_kill(), Vec::<String>::new());
}

#[test]
fn on_a_full_disk_the_reserve_lets_reading_go_on_and_then_nothing_is_shown() {
    let flag = tempfile::tempdir().unwrap();
    let flag = flag.path().join("tight");
    let mut run = Run::new(1).with("SHIM_TIGHT_FLAG", &flag).with(child::READER, "1");
    let mut child = run.command.spawn().unwrap();
    let said = || fs::read_to_string(run.dir().join("said").join(disk::ACKS)).unwrap_or_default();
    let mut until = |what: &str, from: usize| {
        let started = Instant::now();
        while !said()[from..].contains(what) {
            assert!(started.elapsed() < Duration::from_secs(60), "no {what} came: {:?}", child.try_wait());
            wait(2);
        }
        said().len()
    };
    for _ in 0..2 {
        let before = until("w+\nr+", said().len());
        fs::write(&flag, b"").unwrap();
        let refused = until("w-\n", before);
        until("r-\n", refused);
        let text = said();
        let read = text[refused..].split("r-\n").next().unwrap_or_default();
        assert!(read.matches("r+").count() >= 20, "reading went on: {}", read.matches("r+").count());
        assert!(!read.contains("w+"), "the room of the reserve is for the audit alone");
        println!("{} reads were written down on a full disk", read.matches("r+").count());
        fs::remove_file(&flag).unwrap();
        until("w+\nr+", text.len());
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let report = vault::Vault::verify(&options(&run.dir()), &|_, _| ()).unwrap();
    assert!(report.is_clean(), "{report:?}");
}
