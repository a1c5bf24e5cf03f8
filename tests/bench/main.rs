//! `make bench`: what each part costs, as a ratio to a raw limit that is measured in the same run on the same machine.
//!
//! Every figure is rate ÷ limit: 1 means that we add nothing to what the machine can do. Absolute figures stand beside it. The table
//! goes to standard output and, with the figures, to `.fanfare/bench.json`. What misses its aim is explained in docs/performance.md.
#![expect(clippy::print_stdout, reason = "the table is this program's output")]

mod dispatch;
mod gate;
mod import;
mod ingest;
mod ledger;
mod report;
mod sinks;
mod stage;
mod whole;

use report::Report;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    runtime::install_crypto();
    // The sandbox is on this machine.
    providers::public_net::allow_private(true);
    let only: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |name: &str| only.is_empty() || only.iter().any(|word| name.contains(word.as_str()));
    let mut report = Report::default();
    if wanted("expansion") {
        report.add(ledger::expansion().await?);
    }
    if wanted("gate") {
        report.add(ledger::gate_and_record().await?);
        for row in gate::against_minimal_claim().await? {
            report.add(row);
        }
    }
    if wanted("fold") {
        report.add(ledger::fold().await?);
    }
    if wanted("http") {
        for row in dispatch::over_http().await? {
            report.add(row);
        }
    }
    if wanted("smtp") {
        report.add(dispatch::over_smtp().await?);
    }
    if wanted("ingest") {
        for row in ingest::ingest().await? {
            report.add(row);
        }
    }
    if wanted("import") {
        report.import = Some(import::million().await?);
    }
    if wanted("whole") {
        report.whole = Some(whole::whole().await?);
    }
    println!("{}", report.table());
    report.write()
}
