-- Runs, deliveries and the jobs that carry them. The scheduler writes new rows; the dispatchers move a delivery along.

CREATE TABLE send.run (
    run_id       uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES core.workspace,
    campaign_id  uuid NOT NULL REFERENCES core.campaign,
    -- Which execution of the campaign; a ONE_TIME campaign has only 'once'.
    occurrence   text NOT NULL,
    status       text NOT NULL CHECK (status IN ('expanding', 'sending', 'completed', 'cancelled', 'failed')),
    -- The template version that this run sends, whatever is edited later.
    template_id      uuid NOT NULL,
    template_version int NOT NULL,
    content      jsonb NOT NULL,
    -- Audience written up to and including this contact.
    cursor       uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    completed_at timestamptz,
    traceparent  text NOT NULL DEFAULT '',
    CONSTRAINT run_once UNIQUE (campaign_id, occurrence)
);
CREATE INDEX run_open ON send.run (run_id) WHERE status IN ('expanding', 'sending');

CREATE TABLE send.run_channel (
    run_id       uuid NOT NULL REFERENCES send.run,
    channel      text NOT NULL,
    sender_id    uuid NOT NULL,
    price_micros bigint NOT NULL,
    PRIMARY KEY (run_id, channel)
);

-- The ledger: one row a message to a person, from its selection to its outcome.
CREATE TABLE send.delivery (
    delivery_id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace_id        uuid NOT NULL,
    campaign_id         uuid NOT NULL,
    run_id              uuid NOT NULL REFERENCES send.run,
    contact_id          uuid NOT NULL,
    sender_id           uuid NOT NULL,
    channel             text NOT NULL,
    state               text NOT NULL CHECK (state IN ('queued', 'sending', 'accepted', 'retry_wait', 'uncertain', 'rejected',
                                                       'suppressed', 'cancelled', 'expired')),
    -- Why it was suppressed, or the provider's code of its last failure.
    reason              text,
    address             text NOT NULL,
    -- The address's key; NULL when suppressed at selection, so that it takes nobody's place.
    address_key         text,
    attempt             int NOT NULL DEFAULT 0,
    next_attempt_at     timestamptz,
    -- The worker that holds it while 'sending': nobody else may record its outcome.
    worker_id           uuid,
    provider_message_id text,
    updated_at          timestamptz NOT NULL,
    CONSTRAINT delivery_contact_once UNIQUE (run_id, channel, contact_id),
    CONSTRAINT delivery_address_once UNIQUE (run_id, channel, address_key)
) WITH (fillfactor = 85);
CREATE INDEX delivery_retry ON send.delivery (next_attempt_at) WHERE state = 'retry_wait';
CREATE INDEX delivery_held ON send.delivery (worker_id) WHERE state = 'sending';
CREATE INDEX delivery_uncertain ON send.delivery (delivery_id) WHERE state = 'uncertain';
-- Callbacks that carry no correlation, and replies from a person, find their delivery here.
CREATE INDEX delivery_provider_id ON send.delivery (provider_message_id) WHERE provider_message_id IS NOT NULL;

-- Hints for dispatchers. A job is open until the dispatcher is through with it; it is published while the window allows.
CREATE TABLE send.job (
    job_id       uuid PRIMARY KEY,
    run_id       uuid NOT NULL REFERENCES send.run,
    campaign_id  uuid NOT NULL,
    workspace_id uuid NOT NULL,
    sender_id    uuid NOT NULL,
    channel      text NOT NULL,
    delivery_ids bigint[] NOT NULL,
    -- Deliveries in it; read far more often than the ids.
    size         int GENERATED ALWAYS AS (cardinality(delivery_ids)) STORED,
    -- Lower goes first: 0 for retries, which would wait behind a whole campaign otherwise; 1 for all else.
    lane         smallint NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL,
    published_at timestamptz,
    -- Touched by the dispatcher while it works on it.
    progress_at  timestamptz
);
CREATE INDEX job_waiting ON send.job (channel, sender_id, lane, job_id) WHERE published_at IS NULL;
CREATE INDEX job_out ON send.job (channel) INCLUDE (sender_id, size) WHERE published_at IS NOT NULL;
CREATE INDEX job_run ON send.job (run_id);

-- A sender's pace, shared by all replicas: the time at which the next message may leave (GCRA's theoretical arrival time).
CREATE TABLE send.rate_bucket (
    sender_id uuid PRIMARY KEY,
    next_at   timestamptz NOT NULL
);

-- Dispatcher processes that are alive. What a dead one held is uncertain.
CREATE TABLE send.worker (
    worker_id  uuid PRIMARY KEY,
    channel    text NOT NULL,
    started_at timestamptz NOT NULL,
    seen_at    timestamptz NOT NULL
);

-- Facts that were written in the same transaction as what they are about, on their way to the broker. See ADR 1.
CREATE TABLE send.outbox (
    outbox_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Who wrote it: each service relays its own.
    origin     text NOT NULL,
    subject    text NOT NULL,
    payload    bytea NOT NULL,
    traceparent text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL
);
CREATE INDEX outbox_origin ON send.outbox (origin, outbox_id);
