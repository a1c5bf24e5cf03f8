-- E-mail: files that letters carry, domains that take mail slowly, and mailboxes that bounces come back to.

-- A file never changes: templates' versions name it by its id.
CREATE TABLE core.attachment (
    attachment_id uuid PRIMARY KEY,
    workspace_id  uuid NOT NULL REFERENCES core.workspace,
    -- As recipients see it.
    name          text NOT NULL,
    -- Found from the bytes, not told by the caller.
    media_type    text NOT NULL,
    size_bytes    int NOT NULL CHECK (size_bytes BETWEEN 1 AND 10485760),
    sha256        bytea NOT NULL CHECK (octet_length(sha256) = 32),
    bytes         bytea NOT NULL,
    created_at    timestamptz NOT NULL
);
CREATE INDEX attachment_page ON core.attachment (workspace_id, attachment_id);
-- Pictures and documents are compressed already.
ALTER TABLE core.attachment ALTER COLUMN bytes SET STORAGE EXTERNAL;

-- Until when nothing leaves by a sender for a receiving domain that said that it takes mail too slowly.
CREATE TABLE send.domain_hold (
    sender_id    uuid NOT NULL,
    -- In lower case.
    domain       text NOT NULL,
    workspace_id uuid NOT NULL,
    until        timestamptz NOT NULL,
    -- How long the last hold was, in seconds: doubled by the next one, halved by each such time without one.
    hold_seconds int NOT NULL CHECK (hold_seconds > 0),
    -- What the domain said.
    code         text NOT NULL,
    updated_at   timestamptz NOT NULL,
    PRIMARY KEY (sender_id, domain)
);

-- How far a sender's mailbox of bounces has been read. A missing row: not at all yet.
CREATE TABLE core.bounce_mailbox (
    sender_id     uuid PRIMARY KEY REFERENCES core.sender ON DELETE CASCADE,
    workspace_id  uuid NOT NULL REFERENCES core.workspace,
    -- UIDVALIDITY and the last UID (RFC 9051, 2.3.1.1).
    validity      bigint NOT NULL DEFAULT 0,
    uid           bigint NOT NULL DEFAULT 0,
    next_at       timestamptz NOT NULL,
    claimed_until timestamptz,
    failures      int NOT NULL DEFAULT 0,
    -- Why it couldn't be read the last time; empty when it could.
    fault         text NOT NULL DEFAULT '',
    updated_at    timestamptz NOT NULL
);

GRANT SELECT, INSERT, DELETE ON core.attachment TO fanfare_api;
-- Only to lock it.
GRANT UPDATE (created_at) ON core.attachment TO fanfare_api;
GRANT SELECT ON core.attachment TO fanfare_dispatcher;
GRANT SELECT, INSERT, UPDATE, DELETE ON send.domain_hold TO fanfare_dispatcher;
GRANT SELECT ON send.domain_hold, core.bounce_mailbox TO fanfare_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON core.bounce_mailbox TO fanfare_ingest;

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['core.attachment', 'send.domain_hold', 'core.bounce_mailbox']
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY tenant ON %s TO fanfare_api
            USING (workspace_id = nullif(current_setting(''fanfare.workspace_id'', true), '''')::uuid)', t);
        EXECUTE format('CREATE POLICY service ON %s TO fanfare_scheduler, fanfare_dispatcher, fanfare_ingest, fanfare_analytics USING (true)', t);
    END LOOP;
END
$$;
