//! The command line: its words, their help, and the exit codes. What they do stands in `app`.

use clap::{Args, Parser, Subcommand};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The configuration that is read where none is named.
pub const CONFIG: &str = "crmql.toml";

const AFTER_HELP: &str = "\
Try it with no account and no configuration:
  crmql demo

Exit codes: 0 fine, 1 failed, 64 wrong usage or configuration.
Logs go to standard error; CRMQL_LOG filters them (default: info), as in CRMQL_LOG=warn,crmql=debug.";

/// One GraphQL API over the REST CRMs a company has.
#[derive(Debug, Parser)]
#[command(name = "crmql", version, after_help = AFTER_HELP)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start four emulated CRMs and the gateway in front of them, all on this machine
    ///
    /// The CRMs speak real HTTP in the vendors' documented shapes and hold made-up
    /// customers, the same at every start. Needs no configuration, no account and
    /// no internet. Prints the addresses and a first query to try.
    #[command(verbatim_doc_comment)]
    Demo(Demo),
    /// Start the gateway
    ///
    /// Reads and checks the whole configuration before anything listens. SIGTERM or
    /// ctrl-c lets running requests finish.
    #[command(verbatim_doc_comment)]
    Serve(Serve),
    /// Say everything that is wrong with a configuration or with adapter files
    ///
    /// Every problem is said at once, as FILE:LINE:COLUMN, with the bad word and the
    /// accepted ones. Adapter files are also tried on the fixtures beside them.
    #[command(verbatim_doc_comment)]
    Check(Check),
    /// Print the GraphQL schema
    Schema,
    /// Make an API key for a caller
    ///
    /// Prints the key, for the caller, and its hash, for [[auth.key]] in the
    /// configuration. Neither is kept.
    #[command(verbatim_doc_comment)]
    Key,
}

/// The arguments of `demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// Port of the gateway on 127.0.0.1; 0 takes any that is free
    #[arg(long, default_value_t = 8080, value_name = "PORT")]
    pub port: u16,
    /// Customers in each CRM
    #[arg(long, default_value_t = 250, value_name = "COUNT",
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub customers: u32,
}

/// The arguments of `serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// The configuration
    #[arg(long, default_value = CONFIG, value_name = "FILE")]
    pub config: PathBuf,
}

/// The arguments of `check`.
#[derive(Debug, Args)]
pub struct Check {
    /// The configuration [default: crmql.toml, unless adapter files are named]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Also read one page from each configured CRM
    #[arg(long)]
    pub live: bool,
    /// Adapter files
    #[arg(value_name = "FILE.toml")]
    pub files: Vec<PathBuf>,
}

impl Check {
    /// The configuration to check; `None` where only adapter files are.
    pub fn config(&self) -> Option<&Path> {
        match &self.config {
            Some(named) => Some(named),
            None if self.files.is_empty() || self.live => Some(Path::new(CONFIG)),
            None => None,
        }
    }
}

/// How the command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It did what it was asked for.
    Fine,
    /// It could not.
    Failed,
    /// It was asked wrongly: the arguments or the configuration must be mended.
    Usage,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Fine => 0,
            Exit::Failed => 1,
            Exit::Usage => 64,
        })
    }
}

/// Reads the arguments, the command's name first.
///
/// # Errors
/// Help or the version was asked for, or the usage is wrong. What is to be said about it has been printed.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, Exit> {
    Cli::try_parse_from(arguments).map_err(|error| {
        // A reader that has gone away is nobody to complain to.
        let _ = error.print();
        if error.use_stderr() {
            Exit::Usage
        } else {
            Exit::Fine
        }
    })
}
