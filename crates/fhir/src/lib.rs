//! FHIR R4 as data: the tree, the calendar, the definitions, validation, FHIRPath, search parameters, terminology. Pure: no
//! disk, no network, no clock.

pub mod calendar;
pub mod definitions;
pub mod fhirpath;
pub mod json;
pub mod patch;
pub mod reference;
pub mod search;
pub mod terminology;
pub mod validate;
