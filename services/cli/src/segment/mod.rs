//! `fanfare segment`: saved filters over contacts.

mod file;

use crate::{
    contacts,
    output::{json, number},
    paging, resolve,
    session::{Session, request_id},
};
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use proto::contact::{
    CountSegmentRequest, CreateSegmentRequest, Filter, GetSegmentRequest, ListSegmentContactsRequest, ListSegmentsRequest, Segment,
    UpdateSegmentRequest,
};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Save a filter under a name
    Create {
        name: String,
        /// JSON file with the filter, or - to read it from the input
        #[arg(long, value_name = "FILE")]
        filter: PathBuf,
        /// What it is for
        #[arg(long, default_value = "")]
        description: String,
    },
    /// Show all segments
    List {
        /// Archived ones too
        #[arg(long)]
        archived: bool,
    },
    /// Show a segment and its filter
    Show {
        /// Name or id
        segment: String,
    },
    /// Change a segment. Campaigns that have been sent keep the filter that was approved
    Update(UpdateArgs),
    /// Put a segment aside
    Archive {
        /// Name or id
        segment: String,
        /// Take it out again
        #[arg(long)]
        undo: bool,
    },
    /// Count who matches now
    Count(Which),
    /// Show who matches now
    Contacts {
        #[command(flatten)]
        which: Which,
        /// How many at most; 0 for all
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
}

#[derive(Debug, Args)]
pub struct UpdateArgs {
    /// Name or id
    segment: String,
    #[arg(long)]
    name: Option<String>,
    #[arg(long)]
    description: Option<String>,
    /// JSON file with the filter, or - to read it from the input
    #[arg(long, value_name = "FILE")]
    filter: Option<PathBuf>,
}

/// A segment, or a filter that isn't saved.
#[derive(Debug, Args)]
pub struct Which {
    /// Name or id
    #[arg(required_unless_present = "filter", conflicts_with = "filter")]
    segment: Option<String>,
    /// JSON file with a filter that isn't saved, or - to read it from the input
    #[arg(long, value_name = "FILE")]
    filter: Option<PathBuf>,
}

impl Which {
    /// The id, or the filter.
    async fn choose(&self, session: &Session) -> Result<(String, Option<Filter>)> {
        match (&self.segment, &self.filter) {
            (Some(segment), _) => Ok((resolve::segment(session, segment).await?, None)),
            (None, Some(path)) => Ok((String::new(), Some(file::read(path)?))),
            (None, None) => bail!("name a segment, or a file with --filter"),
        }
    }
}

/// # Errors
/// When the hub refuses.
pub async fn run(verb: Verb, session: &Session) -> Result<()> {
    match verb {
        Verb::Create { name, filter, description } => {
            let request = CreateSegmentRequest { name, description, filter: Some(file::read(&filter)?), request_id: request_id() };
            show(session, session.segments().create_segment(request).await?.into_inner().segment)
        }
        Verb::List { archived } => all(session, archived).await,
        Verb::Show { segment } => {
            let id = resolve::segment(session, &segment).await?;
            show(session, session.segments().get_segment(GetSegmentRequest { id }).await?.into_inner().segment)
        }
        Verb::Update(args) => update(args, session).await,
        Verb::Archive { segment, undo } => {
            let id = resolve::segment(session, &segment).await?;
            let request = UpdateSegmentRequest { id, archived: Some(!undo), ..UpdateSegmentRequest::default() };
            show(session, session.segments().update_segment(request).await?.into_inner().segment)
        }
        Verb::Count(which) => count(&which, session).await,
        Verb::Contacts { which, limit } => members(&which, limit, session).await,
    }
}

async fn all(session: &Session, include_archived: bool) -> Result<()> {
    let segments = paging::collect(0, |page_size, page_token| async move {
        let page = session.segments().list_segments(ListSegmentsRequest { page_size, page_token, include_archived }).await?.into_inner();
        Ok((page.segments, page.next_page_token))
    });
    session.output.rows(["id", "name", "revision", "description", ""], &segments.await?, |segment| {
        let archived = if segment.archived { "archived" } else { "" };
        [segment.id.clone(), segment.name.clone(), segment.revision.to_string(), segment.description.clone(), archived.to_owned()]
    })
}

fn show(session: &Session, segment: Option<Segment>) -> Result<()> {
    let segment = segment.context("the hub's answer has no segment")?;
    let filter = segment.filter.clone().unwrap_or_default();
    let filter = serde_json::to_string_pretty(&file::sparse(json::to_value(&filter)?))?;
    session.output.message(&segment, |segment| {
        let archived = if segment.archived { ", archived" } else { "" };
        let description = if segment.description.is_empty() { String::new() } else { format!("\n{}", segment.description) };
        format!("{}  {} (revision {}{archived}){description}\n{filter}", segment.id, segment.name, segment.revision)
    })
}

async fn update(args: UpdateArgs, session: &Session) -> Result<()> {
    let request = UpdateSegmentRequest {
        id: resolve::segment(session, &args.segment).await?,
        name: args.name,
        description: args.description,
        filter: args.filter.as_deref().map(file::read).transpose()?,
        ..UpdateSegmentRequest::default()
    };
    show(session, session.segments().update_segment(request).await?.into_inner().segment)
}

async fn count(which: &Which, session: &Session) -> Result<()> {
    let (id, filter) = which.choose(session).await?;
    let answer = session.segments().count_segment(CountSegmentRequest { id, filter }).await?.into_inner();
    session.output.message(&answer, |answer| {
        format!("{} of {}", number::of(answer.contacts, "contact", "contacts"), number::count(answer.all_contacts))
    })
}

async fn members(which: &Which, limit: usize, session: &Session) -> Result<()> {
    let (id, filter) = which.choose(session).await?;
    let found = paging::collect(limit, |page_size, page_token| {
        let request = ListSegmentContactsRequest { id: id.clone(), filter: filter.clone(), page_size, page_token };
        async move {
            let page = session.segments().list_segment_contacts(request).await?.into_inner();
            Ok((page.contacts, page.next_page_token))
        }
    });
    contacts::show::table(session, &found.await?)
}
