//! What the source tree promises about itself, checked against the source tree.

mod arrows;
mod ceiling;
mod colleagues;
mod documents;
mod messages;
mod tree;
