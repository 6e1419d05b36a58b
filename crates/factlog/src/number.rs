//! The two kinds of place: a [`Version`] in a stream, a [`Position`] in the log.
//!
//! ```text
//!   log        1     2     3     4     5     6        positions
//!            loan-1 loan-2 loan-1 loan-1 loan-3 loan-2
//!   loan-1     1           2     3                    versions
//! ```
//!
//! Both count from 1 without gaps; 0 stands before the first event.

use std::fmt;

macro_rules! place {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u64);

        impl $name {
            /// Before the first event.
            pub const ZERO: Self = Self(0);
            /// The first event.
            pub const FIRST: Self = Self(1);
            /// Beyond every event.
            pub const MAX: Self = Self(u64::MAX);

            /// The place with this number.
            #[must_use]
            pub const fn new(number: u64) -> Self {
                Self(number)
            }

            /// The number of this place.
            #[must_use]
            pub const fn number(self) -> u64 {
                self.0
            }

            /// The place after this one; [`Self::MAX`] stays where it is.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }

            /// The place `count` places further on; it never passes [`Self::MAX`].
            #[must_use]
            pub const fn plus(self, count: u64) -> Self {
                Self(self.0.saturating_add(count))
            }

            /// The place before this one; [`Self::ZERO`] stays where it is.
            #[must_use]
            pub const fn previous(self) -> Self {
                Self(self.0.saturating_sub(1))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

place! {
    /// A place in a stream, counted from 1: the n-th event has version n, and a stream of n events
    /// is *at* version n. Version 0: no event yet.
    Version
}

place! {
    /// A place in the log, counted from 1, without gaps. Position 0: nothing read yet.
    Position
}
