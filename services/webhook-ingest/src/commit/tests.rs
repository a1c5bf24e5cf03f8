//! How what requests bring becomes rows.

use super::*;
use prost::Message as _;
use proto::event::FactBatch;

#[test]
fn what_is_put_end_to_end_is_one_batch() {
    let fact = |n| Fact { delivery_id: n, ..Fact::default() };
    let mut part = Part::of_facts(vec![fact(1), fact(2)]);
    part.append(&Part::of_facts(vec![fact(3)]));
    let batch = FactBatch::decode(part.facts.as_slice()).unwrap();
    assert_eq!(batch.facts.iter().map(|fact| fact.delivery_id).collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn a_large_post_is_several_rows_and_no_item_is_left_out() {
    let parts = parts(vec![Fact::default(); 1_200], vec![Inbound::default(); 400]);
    assert_eq!(parts.iter().map(|part| part.count).collect::<Vec<_>>(), [500, 500, 200, 400]);
    let together = super::parts(vec![Fact::default()], vec![Inbound::default()]);
    assert_eq!(together.iter().map(|part| part.count).collect::<Vec<_>>(), [2]);
    assert!(super::parts(Vec::new(), Vec::new()).is_empty());
}

fn text(bytes: usize) -> Inbound {
    Inbound { text: "x".repeat(bytes), ..Inbound::default() }
}

#[test]
fn no_row_has_too_many_bytes_but_for_one_item_that_has_them_alone() {
    let sizes = [200, 200, 200, 600, 1, 1].map(|kib| kib << 10);
    let parts = parts(Vec::new(), sizes.map(text).into());
    assert_eq!(parts.iter().map(|part| part.count).collect::<Vec<_>>(), [2, 1, 1, 2]);
    assert!(parts.iter().all(|part| part.count == 1 || part.size().fits()));
    assert_eq!(parts[2].size().room(), 601, "it takes more room than one item");
}

#[tokio::test]
async fn what_is_gathered_has_not_too_many_bytes_either() {
    let (sender, mut waiting) = mpsc::unbounded_channel();
    let room = Arc::new(Semaphore::new(5));
    for _ in 0..5 {
        let (part, room) = (Part::of_inbound(vec![text(200 << 10)]), room.clone().try_acquire_owned().unwrap());
        assert!(sender.send(Waiting { part, stored: oneshot::channel().0, room }).is_ok());
    }
    let first = waiting.recv().await.unwrap();
    let (batch, held_over) = gather(first, &mut waiting).await;
    assert_eq!(batch.len(), 2);
    let (batch, held_over) = gather(held_over.unwrap(), &mut waiting).await;
    assert_eq!(batch.len(), 2);
    assert!(gather(held_over.unwrap(), &mut waiting).await.1.is_none());
}

fn unread(bytes: usize) -> Unread {
    Unread { sender_id: domain::SenderId::new(), key: [7; 16], parts: 1, sealed: vec![0; bytes], cut: false }
}

#[test]
fn a_post_that_is_kept_goes_with_what_was_understood_of_it() {
    let with = with_unread(parts(vec![Fact::default(); 2], vec![Inbound::default()]), Some(unread(64 << 10)));
    assert_eq!(with.iter().map(|part| (part.count, part.unread.len())).collect::<Vec<_>>(), [(4, 1)]);
    assert!(with[0].size().bytes >= 64 << 10, "it takes its room");
    let alone = with_unread(Vec::new(), Some(unread(1)));
    assert_eq!(alone.iter().map(|part| (part.count, part.unread.len())).collect::<Vec<_>>(), [(1, 1)]);
    let apart = with_unread(parts(vec![Fact::default(); 500], Vec::new()), Some(unread(1)));
    assert_eq!(apart.iter().map(|part| (part.count, part.unread.len())).collect::<Vec<_>>(), [(500, 0), (1, 1)]);
    assert!(with_unread(Vec::new(), None).is_empty());
}
