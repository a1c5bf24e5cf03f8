//! What one request brings, cut into what fits in one row.

use prost::Message;
use proto::event::{Fact, FactBatch, Inbound, InboundBatch};
use store::unread_post::New as Unread;

/// Items in one row at most.
pub(super) const BATCH_ITEMS: usize = outbox::FACTS_PER_MESSAGE;
/// Bytes in one row at most, where it isn't one item alone: half of what a broker takes in one message unless it is told otherwise (1 MiB).
pub(super) const BATCH_BYTES: usize = 512 << 10;
/// What is put before an item in its batch: a tag, and a length of up to 3 MB.
const BEFORE_ITEM: usize = 5;

/// How much there is of something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Size {
    pub items: usize,
    pub bytes: usize,
}

impl Size {
    pub const fn and(self, more: Self) -> Self {
        Self { items: self.items + more.items, bytes: self.bytes + more.bytes }
    }

    /// Whether it is no more than one row may have.
    pub const fn fits(self) -> bool {
        self.items <= BATCH_ITEMS && self.bytes <= BATCH_BYTES
    }

    /// The room that it takes of [`super::MAX_WAITING_ITEMS`].
    pub fn room(self) -> usize {
        self.items.max(self.bytes.div_ceil(1024))
    }
}

/// Part of what one request brought: what [`Size::fits`], encoded as batches, which become one batch by being put end to end.
#[derive(Default)]
pub(super) struct Part {
    pub count: usize,
    pub facts: Vec<u8>,
    pub inbound: Vec<u8>,
    pub unread: Vec<Unread>,
}

impl Part {
    pub fn of_facts(facts: Vec<Fact>) -> Self {
        Self { count: facts.len(), facts: FactBatch { facts }.encode_to_vec(), ..Self::default() }
    }

    pub fn of_inbound(inbound: Vec<Inbound>) -> Self {
        Self { count: inbound.len(), inbound: InboundBatch { inbound }.encode_to_vec(), ..Self::default() }
    }

    pub fn of_unread(post: Unread) -> Self {
        Self { count: 1, unread: vec![post], ..Self::default() }
    }

    pub fn size(&self) -> Size {
        let unread: usize = self.unread.iter().map(|post| post.sealed.len()).sum();
        Size { items: self.count, bytes: self.facts.len() + self.inbound.len() + unread }
    }

    pub fn append(&mut self, other: &Self) {
        self.count += other.count;
        self.facts.extend_from_slice(&other.facts);
        self.inbound.extend_from_slice(&other.inbound);
        self.unread.extend_from_slice(&other.unread);
    }
}

pub(super) fn parts(facts: Vec<Fact>, inbound: Vec<Inbound>) -> Vec<Part> {
    let mut parts: Vec<_> = chunks(facts).into_iter().map(Part::of_facts).collect();
    for part in chunks(inbound).into_iter().map(Part::of_inbound) {
        push(&mut parts, part);
    }
    parts
}

/// Adds a post that is kept, beside what was understood of it where there is room.
pub(super) fn with_unread(mut parts: Vec<Part>, unread: Option<Unread>) -> Vec<Part> {
    if let Some(post) = unread {
        push(&mut parts, Part::of_unread(post));
    }
    parts
}

fn push(parts: &mut Vec<Part>, part: Part) {
    match parts.last_mut().filter(|last| last.size().and(part.size()).fits()) {
        Some(last) => last.append(&part),
        None => parts.push(part),
    }
}

/// As many in each as fit in one row. One that is too large for any is alone.
fn chunks<M: Message>(items: Vec<M>) -> Vec<Vec<M>> {
    let (mut chunks, mut size) = (Vec::<Vec<M>>::new(), Size::default());
    for item in items {
        let one = Size { items: 1, bytes: BEFORE_ITEM + item.encoded_len() };
        match chunks.last_mut().filter(|_| size.and(one).fits()) {
            Some(chunk) => {
                chunk.push(item);
                size = size.and(one);
            }
            None => {
                chunks.push(vec![item]);
                size = one;
            }
        }
    }
    chunks
}
