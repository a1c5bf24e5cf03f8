-- Accounts that people connect in the browser: what is remembered between asking them and being told.

CREATE TABLE core.oauth_connect (
    connect_id    uuid PRIMARY KEY,
    workspace_id  uuid NOT NULL REFERENCES core.workspace,
    sender_id     uuid NOT NULL REFERENCES core.sender ON DELETE CASCADE,
    actor         text NOT NULL,
    -- SHA-256 of the state that goes through the browser: the state itself, and the verifier, are sealed with the row's id.
    state_hash    bytea NOT NULL UNIQUE CHECK (octet_length(state_hash) = 32),
    sealed        bytea NOT NULL,
    redirect_url  text NOT NULL,
    created_at    timestamptz NOT NULL,
    -- Until then the browser may come back.
    expires_at    timestamptz NOT NULL,
    -- When it did: once.
    came_at       timestamptz,
    -- What the network gave, sealed with the row's id, until an account is chosen.
    sealed_tokens bytea,
    -- Why the network gave nothing, for a person.
    failure       text NOT NULL DEFAULT '',
    finished_at   timestamptz
);
CREATE INDEX oauth_connect_old ON core.oauth_connect (workspace_id, created_at);
CREATE INDEX oauth_connect_sender ON core.oauth_connect (sender_id);

GRANT SELECT, INSERT, UPDATE, DELETE ON core.oauth_connect TO fanfare_api;
ALTER TABLE core.oauth_connect ENABLE ROW LEVEL SECURITY;
ALTER TABLE core.oauth_connect FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON core.oauth_connect TO fanfare_api
    USING (workspace_id = nullif(current_setting('fanfare.workspace_id', true), '')::uuid);
-- The browser that comes back names a state and nothing else: campaign-api may look at the row of the state that its transaction names, to
-- learn whose it is.
CREATE POLICY named ON core.oauth_connect FOR SELECT TO fanfare_api
    USING (encode(state_hash, 'hex') = nullif(current_setting('fanfare.oauth_state', true), ''));
