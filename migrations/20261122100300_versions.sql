-- What was approved and by whom, and what a run sends after it was edited.

-- Whether an admin may approve what they have submitted themselves.
ALTER TABLE core.workspace ADD self_approval boolean NOT NULL DEFAULT true;

-- Reviews: of campaigns before they are sent, and of changes to campaigns that run. What has been decided is never changed.
CREATE TABLE core.approval (
    approval_id      uuid PRIMARY KEY,
    workspace_id     uuid NOT NULL REFERENCES core.workspace,
    campaign_id      uuid NOT NULL REFERENCES core.campaign ON DELETE CASCADE,
    subject          text NOT NULL CHECK (subject IN ('campaign', 'change')),
    -- 'waived': the workspace asks for no approval.
    decision         text NOT NULL CHECK (decision IN ('pending', 'approved', 'rejected', 'withdrawn', 'waived')),
    -- The campaign's revision that it is about.
    revision         int NOT NULL,
    -- What would be sent to whom, when, by whom and for how much, as canonical JSON, and its SHA-256: as it was submitted, and as soon as it is
    -- decided as it was then.
    what             jsonb NOT NULL,
    hash             bytea NOT NULL CHECK (octet_length(hash) = 32),
    -- In which of its parts it differs from what was approved before.
    changed          text[] NOT NULL DEFAULT '{}',
    template_version int NOT NULL,
    -- The version of the run's content that an approved change has made.
    content_version  int,
    submitted_by     text NOT NULL,
    submitted_at     timestamptz NOT NULL,
    decided_by       text NOT NULL DEFAULT '',
    decided_role     text NOT NULL DEFAULT '',
    decided_at       timestamptz,
    reason           text NOT NULL DEFAULT '',
    CONSTRAINT approval_decided CHECK ((decision = 'pending') = (decided_at IS NULL))
);
CREATE UNIQUE INDEX approval_pending ON core.approval (campaign_id) WHERE decision = 'pending';
CREATE INDEX approval_of_campaign ON core.approval (campaign_id, approval_id);
CREATE INDEX approval_page ON core.approval (workspace_id, approval_id);

-- Which version of its content a run sends from now on. The first is in send.run itself, those that came later are here.
ALTER TABLE send.run ADD content_version int NOT NULL DEFAULT 1 CHECK (content_version > 0);
CREATE TABLE send.run_content (
    run_id           uuid NOT NULL REFERENCES send.run,
    version          int NOT NULL CHECK (version > 1),
    workspace_id     uuid NOT NULL,
    template_id      uuid NOT NULL,
    template_version int NOT NULL,
    content          jsonb NOT NULL,
    created_at       timestamptz NOT NULL,
    created_by       text NOT NULL,
    PRIMARY KEY (run_id, version)
);
-- What its last try was made of; NULL before the first, and in rows of before there were versions.
ALTER TABLE send.delivery ADD content_version int;

-- Access.
GRANT SELECT, INSERT ON core.approval TO fanfare_api;
GRANT UPDATE (decision, what, hash, changed, content_version, decided_by, decided_role, decided_at, reason) ON core.approval TO fanfare_api;
GRANT SELECT, INSERT ON send.run_content TO fanfare_api;
GRANT SELECT ON send.run_content TO fanfare_scheduler, fanfare_dispatcher, fanfare_analytics;
GRANT UPDATE (content_version, expires_at) ON send.run TO fanfare_api;
GRANT UPDATE (content_version) ON send.delivery TO fanfare_dispatcher;

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['core.approval', 'send.run_content']
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY tenant ON %s TO fanfare_api
            USING (workspace_id = nullif(current_setting(''fanfare.workspace_id'', true), '''')::uuid)', t);
        EXECUTE format('CREATE POLICY service ON %s TO fanfare_scheduler, fanfare_dispatcher, fanfare_ingest, fanfare_analytics USING (true)', t);
    END LOOP;
END
$$;
