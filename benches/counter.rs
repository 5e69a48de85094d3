//! The bench binary; its groups come with what they measure.

fn main() {}
