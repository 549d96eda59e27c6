//! The command line.

// The demo command is its first user.
#[cfg(test)]
mod hospital;

fn main() {}
