-- Imports of contacts: what was asked, how far each is, and the rows that had problems.

CREATE TABLE core.contact_import (
    import_id     uuid PRIMARY KEY,
    workspace_id  uuid NOT NULL REFERENCES core.workspace,
    file_name     text NOT NULL DEFAULT '',
    list_id       uuid,
    match_by      text NOT NULL,
    on_match      text NOT NULL,
    -- Nothing was to be written but this row and the problems.
    is_dry_run    boolean NOT NULL,
    -- What the file turned out to be; empty until its first rows are read.
    format        text NOT NULL DEFAULT '',
    encoding      text NOT NULL DEFAULT '',
    delimiter     text NOT NULL DEFAULT '',
    status        text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'completed', 'failed')),
    -- Why it failed.
    detail        text NOT NULL DEFAULT '',
    rows          bigint NOT NULL DEFAULT 0,
    created       bigint NOT NULL DEFAULT 0,
    updated       bigint NOT NULL DEFAULT 0,
    skipped       bigint NOT NULL DEFAULT 0,
    rejected      bigint NOT NULL DEFAULT 0,
    with_problems bigint NOT NULL DEFAULT 0,
    bytes         bigint NOT NULL DEFAULT 0,
    -- All that were found, and how many of them are kept.
    problems      bigint NOT NULL DEFAULT 0,
    problems_kept bigint NOT NULL DEFAULT 0,
    created_by    text NOT NULL,
    created_at    timestamptz NOT NULL,
    -- Moves with every batch: a row that is 'running' and stands still belongs to a process that is gone.
    updated_at    timestamptz NOT NULL,
    finished_at   timestamptz
);
CREATE INDEX contact_import_page ON core.contact_import (workspace_id, import_id);

-- The problems of one batch of rows, column by column. They name rows, columns and reasons, and hold nothing of what was in a row: so
-- there is nothing to erase when a person is.
CREATE TABLE core.contact_import_problem (
    import_id    uuid NOT NULL REFERENCES core.contact_import ON DELETE CASCADE,
    position     int NOT NULL,
    workspace_id uuid NOT NULL,
    created_at   timestamptz NOT NULL,
    row_numbers  bigint[] NOT NULL,
    columns      text[] NOT NULL,
    reasons      text[] NOT NULL,
    rejected     boolean[] NOT NULL,
    PRIMARY KEY (import_id, position)
);
-- Old reports are dropped.
CREATE INDEX contact_import_problem_age ON core.contact_import_problem (workspace_id, created_at);

-- Whom a dry run would have added, or known by something else afterwards, so that its later batches find them. Gone when the dry run is
-- over; worth nothing after a crash, so nothing is logged of it.
CREATE UNLOGGED TABLE core.contact_rehearsal (
    import_id    uuid NOT NULL,
    contact_id   uuid NOT NULL,
    workspace_id uuid NOT NULL,
    external_id  text,
    name         text NOT NULL,
    email        text NOT NULL,
    email_key    text,
    phone        text NOT NULL,
    phone_key    text,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (import_id, contact_id)
);
CREATE INDEX contact_rehearsal_external_id ON core.contact_rehearsal (import_id, external_id);
CREATE INDEX contact_rehearsal_email ON core.contact_rehearsal (import_id, email_key);
CREATE INDEX contact_rehearsal_phone ON core.contact_rehearsal (import_id, phone_key);
CREATE INDEX contact_rehearsal_written ON core.contact_rehearsal (import_id, email, phone, name)
    WHERE external_id IS NULL AND email_key IS NULL AND phone_key IS NULL;
CREATE INDEX contact_rehearsal_age ON core.contact_rehearsal (workspace_id, created_at);

-- A contact's workspace is who is asking's, whose token it was read from, and workspaces are never deleted: nothing is won by looking it
-- up for each of a million new contacts.
ALTER TABLE core.contact DROP CONSTRAINT contact_workspace_id_fkey;

-- People with neither an external id nor an address that can be used are known by what was written.
CREATE INDEX contact_written ON core.contact (workspace_id, email, phone, name)
    WHERE external_id IS NULL AND email_key IS NULL AND phone_key IS NULL;

-- A large import changes so much at once that plans by the old statistics are many times slower; autovacuum looks once a minute. To
-- have them counted anew reads and changes nobody's rows.
GRANT MAINTAIN ON core.contact, core.list_member TO fanfare_api;

GRANT SELECT, INSERT, UPDATE, DELETE ON core.contact_import, core.contact_import_problem, core.contact_rehearsal TO fanfare_api;

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['core.contact_import', 'core.contact_import_problem', 'core.contact_rehearsal']
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY tenant ON %s TO fanfare_api
            USING (workspace_id = nullif(current_setting(''fanfare.workspace_id'', true), '''')::uuid)', t);
        EXECUTE format('CREATE POLICY service ON %s TO fanfare_scheduler, fanfare_dispatcher, fanfare_ingest, fanfare_analytics USING (true)', t);
    END LOOP;
END
$$;
