//! Programs that others made, for tests that run them: installed once below the target directory by npm and pip. Where that
//! cannot be, the test says so and is skipped.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Drives Chromium.
const PUPPETEER: &str = "puppeteer-core@24.43.1";

/// Where the scripts that drive clients are.
pub fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../web/tests/clients")
}

/// Runs a command. `None`, after saying so, where it cannot be run or fails.
pub fn tried(what: &str, command: &mut Command) -> Option<Output> {
    match command.output() {
        Ok(output) if output.status.success() => Some(output),
        Ok(output) => {
            println!("skipped: {what}: {}", String::from_utf8_lossy(&output.stderr));
            None
        }
        Err(error) => {
            println!("skipped: {what} not found: {error}");
            None
        }
    }
}

/// The folder in which a package stands, put there once: whoever comes while another installs it waits, and what was not
/// finished is begun again.
pub fn installed(name: &str, package: &str, install: impl FnOnce(&Path) -> Option<Output>) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let _alone = {
        let file = std::fs::File::create(folder.join("lock")).unwrap();
        file.lock().unwrap();
        file
    };
    let done = folder.join("installed");
    if std::fs::read_to_string(&done).is_ok_and(|stands| stands == package) {
        return Some(folder);
    }
    install(&folder)?;
    std::fs::write(&done, package).unwrap();
    Some(folder)
}

/// The folder in which npm has installed a package beside what drives Chromium.
pub fn with_npm(name: &str, package: &str) -> Option<PathBuf> {
    tried("chromium", Command::new("/usr/bin/chromium").arg("--version"))?;
    tried("node", Command::new("node").arg("--version"))?;
    installed(name, &format!("{package} {PUPPETEER}"), |folder| {
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]).arg(folder);
        tried(&format!("{package} (npm)"), npm.args([package, PUPPETEER]))
    })
}

/// Runs a script of ours with node, which must end well. Answers its lines of JSON.
#[track_caller]
pub fn told_by(script: &str, modules: &Path, arguments: &[&str]) -> Vec<Value> {
    let output = Command::new("node").arg(scripts().join(script)).arg(modules).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
