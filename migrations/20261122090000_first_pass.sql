-- When the gate first let a delivery through. A pass that nothing is to be said about is written here, in the row that changes anyway,
-- instead of in send.decision: nearly every delivery has just one.
ALTER TABLE send.delivery ADD passed_at timestamptz;
GRANT UPDATE (passed_at) ON send.delivery TO fanfare_dispatcher;
