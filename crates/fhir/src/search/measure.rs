//! Quantities in other units: what is asked in mg is found in g as well (R4 search section 3.1.1.4.11).
//!
//! The question is put into each of the other units, so that the index keeps what was written and nothing twice. Only
//! UCUM units that are proportional to each other are converted: `Cel` and `[degF]`, grams and moles are not.

use super::query::NumberTest;
use crate::fhirpath::units::{Scale, parse};
use rust_decimal::Decimal;
use std::sync::OnceLock;

/// The system of UCUM codes.
pub const UCUM: &str = "http://unitsofmeasure.org";

/// The units that are converted: those of laboratory results, vital signs, doses and times.
const COMMON: [&str; 141] = [
    // Mass, length, area, volume, time.
    "kg", "g", "mg", "ug", "ng", "pg", "fg", "[lb_av]", "[oz_av]", "km", "m", "cm", "mm", "um", "nm", "[in_i]",
    "[ft_i]", "[mi_i]", "m2", "cm2", "mm2", "L", "l", "dL", "dl", "mL", "ml", "uL", "ul", "fL", "fl", "cm3", "mm3",
    "m3", "[foz_us]", "[tsp_us]", "a", "mo", "wk", "d", "h", "min", "s", "ms", "us",
    // Amounts of substance.
    "mol", "mmol", "umol", "nmol", "pmol", "meq", "eq", "mosm", "osm", // Mass and amount in a volume.
    "g/L", "g/l", "g/dL", "g/dl", "g/mL", "mg/L", "mg/l", "mg/dL", "mg/dl", "mg/mL", "mg/ml", "ug/L", "ug/l", "ug/dL",
    "ug/dl", "ug/mL", "ng/L", "ng/dL", "ng/mL", "ng/ml", "pg/mL", "pg/ml", "pg/dL", "pg/L", "mol/L", "mmol/L",
    "mmol/l", "mmol/dL", "umol/L", "umol/l", "umol/dL", "nmol/L", "nmol/l", "nmol/mL", "pmol/L", "pmol/l", "pmol/mL",
    "meq/L", "eq/L", "mosm/L", // Mass and amount in a mass; parts of one.
    "g/kg", "mg/kg", "ug/kg", "mg/g", "ug/g", "ng/g", "mosm/kg", "mmol/kg", "mmol/mol", "%", "1", "[ppm]", "g/g",
    // Counts in a volume.
    "10*3/uL", "10*6/uL", "10*9/L", "10*12/L", "10*3/mL", "10*6/mL", "10*6/L", "/uL", "/mL", "/L",
    // Enzymes.
    "U/L", "U/l", "kU/L", "mU/L", "U/mL", "mU/mL", "kat/L", "ukat/L", "nkat/L",
    // Pressure, rates, doses over time.
    "mm[Hg]", "kPa", "Pa", "cm[H2O]", "/min", "/s", "1/min", "Hz", "mL/min", "mL/h", "L/min", "L/h", "mL/s", "mg/h",
    "mg/d",
];

fn common() -> &'static [(&'static str, Scale)] {
    static SCALES: OnceLock<Vec<(&str, Scale)>> = OnceLock::new();
    SCALES.get_or_init(|| COMMON.iter().filter_map(|&code| Some((code, parse(code)?))).collect())
}

/// The same question in each other common unit of the same dimension.
#[must_use]
pub fn in_other_units(test: &NumberTest, code: &str) -> Vec<(NumberTest, &'static str)> {
    let Some(asked) = parse(code) else { return Vec::new() };
    let others = common().iter().filter(|(other, scale)| *other != code && scale.dimension == asked.dimension);
    others.filter_map(|(other, scale)| Some((scaled(test, asked.factor, scale.factor)?, *other))).collect()
}

/// The question asked in `code`, put in the unit of a stored value; `None` where that is no common unit of the same
/// dimension.
#[must_use]
pub fn in_unit(test: &NumberTest, code: &str, stored: &str) -> Option<NumberTest> {
    let (_, scale) = common().iter().find(|(other, _)| *other == stored)?;
    let asked = parse(code).filter(|asked| asked.dimension == scale.dimension)?;
    scaled(test, asked.factor, scale.factor)
}

/// In decimal arithmetic: 5.4 mg must be the very number that 0.0054 g is.
fn scaled(test: &NumberTest, from: Decimal, to: Decimal) -> Option<NumberTest> {
    let one = |number: f64| {
        let exact: Decimal = number.to_string().parse().ok()?;
        let other = exact.checked_mul(from)?.checked_div(to)?;
        other.normalize().to_string().parse::<f64>().ok()
    };
    Some(NumberTest { prefix: test.prefix, value: one(test.value)?, low: one(test.low)?, high: one(test.high)? })
}

#[cfg(test)]
mod tests {
    use super::super::query::Prefix;
    use super::*;

    #[test]
    fn every_common_unit_is_understood() {
        assert_eq!(common().len(), COMMON.len());
    }

    #[test]
    fn a_question_is_the_same_in_another_unit() {
        let test = NumberTest { prefix: Prefix::Eq, value: 5.4, low: 5.35, high: 5.45 };
        for (asked, stored, value) in [
            ("mg", "g", 0.0054),
            ("mg", "ug", 5400.0),
            ("mg/dL", "g/L", 0.054),
            ("mg/dL", "mg/dl", 5.4),
            ("10*3/uL", "10*9/L", 5.4),
            ("mmol/L", "umol/L", 5400.0),
            ("h", "min", 324.0),
            ("kPa", "mm[Hg]", 40.503_442_792_637_37),
        ] {
            let other = in_unit(&test, asked, stored).expect(stored);
            assert_eq!(other.value, value, "{asked} in {stored}");
            assert!(other.low < other.value && other.value < other.high);
            assert!(in_other_units(&test, asked).iter().any(|(same, code)| *code == stored && *same == other));
        }
        for (asked, stored) in [("mg", "mol"), ("mg", "mL"), ("Cel", "[degF]"), ("mg", "no unit"), ("%", "mmol/L")] {
            assert_eq!(in_unit(&test, asked, stored), None, "{asked} in {stored}");
        }
    }
}
