//! From a row to a review.

use super::Approval;
use crate::{Error, Result};
use domain::campaign::approval::{Hash, UnknownReview};
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

pub struct Row {
    pub approval_id: Uuid,
    pub campaign_id: Uuid,
    pub subject: String,
    pub decision: String,
    pub revision: i32,
    pub hash: Vec<u8>,
    pub changed: Vec<String>,
    pub template_version: i32,
    pub content_version: Option<i32>,
    pub submitted_by: String,
    pub submitted_at: OffsetDateTime,
    pub decided_by: String,
    pub decided_role: String,
    pub decided_at: Option<OffsetDateTime>,
    pub reason: String,
    pub proposed: Option<Value>,
}

impl TryFrom<Row> for Approval {
    type Error = Error;
    fn try_from(row: Row) -> Result<Self> {
        let word = |error: UnknownReview| corrupt(error.to_string());
        let hash = row.hash.try_into().map_err(|_| corrupt("the hash is not 32 bytes".to_owned()))?;
        Ok(Self {
            approval_id: row.approval_id,
            campaign_id: row.campaign_id.into(),
            subject: row.subject.parse().map_err(word)?,
            verdict: row.decision.parse().map_err(word)?,
            revision: row.revision,
            hash: Hash(hash),
            changed: row.changed,
            template_version: row.template_version,
            content_version: row.content_version,
            submitted_by: row.submitted_by,
            submitted_at: row.submitted_at,
            decided_by: row.decided_by,
            decided_role: row.decided_role,
            decided_at: row.decided_at,
            reason: row.reason,
            proposed: row.proposed.map(serde_json::from_value).transpose().map_err(|error| corrupt(error.to_string()))?,
        })
    }
}

fn corrupt(reason: String) -> Error {
    Error::Corrupt { what: "approval", reason }
}
