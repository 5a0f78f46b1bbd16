//! The command line of crmql.

fn main() {}
