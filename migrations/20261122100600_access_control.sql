-- API keys, what a workspace says of its people, and the audit log as it is read.

-- `ffk_<api_key_id>_<secret>`: the secret has 256 random bits, so that its bare hash is enough.
CREATE TABLE core.api_key (
    api_key_id   uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES core.workspace,
    name         text NOT NULL,
    role         text NOT NULL CHECK (role IN ('agent', 'admin')),
    -- SHA-256.
    secret_hash  bytea NOT NULL CHECK (octet_length(secret_hash) = 32),
    created_at   timestamptz NOT NULL,
    created_by   text NOT NULL,
    expires_at   timestamptz,
    -- To the minute.
    last_used_at timestamptz,
    revoked_at   timestamptz,
    revoked_by   text NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX api_key_name ON core.api_key (workspace_id, name) WHERE revoked_at IS NULL;
CREATE INDEX api_key_page ON core.api_key (workspace_id, api_key_id);

-- Who is listed here has this role, whatever the token says. Who isn't has the token's.
CREATE TABLE core.app_user (
    user_id      uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES core.workspace,
    -- The `sub` of the person's tokens.
    subject      text NOT NULL,
    name         text NOT NULL DEFAULT '',
    email        text NOT NULL DEFAULT '',
    role         text NOT NULL CHECK (role IN ('agent', 'admin')),
    disabled_at  timestamptz,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    CONSTRAINT app_user_subject UNIQUE (workspace_id, subject)
);
CREATE INDEX app_user_page ON core.app_user (workspace_id, user_id);

-- The log is read from its newest entry on, filtered by who, what, and what kind of change.
CREATE INDEX audit_newest ON core.audit (workspace_id, at, audit_id);
CREATE INDEX audit_actor ON core.audit (workspace_id, actor, at, audit_id);
CREATE INDEX audit_object ON core.audit (workspace_id, object_type, object_id, at, audit_id);
CREATE INDEX audit_action ON core.audit (workspace_id, action, at, audit_id);

GRANT SELECT, INSERT ON core.api_key TO fanfare_api;
-- What a key may do never changes; a new key does.
GRANT UPDATE (last_used_at, revoked_at, revoked_by) ON core.api_key TO fanfare_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON core.app_user TO fanfare_api;
-- analytics has callers of its own, and its repairs are in the log.
GRANT SELECT ON core.api_key, core.app_user TO fanfare_analytics;
GRANT UPDATE (last_used_at) ON core.api_key TO fanfare_analytics;
GRANT INSERT ON core.audit TO fanfare_analytics;

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['core.api_key', 'core.app_user']
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY tenant ON %s TO fanfare_api
            USING (workspace_id = nullif(current_setting(''fanfare.workspace_id'', true), '''')::uuid)', t);
        EXECUTE format('CREATE POLICY service ON %s TO fanfare_scheduler, fanfare_dispatcher, fanfare_ingest, fanfare_analytics USING (true)', t);
    END LOOP;
END
$$;

-- A key names itself and nothing else: campaign-api may look at the one that its transaction names, to learn whose it is.
CREATE POLICY named ON core.api_key FOR SELECT TO fanfare_api
    USING (api_key_id = nullif(current_setting('fanfare.api_key_id', true), '')::uuid);
