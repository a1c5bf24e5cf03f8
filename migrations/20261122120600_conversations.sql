-- Conversations: what people write to a sender, and what they are answered. Texts, names and whereabouts of media are sealed before they
-- come here; in clear is only what lists are made and sorted by.

-- The thread between one person and one sender.
CREATE TABLE core.conversation (
    conversation_id uuid PRIMARY KEY,
    workspace_id    uuid NOT NULL REFERENCES core.workspace,
    sender_id       uuid NOT NULL REFERENCES core.sender,
    channel         text NOT NULL,
    -- The person, as deliveries are keyed; 'wa:' and the provider's own id where the number is hidden.
    address_key     text NOT NULL,
    -- Where an answer goes: E.164, an e-mail address, or the provider's own id of the person.
    address         text NOT NULL,
    -- The provider's own id of the person; empty where it gives none.
    user_id         text NOT NULL DEFAULT '',
    contact_id      uuid REFERENCES core.contact ON DELETE SET NULL,
    -- Who answers: nobody yet, the assistant, or a person of the workspace.
    handler         text NOT NULL DEFAULT 'none' CHECK (handler IN ('none', 'assistant', 'person')),
    -- The subject of that person; empty for nobody in particular.
    assigned_to     text NOT NULL DEFAULT '',
    status          text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'archived')),
    -- Messages that wait for somebody to read them.
    unread          int NOT NULL DEFAULT 0 CHECK (unread >= 0),
    -- When the person wrote last: some providers take free text for 24 hours from then on.
    last_inbound_at timestamptz,
    -- When HELP was answered last.
    helped_at       timestamptz,
    -- Time-ordered, so that it sorts the list.
    last_message_id uuid NOT NULL,
    last_at         timestamptz NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    CONSTRAINT conversation_once UNIQUE (sender_id, address_key)
);
CREATE INDEX conversation_page ON core.conversation (workspace_id, last_message_id DESC);
CREATE INDEX conversation_changed ON core.conversation (workspace_id, updated_at, conversation_id);
CREATE INDEX conversation_of_contact ON core.conversation (contact_id) WHERE contact_id IS NOT NULL;
CREATE INDEX conversation_of_user ON core.conversation (user_id, sender_id) WHERE user_id <> '';

CREATE TABLE core.message (
    -- Time-ordered: the order of the thread.
    message_id          uuid PRIMARY KEY,
    conversation_id     uuid NOT NULL REFERENCES core.conversation ON DELETE CASCADE,
    workspace_id        uuid NOT NULL,
    direction           text NOT NULL CHECK (direction IN ('in', 'out')),
    -- "text", "image", "button", "reaction", … as the provider's adapter says.
    kind                text NOT NULL,
    -- What was made of it: handed to whoever answers, a word of the register, HELP, a reaction to another message; 'answer' when it is ours.
    handling            text NOT NULL CHECK (handling IN ('handed', 'stop', 'start', 'help', 'reaction', 'answer')),
    -- Of what a person wrote; an answer's is in send.reply.
    provider_message_id text NOT NULL DEFAULT '',
    -- The message of this thread that it quotes, and the campaign's message that it answers.
    reply_to_message_id uuid,
    delivery_id         bigint,
    -- Text, name and media as a sealed fanfare.event.v1.InboundContent; `seal_key` is what it is tied to.
    sealed              bytea NOT NULL,
    seal_key            uuid NOT NULL,
    -- Of each medium its type and size, nothing else.
    media               jsonb NOT NULL DEFAULT '[]',
    -- Who wrote an answer: a caller's subject, or "help".
    author              text NOT NULL DEFAULT '',
    -- What the provider has reported of an answer since.
    reported            text CHECK (reported IN ('sent', 'delivered', 'read', 'failed')),
    reported_code       text NOT NULL DEFAULT '',
    -- The provider's time of what a person wrote.
    at                  timestamptz NOT NULL,
    created_at          timestamptz NOT NULL
);
CREATE INDEX message_page ON core.message (conversation_id, message_id);
CREATE INDEX message_provider_id ON core.message (conversation_id, provider_message_id) WHERE provider_message_id <> '';

-- An answer on its way. It is marked before the call and never sent again, whatever becomes of the call.
CREATE TABLE send.reply (
    -- Numbered together with the messages of tests: below zero, neither is reported as any delivery's.
    reply_id            bigint PRIMARY KEY DEFAULT nextval('send.test_message_test_message_id_seq'),
    message_id          uuid NOT NULL REFERENCES core.message ON DELETE CASCADE,
    conversation_id     uuid NOT NULL REFERENCES core.conversation ON DELETE CASCADE,
    workspace_id        uuid NOT NULL,
    sender_id           uuid NOT NULL REFERENCES core.sender,
    channel             text NOT NULL,
    address             text NOT NULL,
    -- All keys under which the person may have opted out; the first is the thread's.
    address_keys        text[] NOT NULL,
    -- The provider's id of the message that it quotes.
    in_reply_to         text NOT NULL DEFAULT '',
    -- It isn't sent any more once a person answers, or nobody may.
    by_assistant        boolean NOT NULL DEFAULT false,
    state               text NOT NULL DEFAULT 'queued'
                        CHECK (state IN ('queued', 'sending', 'accepted', 'refused', 'uncertain', 'expired')),
    code                text NOT NULL DEFAULT '',
    detail              text NOT NULL DEFAULT '',
    provider_message_id text NOT NULL DEFAULT '',
    worker_id           uuid,
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    CONSTRAINT reply_of_message UNIQUE (message_id)
);
CREATE INDEX reply_open ON send.reply (channel, reply_id) WHERE state IN ('queued', 'sending');
CREATE INDEX reply_of_conversation ON send.reply (conversation_id);
CREATE INDEX reply_provider_id ON send.reply (sender_id, provider_message_id) WHERE provider_message_id <> '';

-- Access.
GRANT SELECT, INSERT, UPDATE, DELETE ON core.conversation, core.message TO fanfare_api;
GRANT SELECT, INSERT ON send.reply TO fanfare_api;
GRANT USAGE ON SEQUENCE send.test_message_test_message_id_seq TO fanfare_api;
-- The dispatcher reads what it sends and when the person wrote last, and keeps what became of it.
GRANT SELECT ON core.conversation, core.message, send.reply TO fanfare_dispatcher;
GRANT UPDATE (state, code, detail, provider_message_id, worker_id, updated_at) ON send.reply TO fanfare_dispatcher;

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['core.conversation', 'core.message', 'send.reply']
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY tenant ON %s TO fanfare_api
            USING (workspace_id = nullif(current_setting(''fanfare.workspace_id'', true), '''')::uuid)', t);
        EXECUTE format('CREATE POLICY service ON %s TO fanfare_scheduler, fanfare_dispatcher, fanfare_ingest, fanfare_analytics USING (true)', t);
    END LOOP;
END
$$;
