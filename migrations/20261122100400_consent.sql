-- What people said about being messaged, and the evidence of it: topics, preferences, double opt-in, bounces, erasure.

ALTER TABLE core.workspace
    -- Words that opt in or ask who we are, beside START and HELP; any language.
    ADD opt_in_keywords text[] NOT NULL DEFAULT '{}',
    ADD help_keywords text[] NOT NULL DEFAULT '{}',
    -- What HELP is to be answered with.
    ADD help_text text NOT NULL DEFAULT '',
    -- How many hard bounces, each soon after the one before, put an e-mail address into the register.
    ADD bounces_before_opt_out int NOT NULL DEFAULT 1 CHECK (bounces_before_opt_out BETWEEN 1 AND 100);

-- How it came about; see domain::consent::Evidence.
ALTER TABLE core.opt_out ADD evidence jsonb NOT NULL DEFAULT '{}';

-- What campaigns can be about, so that a person can leave one subject without leaving all.
CREATE TABLE core.topic (
    topic_id     uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES core.workspace,
    name         text NOT NULL,
    description  text NOT NULL DEFAULT '',
    -- Language → {name, description}, for the pages that people see.
    translations jsonb NOT NULL DEFAULT '{}',
    archived_at  timestamptz,
    created_at   timestamptz NOT NULL,
    CONSTRAINT topic_name UNIQUE (workspace_id, name)
);

-- Who has left a topic: under each of their addresses and under their contact's id, so that neither a new address nor an import of the
-- old one brings them back.
CREATE TABLE core.topic_opt_out (
    topic_id     uuid NOT NULL REFERENCES core.topic,
    -- An address's key, or a contact's id as text.
    subject      text NOT NULL,
    workspace_id uuid NOT NULL,
    source       text NOT NULL,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (topic_id, subject)
);
CREATE INDEX topic_opt_out_subject ON core.topic_opt_out (workspace_id, subject);

-- A list with double opt-in holds back who is added until they have confirmed.
ALTER TABLE core.list
    ADD double_opt_in boolean NOT NULL DEFAULT false,
    -- The newest wording; 0: the built-in one.
    ADD wording_version int NOT NULL DEFAULT 0;

-- What people are asked to agree to. Never changed: evidence names a version.
CREATE TABLE core.list_wording (
    list_id      uuid NOT NULL REFERENCES core.list,
    version      int NOT NULL CHECK (version > 0),
    workspace_id uuid NOT NULL,
    -- Language → text; '' is for all others.
    texts        jsonb NOT NULL,
    created_at   timestamptz NOT NULL,
    created_by   text NOT NULL,
    PRIMARY KEY (list_id, version)
);

-- Who was asked to confirm a list, and who did. Only those who did are its members.
CREATE TABLE core.list_consent (
    list_id      uuid NOT NULL REFERENCES core.list,
    contact_id   uuid NOT NULL REFERENCES core.contact ON DELETE CASCADE,
    workspace_id uuid NOT NULL,
    requested_at timestamptz NOT NULL,
    confirmed_at timestamptz,
    PRIMARY KEY (list_id, contact_id)
);
CREATE INDEX list_consent_contact ON core.list_consent (contact_id);
CREATE INDEX list_consent_pending ON core.list_consent (list_id, contact_id) WHERE confirmed_at IS NULL;

-- Whoever adds members, by whatever way: those who have not confirmed are taken out again before anybody sees them.
CREATE FUNCTION core.hold_unconfirmed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM core.list l WHERE l.double_opt_in AND l.list_id IN (SELECT list_id FROM added)) THEN
        INSERT INTO core.list_consent (list_id, contact_id, workspace_id, requested_at)
        SELECT a.list_id, a.contact_id, a.workspace_id, a.added_at FROM added a JOIN core.list l USING (list_id) WHERE l.double_opt_in
        ORDER BY a.list_id, a.contact_id
        ON CONFLICT (list_id, contact_id) DO NOTHING;
        DELETE FROM core.list_member m USING core.list l, core.list_consent c, added a
        WHERE a.list_id = m.list_id AND a.contact_id = m.contact_id AND l.list_id = m.list_id AND l.double_opt_in
          AND c.list_id = m.list_id AND c.contact_id = m.contact_id AND c.confirmed_at IS NULL;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER hold_unconfirmed AFTER INSERT ON core.list_member REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION core.hold_unconfirmed();

-- Everything that was said about being messaged, in order. Only erasing a person changes a row.
CREATE TABLE core.consent_event (
    event_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES core.workspace,
    at           timestamptz NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('opted_out', 'opted_in', 'opt_out_removed', 'topic_left', 'topic_joined', 'list_requested',
                                               'list_confirmed')),
    -- 'all' is every channel; '' where it is about none.
    channel      text NOT NULL DEFAULT '',
    address_key  text,
    contact_id   uuid,
    topic_id     uuid REFERENCES core.topic,
    list_id      uuid REFERENCES core.list,
    source       text NOT NULL,
    -- The person of ours who did it; '' when the person themselves, or a provider for them.
    actor        text NOT NULL DEFAULT '',
    evidence     jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX consent_event_page ON core.consent_event (workspace_id, event_id);
CREATE INDEX consent_event_address ON core.consent_event (workspace_id, address_key, event_id);
CREATE INDEX consent_event_contact ON core.consent_event (workspace_id, contact_id, event_id);

-- Hard bounces of an address that isn't in the register yet, each soon after the one before.
CREATE TABLE core.bounce (
    workspace_id uuid NOT NULL REFERENCES core.workspace,
    address_key  text NOT NULL,
    bounces      int NOT NULL,
    -- One message may be reported more than once.
    delivery_id  bigint,
    last_at      timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, address_key)
);

-- The newest preferences win, in whatever order they arrive.
ALTER TABLE core.contact ADD preferences_at timestamptz;

ALTER TABLE core.campaign
    -- What it is about: who has left that topic gets none of it.
    ADD topic_id uuid REFERENCES core.topic,
    -- The list that its {{ confirm_link }} confirms.
    ADD confirm_list_id uuid REFERENCES core.list;

-- Erased people. What they had opted out of is kept under a keyed hash of the address: nobody can be read from it, and it holds again
-- when somebody brings the address back.
CREATE TABLE core.erasure_key (
    workspace_id uuid PRIMARY KEY REFERENCES core.workspace,
    -- Two keys of the hash's block size each, so that two rounds of it are an HMAC (RFC 2104, as NMAC).
    inner_key    bytea NOT NULL DEFAULT sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))
                                     || sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())),
    outer_key    bytea NOT NULL DEFAULT sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))
                                     || sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))
);
CREATE TABLE core.erased_key (
    workspace_id uuid NOT NULL REFERENCES core.workspace,
    address_hash text NOT NULL,
    -- A channel, or 'all'; or the topic that was left.
    channel      text NOT NULL DEFAULT '',
    topic_id     uuid REFERENCES core.topic,
    source       text NOT NULL,
    created_at   timestamptz NOT NULL,
    CONSTRAINT erased_key_once UNIQUE NULLS NOT DISTINCT (workspace_id, address_hash, channel, topic_id)
);
CREATE TABLE core.erasure (
    erasure_id   uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES core.workspace,
    contact_id   uuid NOT NULL,
    erased_by    text NOT NULL,
    reason       text NOT NULL,
    erased_at    timestamptz NOT NULL,
    -- How many rows of what were emptied.
    counts       jsonb NOT NULL
);
CREATE INDEX erasure_page ON core.erasure (workspace_id, erasure_id);

CREATE FUNCTION core.address_hash(inner_key bytea, outer_key bytea, address text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT 'erased:' || encode(sha256(outer_key || sha256(inner_key || convert_to(address, 'UTF8'))), 'hex')
$$;

-- An address that comes back brings its opt-outs back. One look at an index where nobody was erased.
CREATE FUNCTION core.revive_opt_outs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM core.erased_key) THEN
        RETURN NULL;
    END IF;
    WITH known AS MATERIALIZED (
        SELECT DISTINCT w.workspace_id, a.key, core.address_hash(k.inner_key, k.outer_key, a.key) AS address_hash
        FROM written w JOIN core.erasure_key k USING (workspace_id) CROSS JOIN LATERAL (VALUES (w.email_key), (w.phone_key)) AS a (key)
        WHERE a.key IS NOT NULL
    ), channels AS (
        INSERT INTO core.opt_out (workspace_id, channel, address_key, source, reason, created_at)
        SELECT e.workspace_id, e.channel, n.key, e.source, 'registered before the person was erased', e.created_at
        FROM known n JOIN core.erased_key e USING (workspace_id, address_hash) WHERE e.topic_id IS NULL
        ORDER BY n.key, e.channel
        ON CONFLICT (workspace_id, address_key, channel) DO NOTHING
    )
    INSERT INTO core.topic_opt_out (topic_id, subject, workspace_id, source, created_at)
    SELECT e.topic_id, n.key, e.workspace_id, e.source, e.created_at
    FROM known n JOIN core.erased_key e USING (workspace_id, address_hash) WHERE e.topic_id IS NOT NULL
    ORDER BY e.topic_id, n.key
    ON CONFLICT (topic_id, subject) DO NOTHING;
    RETURN NULL;
END
$$;
CREATE TRIGGER revive_on_insert AFTER INSERT ON core.contact REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION core.revive_opt_outs();
CREATE TRIGGER revive_on_update AFTER UPDATE ON core.contact REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION core.revive_opt_outs();

-- The rules that hold for a campaign's messages on a channel, as they are now, with what it is about.
DROP FUNCTION core.policy(uuid, text);
CREATE FUNCTION core.policy(campaign uuid, on_channel text)
RETURNS TABLE (lane text, timezone text, quiet_start time, quiet_end time, cap_channels text[], cap_most int[], cap_hours int[],
               rule_channels text[], rule_engagements text[], rule_hours int[], topic_id uuid)
LANGUAGE sql STABLE
AS $$
    SELECT c.lane, w.timezone, w.quiet_start, w.quiet_end, cap.channels, cap.most, cap.hours, rule.channels, rule.engagements, rule.hours,
           c.topic_id
    FROM core.campaign c JOIN core.workspace w USING (workspace_id)
    CROSS JOIN LATERAL (
        SELECT coalesce(array_agg(f.channel), '{}') AS channels, coalesce(array_agg(f.max_messages), '{}') AS most,
               coalesce(array_agg(f.window_hours), '{}') AS hours
        FROM core.frequency_cap f WHERE f.workspace_id = c.workspace_id AND f.channel IN (policy.on_channel, 'all')) AS cap
    CROSS JOIN LATERAL (
        SELECT coalesce(array_agg(u.on_channel ORDER BY u.position), '{}') AS channels,
               coalesce(array_agg(u.engagement ORDER BY u.position), '{}') AS engagements,
               coalesce(array_agg(u.within_hours ORDER BY u.position), '{}') AS hours
        FROM core.campaign_rule u WHERE u.campaign_id = c.campaign_id AND u.skip_channel = policy.on_channel) AS rule
    WHERE c.campaign_id = policy.campaign
$$;

-- Access.
GRANT SELECT, INSERT, UPDATE, DELETE ON core.topic, core.topic_opt_out, core.list_consent, core.bounce, core.erased_key TO fanfare_api;
GRANT SELECT, INSERT ON core.list_wording, core.consent_event, core.erasure_key, core.erasure TO fanfare_api;
GRANT SELECT ON core.topic, core.topic_opt_out, core.list_consent, core.list_wording
    TO fanfare_scheduler, fanfare_dispatcher, fanfare_ingest, fanfare_analytics;
-- Erasing a person empties what names them, and nothing else: addresses in the ledger, evidence, and what the audit log holds of the contact.
GRANT UPDATE (address_key, contact_id, evidence) ON core.consent_event TO fanfare_api;
GRANT UPDATE (address, address_key) ON send.delivery TO fanfare_api;
GRANT UPDATE (before, after) ON core.audit TO fanfare_api;
CREATE POLICY erasure ON core.audit AS RESTRICTIVE FOR UPDATE TO fanfare_api
    USING (object_type = 'contact' AND object_id = current_setting('fanfare.erased_contact', true))
    WITH CHECK (before IS NULL AND after IS NULL);
-- The pages behind links in messages show a person their own preferences.
GRANT SELECT (workspace_id, campaign_id, contact_id, channel, address_key) ON send.delivery TO fanfare_ingest;

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['topic', 'topic_opt_out', 'list_wording', 'list_consent', 'consent_event', 'bounce', 'erasure_key', 'erased_key',
                             'erasure']
    LOOP
        EXECUTE format('ALTER TABLE core.%I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE core.%I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY tenant ON core.%I TO fanfare_api
            USING (workspace_id = nullif(current_setting(''fanfare.workspace_id'', true), '''')::uuid)', t);
        EXECUTE format('CREATE POLICY service ON core.%I TO fanfare_scheduler, fanfare_dispatcher, fanfare_ingest, fanfare_analytics USING (true)', t);
    END LOOP;
END
$$;
