//! `fanfare dlq`: broker messages that no service could handle. For those who run the hub: it takes the role internal.

use crate::{
    output::{Output, number},
    paging,
    session::{self, Authorized},
};
use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use proto::operations::{
    DeadLetter, DropDeadLettersRequest, DropDeadLettersResponse, GetDeadLetterRequest, ListDeadLettersRequest, ReplayDeadLettersRequest,
    ReplayDeadLettersResponse, dead_letter_service_client::DeadLetterServiceClient,
};
use std::io::{self, BufRead, Write};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Letters that one call names: few enough that it ends in time.
const BATCH: usize = 200;

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Page through dead letters, oldest first
    List {
        /// Only those of this stream: send, events or inbound
        #[arg(long)]
        stream: Option<String>,
        /// How many at most; 0 for all
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show one, with its content in words
    Show {
        /// Its number in the list
        sequence: u64,
    },
    /// Give them out again where they came from; handling one twice changes nothing
    Replay(Which),
    /// Remove them for good
    Drop(Which),
}

/// Dead letters.
#[derive(Debug, Args)]
pub struct Which {
    /// Their numbers in the list
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    sequences: Vec<u64>,
    /// All that there are now
    #[arg(long)]
    all: bool,
    /// Don't ask
    #[arg(long, short)]
    yes: bool,
}

/// A caller with the role internal.
pub struct Operator {
    pub output: Output,
    pub letters: DeadLetterServiceClient<Authorized>,
}

/// # Errors
/// When the hub refuses, or the person does.
pub async fn run(verb: Verb, operator: Operator) -> Result<()> {
    match verb {
        Verb::List { stream, limit } => list(&operator, stream.unwrap_or_default(), limit).await,
        Verb::Show { sequence } => show(operator, sequence).await,
        Verb::Replay(which) => {
            let replayed = each_batch(&operator, which, "Replay", async |mut letters, sequences| {
                Ok(letters.replay_dead_letters(ReplayDeadLettersRequest { sequences, all: false }).await?.into_inner().replayed)
            });
            let answer = ReplayDeadLettersResponse { replayed: replayed.await? };
            operator.output.message(&answer, |answer| format!("replayed {}", letters(answer.replayed)))
        }
        Verb::Drop(which) => {
            let dropped = each_batch(&operator, which, "Drop", async |mut letters, sequences| {
                Ok(letters.drop_dead_letters(DropDeadLettersRequest { sequences, all: false }).await?.into_inner().dropped)
            });
            let answer = DropDeadLettersResponse { dropped: dropped.await? };
            operator.output.message(&answer, |answer| format!("dropped {}", letters(answer.dropped)))
        }
    }
}

fn letters(count: u64) -> String {
    number::of(count, "dead letter", "dead letters")
}

async fn all(operator: &Operator, stream: String, limit: usize) -> Result<Vec<DeadLetter>> {
    let page = paging::collect(limit, |page_size, page_token| {
        let request = ListDeadLettersRequest { page_size, page_token, stream: stream.clone() };
        let mut letters = operator.letters.clone();
        async move {
            let page = letters.list_dead_letters(request).await?.into_inner();
            Ok((page.letters, page.next_page_token))
        }
    });
    Ok(page.await?)
}

async fn list(operator: &Operator, stream: String, limit: usize) -> Result<()> {
    let letters = all(operator, stream, limit).await?;
    operator.output.rows(["number", "since", "subject", "tries", "bytes", "reason"], &letters, |letter| {
        let cells = [letter.sequence.to_string(), since(letter), letter.subject.clone(), letter.deliveries.to_string()];
        let [number, since, subject, tries] = cells;
        [number, since, subject, tries, letter.bytes.to_string(), letter.reason.clone()]
    })
}

async fn show(mut operator: Operator, sequence: u64) -> Result<()> {
    let answer = operator.letters.get_dead_letter(GetDeadLetterRequest { sequence }).await?.into_inner();
    operator.output.message(&answer, |answer| {
        let letter = answer.letter.clone().unwrap_or_default();
        let head = format!("{}  {}  {}, given out {} times", letter.sequence, since(&letter), letter.subject, letter.deliveries);
        format!("{head}\nreason: {}\n{}", letter.reason, answer.content)
    })
}

fn since(letter: &DeadLetter) -> String {
    let at = letter.at.as_ref().and_then(|at| OffsetDateTime::from_unix_timestamp(at.seconds).ok());
    at.and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_default()
}

/// What there is now, in batches; what comes back meanwhile isn't touched again.
async fn each_batch(
    operator: &Operator,
    which: Which,
    what: &str,
    act: impl AsyncFn(DeadLetterServiceClient<Authorized>, Vec<u64>) -> Result<u64>,
) -> Result<u64> {
    let sequences = match which.all {
        true => all(operator, String::new(), 0).await?.into_iter().map(|letter| letter.sequence).collect(),
        false => which.sequences,
    };
    if !sequences.is_empty() && !which.yes && !confirmed(&format!("{what} {}?", letters(sequences.len() as u64)))? {
        bail!("nothing was changed");
    }
    let mut count = 0;
    for batch in sequences.chunks(BATCH) {
        count += act(operator.letters.clone(), batch.to_vec()).await?;
    }
    Ok(count)
}

/// Asks on stderr, so that programs get only the answer. No answer is no.
fn confirmed(question: &str) -> Result<bool> {
    let mut out = io::stderr().lock();
    write!(out, "{question} [y/N] ")?;
    out.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

impl Operator {
    /// The hub of the endpoints file, with the token given or one of this machine's hub.
    ///
    /// # Errors
    /// When the file can't be read, or there is no token.
    pub fn open(global: &crate::args::Global) -> Result<Self> {
        let (channel, bearer) = session::operator(global)?;
        Ok(Self { output: Output::new(global.json), letters: DeadLetterServiceClient::with_interceptor(channel, bearer) })
    }
}

#[cfg(test)]
mod tests {
    use crate::args::Cli;
    use clap::Parser;

    #[test]
    fn letters_are_named_or_all_are_meant() {
        let parse = |words: &[&str]| Cli::try_parse_from(["fanfare", "dlq"].iter().chain(words)).is_ok();
        assert!(parse(&["replay", "3", "4"]) && parse(&["drop", "--all", "--yes"]));
        assert!(!parse(&["replay"]) && !parse(&["drop", "3", "--all"]));
    }
}
