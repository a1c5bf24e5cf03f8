-- Posts of providers of which some part was not understood, kept as they came so that nothing that a provider says is lost to those who run the
-- sender. What was understood of them has gone its way; nothing is decided by what lies here.

CREATE TABLE core.unread_post (
    -- Time-ordered: the order in which they came.
    unread_post_id uuid PRIMARY KEY,
    workspace_id   uuid NOT NULL REFERENCES core.workspace,
    sender_id      uuid NOT NULL REFERENCES core.sender,
    -- Made of the sender and the post: what is posted again is kept once. The body is sealed with it.
    post_key       uuid NOT NULL,
    received_at    timestamptz NOT NULL,
    -- How many parts were not understood.
    parts          int NOT NULL CHECK (parts > 0),
    -- The first 64 KiB of the body: it may hold what people wrote.
    sealed         bytea NOT NULL,
    -- Whether the body was longer.
    cut            boolean NOT NULL,
    CONSTRAINT unread_post_once UNIQUE (post_key)
);
CREATE INDEX unread_post_page ON core.unread_post (sender_id, unread_post_id DESC);
CREATE INDEX unread_post_old ON core.unread_post (received_at);

-- Access.
GRANT SELECT ON core.unread_post TO fanfare_api;
-- It changes nothing there: PostgreSQL wants UPDATE of who locks a row before it is deleted.
GRANT SELECT, INSERT, UPDATE, DELETE ON core.unread_post TO fanfare_ingest;

ALTER TABLE core.unread_post ENABLE ROW LEVEL SECURITY;
ALTER TABLE core.unread_post FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON core.unread_post TO fanfare_api
    USING (workspace_id = nullif(current_setting('fanfare.workspace_id', true), '')::uuid);
CREATE POLICY service ON core.unread_post TO fanfare_scheduler, fanfare_dispatcher, fanfare_ingest, fanfare_analytics USING (true);
