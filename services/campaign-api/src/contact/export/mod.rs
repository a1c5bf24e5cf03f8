//! ExportContacts: contacts as a file, in the form that an import reads, a page in a message.
//!
//! Each page is a transaction of its own, so that a slow caller keeps none open. Who is added meanwhile is in the file if there is still
//! a page to come; nobody is in it twice.

mod form;

use crate::{audit::Change, convert::commit, state::State};
use domain::{ListId, filter::Filter as SegmentFilter, role::Role};
use form::Form;
use proto::contact::{ExportContactsRequest, ExportContactsResponse, FileFormat};
use runtime::{Caller, auth, status};
use serde::Serialize;
use std::sync::Arc;
use store::{
    PgConnection,
    contact::{self, Contact, Filter, file},
    list,
    page::Page,
    segment,
};
use time::OffsetDateTime;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use tracing::Instrument as _;
use uuid::Uuid;

pub type Answers = ReceiverStream<Result<ExportContactsResponse, Status>>;

/// Exports at the same time at most, in one process.
pub const AT_ONCE: usize = 4;
/// Contacts that are read at once.
const PAGE: u32 = 1_000;
/// A message at most, in bytes.
const MESSAGE_BYTES: usize = 256 * 1024;
/// Messages that wait for a slow caller.
const WAITING: usize = 4;
const MAX_SEARCH: usize = 100;

/// An export under way.
struct Export {
    state: State,
    caller: Caller,
    id: Uuid,
    whom: Whom,
    format: FileFormat,
    _room: OwnedSemaphorePermit,
}

/// Which contacts.
enum Whom {
    Listed {
        list: Option<ListId>,
        search: String,
    },
    /// Of a segment, as of when the export began.
    Matching {
        segment_id: String,
        filter: Box<SegmentFilter>,
        at: OffsetDateTime,
    },
}

/// What the audit log keeps of an export.
#[derive(Serialize)]
struct Record<'a> {
    list_id: Option<String>,
    segment_id: Option<&'a str>,
    is_searched: bool,
    format: &'static str,
    /// None when it begins.
    rows: Option<u64>,
}

pub async fn run(state: &State, room: &Arc<Semaphore>, request: Request<ExportContactsRequest>) -> Result<Response<Answers>, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let format = FileFormat::try_from(request.format).map_err(|_| status::invalid("format", "must be one that the protocol names"))?;
    let room = Arc::clone(room).try_acquire_owned();
    let room = room.map_err(|_| status::exhausted("TOO_MANY_EXPORTS", "other exports are under way: try again when they have ended"))?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let whom = whom(state, &mut tx, &caller, &request).await?;
    let form = match (format, &whom) {
        (FileFormat::Ndjson, _) => Form::Ndjson,
        (_, whom) => {
            let list = if let Whom::Listed { list, .. } = whom { *list } else { None };
            let limit = form::MAX_ATTRIBUTES + 1;
            let names = file::attribute_names(&mut tx, caller.workspace, list, limit as i64).await.map_err(status::store)?;
            Form::csv(names, request.byte_order_mark)?
        }
    };
    let export = Export { state: state.clone(), caller, id: Uuid::now_v7(), whom, format, _room: room };
    export.record(&mut tx, "contact.export_begin", None).await?;
    commit(tx).await?;
    let (sender, receiver) = mpsc::channel(WAITING);
    let work = async move {
        if let Err(status) = export.answer(form, &sender).await {
            // Nobody listens any more if this fails.
            sender.send(Err(status)).await.ok();
        }
    };
    tokio::spawn(work.in_current_span());
    Ok(Response::new(ReceiverStream::new(receiver)))
}

async fn whom(state: &State, tx: &mut PgConnection, caller: &Caller, request: &ExportContactsRequest) -> Result<Whom, Status> {
    let search = request.search.trim().to_owned();
    if let Some(reason) = super::limits::text(&search, MAX_SEARCH) {
        return Err(status::invalid("search", reason));
    }
    if !request.segment_id.is_empty() {
        if !request.list_id.is_empty() || !search.is_empty() {
            return Err(status::invalid("segment_id", "must be given without list_id and search"));
        }
        let id = status::id("segment_id", &request.segment_id)?;
        let segment = segment::get(tx, caller.workspace, id).await.map_err(status::store)?;
        let filter = Box::new(segment.ok_or_else(|| status::not_found("segment"))?.filter);
        return Ok(Whom::Matching { segment_id: request.segment_id.clone(), filter, at: state.clock.now() });
    }
    let list = if request.list_id.is_empty() { None } else { Some(status::id("list_id", &request.list_id)?) };
    if let Some(list) = list {
        let found = list::get(tx, caller.workspace, list).await.map_err(status::store)?;
        found.ok_or_else(|| status::not_found("list"))?;
    }
    Ok(Whom::Listed { list, search })
}

type Sender = mpsc::Sender<Result<ExportContactsResponse, Status>>;

impl Export {
    async fn answer(self, form: Form, answers: &Sender) -> Result<(), Status> {
        let mut data = form.head()?;
        let mut page = Page { size: PAGE, after: None };
        let mut rows = 0;
        loop {
            let (contacts, next) = self.page(page).await?;
            for contact in contacts {
                form.write(contact, &mut data)?;
                rows += 1;
                if data.len() >= MESSAGE_BYTES {
                    let message = ExportContactsResponse { data: std::mem::take(&mut data), rows, done: false };
                    if answers.send(Ok(message)).await.is_err() {
                        return Ok(());
                    }
                }
            }
            page.after = next;
            if next.is_none() {
                break;
            }
        }
        let mut tx = self.state.db.tenant(self.caller.workspace).await.map_err(status::store)?;
        self.record(&mut tx, "contact.export_end", Some(rows)).await?;
        commit(tx).await?;
        answers.send(Ok(ExportContactsResponse { data, rows, done: true })).await.ok();
        Ok(())
    }

    /// The next contacts, and the last of them when there may be more.
    async fn page(&self, page: Page) -> Result<(Vec<Contact>, Option<Uuid>), Status> {
        let workspace = self.caller.workspace;
        let mut tx = self.state.db.tenant(workspace).await.map_err(status::store)?;
        match &self.whom {
            Whom::Listed { list, search } => {
                let filter = Filter { list: *list, search };
                let mut contacts = contact::list(&mut tx, workspace, filter, page).await.map_err(status::store)?;
                let next = cut(&mut contacts, |contact| contact.contact_id.0);
                Ok((contacts, next))
            }
            Whom::Matching { filter, at, .. } => {
                let ids = segment::page(&mut tx, workspace, filter, *at, page.after, page.limit()).await;
                let mut ids = ids.map_err(status::store)?;
                let next = cut(&mut ids, |id| *id);
                // Fewer, if some have been deleted since.
                Ok((contact::get_many(&mut tx, workspace, &ids).await.map_err(status::store)?, next))
            }
        }
    }

    async fn record(&self, tx: &mut PgConnection, action: &str, rows: Option<u64>) -> Result<(), Status> {
        let (list_id, segment_id, is_searched) = match &self.whom {
            // Not what was searched for: that is a person's data.
            Whom::Listed { list, search } => (list.map(|list| list.to_string()), None, !search.is_empty()),
            Whom::Matching { segment_id, .. } => (None, Some(segment_id.as_str()), false),
        };
        let record =
            Record { list_id, segment_id, is_searched, format: if self.format == FileFormat::Ndjson { "ndjson" } else { "csv" }, rows };
        let (workspace, caller, at) = (self.caller.workspace, &self.caller, self.state.clock.now());
        Change { workspace, caller, action, id: self.id, before: None, after: Some(&record), at }.record(tx).await
    }
}

/// Cuts the row off by which it is seen that there are more; answers with the last one's id then.
fn cut<T>(rows: &mut Vec<T>, id: impl Fn(&T) -> Uuid) -> Option<Uuid> {
    if rows.len() <= PAGE as usize {
        return None;
    }
    rows.truncate(PAGE as usize);
    rows.last().map(id)
}
