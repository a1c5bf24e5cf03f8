-- Owned by campaign-api. Every table carries workspace_id, and row-level security fences it (see the last migration).

CREATE TABLE core.workspace (
    workspace_id         uuid PRIMARY KEY,
    name                 text NOT NULL,
    default_country_code text NOT NULL DEFAULT '971',
    phone_strip_prefixes text[] NOT NULL DEFAULT ARRAY['0', '00971', '+971'],
    max_recipients       int NOT NULL DEFAULT 10000 CHECK (max_recipients > 0),
    approval_required    boolean NOT NULL DEFAULT true,
    opt_out_keywords     text[] NOT NULL DEFAULT '{}',
    created_at           timestamptz NOT NULL
);

-- An address is kept as entered (`email`, `phone` in E.164 when it could be read) and, when it can be messaged, as its key: the
-- form in which two spellings of one address are equal. `*_key IS NULL` means: never message it, `*_problem` says why.
CREATE TABLE core.contact (
    contact_id     uuid PRIMARY KEY,
    workspace_id   uuid NOT NULL REFERENCES core.workspace,
    external_id    text,
    name           text NOT NULL DEFAULT '',
    email          text NOT NULL DEFAULT '',
    email_key      text,
    email_problem  text NOT NULL DEFAULT '',
    phone          text NOT NULL DEFAULT '',
    phone_key      text,
    phone_problem  text NOT NULL DEFAULT '',
    locale         text NOT NULL DEFAULT '',
    timezone       text NOT NULL DEFAULT '',
    role           text NOT NULL DEFAULT 'customer',
    city           text NOT NULL DEFAULT '',
    postal_code    text NOT NULL DEFAULT '',
    attributes     jsonb NOT NULL DEFAULT '{}',
    last_active_at timestamptz,
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL
);
CREATE UNIQUE INDEX contact_external_id ON core.contact (workspace_id, external_id);
CREATE INDEX contact_email ON core.contact (workspace_id, email_key);
CREATE INDEX contact_phone ON core.contact (workspace_id, phone_key);
CREATE INDEX contact_page ON core.contact (workspace_id, contact_id);

CREATE TABLE core.list (
    list_id      uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES core.workspace,
    name         text NOT NULL,
    archived_at  timestamptz,
    created_at   timestamptz NOT NULL,
    CONSTRAINT list_name UNIQUE (workspace_id, name)
);

CREATE TABLE core.list_member (
    list_id      uuid NOT NULL REFERENCES core.list,
    contact_id   uuid NOT NULL REFERENCES core.contact ON DELETE CASCADE,
    workspace_id uuid NOT NULL,
    added_at     timestamptz NOT NULL,
    PRIMARY KEY (list_id, contact_id)
);
CREATE INDEX list_member_contact ON core.list_member (contact_id);

CREATE TABLE core.template (
    template_id  uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES core.workspace,
    name         text NOT NULL,
    version      int NOT NULL,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    CONSTRAINT template_name UNIQUE (workspace_id, name)
);

CREATE TABLE core.template_version (
    template_id  uuid NOT NULL REFERENCES core.template,
    version      int NOT NULL,
    workspace_id uuid NOT NULL,
    content      jsonb NOT NULL,
    created_at   timestamptz NOT NULL,
    created_by   text NOT NULL,
    PRIMARY KEY (template_id, version)
);

CREATE TABLE core.sender (
    sender_id       uuid PRIMARY KEY,
    workspace_id    uuid NOT NULL REFERENCES core.workspace,
    name            text NOT NULL,
    channel         text NOT NULL,
    provider        text NOT NULL,
    settings        jsonb NOT NULL,
    sealed_secrets  bytea NOT NULL,
    secret_names    text[] NOT NULL,
    rate_per_second double precision NOT NULL CHECK (rate_per_second > 0),
    price_micros    bigint NOT NULL DEFAULT 0 CHECK (price_micros >= 0),
    currency        text NOT NULL DEFAULT 'USD',
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    CONSTRAINT sender_name UNIQUE (workspace_id, name)
);

-- channel 'all' covers every channel.
CREATE TABLE core.opt_out (
    workspace_id uuid NOT NULL REFERENCES core.workspace,
    channel      text NOT NULL,
    address_key  text NOT NULL,
    source       text NOT NULL,
    reason       text NOT NULL DEFAULT '',
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, address_key, channel)
);

CREATE TABLE core.campaign (
    campaign_id         uuid PRIMARY KEY,
    workspace_id        uuid NOT NULL REFERENCES core.workspace,
    name                text NOT NULL,
    description         text NOT NULL DEFAULT '',
    type                text NOT NULL DEFAULT 'ONE_TIME',
    status              text NOT NULL,
    -- Where a PAUSED campaign goes on.
    paused_from         text,
    status_reason       text NOT NULL DEFAULT '',
    template_id         uuid REFERENCES core.template,
    -- The version that was submitted, and so the one that is approved and sent; NULL while it is edited.
    template_version    int,
    -- Wall time and zone as entered; never an instant alone, because zone rules change.
    schedule_local_time text,
    schedule_timezone   text,
    -- When it is due by the rules known at scheduling; the scheduler computes it anew before it starts.
    due_at              timestamptz,
    expires_after_hours int NOT NULL DEFAULT 72 CHECK (expires_after_hours > 0),
    revision            int NOT NULL DEFAULT 1,
    approved_by         text NOT NULL DEFAULT '',
    approved_at         timestamptz,
    created_by          text NOT NULL,
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    started_at          timestamptz,
    completed_at        timestamptz,
    -- W3C traceparent of the call that sent it, so that one trace goes on through jobs and callbacks.
    traceparent         text NOT NULL DEFAULT ''
);
CREATE INDEX campaign_page ON core.campaign (workspace_id, campaign_id DESC);
CREATE INDEX campaign_due ON core.campaign (due_at) WHERE status = 'SCHEDULED';
CREATE INDEX campaign_live ON core.campaign (campaign_id) WHERE status IN ('ACTIVE', 'CANCELLED');

CREATE TABLE core.campaign_channel (
    campaign_id  uuid NOT NULL REFERENCES core.campaign ON DELETE CASCADE,
    channel      text NOT NULL,
    sender_id    uuid NOT NULL REFERENCES core.sender,
    workspace_id uuid NOT NULL,
    PRIMARY KEY (campaign_id, channel)
);

CREATE TABLE core.campaign_list (
    campaign_id  uuid NOT NULL REFERENCES core.campaign ON DELETE CASCADE,
    list_id      uuid NOT NULL REFERENCES core.list,
    excluded     boolean NOT NULL,
    workspace_id uuid NOT NULL,
    PRIMARY KEY (campaign_id, list_id)
);

-- Answers of calls that carried a request id, so that a repeated call is harmless. Rows older than a day may be deleted.
CREATE TABLE core.request (
    workspace_id uuid NOT NULL REFERENCES core.workspace,
    method       text NOT NULL,
    request_id   text NOT NULL,
    object_id    uuid NOT NULL,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, method, request_id)
);

-- Who changed what, and when.
CREATE TABLE core.audit (
    audit_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES core.workspace,
    actor        text NOT NULL,
    action       text NOT NULL,
    object_type  text NOT NULL,
    object_id    text NOT NULL,
    before       jsonb,
    after        jsonb,
    at           timestamptz NOT NULL
);
CREATE INDEX audit_page ON core.audit (workspace_id, audit_id);
