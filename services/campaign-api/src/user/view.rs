//! A person as callers see them.

use crate::convert::timestamp;
use proto::{convert::role_number, workspace};
use store::user::User;

pub fn present(user: User) -> workspace::User {
    workspace::User {
        id: user.user_id.to_string(),
        subject: user.subject,
        name: user.name,
        email: user.email,
        role: role_number(user.role),
        disabled: user.disabled_at.is_some(),
        created_at: Some(timestamp(user.created_at)),
        updated_at: Some(timestamp(user.updated_at)),
    }
}
