-- Templates that are put away, layouts that e-mails are set into, and messages that people send to try a template out.

ALTER TABLE core.template ADD archived_at timestamptz;
-- Where a template is used.
CREATE INDEX campaign_template ON core.campaign (template_id);
CREATE INDEX run_template ON send.run (template_id);

-- Named HTML files with %BODY% in them. A template's version has a copy of the layout that it was written with, so that an edit here
-- changes nothing that is approved or under way.
CREATE TABLE core.layout (
    layout_id    uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES core.workspace,
    name         text NOT NULL,
    html         text NOT NULL,
    -- Counts the edits, from 1.
    revision     int NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    CONSTRAINT layout_name UNIQUE (workspace_id, name)
);

-- A message as it was rendered, to be sent to a few given addresses. None of it is counted anywhere, and it is deleted after a week.
CREATE TABLE send.test_send (
    test_send_id     uuid PRIMARY KEY,
    workspace_id     uuid NOT NULL REFERENCES core.workspace,
    -- NULL: content that was not saved.
    template_id      uuid REFERENCES core.template,
    template_version int,
    campaign_id      uuid,
    -- Whose data is in it; NULL: nobody's. It goes when the person goes.
    contact_id       uuid REFERENCES core.contact ON DELETE CASCADE,
    sender_id        uuid NOT NULL REFERENCES core.sender,
    channel          text NOT NULL,
    content          jsonb NOT NULL,
    created_by       text NOT NULL,
    created_at       timestamptz NOT NULL
);
CREATE INDEX test_send_of_workspace ON send.test_send (workspace_id, created_at);
CREATE INDEX test_send_of_contact ON send.test_send (contact_id) WHERE contact_id IS NOT NULL;
CREATE INDEX test_send_age ON send.test_send (created_at);

-- One address each. It is marked before the call and never sent again, whatever becomes of the call.
CREATE TABLE send.test_message (
    test_message_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    test_send_id        uuid NOT NULL REFERENCES send.test_send ON DELETE CASCADE,
    workspace_id        uuid NOT NULL,
    channel             text NOT NULL,
    address             text NOT NULL,
    address_key         text NOT NULL,
    state               text NOT NULL CHECK (state IN ('queued', 'sending', 'accepted', 'refused', 'uncertain', 'expired')),
    -- Why it was refused, or is uncertain: ours or the provider's code, and its words.
    code                text NOT NULL DEFAULT '',
    detail              text NOT NULL DEFAULT '',
    provider_message_id text NOT NULL DEFAULT '',
    worker_id           uuid,
    updated_at          timestamptz NOT NULL
);
CREATE INDEX test_message_open ON send.test_message (channel, test_message_id) WHERE state IN ('queued', 'sending');
CREATE INDEX test_message_of ON send.test_message (test_send_id, test_message_id);

-- Access.
GRANT SELECT, INSERT, UPDATE, DELETE ON core.layout TO fanfare_api;
GRANT SELECT, INSERT ON send.test_send TO fanfare_api;
-- DELETE for the addresses of people who are erased.
GRANT SELECT, INSERT, DELETE ON send.test_message TO fanfare_api;
GRANT SELECT, DELETE ON send.test_send TO fanfare_dispatcher;
GRANT SELECT ON send.test_message TO fanfare_dispatcher;
GRANT UPDATE (state, code, detail, provider_message_id, worker_id, updated_at) ON send.test_message TO fanfare_dispatcher;

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['core.layout', 'send.test_send', 'send.test_message']
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY tenant ON %s TO fanfare_api
            USING (workspace_id = nullif(current_setting(''fanfare.workspace_id'', true), '''')::uuid)', t);
        EXECUTE format('CREATE POLICY service ON %s TO fanfare_scheduler, fanfare_dispatcher, fanfare_ingest, fanfare_analytics USING (true)', t);
    END LOOP;
END
$$;
