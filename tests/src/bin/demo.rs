//! The whole path on real parts: a gateway, a carrier, an order. `cargo xtask demo` builds what this needs and runs it.
#![expect(clippy::print_stdout, reason = "this is what it is for")]

use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use patchbay_tests::carrier::{FakeCarrier, TOKEN, script_for};
use patchbay_tests::gateway::{ADMIN_TOKEN, Deployment, Gateway, program};
use patchbay_tests::scenarios::{End, MODULE, closing_line, run_all};
use patchbay_tests::telecloud::{client, post, scenarios};

/// Shows an order on its way from TeleCloud through a module to a carrier, and back
#[derive(Parser)]
struct Arguments {
    /// Run every acceptance scenario, print a table, and end; fails if one of them fails
    #[arg(long)]
    once: bool,
}

/// Whose module the demo sets up.
const TENANT: &str = "acme-mobile";

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let gateway = Gateway::start()?;
    if arguments.once {
        once(&gateway).await
    } else {
        stay(&gateway).await
    }
}

async fn once(gateway: &Gateway) -> Result<ExitCode> {
    println!(
        "{:<20} {:>8} {:>7}  {:<8} {:<60} expected",
        "scenario", "carrier", "ms", "", "got"
    );
    let rows = run_all(gateway, |row| {
        let (mark, why) = match &row.end {
            End::Passed => ("ok", None),
            End::Failed(why) => ("FAILED", Some(why.as_str())),
            End::Skipped(why) => ("skipped", Some(why.as_str())),
        };
        let shown = |body: &str| body.lines().last().unwrap_or_default().to_owned();
        let expected = shown(row.scenario.expect.as_deref().unwrap_or_default());
        let (got, ms) = (shown(&row.got), row.took.as_secs_f64() * 1000.0);
        let same = if got == expected { "the same" } else { expected.as_str() };
        println!(
            "{:<20} {:>8} {ms:>7.1}  {mark:<8} {got:<60} {same}",
            row.scenario.id, row.carrier_requests
        );
        for heard in &row.heard {
            let fields = heard.fields.iter().filter(|(name, _)| !name.ends_with("_number"));
            let fields: Vec<_> = fields.map(|(name, value)| format!("{name}={value}")).collect();
            println!(
                "{:<20} TeleCloud heard {}: {}",
                "",
                heard.telecloud_call,
                fields.join(", ")
            );
        }
        if let Some(why) = why {
            println!("{:<20} {why}", "");
        }
    })
    .await?;
    println!("\n{}", closing_line(&rows));
    let failed = rows.iter().any(|row| matches!(row.end, End::Failed(_)));
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn stay(gateway: &Gateway) -> Result<ExitCode> {
    let carrier = FakeCarrier::start().await?;
    let url = gateway.url(TENANT, MODULE);
    println!("A gateway and a carrier are running. Setting up the tenant {TENANT} with the module {MODULE} …");
    gateway
        .admin()
        .deploy(TENANT, MODULE, Deployment::sim_activation(&carrier.url(), TOKEN)?)
        .await?;
    script_for("activate", &carrier).await?;

    let activate = scenarios()?
        .into_iter()
        .find(|scenario| scenario.id == "activate")
        .context("no such scenario")?;
    println!("\nTeleCloud posts an order to {url}:\n");
    for (name, value) in activate.fields.iter().filter(|(name, _)| !name.starts_with("APIAuth")) {
        println!("    {name}={value}");
    }
    let posted = post(&client()?, &url, activate.encoding, &activate.fields).await?;
    println!("\nand is answered:\n");
    for line in posted.body.lines() {
        println!("    {line}");
    }

    println!("\nThe carrier received:\n");
    for request in carrier.requests() {
        println!("    {} {} {}", request.method, request.path, request.json);
    }

    let call = gateway.admin().newest_call(TENANT).await?;
    let id = call["id"].as_str().context("a call has an id")?;
    println!("\nThe call as recorded, from `patchbay call show {TENANT} {id}`:\n");
    let shown = Command::new(program()?)
        .env("PATCHBAY_URL", gateway.admin().base())
        .env("PATCHBAY_TOKEN", ADMIN_TOKEN)
        .args(["call", "show", TENANT, id])
        .output()?;
    ensure!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
    for line in String::from_utf8_lossy(&shown.stdout).lines() {
        println!("    {line}");
    }

    println!(
        "\nEverything stays up until Ctrl-C. In another terminal:\n
    export PATCHBAY_URL={admin} PATCHBAY_TOKEN={ADMIN_TOKEN}
    export PATH=$PATH:{folder}
    patchbay call list {TENANT}
    patchbay module show {TENANT} {MODULE}
    curl -d SERVICE=Order/Status -d NEW_STATE=SUSPENDED -d order_number=4617ZU4617 -d VAR14=S-2001 \\
         -d 'APIAuth[API_KEY]=key_good' {url}
    curl {admin}/v1/openapi.json

    gateway for TeleCloud  {public}/m/{{tenant}}/{{module}}
    admin API              {admin}/v1
    carrier                {carrier}/v1",
        admin = gateway.admin().base(),
        folder = program()?.parent().context("a program is in a folder")?.display(),
        public = gateway.public(),
        carrier = carrier.url(),
    );
    tokio::signal::ctrl_c().await?;
    Ok(ExitCode::SUCCESS)
}
