-- What all five channels need: addresses that are neither e-mail nor phone, several senders on one channel, tries in several steps, and
-- work on senders that goes on without a campaign.

-- A WhatsApp user id stands in for a phone that the person hides. Which apps a contact has devices of is kept by the devices themselves.
ALTER TABLE core.contact
    ADD whatsapp_id text NOT NULL DEFAULT '' CHECK (length(whatsapp_id) <= 128),
    ADD push_senders uuid[] NOT NULL DEFAULT '{}';
ALTER TABLE core.contact
    ADD whatsapp_key text GENERATED ALWAYS AS (CASE WHEN whatsapp_id <> '' THEN 'wa:' || whatsapp_id END) STORED,
    ADD push_key text GENERATED ALWAYS AS (CASE WHEN push_senders <> '{}' THEN 'contact:' || contact_id::text END) STORED;
-- Few contacts have either: what counts an audience looks at these alone, and the index that it reads a million contacts from stays small.
CREATE INDEX contact_whatsapp ON core.contact (workspace_id, whatsapp_key) WHERE whatsapp_key IS NOT NULL;
CREATE INDEX contact_push ON core.contact (workspace_id, contact_id) INCLUDE (push_senders) WHERE push_senders <> '{}';

-- The key by which a channel knows a contact, and the address as people see it. One expression each, so that the server puts them in the
-- place of the call. What has no contact (social) has neither.
CREATE FUNCTION core.channel_key(channel text, email_key text, phone_key text, whatsapp_key text, push_key text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE channel WHEN 'email' THEN email_key WHEN 'sms' THEN phone_key WHEN 'whatsapp' THEN coalesce(phone_key, whatsapp_key)
                    WHEN 'push' THEN push_key END;
CREATE FUNCTION core.channel_address(channel text, email text, phone text, phone_key text, whatsapp_id text, push_key text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE channel WHEN 'email' THEN email WHEN 'sms' THEN phone
                    WHEN 'whatsapp' THEN CASE WHEN phone_key IS NULL AND whatsapp_id <> '' THEN whatsapp_id ELSE phone END
                    WHEN 'push' THEN coalesce(push_key, '') ELSE '' END;

-- How many messages one call to its provider carries, as its adapter says.
ALTER TABLE core.sender ADD batch_size smallint NOT NULL DEFAULT 1 CHECK (batch_size BETWEEN 1 AND 1000);

-- Besides the channel's own sender: apps whose devices get a push, accounts that a post goes to.
CREATE TABLE core.campaign_sender (
    campaign_id  uuid NOT NULL REFERENCES core.campaign ON DELETE CASCADE,
    channel      text NOT NULL CHECK (channel IN ('push', 'social')),
    sender_id    uuid NOT NULL REFERENCES core.sender,
    position     smallint NOT NULL,
    workspace_id uuid NOT NULL,
    PRIMARY KEY (campaign_id, channel, sender_id)
);

-- All senders of a run on a channel that has several, the channel's own first, and what each costs. Other channels have no rows.
CREATE TABLE send.run_sender (
    run_id       uuid NOT NULL REFERENCES send.run,
    channel      text NOT NULL,
    sender_id    uuid NOT NULL,
    price_micros bigint NOT NULL,
    position     smallint NOT NULL,
    PRIMARY KEY (run_id, channel, sender_id)
);

ALTER TABLE send.delivery
    -- Where the world sees it, of a social post.
    ADD permalink text,
    -- What it really cost, where that isn't its sender's price.
    ADD cost_micros bigint;

-- What a try has prepared at its provider, of which nothing can be seen yet. The next try goes on with it.
CREATE TABLE send.delivery_progress (
    delivery_id  bigint PRIMARY KEY,
    workspace_id uuid NOT NULL,
    progress     jsonb NOT NULL,
    -- Tries that ended in a step: they don't count as failures.
    steps        int NOT NULL DEFAULT 1,
    begun_at     timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL
);

-- Whether a sender's account is connected, as it was seen last.
CREATE TABLE core.sender_connection (
    sender_id        uuid PRIMARY KEY REFERENCES core.sender ON DELETE CASCADE,
    workspace_id     uuid NOT NULL REFERENCES core.workspace,
    status           text NOT NULL CHECK (status IN ('CONNECTED', 'EXPIRED', 'ERROR', 'DISCONNECTED')),
    -- As people know the account, and its id at the provider; empty where it has none.
    handle           text NOT NULL DEFAULT '',
    external_id      text NOT NULL DEFAULT '',
    scopes           text[] NOT NULL DEFAULT '{}',
    token_expires_at timestamptz,
    checked_at       timestamptz NOT NULL,
    -- What is wrong, for a person; never a secret.
    detail           text NOT NULL DEFAULT '',
    -- {limit, used, resets_at}: how much may still be posted, where the provider says so.
    posting          jsonb,
    -- When people were told last that the token ends soon.
    warned_at        timestamptz
);

-- Work that a sender needs now and then.
CREATE TABLE core.sender_task (
    sender_id     uuid NOT NULL REFERENCES core.sender ON DELETE CASCADE,
    kind          text NOT NULL CHECK (kind IN ('check', 'refresh', 'templates', 'opt_outs')),
    workspace_id  uuid NOT NULL REFERENCES core.workspace,
    next_at       timestamptz NOT NULL,
    -- In a row.
    failures      int NOT NULL DEFAULT 0,
    -- Until then one replica is at it.
    claimed_until timestamptz,
    -- When it was done last, and where the next time goes on: of what was read up to there.
    done_at       timestamptz,
    since         timestamptz,
    PRIMARY KEY (sender_id, kind)
);
CREATE INDEX sender_task_due ON core.sender_task (next_at);

-- Access.
GRANT SELECT, INSERT, UPDATE, DELETE ON core.campaign_sender, core.sender_connection, core.sender_task TO fanfare_api;
GRANT SELECT ON core.campaign_sender, core.sender_connection TO fanfare_scheduler, fanfare_dispatcher, fanfare_ingest, fanfare_analytics;
-- A token that isn't taken any more is refreshed at once.
GRANT SELECT ON core.sender_task TO fanfare_dispatcher;
GRANT UPDATE (next_at) ON core.sender_task TO fanfare_dispatcher;
GRANT SELECT ON send.run_sender TO fanfare_api, fanfare_scheduler, fanfare_dispatcher, fanfare_analytics;
GRANT INSERT ON send.run_sender TO fanfare_scheduler;
GRANT SELECT ON send.delivery_progress TO fanfare_api, fanfare_scheduler, fanfare_analytics;
GRANT SELECT, INSERT, UPDATE, DELETE ON send.delivery_progress TO fanfare_dispatcher;
-- What a person has sent again begins anew.
GRANT DELETE ON send.delivery_progress TO fanfare_scheduler;
GRANT UPDATE (permalink, cost_micros) ON send.delivery TO fanfare_dispatcher;

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['core.campaign_sender', 'core.sender_connection', 'core.sender_task', 'send.delivery_progress', 'send.run_sender']
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY service ON %s TO fanfare_scheduler, fanfare_dispatcher, fanfare_ingest, fanfare_analytics USING (true)', t);
        IF t <> 'send.run_sender' THEN
            EXECUTE format('CREATE POLICY tenant ON %s TO fanfare_api
                USING (workspace_id = nullif(current_setting(''fanfare.workspace_id'', true), '''')::uuid)', t);
        END IF;
    END LOOP;
END
$$;
-- The run, which is fenced, says whose senders these are.
CREATE POLICY tenant ON send.run_sender TO fanfare_api USING (EXISTS (SELECT FROM send.run r WHERE r.run_id = run_sender.run_id));
-- campaign-api's own loop finds what is due in any workspace; the work itself is done in a transaction of that workspace. It locks what it
-- takes, which needs the second policy.
CREATE POLICY due ON core.sender_task FOR SELECT TO fanfare_api USING (current_setting('fanfare.due_tasks', true) = 'on');
CREATE POLICY due_locked ON core.sender_task FOR UPDATE TO fanfare_api USING (current_setting('fanfare.due_tasks', true) = 'on');
