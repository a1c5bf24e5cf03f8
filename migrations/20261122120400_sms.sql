-- What text messages cost by country and by segment, and what a campaign lets one text make of them.

-- A sender without rows has one price for a text, its own. '*' holds for all countries without a row.
CREATE TABLE core.sender_price (
    sender_id    uuid NOT NULL REFERENCES core.sender ON DELETE CASCADE,
    workspace_id uuid NOT NULL REFERENCES core.workspace,
    country      text NOT NULL CHECK (country = '*' OR country ~ '^[A-Z]{2}$'),
    -- Of one segment, in millionths of the sender's currency.
    price_micros bigint NOT NULL CHECK (price_micros BETWEEN 0 AND 1000000000000),
    -- Of one message with media; NULL: as many segments as its text makes.
    mms_micros   bigint CHECK (mms_micros BETWEEN 0 AND 1000000000000),
    -- Nothing is sent to a country that isn't.
    allowed      boolean NOT NULL DEFAULT true,
    PRIMARY KEY (sender_id, country)
);

-- NULL: 4.
ALTER TABLE core.campaign_channel ADD max_segments smallint CHECK (max_segments BETWEEN 1 AND 24);

-- What the texts of a run cost by each of its senders, as it was when the run began: what the gate keeps for a text must not change before
-- the text's cost is known.
CREATE TABLE send.run_price (
    run_id         uuid NOT NULL REFERENCES send.run ON DELETE CASCADE,
    channel        text NOT NULL,
    sender_id      uuid NOT NULL,
    workspace_id   uuid NOT NULL,
    max_segments   smallint NOT NULL,
    -- Country → {price_micros, mms_micros, allowed}; {} without a list.
    prices         jsonb NOT NULL,
    -- Of a text without a list, of a segment where the list says nothing.
    price_micros   bigint NOT NULL,
    -- The most that one text can cost; NULL without a list: its price.
    reserve_micros bigint,
    PRIMARY KEY (run_id, channel, sender_id)
);

-- What a message really cost, where that depends on the message; 0: its sender's price. The dearest of its tries, so that order can't matter.
ALTER TABLE stats.delivery_status ADD cost_micros bigint NOT NULL DEFAULT 0;

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['core.sender_price', 'send.run_price'] LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY tenant ON %s TO fanfare_api
            USING (workspace_id = nullif(current_setting(''fanfare.workspace_id'', true), '''')::uuid)', t);
        EXECUTE format('CREATE POLICY service ON %s TO fanfare_scheduler, fanfare_dispatcher, fanfare_ingest, fanfare_analytics USING (true)', t);
    END LOOP;
END
$$;

GRANT SELECT, INSERT, UPDATE, DELETE ON core.sender_price TO fanfare_api;
GRANT SELECT ON core.sender_price TO fanfare_scheduler, fanfare_dispatcher;
GRANT SELECT ON send.run_price TO fanfare_api, fanfare_scheduler, fanfare_dispatcher, fanfare_analytics;
GRANT INSERT ON send.run_price TO fanfare_scheduler;
