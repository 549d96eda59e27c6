//! Sets of closed lists of words that people, policies, logs and code share ([`base::vocabulary!`]).

/// Makes a set of such codes in the bits of a number.
macro_rules! vocabulary_set {
    ($(#[$about:meta])* $set:ident of $name:ident in $bits:ident) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $set($bits);

        impl $set {
            /// None of them.
            pub const NONE: $set = $set(0);

            /// The set with these bits; bit `n` is the case with number `n`.
            #[must_use]
            pub const fn from_bits(bits: $bits) -> $set {
                $set(bits)
            }

            /// The bits; bit `n` is the case with number `n`.
            #[must_use]
            pub const fn bits(self) -> $bits {
                self.0
            }

            /// Whether nothing is in it.
            #[must_use]
            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }

            /// Whether this one is in it.
            #[must_use]
            pub const fn contains(self, one: $name) -> bool {
                self.0 & (1 << one.number()) != 0
            }

            /// With one more.
            #[must_use]
            pub const fn with(self, one: $name) -> $set {
                $set(self.0 | 1 << one.number())
            }

            /// What is in either.
            #[must_use]
            pub const fn union(self, other: $set) -> $set {
                $set(self.0 | other.0)
            }

            /// What is in both.
            #[must_use]
            pub const fn intersection(self, other: $set) -> $set {
                $set(self.0 & other.0)
            }

            /// What is in this one and not in the other.
            #[must_use]
            pub const fn without(self, other: $set) -> $set {
                $set(self.0 & !other.0)
            }

            /// Those in it, in the order of their numbers.
            pub fn iter(self) -> impl Iterator<Item = $name> {
                $name::ALL.iter().copied().filter(move |one| self.contains(*one))
            }
        }

        impl FromIterator<$name> for $set {
            fn from_iter<I: IntoIterator<Item = $name>>(cases: I) -> $set {
                cases.into_iter().fold($set::NONE, $set::with)
            }
        }

        impl std::fmt::Display for $set {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let codes: Vec<&str> = self.iter().map($name::code).collect();
                f.write_str(&codes.join(" "))
            }
        }
    };
}

pub(super) use base::vocabulary;
pub(super) use vocabulary_set;
