CREATE TABLE IF NOT EXISTS @migrations (
  number integer PRIMARY KEY CHECK (number >= 1),
  migration text NOT NULL,
  hash text NOT NULL CHECK (hash ~ '^[0-9a-f]{64}$'),
  package_version text NOT NULL,
  applied timestamptz NOT NULL DEFAULT clock_timestamp(),
  applied_by text NOT NULL DEFAULT session_user
);
COMMENT ON TABLE @migrations IS 'What made this schema: the numbered migrations of questrial.';
COMMENT ON COLUMN @migrations.hash IS 'SHA-256 of the migration''s text.';
