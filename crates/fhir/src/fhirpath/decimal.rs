//! Decimals: read from JSON's and FHIRPath's own text, rounded, and given to the functions that need binary numbers.

use rust_decimal::Decimal;
use rust_decimal::prelude::{FromPrimitive, ToPrimitive};

/// More places than this no decimal here has (`rust_decimal` keeps 96 bits, 28 places).
pub(super) const PLACES_MAX: u32 = 28;

/// Reads a number as JSON writes it. `None` beyond 28 digits.
pub(super) fn parse(text: &str) -> Option<Decimal> {
    if text.bytes().any(|b| matches!(b, b'e' | b'E')) {
        return Decimal::from_scientific(text).ok();
    }
    Decimal::from_str_exact(text).ok()
}

/// The integer this is, if it has no fraction and fits 32 bits.
pub(super) fn whole(d: Decimal) -> Option<i64> {
    d.is_integer().then(|| d.to_i32().map(i64::from)).flatten()
}

/// Rounds both to the fewer places of the two, as equivalence asks.
pub(super) fn equivalent(a: Decimal, b: Decimal) -> bool {
    let places = a.normalize().scale().min(b.normalize().scale());
    a.round_dp(places) == b.round_dp(places)
}

/// A function of binary floating point applied to decimals; none where the result is no number.
pub(super) fn float(d: Decimal, f: impl Fn(f64) -> f64) -> Option<Decimal> {
    let result = f(d.to_f64()?);
    result.is_finite().then(|| Decimal::from_f64(result)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_keeps_its_trailing_zero() {
        assert_eq!(parse("1.50").unwrap().to_string(), "1.50");
        assert_eq!(parse("1e3").unwrap().to_string(), "1000");
        assert_eq!(parse("1e400"), None);
        assert_eq!(parse("x"), None);
    }
}
