-- Segments, lists that a campaign owns, and the moment at which an audience is frozen.

-- A saved filter over contacts. What is in `filter` is domain::filter's; it is compiled to one parameterised statement.
CREATE TABLE core.segment (
    segment_id   uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES core.workspace,
    name         text NOT NULL,
    description  text NOT NULL DEFAULT '',
    filter       jsonb NOT NULL CHECK (jsonb_typeof(filter) = 'object'),
    -- Counts the edits, from 1.
    revision     int NOT NULL DEFAULT 1,
    archived_at  timestamptz,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    CONSTRAINT segment_name UNIQUE (workspace_id, name)
);
CREATE INDEX segment_page ON core.segment (workspace_id, segment_id);

CREATE TABLE core.campaign_segment (
    campaign_id  uuid NOT NULL REFERENCES core.campaign ON DELETE CASCADE,
    segment_id   uuid NOT NULL REFERENCES core.segment,
    excluded     boolean NOT NULL,
    workspace_id uuid NOT NULL,
    -- What the segment was when the campaign was sent, and so what was approved: a later edit doesn't change whom it goes to.
    filter       jsonb,
    PRIMARY KEY (campaign_id, segment_id)
);
CREATE INDEX campaign_segment_of ON core.campaign_segment (segment_id);

ALTER TABLE core.campaign
    ADD audience_freeze text NOT NULL DEFAULT 'sending' CHECK (audience_freeze IN ('sending', 'scheduling')),
    -- When it was settled whom the campaign is for, and how many contacts that was.
    ADD audience_frozen_at timestamptz,
    ADD audience_contacts bigint;

-- 'list': people manage it. Hidden, and owned by a campaign: 'campaign' has the contacts that were copied into it, 'snapshot' those that
-- a segment or a list of it had when its audience was frozen. A snapshot without a campaign is rubbish, and is swept away.
ALTER TABLE core.list
    ADD kind text NOT NULL DEFAULT 'list' CHECK (kind IN ('list', 'campaign', 'snapshot')),
    ADD campaign_id uuid REFERENCES core.campaign ON DELETE SET NULL,
    ADD source_segment_id uuid REFERENCES core.segment,
    ADD source_list_id uuid REFERENCES core.list,
    ADD CONSTRAINT list_owner CHECK (CASE kind
        WHEN 'list' THEN num_nonnulls(campaign_id, source_segment_id, source_list_id) = 0
        WHEN 'campaign' THEN num_nonnulls(source_segment_id, source_list_id) = 0
        ELSE num_nonnulls(source_segment_id, source_list_id) = 1 END),
    DROP CONSTRAINT list_name;
CREATE UNIQUE INDEX list_name ON core.list (workspace_id, name) WHERE kind = 'list';
CREATE UNIQUE INDEX list_of_campaign ON core.list (campaign_id, source_segment_id, source_list_id) NULLS NOT DISTINCT
    WHERE campaign_id IS NOT NULL;
CREATE INDEX list_swept ON core.list (list_id) WHERE kind <> 'list' AND campaign_id IS NULL;
CREATE INDEX list_source_segment ON core.list (source_segment_id) WHERE source_segment_id IS NOT NULL;
CREATE INDEX list_source_list ON core.list (source_list_id) WHERE source_list_id IS NOT NULL;

-- The lists that make a campaign's audience as it stands: its own, its lists or what they were when it was frozen, and what its segments
-- were. A segment that isn't frozen yet is not among them.
CREATE VIEW core.campaign_audience WITH (security_invoker = true) AS
    SELECT l.campaign_id, l.workspace_id, coalesce(s.list_id, l.list_id) AS list_id, l.excluded, l.list_id AS source_list_id,
           NULL::uuid AS source_segment_id
    FROM core.campaign_list l LEFT JOIN core.list s ON s.campaign_id = l.campaign_id AND s.source_list_id = l.list_id
    UNION ALL
    SELECT g.campaign_id, g.workspace_id, s.list_id, g.excluded, NULL, g.segment_id
    FROM core.campaign_segment g JOIN core.list s ON s.campaign_id = g.campaign_id AND s.source_segment_id = g.segment_id
    UNION ALL
    SELECT s.campaign_id, s.workspace_id, s.list_id, false, NULL, NULL
    FROM core.list s WHERE s.kind = 'campaign' AND s.campaign_id IS NOT NULL;

-- What an audience's preview counts, side by side in one index: it reads a million contacts in the order in which lists have them, and
-- nothing else of them. Two addresses with one hash of 64 bits would be counted as one: of a million, once in 37 million previews.
ALTER TABLE core.contact
    ADD email_hash bigint GENERATED ALWAYS AS (hashtextextended(email_key, 0)) STORED,
    ADD phone_hash bigint GENERATED ALWAYS AS (hashtextextended(phone_key, 0)) STORED,
    ADD has_email boolean GENERATED ALWAYS AS (email <> '') STORED,
    ADD has_phone boolean GENERATED ALWAYS AS (phone <> '') STORED;
DROP INDEX core.contact_page;
CREATE INDEX contact_page ON core.contact (workspace_id, contact_id) INCLUDE (email_hash, phone_hash, has_email, has_phone);
-- The fence around a workspace looks at each member's. And to look up the list of each of a million members took as long as to write
-- them: lists are never deleted but for hidden ones, whose members go first.
ALTER TABLE core.list_member
    DROP CONSTRAINT list_member_list_id_fkey,
    DROP CONSTRAINT list_member_pkey,
    ADD CONSTRAINT list_member_pkey PRIMARY KEY (list_id, contact_id) INCLUDE (workspace_id);

-- Attributes are free JSON. A filter compares the text of a value as what it asks for; what can't be read as that is NULL, never an error.
-- Look-ups that don't need a subquery, so that several processes can share a pass over all contacts.
-- (No counted repetitions: they make a regular expression four times as slow.)
CREATE FUNCTION core.number_of(value text) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN value COLLATE "C" ~ '^[+-]?[0-9]+(\.[0-9]+)?$' AND length(value) <= 32 THEN value::numeric END;

-- A date (its first moment in UTC), or a time with its offset, as in RFC 3339; from the year 1000.
CREATE FUNCTION core.time_of(value text) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
    WHEN length(value) = 10 THEN
        CASE WHEN value COLLATE "C" ~ '^[1-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]$' AND pg_input_is_valid(value, 'date')
             THEN (value::date)::timestamp AT TIME ZONE 'UTC' END
    WHEN value COLLATE "C" ~ '^[1-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])$'
         AND length(value) <= 32 AND pg_input_is_valid(value, 'timestamptz')
        THEN value::timestamptz END;

-- The same of a list of values: whether one of them passes.
CREATE FUNCTION core.any_text(list jsonb, test text, wanted text[]) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN EXISTS (
    SELECT FROM jsonb_array_elements(list) AS e (value) CROSS JOIN LATERAL lower((e.value #>> '{}') COLLATE "pg_c_utf8") AS t (text)
    WHERE jsonb_typeof(e.value) = 'string'
      AND CASE test WHEN 'equals' THEN t.text = ANY (wanted) WHEN 'starts_with' THEN starts_with(t.text, wanted[1])
                    WHEN 'contains' THEN strpos(t.text, wanted[1]) > 0 END);

CREATE FUNCTION core.any_number(list jsonb, test text, wanted numeric) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN EXISTS (
    SELECT FROM jsonb_array_elements(list) AS e (value) CROSS JOIN LATERAL core.number_of(e.value #>> '{}') AS n (number)
    WHERE CASE test WHEN '=' THEN n.number = wanted WHEN '<' THEN n.number < wanted WHEN '<=' THEN n.number <= wanted
                    WHEN '>' THEN n.number > wanted WHEN '>=' THEN n.number >= wanted END);

CREATE FUNCTION core.any_truth(list jsonb, wanted text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN EXISTS (SELECT FROM jsonb_array_elements(list) AS e (value) WHERE lower((e.value #>> '{}') COLLATE "C") = wanted);

CREATE FUNCTION core.any_time(list jsonb, wanted tstzrange) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN EXISTS (SELECT FROM jsonb_array_elements(list) AS e (value) WHERE core.time_of(e.value #>> '{}') <@ wanted);

-- Access.
GRANT SELECT, INSERT, UPDATE, DELETE ON core.segment, core.campaign_segment TO fanfare_api;
GRANT SELECT ON core.segment, core.campaign_segment TO fanfare_scheduler, fanfare_dispatcher, fanfare_ingest, fanfare_analytics;
GRANT SELECT ON core.campaign_audience TO fanfare_api, fanfare_scheduler, fanfare_dispatcher, fanfare_analytics;
-- The scheduler freezes the audience of what it starts, and sweeps away what nobody uses any more; people's lists are not its own.
GRANT INSERT, UPDATE (campaign_id), DELETE ON core.list TO fanfare_scheduler;
GRANT INSERT, DELETE ON core.list_member TO fanfare_scheduler;
GRANT UPDATE (audience_frozen_at, audience_contacts) ON core.campaign TO fanfare_scheduler;
CREATE POLICY hidden_insert ON core.list AS RESTRICTIVE FOR INSERT TO fanfare_scheduler WITH CHECK (kind = 'snapshot');
CREATE POLICY hidden_update ON core.list AS RESTRICTIVE FOR UPDATE TO fanfare_scheduler USING (kind = 'snapshot');
CREATE POLICY hidden_delete ON core.list AS RESTRICTIVE FOR DELETE TO fanfare_scheduler USING (kind <> 'list' AND campaign_id IS NULL);

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['core.segment', 'core.campaign_segment']
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY tenant ON %s TO fanfare_api
            USING (workspace_id = nullif(current_setting(''fanfare.workspace_id'', true), '''')::uuid)', t);
        EXECUTE format('CREATE POLICY service ON %s TO fanfare_scheduler, fanfare_dispatcher, fanfare_ingest, fanfare_analytics USING (true)', t);
    END LOOP;
END
$$;

-- Counting a million contacts, their memberships and opt-outs: the fence asks once a statement for whose workspace it is, not once a row.
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['core.contact', 'core.list_member', 'core.opt_out', 'send.delivery', 'stats.delivery_status']
    LOOP
        EXECUTE format('ALTER POLICY tenant ON %s
            USING (workspace_id = (SELECT nullif(current_setting(''fanfare.workspace_id'', true), '''')::uuid))', t);
    END LOOP;
END
$$;
