-- Who may read and write what, and the fence around each workspace.

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA core TO fanfare_api;
REVOKE UPDATE, DELETE ON core.audit FROM fanfare_api;
GRANT SELECT ON ALL TABLES IN SCHEMA core TO fanfare_scheduler, fanfare_dispatcher, fanfare_ingest, fanfare_analytics;
-- The scheduler moves a campaign along its run: SCHEDULED → ACTIVE → COMPLETED or FAILED.
GRANT UPDATE (status, status_reason, due_at, started_at, completed_at, updated_at) ON core.campaign TO fanfare_scheduler;

GRANT SELECT ON ALL TABLES IN SCHEMA send TO fanfare_api, fanfare_scheduler, fanfare_dispatcher, fanfare_analytics;
GRANT INSERT, UPDATE ON send.run, send.run_channel TO fanfare_scheduler;
GRANT INSERT ON send.delivery TO fanfare_scheduler;
-- The scheduler drops what was not sent, and wakes what waited for a retry.
GRANT UPDATE (state, reason, next_attempt_at, updated_at) ON send.delivery TO fanfare_scheduler;
GRANT UPDATE (state, reason, attempt, next_attempt_at, worker_id, provider_message_id, updated_at) ON send.delivery TO fanfare_dispatcher;
GRANT INSERT, UPDATE, DELETE ON send.job TO fanfare_scheduler;
GRANT UPDATE (published_at, progress_at), DELETE ON send.job TO fanfare_dispatcher;
GRANT INSERT, UPDATE ON send.rate_bucket TO fanfare_dispatcher;
GRANT INSERT, UPDATE, DELETE ON send.worker TO fanfare_dispatcher;
-- An opt-out that comes without our correlation still finds its delivery.
GRANT SELECT (delivery_id, sender_id, provider_message_id) ON send.delivery TO fanfare_ingest;
GRANT INSERT, DELETE, UPDATE ON send.outbox TO fanfare_scheduler, fanfare_dispatcher, fanfare_api;

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA stats TO fanfare_analytics;
GRANT SELECT ON ALL TABLES IN SCHEMA stats TO fanfare_scheduler, fanfare_dispatcher;
-- Not the event log, which no policy could fence: it names no workspace.
GRANT SELECT ON stats.delivery_status, stats.counter TO fanfare_api;

-- campaign-api serves tenants: it sees only the workspace that its transaction names. The other services work for all of them.
DO $$
DECLARE
    t record;
BEGIN
    FOR t IN SELECT c.relnamespace::regnamespace AS s, c.relname AS n FROM pg_class c
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'workspace_id' AND NOT a.attisdropped
             WHERE c.relkind = 'r' AND c.relnamespace::regnamespace::text IN ('core', 'send', 'stats')
    LOOP
        EXECUTE format('ALTER TABLE %s.%I ENABLE ROW LEVEL SECURITY', t.s, t.n);
        EXECUTE format('ALTER TABLE %s.%I FORCE ROW LEVEL SECURITY', t.s, t.n);
        EXECUTE format('CREATE POLICY tenant ON %s.%I TO fanfare_api
            USING (workspace_id = nullif(current_setting(''fanfare.workspace_id'', true), '''')::uuid)', t.s, t.n);
        EXECUTE format('CREATE POLICY service ON %s.%I TO fanfare_scheduler, fanfare_dispatcher, fanfare_ingest, fanfare_analytics USING (true)', t.s, t.n);
    END LOOP;
END
$$;

-- An unsubscribe link names a delivery and nothing else: campaign-api may look at the deliveries that its transaction names, to learn
-- whose workspace to work for.
CREATE POLICY named ON send.delivery FOR SELECT TO fanfare_api
    USING (delivery_id = ANY (nullif(current_setting('fanfare.delivery_ids', true), '')::bigint[]));
