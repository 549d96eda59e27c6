//! The rooms as people and programs meet them: pages, operations, and what the record says afterwards.

mod house;
mod permissions;
mod release;
mod rights;
mod thousand;
