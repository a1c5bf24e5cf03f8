-- Owned by analytics: only the fold turns facts into figures.

-- Every fact, once.
CREATE TABLE stats.fact (
    fact_key     bytea PRIMARY KEY,
    kind         smallint NOT NULL,
    -- NULL until its delivery is found.
    delivery_id  bigint,
    occurred_at  timestamptz NOT NULL,
    code         text,
    sender_id    uuid,
    provider_message_id text,
    -- Deliveries counted together, for the facts that are about many.
    count        jsonb,
    cost_micros  bigint NOT NULL DEFAULT 0,
    received_at  timestamptz NOT NULL
);
CREATE INDEX fact_delivery ON stats.fact (delivery_id) WHERE delivery_id IS NOT NULL;

-- Facts whose delivery could not be found yet, and what they name it by. They are tried again ever more rarely, and at once when a
-- fact says which delivery got that provider_message_id.
CREATE TABLE stats.unmatched (
    fact_key            bytea PRIMARY KEY REFERENCES stats.fact,
    delivery_id         bigint,
    sender_id           uuid,
    provider_message_id text,
    tries               int NOT NULL DEFAULT 0,
    next_try_at         timestamptz NOT NULL
);
CREATE INDEX unmatched_message ON stats.unmatched (provider_message_id, sender_id);
CREATE INDEX unmatched_due ON stats.unmatched (next_try_at);

-- What is known of a delivery, as bits that only ever get set; see domain::facts.
CREATE TABLE stats.delivery_status (
    delivery_id  bigint PRIMARY KEY,
    workspace_id uuid NOT NULL,
    bits         int NOT NULL,
    -- Smallest (time, code) of its failures or suppression, so that order of arrival can't matter.
    code_at      timestamptz,
    code         text COLLATE "C",
    -- When the latest of its facts happened.
    updated_at   timestamptz NOT NULL
) WITH (fillfactor = 85);

-- The figures, kept up to date by the differences that facts make. `code` only for the metrics that are counted by it.
CREATE TABLE stats.counter (
    campaign_id  uuid NOT NULL,
    run_id       uuid NOT NULL,
    channel      text NOT NULL,
    sender_id    uuid NOT NULL,
    metric       text NOT NULL,
    code         text NOT NULL DEFAULT '',
    workspace_id uuid NOT NULL,
    value        bigint NOT NULL,
    PRIMARY KEY (campaign_id, run_id, channel, sender_id, metric, code)
);
