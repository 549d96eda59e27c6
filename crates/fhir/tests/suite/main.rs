//! Tests of the FHIR floor against HL7's published files and real records.

mod archives;
mod definitions;
mod examples;
mod extraction;
mod faults;
mod fhir_xml;
mod fhirpath;
mod fhirpath_random;
mod patch;
mod query;
mod synthea;
mod value_sets;
