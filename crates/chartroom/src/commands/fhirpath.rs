//! `chartroom fhirpath`: evaluates an expression on a resource, and prints the result as a JSON array. Strict: what can
//! never be right for the resource's type is an error, for a person is asking.

use crate::cli::FhirpathArgs;
use crate::stop::Stop;
use base::clock::Clock;
use fhir::fhirpath::evaluate_to_json;
use fhir::json::Json;
use std::io::{Read, stdin};

/// Needs no record and no key.
pub fn fhirpath(args: &FhirpathArgs) -> Result<(), Stop> {
    let what = "The expression was not evaluated.";
    let text = read(args).map_err(|e| {
        Stop::cannot(what, format!("{}: {e}", args.file.display()), "name a JSON file, or - for standard input")
    })?;
    let resource = Json::parse(&text).map_err(|e| Stop::cannot(what, e, "give a resource as JSON"))?;
    let result = evaluate_to_json(&args.expression, &resource, Clock::System.now());
    let result = result.map_err(|e| Stop::cannot(what, e, "mend the expression"))?;
    println!("{}", String::from_utf8_lossy(&result.to_bytes()));
    Ok(())
}

fn read(args: &FhirpathArgs) -> std::io::Result<Vec<u8>> {
    if args.file.as_os_str() != "-" {
        return std::fs::read(&args.file);
    }
    let mut text = Vec::new();
    stdin().lock().read_to_end(&mut text)?;
    Ok(text)
}
