//! The program as people and scripts use it: the real binary, its files, its exit codes and its words.

mod commands;
mod imports;
mod program;
mod serving;
mod witnesses;
