//! An API key as callers see it: without its secret.

use crate::convert::timestamp;
use proto::{convert::role_number, workspace};
use store::api_key::ApiKey;

pub fn present(key: ApiKey) -> workspace::ApiKey {
    workspace::ApiKey {
        id: key.api_key_id.to_string(),
        name: key.name,
        role: role_number(key.role),
        created_at: Some(timestamp(key.created_at)),
        created_by: key.created_by,
        expires_at: key.expires_at.map(timestamp),
        last_used_at: key.last_used_at.map(timestamp),
        revoked_at: key.revoked_at.map(timestamp),
        revoked_by: key.revoked_by,
    }
}
