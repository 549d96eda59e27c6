//! Closed lists of words that people, policies, logs and code share: an enum whose every case has a code and plain words.

/// Makes an enum of codes. Each case is `Case = "code", "plain words"`; the numbers run from 0 in the order written and
/// are kept (they stand in compiled tables and in bit sets), so that new cases go to the end.
#[macro_export]
macro_rules! vocabulary {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $case:ident = $code:literal, $words:literal;)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $name { $($(#[$doc])* $case,)+ }

        impl $name {
            /// Every case, in the order of their numbers.
            pub const ALL: &'static [$name] = &[$($name::$case,)+];

            /// The code, as policies, configuration and the audit write it.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $($name::$case => $code,)+ }
            }

            /// What a person reads.
            #[must_use]
            pub const fn words(self) -> &'static str {
                match self { $($name::$case => $words,)+ }
            }

            /// The case with exactly this code.
            #[must_use]
            pub fn from_code(code: &str) -> Option<$name> {
                $name::ALL.iter().copied().find(|case| case.code() == code)
            }

            /// The number, from 0.
            #[must_use]
            pub const fn number(self) -> usize {
                self as usize
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.code())
            }
        }
    };
}
