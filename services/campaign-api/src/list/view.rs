//! A list as callers see it.

use crate::convert::timestamp;
use proto::contact::ContactList;
use store::list::List;

pub fn present(list: List) -> ContactList {
    ContactList {
        id: list.list_id.to_string(),
        name: list.name,
        member_count: list.member_count.unsigned_abs(),
        archived: list.archived_at.is_some(),
        created_at: Some(timestamp(list.created_at)),
        double_opt_in: list.double_opt_in,
    }
}
