-- One database role a service, so that "only writer" is enforced. Logins are granted one of these; services SET ROLE to theirs.
-- Roles belong to the whole server: other databases on it may have made them already.
DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['fanfare_api', 'fanfare_scheduler', 'fanfare_dispatcher', 'fanfare_ingest', 'fanfare_analytics']
    LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END LOOP;
END
$$;

CREATE SCHEMA core;   -- what people edit: owned by campaign-api
CREATE SCHEMA send;   -- runs, deliveries, jobs: owned by scheduler and dispatcher
CREATE SCHEMA stats;  -- event log, delivery status, counters: owned by analytics

GRANT USAGE ON SCHEMA core, send, stats TO fanfare_api, fanfare_scheduler, fanfare_dispatcher, fanfare_ingest, fanfare_analytics;
