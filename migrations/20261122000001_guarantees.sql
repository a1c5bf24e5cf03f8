-- What the delivery guarantees need: rules that are decided at the moment of sending, settlement of what is uncertain, senders that are
-- paused or down, budgets, alerts, and the record of every decision.

-- Rules of the workspace. Quiet hours are local times in the contact's zone, else the workspace's; the end may lie on the next day.
ALTER TABLE core.workspace
    ADD timezone text NOT NULL DEFAULT 'UTC',
    ADD quiet_start time,
    ADD quiet_end time,
    ADD CONSTRAINT workspace_quiet CHECK ((quiet_start IS NULL) = (quiet_end IS NULL) AND quiet_start <> quiet_end);

-- The most messages a contact gets in so many hours on a channel, or with channel 'all' over all of them.
CREATE TABLE core.frequency_cap (
    workspace_id uuid NOT NULL REFERENCES core.workspace,
    channel      text NOT NULL,
    max_messages int NOT NULL CHECK (max_messages > 0),
    window_hours int NOT NULL CHECK (window_hours BETWEEN 1 AND 8784),
    PRIMARY KEY (workspace_id, channel)
);

-- Rules of the campaign.
ALTER TABLE core.campaign
    ADD budget_micros bigint CHECK (budget_micros > 0),
    ADD lane text NOT NULL DEFAULT 'bulk' CHECK (lane IN ('bulk', 'transactional'));
ALTER TABLE core.campaign_channel
    ADD budget_micros bigint CHECK (budget_micros > 0),
    -- Used while the first sender is down or paused.
    ADD fallback_sender_id uuid REFERENCES core.sender,
    -- The channel, one of the campaign's, that is tried when this one failed for a person.
    ADD rescue_channel text CHECK (rescue_channel <> channel),
    -- Nobody is selected for this channel; it only rescues.
    ADD rescue_only boolean NOT NULL DEFAULT false;

-- Who has engaged on one channel within so many hours (0: ever) is not sent to on another.
CREATE TABLE core.campaign_rule (
    campaign_id  uuid NOT NULL REFERENCES core.campaign ON DELETE CASCADE,
    workspace_id uuid NOT NULL,
    position     smallint NOT NULL,
    on_channel   text NOT NULL,
    engagement   text NOT NULL CHECK (engagement IN ('opened', 'clicked', 'replied', 'converted')),
    within_hours int NOT NULL CHECK (within_hours BETWEEN 0 AND 8784),
    skip_channel text NOT NULL CHECK (skip_channel <> on_channel),
    PRIMARY KEY (campaign_id, position)
);

ALTER TABLE send.run_channel
    ADD fallback_sender_id uuid,
    ADD fallback_price_micros bigint,
    ADD rescue_channel text,
    ADD rescue_only boolean NOT NULL DEFAULT false,
    -- Its template can't be sent until a person has mended it.
    ADD paused_at timestamptz,
    ADD paused_code text;

ALTER TABLE send.delivery
    DROP CONSTRAINT delivery_state_check,
    ADD CONSTRAINT delivery_state_check CHECK (state IN ('queued', 'sending', 'accepted', 'retry_wait', 'uncertain', 'unknown',
                                                         'rejected', 'suppressed', 'cancelled', 'expired')),
    -- When its last try passed the gate.
    ADD sent_at timestamptz,
    -- What of the budget it holds: its price while it may have been or was taken by the provider.
    ADD reserved_micros bigint NOT NULL DEFAULT 0,
    -- How often in a row it failed with the code in `reason`.
    ADD repeats smallint NOT NULL DEFAULT 0,
    -- Some try's fate was not known when it ended: a report that it left may still come.
    ADD doubtful boolean NOT NULL DEFAULT false,
    -- For 'uncertain': since when, and when to look at it next.
    ADD uncertain_at timestamptz,
    ADD settle_at timestamptz,
    -- The provider's ids (empty: it gave none) of earlier tries that it took and that failed afterwards. Each try after one of these is
    -- another message.
    ADD earlier_ids text[],
    -- The delivery on another channel whose failure this one makes good.
    ADD rescues bigint;
-- Explanations look at all that a contact got, frequency caps at what it got lately.
CREATE INDEX delivery_of_contact ON send.delivery (contact_id, sent_at);
DROP INDEX send.delivery_uncertain;
CREATE INDEX delivery_uncertain ON send.delivery (settle_at) WHERE state = 'uncertain';
CREATE INDEX delivery_earlier_id ON send.delivery USING gin (earlier_ids) WHERE earlier_ids IS NOT NULL;
CREATE INDEX delivery_unknown ON send.delivery (run_id) WHERE state = 'unknown';

-- Why each delivery was or wasn't let through, and what each try that wasn't accepted came to.
CREATE TABLE send.decision (
    delivery_id  bigint NOT NULL,
    workspace_id uuid NOT NULL,
    at           timestamptz NOT NULL,
    attempt      int NOT NULL,
    -- Of the gate: passed, suppressed, deferred, expired. Of the provider: retry, rejected, uncertain. Of a settlement or a person:
    -- accepted, unknown, resent, written_off.
    verdict      text NOT NULL,
    reason       text NOT NULL DEFAULT '',
    -- The rule that decided, in words.
    rule         text NOT NULL DEFAULT ''
);
CREATE INDEX decision_delivery ON send.decision (delivery_id);

-- What a campaign's messages have cost or may have; channel '' is all of them together. Only campaigns with a budget have rows.
CREATE TABLE send.spend (
    campaign_id     uuid NOT NULL,
    channel         text NOT NULL,
    workspace_id    uuid NOT NULL,
    reserved_micros bigint NOT NULL DEFAULT 0 CHECK (reserved_micros >= 0),
    PRIMARY KEY (campaign_id, channel)
);

-- Whether a sender can send. A missing row means that nothing is wrong.
CREATE TABLE send.sender_state (
    sender_id     uuid PRIMARY KEY,
    workspace_id  uuid NOT NULL,
    -- Until a person resumes it.
    paused_at     timestamptz,
    paused_code   text NOT NULL DEFAULT '',
    paused_detail text NOT NULL DEFAULT '',
    -- The circuit breaker: failures in a row, how often it opened in a row, and until when it is open.
    failures      int NOT NULL DEFAULT 0,
    trips         int NOT NULL DEFAULT 0,
    open_until    timestamptz
);
ALTER TABLE send.rate_bucket
    -- The fraction of the sender's rate that it had at `pace_at`, after a provider asked it to slow down; it recovers from there.
    ADD pace double precision NOT NULL DEFAULT 1 CHECK (pace > 0 AND pace <= 1),
    ADD pace_at timestamptz,
    -- Bulk waits until then for messages that may not wait.
    ADD yield_until timestamptz;

-- What a person should know and perhaps do.
CREATE TABLE send.alert (
    alert_id     uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    campaign_id  uuid,
    sender_id    uuid,
    channel      text NOT NULL DEFAULT '',
    kind         text NOT NULL,
    code         text NOT NULL DEFAULT '',
    detail       text NOT NULL DEFAULT '',
    times        int NOT NULL DEFAULT 1,
    raised_at    timestamptz NOT NULL,
    last_at      timestamptz NOT NULL,
    resolved_at  timestamptz,
    resolved_by  text NOT NULL DEFAULT '',
    CONSTRAINT alert_about CHECK (campaign_id IS NOT NULL OR sender_id IS NOT NULL)
);
CREATE UNIQUE INDEX alert_open ON send.alert (workspace_id, kind, campaign_id, sender_id, channel) NULLS NOT DISTINCT
    WHERE resolved_at IS NULL;
CREATE INDEX alert_page ON send.alert (workspace_id, raised_at, alert_id);

-- Deliveries that failed for good and whose contact is to be tried on another channel.
CREATE TABLE send.rescue (
    delivery_id bigint PRIMARY KEY,
    created_at  timestamptz NOT NULL
);

-- Runs in which a delivery waits to be sent again, though they may be over by now.
CREATE TABLE send.reopen (
    run_id     uuid PRIMARY KEY,
    created_at timestamptz NOT NULL
);

-- 0: of transactional campaigns, 1: retries, which would wait behind a whole campaign otherwise, 2: all else. Publishing looks at the
-- head of each open run's queue on a channel.
ALTER TABLE send.job ALTER lane SET DEFAULT 2;
DROP INDEX send.job_waiting;
CREATE INDEX job_waiting ON send.job (channel, run_id, lane, job_id) WHERE published_at IS NULL;
DROP INDEX send.job_out;
CREATE INDEX job_out ON send.job (channel) INCLUDE (sender_id, lane, size) WHERE published_at IS NOT NULL;

-- A row stays until what it tells is folded or handled: the broker may lose it.
ALTER TABLE send.outbox ADD published_at timestamptz;
DROP INDEX send.outbox_origin;
CREATE INDEX outbox_waiting ON send.outbox (origin, outbox_id) WHERE published_at IS NULL;
CREATE INDEX outbox_published ON send.outbox (origin, published_at) WHERE published_at IS NOT NULL;

ALTER TABLE stats.delivery_status
    -- First times of what rules across channels ask for. A machine's open is none.
    ADD opened_at timestamptz,
    ADD clicked_at timestamptz,
    ADD replied_at timestamptz,
    ADD converted_at timestamptz,
    -- The sender under which it is counted: the one of its first fact.
    ADD sender_id uuid;
CREATE INDEX fact_count ON stats.fact ((count ->> 'campaign_id')) WHERE count IS NOT NULL;

-- What the fold learned that the ledger must act on: reports that settle what was uncertain, and failures that came later.
CREATE TABLE stats.notice (
    notice_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    delivery_id bigint NOT NULL,
    channel     text NOT NULL,
    -- reached, sent, refused or failed.
    kind        text NOT NULL,
    code        text NOT NULL DEFAULT '',
    -- Of the message that the report is about, when it says so: one of an earlier try says nothing of a later one.
    provider_message_id text,
    created_at  timestamptz NOT NULL
);
CREATE INDEX notice_channel ON stats.notice (channel, notice_id);

-- Access.
GRANT SELECT, INSERT, UPDATE, DELETE ON core.frequency_cap, core.campaign_rule TO fanfare_api;
GRANT SELECT ON core.frequency_cap, core.campaign_rule TO fanfare_scheduler, fanfare_dispatcher, fanfare_ingest, fanfare_analytics;
GRANT SELECT ON send.decision, send.spend, send.sender_state, send.alert
    TO fanfare_api, fanfare_scheduler, fanfare_dispatcher, fanfare_analytics;
GRANT SELECT ON send.rescue TO fanfare_scheduler, fanfare_dispatcher, fanfare_analytics;
GRANT INSERT ON send.decision TO fanfare_scheduler, fanfare_dispatcher;
GRANT INSERT, UPDATE ON send.spend, send.sender_state, send.alert TO fanfare_dispatcher;
GRANT INSERT, UPDATE ON send.spend TO fanfare_scheduler;
GRANT INSERT, UPDATE ON send.alert TO fanfare_analytics;
-- People resume senders and resolve alerts; a kill switch pauses a sender.
GRANT INSERT, UPDATE ON send.sender_state TO fanfare_api;
GRANT INSERT, UPDATE ON send.alert TO fanfare_api;
GRANT UPDATE (paused_at, paused_code) ON send.run_channel TO fanfare_api, fanfare_dispatcher;
GRANT INSERT ON send.rescue, send.reopen TO fanfare_dispatcher, fanfare_scheduler;
-- UPDATE only to lock them.
GRANT SELECT, UPDATE, DELETE ON send.rescue, send.reopen TO fanfare_scheduler;
GRANT SELECT ON send.reopen TO fanfare_dispatcher;
GRANT UPDATE (repeats, doubtful, uncertain_at, settle_at, reserved_micros, provider_message_id, earlier_ids)
    ON send.delivery TO fanfare_scheduler;
GRANT UPDATE (sender_id, sent_at, reserved_micros, repeats, doubtful, uncertain_at, settle_at, earlier_ids) ON send.delivery TO fanfare_dispatcher;
GRANT SELECT, INSERT, UPDATE, DELETE ON send.outbox TO fanfare_ingest, fanfare_analytics;
GRANT SELECT, INSERT, UPDATE, DELETE ON stats.notice TO fanfare_analytics;
-- UPDATE only to lock them.
GRANT SELECT, UPDATE, DELETE ON stats.notice TO fanfare_dispatcher;

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['core.frequency_cap', 'core.campaign_rule', 'send.decision', 'send.spend', 'send.sender_state', 'send.alert']
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY tenant ON %s TO fanfare_api
            USING (workspace_id = nullif(current_setting(''fanfare.workspace_id'', true), '''')::uuid)', t);
        EXECUTE format('CREATE POLICY service ON %s TO fanfare_scheduler, fanfare_dispatcher, fanfare_ingest, fanfare_analytics USING (true)', t);
    END LOOP;
END
$$;
-- The run, which is fenced, says whose channels these are.
ALTER TABLE send.run_channel ENABLE ROW LEVEL SECURITY;
ALTER TABLE send.run_channel FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON send.run_channel TO fanfare_api USING (EXISTS (SELECT FROM send.run r WHERE r.run_id = run_channel.run_id));
CREATE POLICY service ON send.run_channel TO fanfare_scheduler, fanfare_dispatcher, fanfare_ingest, fanfare_analytics USING (true);

-- The rules that hold for a campaign's messages on a channel, as they are now.
CREATE FUNCTION core.policy(campaign uuid, on_channel text)
RETURNS TABLE (lane text, timezone text, quiet_start time, quiet_end time, cap_channels text[], cap_most int[], cap_hours int[],
               rule_channels text[], rule_engagements text[], rule_hours int[])
LANGUAGE sql STABLE
AS $$
    SELECT c.lane, w.timezone, w.quiet_start, w.quiet_end, cap.channels, cap.most, cap.hours, rule.channels, rule.engagements, rule.hours
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
