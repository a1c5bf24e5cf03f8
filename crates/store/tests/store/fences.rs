//! The fence around each workspace, as the catalog has it: no table, policy or function may slip past it unnoticed.

use crate::fixture::World;
use domain::WorkspaceId;
use sqlx::{AssertSqlSafe, Row as _};
use std::collections::BTreeSet;
use store::Role;

const SCHEMAS: &str = "('core', 'send', 'stats')";
/// The condition of a fence; the second form is worked out once a statement.
const FENCES: [&str; 2] = [
    "(workspace_id = (NULLIF(current_setting('fanfare.workspace_id'::text, true), ''::text))::uuid)",
    "(workspace_id = ( SELECT (NULLIF(current_setting('fanfare.workspace_id'::text, true), ''::text))::uuid AS \"nullif\"))",
];

/// Tables that name no workspace and that campaign-api may read, with why that tells nobody anything about another workspace.
const UNFENCED: &[(&str, &str)] = &[
    ("send.outbox", "facts on their way; no RPC reads it, its relay does"),
    ("send.rate_bucket", "how many messages a sender may send now; no RPC reads it by itself"),
    ("send.worker", "the dispatchers' processes"),
];

/// Policies of campaign-api beside the fence itself, each for reading only, but for one.
const OTHER_POLICIES: &[(&str, &str)] = &[
    ("core.api_key named", "a key that is shown names itself"),
    ("core.oauth_connect named", "a browser that comes back from a network names a state"),
    ("core.sender_task due", "its own loop finds what is due in any workspace"),
    (LOCKS, "and locks it, which PostgreSQL allows to those who may update"),
    ("send.delivery named", "a signed link names its delivery"),
    ("send.run_channel tenant", "fenced by the run that it belongs to"),
    ("send.run_sender tenant", "fenced by the run that it belongs to"),
];
const LOCKS: &str = "core.sender_task due_locked";

async fn rows(world: &World, sql: String) -> Vec<Vec<String>> {
    let mut connection = world.db.acquire().await.unwrap();
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut *connection).await.unwrap();
    rows.iter().map(|row| (0..row.len()).map(|column| row.get::<Option<String>, _>(column).unwrap_or_default()).collect()).collect()
}

/// `schema.table` of all tables with a column `workspace_id` of which a condition on the table `c` holds.
async fn tenant_tables(world: &World, condition: &str) -> Vec<String> {
    let sql = format!(
        "SELECT c.relnamespace::regnamespace::text || '.' || c.relname FROM pg_class c
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'workspace_id' AND NOT a.attisdropped
         WHERE c.relkind IN ('r', 'p', 'f') AND c.relnamespace::regnamespace::text IN {SCHEMAS} AND {condition} ORDER BY 1"
    );
    rows(world, sql).await.into_iter().map(|mut row| row.remove(0)).collect()
}

#[tokio::test]
async fn every_table_with_a_workspace_is_fenced_by_force() {
    let world = World::new().await;
    let tables = tenant_tables(&world, "true").await;
    assert!(tables.len() > 25, "{tables:?}");
    let policies = "SELECT c.relnamespace::regnamespace::text || '.' || c.relname, p.qual, p.with_check, p.cmd FROM pg_class c
                    JOIN pg_policies p ON p.schemaname = c.relnamespace::regnamespace::text AND p.tablename = c.relname
                    WHERE c.relrowsecurity AND c.relforcerowsecurity AND p.policyname = 'tenant' AND p.permissive = 'PERMISSIVE'
                      AND p.roles = '{fanfare_api}'";
    let fenced = rows(&world, policies.to_owned()).await;
    for table in tables {
        let policies: Vec<_> = fenced.iter().filter(|row| row[0] == table).collect();
        // Without WITH CHECK the same condition holds for what is written.
        let as_expected = policies.iter().all(|row| FENCES.contains(&row[1].as_str()) && row[2].is_empty() && row[3] == "ALL");
        assert!(policies.len() == 1 && as_expected, "{table} needs forced row-level security and the policy tenant: {policies:?}");
    }
}

#[tokio::test]
async fn nothing_else_opens_a_fence() {
    let world = World::new().await;
    let known: BTreeSet<_> = OTHER_POLICIES.iter().map(|(policy, _)| (*policy).to_owned()).collect();
    let [fence, other_fence] = FENCES;
    // A restrictive policy only narrows.
    let sql = format!(
        "SELECT schemaname || '.' || tablename || ' ' || policyname, cmd FROM pg_policies
         WHERE schemaname IN {SCHEMAS} AND roles && ARRAY['fanfare_api', 'public']::name[] AND permissive = 'PERMISSIVE'
           AND NOT (policyname = 'tenant' AND qual IN ($${fence}$$, $${other_fence}$$))"
    );
    let found = rows(&world, sql).await;
    assert_eq!(found.iter().map(|row| row[0].clone()).collect::<BTreeSet<_>>(), known);
    for row in found.iter().filter(|row| !row[0].ends_with(" tenant")) {
        assert_eq!(row[1], if row[0] == LOCKS { "UPDATE" } else { "SELECT" }, "{}", row[0]);
    }
}

#[tokio::test]
async fn what_names_no_workspace_is_out_of_reach_or_known() {
    let world = World::new().await;
    let sql = format!(
        "SELECT c.relnamespace::regnamespace::text || '.' || c.relname FROM pg_class c
         WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm') AND c.relnamespace::regnamespace::text IN {SCHEMAS}
           AND has_any_column_privilege('fanfare_api', c.oid, 'SELECT') AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
           AND NOT (c.relkind = 'v' AND coalesce(c.reloptions, '{{}}') @> ARRAY['security_invoker=true'])"
    );
    let found: BTreeSet<_> = rows(&world, sql).await.into_iter().map(|mut row| row.remove(0)).collect();
    assert_eq!(found, UNFENCED.iter().map(|(table, _)| (*table).to_owned()).collect());
}

#[tokio::test]
async fn no_role_and_no_function_is_above_the_fence() {
    let world = World::new().await;
    let roles = rows(
        &world,
        "SELECT rolname::text FROM pg_roles WHERE rolname LIKE 'fanfare\\_%' AND (rolsuper OR rolbypassrls OR rolcanlogin)".to_owned(),
    );
    assert!(roles.await.is_empty());
    let owned =
        rows(&world, "SELECT relname::text FROM pg_class JOIN pg_roles r ON r.oid = relowner WHERE rolname LIKE 'fanfare\\_%'".to_owned());
    assert!(owned.await.is_empty());
    let functions = format!(
        "SELECT p.oid::regprocedure::text FROM pg_proc p
         WHERE p.pronamespace::regnamespace::text IN {SCHEMAS} AND p.prosecdef AND has_function_privilege('fanfare_api', p.oid, 'EXECUTE')"
    );
    assert_eq!(rows(&world, functions).await, Vec::<Vec<String>>::new(), "it would see every workspace");
}

#[tokio::test]
async fn the_audit_log_and_the_rights_of_a_key_are_never_rewritten() {
    let world = World::new().await;
    let sql = "SELECT r.rolname::text || ' ' || p FROM pg_roles r, unnest(ARRAY['UPDATE', 'DELETE', 'TRUNCATE']) AS p
               WHERE r.rolname LIKE 'fanfare\\_%'
                 AND (has_table_privilege(r.oid, 'core.audit', p) OR p <> 'UPDATE' AND has_table_privilege(r.oid, 'core.api_key', p))";
    assert!(rows(&world, sql.to_owned()).await.is_empty());
    let writable = async |table: &str| {
        let sql = format!(
            "SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = '{table}'::regclass AND a.attnum > 0
               AND has_column_privilege('fanfare_api', a.attrelid, a.attnum, 'UPDATE') ORDER BY 1"
        );
        rows(&world, sql).await.concat()
    };
    assert_eq!(writable("core.api_key").await, ["last_used_at", "revoked_at", "revoked_by"]);
    // Erasing a person empties both, of that person's entries only.
    assert_eq!(writable("core.audit").await, ["after", "before"]);
    let narrowed = "SELECT qual, with_check FROM pg_policies WHERE tablename = 'audit' AND permissive = 'RESTRICTIVE' AND cmd = 'UPDATE'";
    let narrowed = rows(&world, narrowed.to_owned()).await.concat().join(" ");
    assert!(narrowed.contains("fanfare.erased_contact") && narrowed.contains("after IS NULL"), "{narrowed}");
}

/// Not what the catalog says, but what is seen.
#[tokio::test]
async fn another_workspace_sees_no_row_of_any_table() {
    let world = World::new().await;
    let campaign = world.campaign(2, 1.0).await;
    world.expand(campaign, 10).await;
    let api = world.connect_as(Role::Api).await;
    let mut with_rows = 0;
    for table in tenant_tables(&world, "has_table_privilege('fanfare_api', c.oid, 'SELECT')").await {
        let sql = format!("SELECT count(*)::text FROM {table}");
        let all = world.text(&sql).await;
        let mut seen = Vec::new();
        for workspace in [campaign.workspace, WorkspaceId::new()] {
            let mut tx = api.tenant(workspace).await.unwrap();
            seen.push(sqlx::query_scalar::<_, String>(AssertSqlSafe(sql.clone())).fetch_one(&mut *tx).await.unwrap());
        }
        assert_eq!(seen, [all.as_str(), "0"], "{table}");
        with_rows += usize::from(all != "0");
    }
    assert!(with_rows >= 10, "{with_rows}");
}
