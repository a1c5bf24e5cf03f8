//! The addresses of an audience, by kind, as hashes.

use super::{
    Audience, by_merging,
    preview::{Terms, unpack},
    tally::Addresses,
};
use crate::{Result, segment::compile::Sql};
use domain::{Channel, SenderId, channel::AddressKind};
use sqlx::PgConnection;
use std::collections::BTreeMap;

/// The addresses of an audience.
pub(super) struct Found {
    pub(super) contacts: u64,
    /// Of the kinds that were asked for.
    pub(super) by_kind: BTreeMap<AddressKind, Addresses>,
}

/// E-mail and phone of all contacts in one pass. The few that have something else instead are found by indexes of theirs.
pub(super) async fn addresses(connection: &mut PgConnection, audience: &Audience, terms: Terms<'_>) -> Result<Found> {
    let asked = |kind: AddressKind| terms.channels.iter().any(|channel| channel.address_kind() == kind);
    let mut sql = Sql::new(
        "SELECT count(*), count(*) FILTER (WHERE NOT c.has_email), count(*) FILTER (WHERE NOT c.has_phone),
                string_agg(int8send(c.email_hash), ''::bytea), string_agg(int8send(c.phone_hash), ''::bytea) FROM ",
    );
    audience.contacts(&mut sql);
    by_merging(&mut *connection, true).await?;
    let row: (i64, i64, i64, Option<Vec<u8>>, Option<Vec<u8>>) = sql.build_query_as().persistent(false).fetch_one(&mut *connection).await?;
    by_merging(&mut *connection, false).await?;
    let (contacts, no_email, no_phone, emails, phones) = row;
    let contacts = contacts.unsigned_abs();
    let of = |missing: i64, hashes: Vec<i64>| Addresses { contacts, missing: missing.unsigned_abs(), hashes };
    let (emails, phones) = tokio::try_join!(unpack(emails), unpack(phones))?;
    let mut by_kind = BTreeMap::new();
    let (ids, without_phone) = match asked(AddressKind::Whatsapp) {
        true => whatsapp_ids(&mut *connection, audience).await?,
        false => (Vec::new(), 0),
    };
    // As a rule nobody hides their phone, and both channels go by the same addresses.
    let only_phones = ids.is_empty();
    if !only_phones {
        let mut hashes = phones.clone();
        hashes.extend(ids);
        hashes.sort_unstable();
        by_kind.insert(AddressKind::Whatsapp, of(no_phone - without_phone, hashes));
    }
    if asked(AddressKind::Device) {
        let devices = devices(connection, audience, terms.apps).await?;
        by_kind
            .insert(AddressKind::Device, Addresses { contacts, missing: contacts.saturating_sub(devices.len() as u64), hashes: devices });
    }
    if asked(AddressKind::Email) {
        by_kind.insert(AddressKind::Email, of(no_email, emails));
    }
    if asked(AddressKind::Phone) || asked(AddressKind::Whatsapp) && only_phones {
        by_kind.insert(AddressKind::Phone, of(no_phone, phones));
    }
    Ok(Found { contacts, by_kind })
}

/// The WhatsApp ids of those who have no phone that can be used, and how many of them have none at all.
async fn whatsapp_ids(connection: &mut PgConnection, audience: &Audience) -> Result<(Vec<i64>, i64)> {
    let any = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM core.contact WHERE workspace_id = $1 AND whatsapp_key IS NOT NULL) AS "any!""#,
        audience.workspace.0
    )
    .fetch_one(&mut *connection)
    .await?;
    if !any {
        return Ok((Vec::new(), 0));
    }
    let mut sql = Sql::new(
        "SELECT count(*) FILTER (WHERE NOT c.has_phone), string_agg(int8send(hashtextextended(c.whatsapp_key, 0)), ''::bytea) FROM ",
    );
    audience.contacts(&mut sql);
    sql.push(" AND c.whatsapp_key IS NOT NULL AND c.phone_key IS NULL");
    let (without_phone, ids): (i64, Option<Vec<u8>>) = sql.build_query_as().persistent(false).fetch_one(connection).await?;
    Ok((unpack(ids).await?, without_phone))
}

/// The contacts that have a device of one of these apps.
async fn devices(connection: &mut PgConnection, audience: &Audience, apps: &[SenderId]) -> Result<Vec<i64>> {
    let mut sql = Sql::new("SELECT string_agg(int8send(hashtextextended(c.push_key, 0)), ''::bytea) FROM ");
    audience.contacts(&mut sql);
    has_device(&mut sql, apps);
    let packed: Option<Vec<u8>> = sql.build_query_scalar().persistent(false).fetch_one(connection).await?;
    unpack(packed).await
}

fn has_device(sql: &mut Sql, apps: &[SenderId]) {
    sql.push(" AND c.push_senders <> '{}'");
    if !apps.is_empty() {
        sql.push(" AND c.push_senders && ").push_bind(apps.iter().map(|app| app.0).collect::<Vec<_>>());
    }
}

/// Where the addresses of one kind stand.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) kind: AddressKind,
    pub(super) apps: &'a [SenderId],
}

impl Found {
    /// The channels that go by addresses of this kind.
    pub(super) fn channels<'a>(&self, kind: AddressKind, of: &'a [Channel]) -> impl Iterator<Item = Channel> + use<'a> {
        let phones_only = kind == AddressKind::Phone && !self.by_kind.contains_key(&AddressKind::Whatsapp);
        let goes_by = move |channel: &Channel| match channel.address_kind() {
            AddressKind::Whatsapp if phones_only => true,
            own => own == kind,
        };
        of.iter().copied().filter(goes_by)
    }
}

impl Place<'_> {
    pub(super) const fn hash(self) -> &'static str {
        match self.kind {
            AddressKind::Email | AddressKind::Account => "c.email_hash",
            AddressKind::Phone => "c.phone_hash",
            AddressKind::Whatsapp => "coalesce(c.phone_hash, hashtextextended(c.whatsapp_key, 0))",
            AddressKind::Device => "hashtextextended(c.push_key, 0)",
        }
    }

    pub(super) const fn key(self) -> &'static str {
        match self.kind {
            AddressKind::Email | AddressKind::Account => "c.email_key",
            AddressKind::Phone => "c.phone_key",
            AddressKind::Whatsapp => "coalesce(c.phone_key, c.whatsapp_key)",
            AddressKind::Device => "c.push_key",
        }
    }

    /// Pushes that there is one.
    pub(super) fn is_there(self, sql: &mut Sql) {
        match self.kind {
            AddressKind::Device => has_device(sql, self.apps),
            _ => {
                sql.push(" AND ").push(self.hash()).push(" IS NOT NULL");
            }
        }
    }
}
