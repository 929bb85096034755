-- Runs and what they found. A run that is done and its results are written in one transaction:
-- either all of it is there, or nothing.

CREATE TABLE runs (
  run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  job text NOT NULL CHECK (job <> ''),
  key text CHECK (key <> ''),
  study_id integer REFERENCES studies,
  status text NOT NULL CHECK (status IN ('running', 'done', 'current', 'failed')),
  started timestamptz NOT NULL,
  finished timestamptz,
  exit_code smallint CHECK (exit_code BETWEEN 0 AND 255),
  message text,
  session_user_name text NOT NULL DEFAULT session_user,
  client_address inet DEFAULT inet_client_addr(),
  application text NOT NULL DEFAULT current_setting('application_name'),
  plan text,
  plan_hash text CHECK (plan_hash = encode(sha256(convert_to(plan, 'UTF8')), 'hex')),
  data_hash text CHECK (data_hash ~ '^[0-9a-f]{64}$'),
  code_hash text CHECK (code_hash ~ '^[0-9a-f]{64}$'),
  seed numeric CHECK (seed >= 0),
  package_version text,
  r_version text,
  libpq_version text,
  server_version text NOT NULL DEFAULT current_setting('server_version'),
  snapshot pg_snapshot NOT NULL DEFAULT pg_current_snapshot(),
  transaction xid8 NOT NULL DEFAULT pg_current_xact_id(),
  system_identifier bigint NOT NULL DEFAULT (pg_control_system()).system_identifier,
  CHECK ((status = 'running') = (finished IS NULL)),
  CHECK (finished >= started),
  CHECK ((plan IS NULL) = (plan_hash IS NULL))
);
CREATE UNIQUE INDEX runs_key_done_once ON runs (job, key) WHERE status = 'done';
CREATE INDEX runs_by_job ON runs (job, finished) WHERE status IN ('done', 'current');
COMMENT ON TABLE runs IS 'What was run, by whom, when, on which data, with which code.';
COMMENT ON COLUMN runs.job IS 'What kind of run: analyse, score, report ...';
COMMENT ON COLUMN runs.key IS 'A name of this piece of work: of a job it can be done once only.';
COMMENT ON COLUMN runs.status IS
  'current: there was nothing to do, as data, code and plan were those of the last run done.';
COMMENT ON COLUMN runs.started IS 'When the program began, by its own clock.';
COMMENT ON COLUMN runs.exit_code IS 'What the program told its caller, as in sysexits.h.';
COMMENT ON COLUMN runs.data_hash IS 'data_hash() of the wide table that was analysed.';
COMMENT ON COLUMN runs.code_hash IS 'SHA-256 of the code that ran.';
COMMENT ON COLUMN runs.snapshot IS
  'The moment that was seen. With a study: the moment at which its data had the data_hash.';
COMMENT ON COLUMN runs.transaction IS 'The transaction that wrote this row and the results.';
COMMENT ON COLUMN runs.system_identifier IS 'The database cluster that it was written in.';

CREATE TABLE results (
  run_id bigint REFERENCES runs,
  part text,
  part_no smallint NOT NULL CHECK (part_no >= 1),
  row_no integer CHECK (row_no >= 1),
  column_no smallint CHECK (column_no >= 1),
  name text NOT NULL,
  type text NOT NULL CHECK (type IN ('double', 'integer', 'logical', 'character')),
  number double precision,
  text text,
  PRIMARY KEY (run_id, part, row_no, column_no),
  UNIQUE (run_id, part, row_no, name),
  CONSTRAINT results_value_of_type
    CHECK (CASE WHEN type = 'character' THEN number IS NULL ELSE text IS NULL END)
);
COMMENT ON TABLE results IS
  'Cells of the tables that a run made; estimates shows those of inference row by row.';
COMMENT ON COLUMN results.part IS 'Which table: contrasts, model, baseline, flow ...';
COMMENT ON COLUMN results.part_no IS 'The order of the tables of a run.';
COMMENT ON COLUMN results.number IS 'The value of a number or a logical (1, 0); NULL is NA.';
