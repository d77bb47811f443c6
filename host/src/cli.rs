//! The command line: what the admin API can do, for people at a terminal and for scripts.
//!
//! A command is one or a few requests to the admin listener, and what came of them on standard output. It decides nothing:
//! what may be done is up to the gateway. Only `vault` works on the data itself, while no gateway has it open.

mod audit;
mod call;
mod client;
mod config;
mod failure;
mod grant;
mod input;
mod job;
mod key;
mod module;
mod network;
mod order;
mod printer;
mod schedule;
mod secret;
mod telecloud;
mod tenant;
mod token;
mod trail;
mod upload;
mod usage;
mod vault;
mod version;

use std::io::{self, IsTerminal, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Subcommand};

use self::client::Client;
use self::failure::Failure;
use self::printer::Printer;

/// For the help of the whole command line.
pub const EXIT_CODES: &str = "Exit codes:
  0  done
  1  refused by the gateway; standard error says why
  2  the command line is wrong
  3  the gateway cannot be reached";

/// Every command but the one that runs the gateway.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Tenants: the operators whose modules are hosted
    #[command(after_help = tenant::EXAMPLES)]
    Tenant(Group<tenant::Command>),
    /// Modules: a tenant's integrations, each with its own URL
    #[command(after_help = module::EXAMPLES)]
    Module(Group<module::Command>),
    /// Versions: the components uploaded for a module, and the one that serves
    #[command(after_help = version::EXAMPLES)]
    Version(Group<version::Command>),
    /// A module's settings
    #[command(after_help = config::EXAMPLES)]
    Config(Group<config::Command>),
    /// A module's grants: where it may reach
    #[command(after_help = grant::EXAMPLES)]
    Grant(Group<grant::Command>),
    /// Networks other than the internet, for grants to name
    #[command(after_help = network::EXAMPLES)]
    Network(Group<network::Command>),
    /// A module's scheduled work: usage and audits
    #[command(after_help = schedule::EXAMPLES)]
    Schedule(Group<schedule::Command>),
    /// What customers used, told to TeleCloud
    #[command(after_help = usage::EXAMPLES)]
    Usage(Group<usage::Command>),
    /// The carrier's subscribers, compared with the orders on record
    #[command(after_help = audit::EXAMPLES)]
    Audit(Group<audit::Command>),
    /// A module's secrets: set, never shown
    #[command(after_help = secret::EXAMPLES)]
    Secret(Group<secret::Command>),
    /// The TeleCloud API keys that a tenant accepts
    #[command(after_help = key::EXAMPLES)]
    Key(Group<key::Command>),
    /// How a tenant's calls to TeleCloud's own API are made
    #[command(after_help = telecloud::EXAMPLES)]
    Telecloud(Group<telecloud::Command>),
    /// Tokens for the admin API
    #[command(after_help = token::EXAMPLES)]
    Token(Group<token::Command>),
    /// Who changed what, when and from where
    #[command(after_help = trail::EXAMPLES)]
    Trail(Group<trail::Command>),
    /// What happened in calls
    #[command(after_help = call::EXAMPLES)]
    Call(Group<call::Command>),
    /// Orders on record: what passed through the gateway, put together
    #[command(after_help = order::EXAMPLES)]
    Order(Group<order::Command>),
    /// Jobs: work that outlives its call, such as a pending order
    #[command(after_help = job::EXAMPLES)]
    Job(Group<job::Command>),
    /// What needs a person
    #[command(after_help = job::FALLOUT_EXAMPLES)]
    Fallout(Group<job::Fallout>),
    /// The keys that the data is sealed with: replaced while the gateway is stopped
    #[command(subcommand, after_help = vault::EXAMPLES)]
    Vault(vault::Command),
    /// Print a script that completes this command line
    #[command(
        after_help = "Example:\n  patchbay completion bash > ~/.local/share/bash-completion/completions/patchbay"
    )]
    Completion {
        /// For which shell
        shell: clap_complete::Shell,
    },
}

/// A group of commands and the options that all of them take.
#[derive(Debug, Args)]
#[command(subcommand_required = true)]
pub struct Group<C: Subcommand> {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: C,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Gateway")]
struct Options {
    /// URL of the gateway's admin listener
    #[arg(long, env = "PATCHBAY_URL", default_value = "http://127.0.0.1:8081", global = true)]
    url: String,
    /// Token; better given by PATCHBAY_TOKEN or a file, because other users of this machine can see arguments
    #[arg(long, env = "PATCHBAY_TOKEN", hide_env_values = true, global = true)]
    token: Option<String>,
    /// File that holds the token; goes before --token
    #[arg(long, value_name = "FILE", global = true)]
    token_file: Option<PathBuf>,
    /// Print JSON, as the gateway sent it
    #[arg(long, global = true)]
    json: bool,
}

/// Where a command reads and writes.
pub struct Terminal<'t> {
    /// Standard input.
    pub input: &'t mut dyn Read,
    /// Whether a person would have to type the input.
    pub input_is_typed: bool,
    /// Standard output.
    pub output: &'t mut dyn Write,
    /// Standard error.
    pub errors: &'t mut dyn Write,
    /// Whether a person sees standard error while it is written.
    pub errors_are_seen: bool,
}

/// What a command works with.
struct Session<'s> {
    client: Client,
    printer: Printer<'s>,
    input: &'s mut dyn Read,
    input_is_typed: bool,
    errors: &'s mut dyn Write,
    errors_are_seen: bool,
}

/// Runs a command on the terminal of this process. `A` is the whole command line, for completion scripts.
#[must_use]
pub fn run<A: CommandFactory>(command: Command) -> ExitCode {
    let mut terminal = Terminal {
        input_is_typed: io::stdin().is_terminal(),
        input: &mut io::stdin().lock(),
        output: &mut io::stdout().lock(),
        errors: &mut io::stderr().lock(),
        errors_are_seen: io::stderr().is_terminal(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => ExitCode::from(runtime.block_on(run_on(command, A::command(), &mut terminal))),
        Err(error) => {
            // Nobody is left to tell if this fails.
            let _ = writeln!(terminal.errors, "patchbay: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a command on any terminal, and says its exit code.
pub async fn run_on(command: Command, mut whole: clap::Command, terminal: &mut Terminal<'_>) -> u8 {
    let outcome = match command {
        Command::Tenant(group) => with(group, terminal, tenant::run).await,
        Command::Module(group) => with(group, terminal, module::run).await,
        Command::Version(group) => with(group, terminal, version::run).await,
        Command::Config(group) => with(group, terminal, config::run).await,
        Command::Grant(group) => with(group, terminal, grant::run).await,
        Command::Network(group) => with(group, terminal, network::run).await,
        Command::Schedule(group) => with(group, terminal, schedule::run).await,
        Command::Usage(group) => with(group, terminal, usage::run).await,
        Command::Audit(group) => with(group, terminal, audit::run).await,
        Command::Secret(group) => with(group, terminal, secret::run).await,
        Command::Key(group) => with(group, terminal, key::run).await,
        Command::Telecloud(group) => with(group, terminal, telecloud::run).await,
        Command::Token(group) => with(group, terminal, token::run).await,
        Command::Trail(group) => with(group, terminal, trail::run).await,
        Command::Call(group) => with(group, terminal, call::run).await,
        Command::Order(group) => with(group, terminal, order::run).await,
        Command::Job(group) => with(group, terminal, job::run).await,
        Command::Fallout(group) => with(group, terminal, job::fallout).await,
        Command::Vault(command) => vault::run(command, terminal).await,
        Command::Completion { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut whole, "patchbay", &mut script);
            terminal.output.write_all(&script).map_err(Failure::from)
        }
    };
    match outcome {
        Ok(()) => 0,
        Err(failure) => {
            // Nobody is left to tell if this fails.
            let _ = writeln!(terminal.errors, "patchbay: {}", printer::plain(&failure.to_string()));
            failure.exit_code()
        }
    }
}

async fn with<C: Subcommand>(
    group: Group<C>,
    terminal: &mut Terminal<'_>,
    run: impl AsyncFnOnce(C, &mut Session<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let Options {
        url,
        token,
        token_file,
        json,
    } = group.options;
    let token = match token_file {
        Some(path) => input::file(&path)?.trim().to_owned(),
        None => token.ok_or_else(|| Failure::Usage("no token: set PATCHBAY_TOKEN, or give --token-file".to_owned()))?,
    };
    let mut session = Session {
        client: Client::new(&url, &token)?,
        printer: Printer::new(&mut *terminal.output, json),
        input: &mut *terminal.input,
        input_is_typed: terminal.input_is_typed,
        errors: &mut *terminal.errors,
        errors_are_seen: terminal.errors_are_seen,
    };
    run(group.command, &mut session).await?;
    terminal.output.flush().map_err(Failure::from)
}

/// A module on the command line.
#[derive(Debug, Args)]
pub struct ModuleArgs {
    /// The tenant's name
    tenant: crate::domain::name::TenantName,
    /// The module's name
    module: crate::domain::name::ModuleName,
}

impl ModuleArgs {
    /// The parts of a URL below this module.
    fn path<'a>(&'a self, below: &[&'a str]) -> Vec<&'a str> {
        let mut parts = vec!["tenants", self.tenant.as_str(), "modules", self.module.as_str()];
        parts.extend(below);
        parts
    }
}

#[cfg(test)]
mod tests;
