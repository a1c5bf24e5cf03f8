-- WhatsApp: the templates that providers keep, and the files that were left with them.

-- What a provider has of a sender's templates, as it was read or heard of last.
CREATE TABLE core.provider_template (
    provider_template_id uuid PRIMARY KEY,
    workspace_id         uuid NOT NULL REFERENCES core.workspace,
    sender_id            uuid NOT NULL REFERENCES core.sender ON DELETE CASCADE,
    -- The provider's own id: Meta's number, Twilio's Content SID; empty where it was never told.
    provider_id          text NOT NULL DEFAULT '',
    name                 text NOT NULL,
    language             text NOT NULL,
    -- In the provider's own words, in capital letters; empty where it says nothing.
    category             text NOT NULL DEFAULT '',
    status               text NOT NULL,
    quality              text NOT NULL DEFAULT '',
    -- Its parts as the provider gives them.
    components           jsonb NOT NULL DEFAULT 'null',
    -- Why it isn't approved.
    reason               text NOT NULL DEFAULT '',
    -- When it was last in the provider's list, or in its news.
    synced_at            timestamptz NOT NULL,
    -- The provider's time of the newest news of its status: what is older comes too late.
    status_at            timestamptz,
    created_at           timestamptz NOT NULL,
    CONSTRAINT provider_template_once UNIQUE (sender_id, provider_id, name, language)
);
CREATE INDEX provider_template_page ON core.provider_template (workspace_id, sender_id, provider_template_id);
CREATE INDEX provider_template_name ON core.provider_template (sender_id, name, language);

-- When a sender's list of templates was last read to its end: only then is what isn't in it known not to exist.
CREATE TABLE core.provider_template_sync (
    sender_id    uuid PRIMARY KEY REFERENCES core.sender ON DELETE CASCADE,
    workspace_id uuid NOT NULL REFERENCES core.workspace,
    synced_at    timestamptz NOT NULL,
    templates    int NOT NULL
);

-- How a number or an account fares at its provider: its quality, how many people it may begin to write to, what it may not do.
CREATE TABLE core.sender_standing (
    sender_id    uuid NOT NULL REFERENCES core.sender ON DELETE CASCADE,
    kind         text NOT NULL CHECK (kind IN ('quality', 'limit', 'restriction', 'disconnected')),
    workspace_id uuid NOT NULL REFERENCES core.workspace,
    -- In the provider's own words.
    value        text NOT NULL,
    detail       text NOT NULL DEFAULT '',
    occurred_at  timestamptz NOT NULL,
    PRIMARY KEY (sender_id, kind)
);

-- Files that a provider keeps for a while and sends by its id of them.
CREATE TABLE core.provider_media (
    sender_id    uuid NOT NULL REFERENCES core.sender ON DELETE CASCADE,
    -- SHA-256 of the file.
    sha256       bytea NOT NULL CHECK (length(sha256) = 32),
    workspace_id uuid NOT NULL REFERENCES core.workspace,
    provider_id  text NOT NULL,
    media_type   text NOT NULL,
    size_bytes   bigint NOT NULL,
    expires_at   timestamptz NOT NULL,
    PRIMARY KEY (sender_id, sha256)
);

-- What was last seen behind a link, by the SHA-256 of the link.
CREATE TABLE core.provider_media_link (
    sender_id    uuid NOT NULL REFERENCES core.sender ON DELETE CASCADE,
    link_sha256  bytea NOT NULL CHECK (length(link_sha256) = 32),
    workspace_id uuid NOT NULL REFERENCES core.workspace,
    sha256       bytea NOT NULL CHECK (length(sha256) = 32),
    -- Looked at again after that: what is behind a link may change.
    fresh_until  timestamptz NOT NULL,
    PRIMARY KEY (sender_id, link_sha256)
);

-- Access.
GRANT SELECT, INSERT, UPDATE, DELETE ON core.provider_template, core.provider_template_sync, core.sender_standing TO fanfare_api;
GRANT SELECT ON core.provider_template, core.provider_template_sync, core.sender_standing
    TO fanfare_scheduler, fanfare_dispatcher, fanfare_ingest, fanfare_analytics;
GRANT SELECT, INSERT, UPDATE, DELETE ON core.provider_media, core.provider_media_link TO fanfare_dispatcher;
GRANT SELECT, DELETE ON core.provider_media, core.provider_media_link TO fanfare_api;

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['core.provider_template', 'core.provider_template_sync', 'core.sender_standing', 'core.provider_media',
                             'core.provider_media_link']
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY tenant ON %s TO fanfare_api
            USING (workspace_id = nullif(current_setting(''fanfare.workspace_id'', true), '''')::uuid)', t);
        EXECUTE format('CREATE POLICY service ON %s TO fanfare_scheduler, fanfare_dispatcher, fanfare_ingest, fanfare_analytics USING (true)', t);
    END LOOP;
END
$$;
