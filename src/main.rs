//! The `crmql` command: reads its arguments, hands them to `app`, and ends with its exit code.

use crmql::{app, cli};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match cli::parse(std::env::args_os()) {
        Ok(cli) => app::run(&cli.command).into(),
        Err(exit) => exit.into(),
    }
}
