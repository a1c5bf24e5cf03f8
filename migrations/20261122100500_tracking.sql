-- Tracking: through which links a message leads on, who followed them, and what they bought.

-- A workspace's settings; a missing row means the defaults of domain::tracking, which says what is in it.
CREATE TABLE core.tracking (
    workspace_id uuid PRIMARY KEY REFERENCES core.workspace,
    settings     jsonb NOT NULL CHECK (jsonb_typeof(settings) = 'object')
);

-- What a campaign does differently from its workspace.
ALTER TABLE core.campaign ADD tracking jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(tracking) = 'object');

-- Where the short links of a run's text messages lead to: one row a link of the content, however many people get it. Rows are never
-- changed, and stay: messages are read years later.
CREATE TABLE send.short_link (
    link_id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace_id         uuid NOT NULL,
    run_id               uuid NOT NULL REFERENCES send.run,
    -- Of what follows: URLs are too long for an index.
    link_key             bytea NOT NULL CHECK (length(link_key) = 16),
    url                  text NOT NULL,
    -- The query parameter by which the destination learns who came; empty: it doesn't.
    conversion_parameter text NOT NULL DEFAULT '',
    created_at           timestamptz NOT NULL,
    CONSTRAINT short_link_once UNIQUE (run_id, link_key)
);

-- What people did that a campaign was for, each once by the caller's id of it, with the delivery that it counts for.
CREATE TABLE core.conversion (
    conversion_id uuid PRIMARY KEY,
    workspace_id  uuid NOT NULL REFERENCES core.workspace,
    -- An order's number, or what else names it.
    order_id      text NOT NULL,
    campaign_id   uuid NOT NULL REFERENCES core.campaign,
    delivery_id   bigint NOT NULL,
    channel       text NOT NULL,
    -- NULL once the contact is deleted: what was sold stays sold.
    contact_id    uuid REFERENCES core.contact ON DELETE SET NULL,
    value_micros  bigint NOT NULL DEFAULT 0 CHECK (value_micros >= 0),
    currency      text NOT NULL DEFAULT '' CHECK ((currency = '') = (value_micros = 0)),
    -- Who told: api, or pixel.
    source        text NOT NULL CHECK (source IN ('api', 'pixel')),
    converted_at  timestamptz NOT NULL,
    created_at    timestamptz NOT NULL,
    CONSTRAINT conversion_once UNIQUE (workspace_id, order_id)
);
CREATE INDEX conversion_page ON core.conversion (campaign_id, conversion_id);
CREATE INDEX conversion_contact ON core.conversion (contact_id);
CREATE INDEX conversion_delivery ON core.conversion (delivery_id);

GRANT SELECT, INSERT, UPDATE, DELETE ON core.tracking TO fanfare_api;
GRANT SELECT ON core.tracking TO fanfare_scheduler, fanfare_dispatcher, fanfare_ingest, fanfare_analytics;
GRANT SELECT, INSERT, UPDATE ON core.conversion TO fanfare_api;
GRANT SELECT ON core.conversion TO fanfare_scheduler, fanfare_analytics;
GRANT SELECT, INSERT ON send.short_link TO fanfare_dispatcher;
GRANT SELECT ON send.short_link TO fanfare_ingest;
-- DELETE for links that hold the address of a person who is erased.
GRANT SELECT, DELETE ON send.short_link TO fanfare_api;

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['core.tracking', 'core.conversion', 'send.short_link']
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY tenant ON %s TO fanfare_api
            USING (workspace_id = nullif(current_setting(''fanfare.workspace_id'', true), '''')::uuid)', t);
        EXECUTE format('CREATE POLICY service ON %s TO fanfare_scheduler, fanfare_dispatcher, fanfare_ingest, fanfare_analytics USING (true)', t);
    END LOOP;
END
$$;
