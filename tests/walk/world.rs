//! A workspace with one of everything that an RPC can name by its id.

use crate::hub::Hub;
use domain::WorkspaceId;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Every kind of thing with an id. Ids are UUIDs but for [`NUMBERS`].
pub const KINDS: &[&str] = &[
    "alert",
    "api_key",
    "app",
    "approval",
    "attachment",
    "audit_entry",
    "campaign",
    "connect",
    "contact",
    "conversation",
    "delivery",
    "device",
    "import",
    "layout",
    "list",
    "message",
    "provider_template",
    "segment",
    "sender",
    "template",
    "test_send",
    "topic",
    "user",
];

/// Kinds whose ids are numbers.
const NUMBERS: &[&str] = &["audit_entry", "delivery"];

/// Ids by kind.
pub type Ids = BTreeMap<&'static str, String>;

/// Ids of nothing.
pub fn random_ids() -> Ids {
    let id = |kind: &str| {
        let id = Uuid::now_v7();
        // Of no thing that there is, and a positive number of 63 bits.
        if NUMBERS.contains(&kind) { (id.as_u64_pair().1 >> 1).to_string() } else { id.to_string() }
    };
    KINDS.iter().map(|kind| (*kind, id(kind))).collect()
}

/// A workspace and its things.
pub struct World {
    pub workspace: WorkspaceId,
    pub ids: Ids,
}

impl World {
    pub async fn new(hub: &Hub) -> Self {
        let world = Self { workspace: WorkspaceId::new(), ids: random_ids() };
        for statement in world.statements() {
            hub.sql(&statement).await;
        }
        world
    }

    fn statements(&self) -> Vec<String> {
        let (w, id) = (self.workspace, |kind: &str| &self.ids[kind]);
        let (campaign, list, template, sender, contact) = (id("campaign"), id("list"), id("template"), id("sender"), id("contact"));
        let content = r#"{"sms": {"text": "Hi"}}"#;
        let mut all = vec![
            format!("INSERT INTO core.workspace (workspace_id, name, created_at) VALUES ('{w}', 'Walk', now())"),
            format!(
                "INSERT INTO core.contact (contact_id, workspace_id, external_id, phone, phone_key, created_at, updated_at)
                 VALUES ('{contact}', '{w}', 'one', '+971501234567', '+971501234567', now(), now())"
            ),
            format!("INSERT INTO core.list (list_id, workspace_id, name, created_at) VALUES ('{list}', '{w}', 'Readers', now())"),
            format!(
                "INSERT INTO core.list_member (list_id, contact_id, workspace_id, added_at) VALUES ('{list}', '{contact}', '{w}', now())"
            ),
            format!(
                "INSERT INTO core.template (template_id, workspace_id, name, version, created_at, updated_at)
                 VALUES ('{template}', '{w}', 'News', 1, now(), now())"
            ),
            format!(
                "INSERT INTO core.template_version (template_id, version, workspace_id, content, created_at, created_by)
                 VALUES ('{template}', 1, '{w}', '{content}', now(), 'walk')"
            ),
            format!(
                "INSERT INTO core.sender (sender_id, workspace_id, name, channel, provider, settings, sealed_secrets, secret_names,
                     rate_per_second, created_at, updated_at)
                 VALUES ('{sender}', '{w}', 'Texts', 'sms', 'twilio', '{{}}', '', '{{}}', 1, now(), now())"
            ),
            format!(
                "INSERT INTO core.campaign (campaign_id, workspace_id, name, status, template_id, created_by, created_at, updated_at)
                 VALUES ('{campaign}', '{w}', 'Spring', 'DRAFT', '{template}', 'walk', now(), now())"
            ),
            format!(
                "INSERT INTO core.campaign_channel (campaign_id, channel, sender_id, workspace_id)
                 VALUES ('{campaign}', 'sms', '{sender}', '{w}')"
            ),
            format!(
                "INSERT INTO core.campaign_list (campaign_id, list_id, excluded, workspace_id) VALUES ('{campaign}', '{list}', false, '{w}')"
            ),
        ];
        all.extend(self.more_statements());
        all.extend(self.said());
        all.extend(self.pushed());
        all.push(self.connecting());
        all
    }

    fn more_statements(&self) -> Vec<String> {
        let (w, id) = (self.workspace, |kind: &str| &self.ids[kind]);
        vec![
            format!(
                "INSERT INTO send.alert (alert_id, workspace_id, campaign_id, kind, raised_at, last_at)
                 VALUES ('{}', '{w}', '{}', 'sender_paused', now(), now())",
                id("alert"),
                id("campaign")
            ),
            format!(
                "INSERT INTO core.audit (audit_id, workspace_id, actor, action, object_type, object_id, at) OVERRIDING SYSTEM VALUE
                 VALUES ({}, '{w}', 'walk', 'campaign.create', 'campaign', '{}', now())",
                id("audit_entry"),
                id("campaign")
            ),
            format!(
                "INSERT INTO core.api_key (api_key_id, workspace_id, name, role, secret_hash, created_at, created_by)
                 VALUES ('{}', '{w}', 'shop', 'agent', sha256('walk'), now(), 'walk')",
                id("api_key")
            ),
            format!(
                "INSERT INTO core.app_user (user_id, workspace_id, subject, role, created_at, updated_at)
                 VALUES ('{}', '{w}', 'somebody', 'agent', now(), now())",
                id("user")
            ),
            format!(
                "INSERT INTO core.segment (segment_id, workspace_id, name, filter, created_at, updated_at)
                 VALUES ('{}', '{w}', 'Lively', '{{\"last_active\": {{\"in_last_days\": 30}}}}', now(), now())",
                id("segment")
            ),
            format!(
                "INSERT INTO core.attachment (attachment_id, workspace_id, name, media_type, size_bytes, sha256, bytes, created_at)
                 VALUES ('{}', '{w}', 'walk.txt', 'text/plain', 4, sha256('walk'), 'walk', now())",
                id("attachment")
            ),
            format!(
                "INSERT INTO core.layout (layout_id, workspace_id, name, html, created_at, updated_at)
                 VALUES ('{}', '{w}', 'Plain', '<html><body>%BODY%</body></html>', now(), now())",
                id("layout")
            ),
            format!(
                "INSERT INTO core.provider_template (provider_template_id, workspace_id, sender_id, provider_id, name, language, status,
                     synced_at, created_at)
                 VALUES ('{}', '{w}', '{}', '7', 'spring_sale', 'en_US', 'APPROVED', now(), now())",
                id("provider_template"),
                id("sender")
            ),
            format!("INSERT INTO core.topic (topic_id, workspace_id, name, created_at) VALUES ('{}', '{w}', 'News', now())", id("topic")),
            format!(
                "INSERT INTO core.contact_import (import_id, workspace_id, match_by, on_match, is_dry_run, status, created_by, created_at,
                     updated_at, finished_at)
                 VALUES ('{}', '{w}', 'external_id', 'overwrite', false, 'completed', 'walk', now(), now(), now())",
                id("import")
            ),
            format!(
                "INSERT INTO send.test_send (test_send_id, workspace_id, sender_id, channel, content, created_by, created_at)
                 VALUES ('{}', '{w}', '{}', 'sms', '{{\"sms\": {{\"text\": \"Hi\"}}}}', 'walk', now())",
                id("test_send"),
                id("sender")
            ),
            format!(
                "INSERT INTO core.approval (approval_id, workspace_id, campaign_id, subject, decision, revision, what, hash,
                     template_version, submitted_by, submitted_at)
                 VALUES ('{}', '{w}', '{}', 'campaign', 'pending', 1, '{{}}', sha256('walk'), 1, 'walk', now())",
                id("approval"),
                id("campaign")
            ),
            format!("UPDATE core.list SET double_opt_in = true WHERE list_id = '{}'", id("list")),
        ]
    }

    /// An account that is being connected.
    fn connecting(&self) -> String {
        let (w, id) = (self.workspace, |kind: &str| &self.ids[kind]);
        format!(
            "INSERT INTO core.oauth_connect (connect_id, workspace_id, sender_id, actor, state_hash, sealed, redirect_url, created_at, expires_at)
             VALUES ('{0}', '{w}', '{1}', 'walk-admin', sha256('{0}'), '', 'https://hub.example/oauth/callback', now(), now() + interval '10 minutes')",
            id("connect"),
            id("sender")
        )
    }

    /// An app, and a contact's device that has it.
    fn pushed(&self) -> Vec<String> {
        let (w, id) = (self.workspace, |kind: &str| &self.ids[kind]);
        vec![
            format!(
                "INSERT INTO core.sender (sender_id, workspace_id, name, channel, provider, settings, sealed_secrets, secret_names,
                     rate_per_second, created_at, updated_at)
                 VALUES ('{}', '{w}', 'App', 'push', 'fcm', '{{}}', '', '{{}}', 1, now(), now())",
                id("app")
            ),
            format!(
                "INSERT INTO core.push_device (device_id, workspace_id, contact_id, sender_id, kind, target, target_hash, created_at, last_seen_at)
                 VALUES ('{}', '{w}', '{}', '{}', 'token', 'walk:APA91b', sha256('walk:APA91b'), now(), now())",
                id("device"),
                id("contact"),
                id("app")
            ),
        ]
    }

    /// A conversation and a message in it.
    fn said(&self) -> Vec<String> {
        let (w, id) = (self.workspace, |kind: &str| &self.ids[kind]);
        vec![
            format!(
                "INSERT INTO core.conversation (conversation_id, workspace_id, sender_id, channel, address_key, address, contact_id,
                     last_message_id, last_at, created_at, updated_at)
                 VALUES ('{}', '{w}', '{}', 'sms', '+971501234567', '+971501234567', '{}', '{}', now(), now(), now())",
                id("conversation"),
                id("sender"),
                id("contact"),
                id("message")
            ),
            format!(
                "INSERT INTO core.message (message_id, conversation_id, workspace_id, direction, kind, handling, sealed, seal_key, at, created_at)
                 VALUES ('{}', '{}', '{w}', 'in', 'text', 'handed', '', '{}', now(), now())",
                id("message"),
                id("conversation"),
                id("message")
            ),
        ]
    }
}

/// Makes [`digest_is_the_same`] and [`note_digest`] possible.
pub async fn prepare_digests(hub: &Hub) {
    hub.sql("CREATE TABLE walk_digest (workspace_id uuid PRIMARY KEY, digest text NOT NULL)").await;
    hub.sql(
        "CREATE FUNCTION walk_digest_of(workspace uuid) RETURNS text LANGUAGE plpgsql AS $$
         DECLARE t regclass; one text; digest text := '';
         BEGIN
             FOR t IN SELECT c.oid FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'workspace_id'
                      WHERE c.relkind = 'r' AND c.relnamespace::regnamespace::text IN ('core', 'send', 'stats') ORDER BY 1
             LOOP
                 EXECUTE format('SELECT coalesce(string_agg(x::text, '';'' ORDER BY x::text), '''') FROM %s x WHERE workspace_id = $1', t)
                     INTO one USING workspace;
                 digest := md5(digest || t::text || one);
             END LOOP;
             RETURN digest;
         END $$",
    )
    .await;
}

/// Notes all that a workspace holds.
pub async fn note_digest(hub: &Hub, workspace: WorkspaceId) {
    let statement = format!(
        "INSERT INTO walk_digest VALUES ('{workspace}', walk_digest_of('{workspace}'))
         ON CONFLICT (workspace_id) DO UPDATE SET digest = excluded.digest"
    );
    hub.sql(&statement).await;
}

/// Whether a workspace holds what it held when it was noted.
pub async fn digest_is_the_same(hub: &Hub, workspace: WorkspaceId) -> bool {
    let statement = format!("SELECT 1 FROM walk_digest WHERE workspace_id = '{workspace}' AND digest = walk_digest_of('{workspace}')");
    hub.sql(&statement).await == 1
}
