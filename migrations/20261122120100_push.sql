-- The apps and browsers of contacts that notifications go to.

CREATE TABLE core.push_device (
    device_id    uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES core.workspace,
    contact_id   uuid NOT NULL REFERENCES core.contact ON DELETE CASCADE,
    -- The app: what notifications to it are sent by.
    sender_id    uuid NOT NULL REFERENCES core.sender,
    kind         text NOT NULL CHECK (kind IN ('fid', 'token', 'webpush')),
    target       text NOT NULL CHECK (length(target) BETWEEN 1 AND 2048),
    -- SHA-256 of the target, which is too long for an index.
    target_hash  bytea NOT NULL,
    -- Of Web Push.
    p256dh       bytea CHECK (length(p256dh) = 65),
    auth         bytea CHECK (length(auth) = 16),
    platform     text NOT NULL DEFAULT '',
    locale       text NOT NULL DEFAULT '',
    created_at   timestamptz NOT NULL,
    -- Registered last.
    last_seen_at timestamptz NOT NULL,
    -- Since when it gets nothing any more, and why.
    gone_at      timestamptz,
    gone_code    text NOT NULL DEFAULT '',
    CONSTRAINT push_device_target UNIQUE (workspace_id, sender_id, target_hash),
    CONSTRAINT push_device_keys CHECK ((kind = 'webpush') = (p256dh IS NOT NULL AND auth IS NOT NULL))
);
CREATE INDEX push_device_page ON core.push_device (workspace_id, device_id);
CREATE INDEX push_device_contact ON core.push_device (contact_id, sender_id);

-- Which apps a contact has a device of is kept with the contact, where the audience is counted and expanded. The contacts are locked
-- first, so that of two changes at the same time the later one sees what the earlier one did.
CREATE FUNCTION core.keep_push_senders(contacts uuid[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM core.contact c WHERE c.contact_id = ANY(contacts) ORDER BY c.contact_id FOR NO KEY UPDATE;
    UPDATE core.contact c SET push_senders = n.senders
    FROM (SELECT t.contact_id, coalesce(array_agg(DISTINCT d.sender_id) FILTER (WHERE d.sender_id IS NOT NULL), '{}') AS senders
          FROM unnest(contacts) AS t (contact_id)
          LEFT JOIN core.push_device d ON d.contact_id = t.contact_id AND d.gone_at IS NULL
          GROUP BY t.contact_id) n
    WHERE c.contact_id = n.contact_id AND c.push_senders <> n.senders;
END
$$;
CREATE FUNCTION core.device_written() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM core.keep_push_senders((SELECT coalesce(array_agg(DISTINCT w.contact_id), '{}') FROM written w));
    RETURN NULL;
END
$$;
CREATE FUNCTION core.device_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM core.keep_push_senders((SELECT coalesce(array_agg(DISTINCT a.contact_id), '{}')
        FROM (SELECT w.contact_id FROM written w UNION SELECT b.contact_id FROM before b) a));
    RETURN NULL;
END
$$;
CREATE TRIGGER device_inserted AFTER INSERT ON core.push_device REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION core.device_written();
CREATE TRIGGER device_updated AFTER UPDATE ON core.push_device REFERENCING OLD TABLE AS before NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION core.device_changed();
CREATE TRIGGER device_deleted AFTER DELETE ON core.push_device REFERENCING OLD TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION core.device_written();

GRANT SELECT, INSERT, UPDATE, DELETE ON core.push_device TO fanfare_api;
GRANT SELECT ON core.push_device TO fanfare_dispatcher, fanfare_scheduler, fanfare_analytics;

ALTER TABLE core.push_device ENABLE ROW LEVEL SECURITY;
ALTER TABLE core.push_device FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON core.push_device TO fanfare_api
    USING (workspace_id = nullif(current_setting('fanfare.workspace_id', true), '')::uuid);
CREATE POLICY service ON core.push_device TO fanfare_scheduler, fanfare_dispatcher, fanfare_ingest, fanfare_analytics USING (true);
