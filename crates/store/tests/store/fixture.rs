//! A workspace with contacts and a campaign that is being sent.

use devstack::{TestDatabase, test_database};
use domain::{CampaignId, Channel, RunId, SenderId, WorkerId, WorkspaceId};
use sqlx::{AssertSqlSafe, PgConnection};
use store::{Db, Role, expand, gate};
use time::OffsetDateTime;
use uuid::Uuid;

pub struct World {
    pub db: Db,
    database: TestDatabase,
}

#[derive(Clone, Copy)]
pub struct Campaign {
    pub workspace: WorkspaceId,
    pub campaign: CampaignId,
    pub list: Uuid,
    pub sender: SenderId,
    pub run: RunId,
}

pub fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

impl World {
    pub async fn new() -> Self {
        let database = test_database().await.unwrap();
        let db = Db::connect(&database.url, Role::Owner, 8).await.unwrap();
        Self { db, database }
    }

    /// The same database, as a service sees it.
    pub async fn connect_as(&self, role: Role) -> Db {
        Db::connect(&self.database.url, role, 4).await.unwrap()
    }

    pub async fn execute(&self, sql: String) -> u64 {
        let mut connection = self.db.acquire().await.unwrap();
        sqlx::query(AssertSqlSafe(sql)).execute(&mut *connection).await.unwrap().rows_affected()
    }

    pub async fn count(&self, condition: &str) -> i64 {
        let mut connection = self.db.acquire().await.unwrap();
        let sql = format!("SELECT count(*) FROM send.delivery WHERE {condition}");
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut *connection).await.unwrap()
    }

    /// A workspace with an SMS sender and an ACTIVE campaign to `contacts` people with phones +9715000000NN; its run has started.
    pub async fn campaign(&self, contacts: u32, rate_per_second: f64) -> Campaign {
        let (workspace, campaign, sender, list, template) =
            (WorkspaceId::new(), CampaignId::new(), SenderId::new(), Uuid::now_v7(), Uuid::now_v7());
        for sql in [
            format!("INSERT INTO core.workspace (workspace_id, name, created_at) VALUES ('{workspace}', 'w', now())"),
            format!("INSERT INTO core.list (list_id, workspace_id, name, created_at) VALUES ('{list}', '{workspace}', 'l', now())"),
            format!("INSERT INTO core.template (template_id, workspace_id, name, version, created_at, updated_at)
                     VALUES ('{template}', '{workspace}', 't', 1, now(), now())"),
            format!("INSERT INTO core.template_version (template_id, version, workspace_id, content, created_at, created_by)
                     VALUES ('{template}', 1, '{workspace}', '{{}}', now(), 'test')"),
            format!("INSERT INTO core.sender (sender_id, workspace_id, name, channel, provider, settings, sealed_secrets, secret_names,
                                              rate_per_second, created_at, updated_at)
                     VALUES ('{sender}', '{workspace}', 's', 'sms', 'twilio', '{{}}', '', '{{}}', {rate_per_second}, now(), now())"),
            format!("INSERT INTO core.campaign (campaign_id, workspace_id, name, status, template_id, due_at, created_by, created_at, updated_at)
                     VALUES ('{campaign}', '{workspace}', 'c', 'SCHEDULED', '{template}', now(), 'test', now(), now())"),
            format!("INSERT INTO core.campaign_channel (campaign_id, channel, sender_id, workspace_id)
                     VALUES ('{campaign}', 'sms', '{sender}', '{workspace}')"),
            format!("INSERT INTO core.campaign_list (campaign_id, list_id, excluded, workspace_id)
                     VALUES ('{campaign}', '{list}', false, '{workspace}')"),
        ] {
            self.execute(sql).await;
        }
        let campaign = Campaign { workspace, campaign, list, sender, run: RunId::new() };
        for n in 0..contacts {
            let phone = format!("+9715000{n:05}");
            self.contact(campaign, &phone, Some(&phone)).await;
        }
        let mut tx = self.db.begin().await.unwrap();
        store::run::lock_scheduled(&mut tx, campaign.campaign).await.unwrap().unwrap();
        store::run::create(&mut tx, campaign.campaign, "once", campaign.run, now()).await.unwrap();
        tx.commit().await.unwrap();
        campaign
    }

    /// Adds a contact to the campaign's list.
    pub async fn contact(&self, campaign: Campaign, phone: &str, key: Option<&str>) -> Uuid {
        let id = Uuid::now_v7();
        let (workspace, list) = (campaign.workspace, campaign.list);
        let key = key.map_or("NULL".to_owned(), |key| format!("'{key}'"));
        self.execute(format!(
            "INSERT INTO core.contact (contact_id, workspace_id, phone, phone_key, created_at, updated_at)
             VALUES ('{id}', '{workspace}', '{phone}', {key}, now(), now())"
        ))
        .await;
        self.execute(format!(
            "INSERT INTO core.list_member (list_id, contact_id, workspace_id, added_at) VALUES ('{list}', '{id}', '{workspace}', now() - interval '1 hour')"
        ))
        .await;
        id
    }

    pub async fn opt_out(&self, campaign: Campaign, phone: &str, channel: &str) {
        let workspace = campaign.workspace;
        self.execute(format!(
            "INSERT INTO core.opt_out (workspace_id, channel, address_key, source, created_at)
             VALUES ('{workspace}', '{channel}', '{phone}', 'test', now())"
        ))
        .await;
    }

    pub async fn set_status(&self, campaign: Campaign, status: &str) {
        self.execute(format!("UPDATE core.campaign SET status = '{status}' WHERE campaign_id = '{}'", campaign.campaign)).await;
    }

    /// Expands all of a run, `chunk` contacts at a time.
    pub async fn expand(&self, campaign: Campaign, chunk: i64) {
        loop {
            let mut tx = self.db.begin().await.unwrap();
            let Some(run) = expand::lock(&mut tx, campaign.run).await.unwrap() else { return };
            expand::chunk(&mut tx, &run, chunk, now()).await.unwrap();
            tx.commit().await.unwrap();
        }
    }

    /// The first value of the first row of a query, as text.
    pub async fn text(&self, sql: &str) -> String {
        let mut connection = self.db.acquire().await.unwrap();
        let sql = format!("SELECT coalesce(value::text, '') FROM ({sql}) AS x (value)");
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut *connection).await.unwrap()
    }

    pub async fn delivery_ids(&self, campaign: Campaign) -> Vec<i64> {
        let mut connection = self.db.acquire().await.unwrap();
        sqlx::query_scalar("SELECT delivery_id FROM send.delivery WHERE run_id = $1 ORDER BY 1")
            .bind(campaign.run.0)
            .fetch_all(&mut *connection)
            .await
            .unwrap()
    }

    /// One sub-batch through the gate.
    pub async fn pass(&self, campaign: Campaign, worker: WorkerId, ids: &[i64], limit: u32) -> gate::Answer {
        let mut tx = self.db.begin().await.unwrap();
        let answer = pass_in(&mut tx, campaign, worker, ids, limit).await;
        tx.commit().await.unwrap();
        answer
    }
}

pub async fn pass_in(connection: &mut PgConnection, campaign: Campaign, worker: WorkerId, ids: &[i64], limit: u32) -> gate::Answer {
    let ask =
        gate::Ask { run_id: campaign.run, channel: Channel::Sms, sender_id: campaign.sender, worker_id: worker, delivery_ids: ids, limit };
    gate::pass(connection, ask, now()).await.unwrap()
}
