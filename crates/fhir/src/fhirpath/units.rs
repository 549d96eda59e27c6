//! Units of measure: enough of UCUM to tell whether two quantities can be compared and by what factor.
//!
//! Grammar and values: The Unified Code for Units of Measure, version 2.1. Units on a scale without proportion (`Cel`,
//! `[pH]`) and arbitrary units (`[iU]`) compare with themselves only. Moles stay a dimension of their own: a factor of
//! 6.02e23 between `mol` and `1` would be right by the letter and wrong at the bedside.

use rust_decimal::Decimal;

/// Exponents of metre, second, gram, radian, kelvin, coulomb, candela, mole and calendar month.
pub(crate) type Dimension = [i8; 9];

/// What one unit is in base units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scale {
    pub(crate) factor: Decimal,
    pub(crate) dimension: Dimension,
}

const DEPTH_MAX: usize = 8;
const PREFIXES: [(&str, i8); 20] = [
    ("da", 1),
    ("Y", 24),
    ("Z", 21),
    ("E", 18),
    ("P", 15),
    ("T", 12),
    ("G", 9),
    ("M", 6),
    ("k", 3),
    ("h", 2),
    ("d", -1),
    ("c", -2),
    ("m", -3),
    ("u", -6),
    ("n", -9),
    ("p", -12),
    ("f", -15),
    ("a", -18),
    ("z", -21),
    ("y", -24),
];

const M: Dimension = [1, 0, 0, 0, 0, 0, 0, 0, 0];
const M2: Dimension = [2, 0, 0, 0, 0, 0, 0, 0, 0];
const M3: Dimension = [3, 0, 0, 0, 0, 0, 0, 0, 0];
const S: Dimension = [0, 1, 0, 0, 0, 0, 0, 0, 0];
const PER_S: Dimension = [0, -1, 0, 0, 0, 0, 0, 0, 0];
const G: Dimension = [0, 0, 1, 0, 0, 0, 0, 0, 0];
const RAD: Dimension = [0, 0, 0, 1, 0, 0, 0, 0, 0];
const MOL: Dimension = [0, 0, 0, 0, 0, 0, 0, 1, 0];
const PASCAL: Dimension = [-1, -2, 1, 0, 0, 0, 0, 0, 0];
const JOULE: Dimension = [2, -2, 1, 0, 0, 0, 0, 0, 0];
const GRAY: Dimension = [2, -2, 0, 0, 0, 0, 0, 0, 0];
const ONE: Dimension = [0; 9];
/// The dimension of calendar months and years, which no count of seconds equals.
pub(super) const MONTH: Dimension = [0, 0, 0, 0, 0, 0, 0, 0, 1];
pub(super) const SECOND: Dimension = S;

/// Code, value in base units, dimension, whether it takes prefixes.
const ATOMS: &[(&str, &str, Dimension, bool)] = &[
    ("m", "1", M, true),
    ("s", "1", S, true),
    ("g", "1", G, true),
    ("rad", "1", RAD, true),
    ("K", "1", [0, 0, 0, 0, 1, 0, 0, 0, 0], true),
    ("C", "1", [0, 0, 0, 0, 0, 1, 0, 0, 0], true),
    ("cd", "1", [0, 0, 0, 0, 0, 0, 1, 0, 0], true),
    ("mol", "1", MOL, true),
    ("eq", "1", MOL, true),
    ("osm", "1", MOL, true),
    ("%", "0.01", ONE, false),
    ("[ppth]", "0.001", ONE, false),
    ("[ppm]", "0.000001", ONE, false),
    ("[ppb]", "0.000000001", ONE, false),
    ("10*", "10", ONE, false),
    ("10^", "10", ONE, false),
    ("deg", "0.0174532925199432957692369077", RAD, false),
    ("Hz", "1", PER_S, true),
    ("Bq", "1", PER_S, true),
    ("N", "1000", [1, -2, 1, 0, 0, 0, 0, 0, 0], true),
    ("Pa", "1000", PASCAL, true),
    ("bar", "100000000", PASCAL, true),
    ("atm", "101325000", PASCAL, false),
    ("m[Hg]", "133322000", PASCAL, true),
    ("m[H2O]", "9806650", PASCAL, true),
    ("[in_i'Hg]", "3386378.8", PASCAL, false),
    ("[psi]", "6894757.29316836", PASCAL, false),
    ("J", "1000", JOULE, true),
    ("eV", "0.0000000000000001602176634", JOULE, true),
    ("cal", "4184", JOULE, true),
    ("[Cal]", "4184000", JOULE, false),
    ("W", "1000", [2, -3, 1, 0, 0, 0, 0, 0, 0], true),
    ("A", "1", [0, -1, 0, 0, 0, 1, 0, 0, 0], true),
    ("V", "1000", [2, -2, 1, 0, 0, -1, 0, 0, 0], true),
    ("Ohm", "1000", [2, -1, 1, 0, 0, -2, 0, 0, 0], true),
    ("S", "0.001", [-2, 1, -1, 0, 0, 2, 0, 0, 0], true),
    ("F", "0.001", [-2, 2, -1, 0, 0, 2, 0, 0, 0], true),
    ("Wb", "1000", [2, -1, 1, 0, 0, -1, 0, 0, 0], true),
    ("T", "1000", [0, -1, 1, 0, 0, -1, 0, 0, 0], true),
    ("Gy", "1", GRAY, true),
    ("Sv", "1", GRAY, true),
    ("RAD", "0.01", GRAY, true),
    ("REM", "0.01", GRAY, true),
    ("kat", "1", [0, -1, 0, 0, 0, 0, 0, 1, 0], true),
    ("U", "0.0000000166666666666666666667", [0, -1, 0, 0, 0, 0, 0, 1, 0], true),
    ("l", "0.001", M3, true),
    ("L", "0.001", M3, true),
    ("ar", "100", M2, true),
    ("t", "1000000", G, true),
    ("u", "0.0000000000000000000000016605", G, true),
    ("min", "60", S, false),
    ("h", "3600", S, false),
    ("d", "86400", S, false),
    ("wk", "604800", S, false),
    ("mo", "2629800", S, false),
    ("a", "31557600", S, false),
    ("[in_i]", "0.0254", M, false),
    ("[in_us]", "0.0254000508001016002032004064", M, false),
    ("[ft_i]", "0.3048", M, false),
    ("[yd_i]", "0.9144", M, false),
    ("[mi_i]", "1609.344", M, false),
    ("[nmi_i]", "1852", M, false),
    ("[sin_i]", "0.00064516", M2, false),
    ("[sft_i]", "0.09290304", M2, false),
    ("[lb_av]", "453.59237", G, false),
    ("[oz_av]", "28.349523125", G, false),
    ("[dr_av]", "1.7718451953125", G, false),
    ("[gr]", "0.06479891", G, false),
    ("[stone_av]", "6350.29318", G, false),
    ("[ston_av]", "907184.74", G, false),
    ("[lb_tr]", "373.2417216", G, false),
    ("[oz_tr]", "31.1034768", G, false),
    ("[gal_us]", "0.003785411784", M3, false),
    ("[qt_us]", "0.000946352946", M3, false),
    ("[pt_us]", "0.000473176473", M3, false),
    ("[cup_us]", "0.0002365882365", M3, false),
    ("[foz_us]", "0.0000295735295625", M3, false),
    ("[tbs_us]", "0.00001478676478125", M3, false),
    ("[tsp_us]", "0.00000492892159375", M3, false),
    ("[drp]", "0.00000005", M3, false),
];

/// What a UCUM code is in base units; `None` for what is no proportional unit known here.
pub(crate) fn parse(code: &str) -> Option<Scale> {
    let mut reader = Reader { text: code, depth: 0 };
    let scale = reader.term()?;
    reader.text.is_empty().then_some(scale)
}

struct Reader<'t> {
    text: &'t str,
    depth: usize,
}

impl<'t> Reader<'t> {
    fn eat(&mut self, c: char) -> bool {
        let rest = self.text.strip_prefix(c);
        self.text = rest.unwrap_or(self.text);
        rest.is_some()
    }

    fn term(&mut self) -> Option<Scale> {
        let mut scale = Scale { factor: Decimal::ONE, dimension: ONE };
        let mut divide = self.eat('/');
        loop {
            let part = self.component()?;
            scale = scale.times(part.power(if divide { -1 } else { 1 })?)?;
            if self.eat('.') {
                divide = false;
            } else if self.eat('/') {
                divide = true;
            } else {
                return Some(scale);
            }
        }
    }

    fn component(&mut self) -> Option<Scale> {
        if self.eat('(') {
            self.depth += 1;
            let inner = if self.depth > DEPTH_MAX { None } else { self.term() }?;
            self.depth -= 1;
            return self.eat(')').then_some(inner);
        }
        let mut scale = Scale { factor: Decimal::ONE, dimension: ONE };
        if !self.text.starts_with('{') {
            scale = self.simple()?;
        }
        if self.eat('{') {
            self.text = self.text.split_once('}')?.1;
        }
        Some(scale)
    }

    fn simple(&mut self) -> Option<Scale> {
        let symbol = self.symbol();
        let exponent = self.exponent()?;
        if symbol.is_empty() {
            // A bare number such as the 1 of `1/min`; the digits were read as an exponent.
            let factor = Decimal::from(exponent.filter(|n| *n > 0)?);
            return Some(Scale { factor, dimension: ONE });
        }
        atom(symbol)?.power(exponent.unwrap_or(1))
    }

    /// Letters and whole brackets; digits end it, except in `10*` and `10^`.
    fn symbol(&mut self) -> &'t str {
        let ten = self.text.starts_with("10*") || self.text.starts_with("10^");
        let mut is_inside = false;
        let end = self.text.char_indices().skip(if ten { 3 } else { 0 }).find(|(_, c)| {
            is_inside = (is_inside || *c == '[') && *c != ']';
            let is_part = is_inside || c.is_ascii_alphabetic() || matches!(c, ']' | '%' | '\'' | '_');
            !is_part
        });
        let (symbol, rest) = self.text.split_at(end.map_or(self.text.len(), |(i, _)| i));
        self.text = rest;
        symbol
    }

    fn exponent(&mut self) -> Option<Option<i32>> {
        let digits = self.text.trim_start_matches(['+', '-']);
        let signs = self.text.len() - digits.len();
        let end = signs + digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        let (number, rest) = self.text.split_at(end);
        self.text = rest;
        if number.is_empty() { Some(None) } else { number.parse().ok().map(Some) }
    }
}

fn atom(symbol: &str) -> Option<Scale> {
    if let Some(scale) = exact(symbol, false) {
        return Some(scale);
    }
    PREFIXES.iter().find_map(|(prefix, power)| {
        let scale = exact(symbol.strip_prefix(prefix)?, true)?;
        scale.times(Scale { factor: Decimal::TEN, dimension: ONE }.power(i32::from(*power))?)
    })
}

fn exact(symbol: &str, prefixed: bool) -> Option<Scale> {
    let (_, value, dimension, _) = ATOMS.iter().find(|(code, .., metric)| *code == symbol && (*metric || !prefixed))?;
    Some(Scale { factor: Decimal::from_str_exact(value).ok()?, dimension: *dimension })
}

impl Scale {
    fn times(self, other: Scale) -> Option<Scale> {
        let mut dimension = self.dimension;
        for (mine, more) in dimension.iter_mut().zip(other.dimension) {
            *mine = mine.checked_add(more)?;
        }
        Some(Scale { factor: self.factor.checked_mul(other.factor)?, dimension })
    }

    fn power(self, exponent: i32) -> Option<Scale> {
        if exponent.unsigned_abs() > 30 {
            return None;
        }
        let mut result = Scale { factor: Decimal::ONE, dimension: ONE };
        for _ in 0..exponent.unsigned_abs() {
            result = result.times(self)?;
        }
        if exponent < 0 {
            let factor = Decimal::ONE.checked_div(result.factor)?;
            result = Scale { factor, dimension: result.dimension.map(i8::wrapping_neg) };
        }
        Some(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_unit_is_so_many_of_another() {
        for (unit, many, other) in [
            ("g", "1000", "mg"),
            ("cm.m", "0.01", "m2"),
            ("[in_i]", "2.54", "cm"),
            ("kg/m2", "0.1", "g/cm2"),
            ("mm[Hg]", "0.133322", "kPa"),
            ("10*3/uL", "1", "10*9/L"),
            ("mmol/L", "1", "mol/m3"),
            ("wk", "7", "d"),
            ("{beats}/min", "1", "/min"),
            ("1/min", "1", "min-1"),
            ("mg/(24.h)", "1", "mg/d"),
            ("m/s2", "100", "cm.s-2"),
            ("dL", "100", "mL"),
        ] {
            let (unit, other) = (parse(unit).expect(unit), parse(other).expect(other));
            assert_eq!(unit.dimension, other.dimension);
            assert_eq!((unit.factor / other.factor).round_dp(12), Decimal::from_str_exact(many).unwrap(), "{other:?}");
        }
        for text in ["", "lbs", "Cel", "[iU]", "m/", "((((((((((m))))))))))", "m99", "g.", "é", "{", "m-"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
