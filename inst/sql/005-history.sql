-- What was corrected or removed: what stood there, who changed it, when and why. The server writes
-- it, whatever program corrects; who owns the tables could still tamper with it. It refers to no
-- other table, as what it tells of may be gone. Of what has a name, the name is history, too.

CREATE TABLE history (
  history_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  table_name text NOT NULL,
  study_id integer NOT NULL,
  participant_no integer,
  before jsonb NOT NULL,
  after jsonb,
  changed timestamptz NOT NULL DEFAULT clock_timestamp(),
  changed_by text NOT NULL DEFAULT session_user,
  reason text DEFAULT nullif(current_setting('questrial.reason', true), ''),
  transaction xid8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE INDEX history_by_participant ON history (study_id, participant_no);
COMMENT ON TABLE history IS
  'Rows before and after each correction: of participants, visits, characteristics and answers, and
  of the names of arms, planned visits, columns and levels.';
COMMENT ON COLUMN history.participant_no IS 'NULL: it was a name that many share.';
COMMENT ON COLUMN history.before IS 'The row as it was.';
COMMENT ON COLUMN history.after IS 'The row as it became; NULL: it was removed.';
COMMENT ON COLUMN history.changed_by IS 'The role that logged in.';
COMMENT ON COLUMN history.reason IS
  'What SET questrial.reason = ''...'' said in the session of the correction.';

-- With all digits of numbers, whatever the session of the correction has set for itself.
CREATE FUNCTION keep_history() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET extra_float_digits = 1 AS $$
DECLARE
  -- Not every table has the column.
  number CONSTANT integer := to_jsonb(OLD) ->> 'participant_no';
BEGIN
  IF TG_OP = 'DELETE' THEN
    INSERT INTO history (table_name, study_id, participant_no, before)
      VALUES (TG_ARGV[0], OLD.study_id, number, to_jsonb(OLD));
  ELSIF OLD IS DISTINCT FROM NEW THEN
    INSERT INTO history (table_name, study_id, participant_no, before, after)
      VALUES (TG_ARGV[0], OLD.study_id, number, to_jsonb(OLD), to_jsonb(NEW));
  END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION keep_history IS 'Writes into history what was changed or removed.';
REVOKE ALL ON FUNCTION keep_history FROM PUBLIC;

-- TRUNCATE looks at no row, so it could leave no history.
CREATE FUNCTION refuse_truncate() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  RAISE EXCEPTION 'TRUNCATE of "%" would leave no history', TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation', HINT = 'DELETE removes rows and keeps them in history.';
END $$;
COMMENT ON FUNCTION refuse_truncate IS 'Refuses to empty a table without history.';
REVOKE ALL ON FUNCTION refuse_truncate FROM PUBLIC;

CREATE TRIGGER kept AFTER UPDATE OR DELETE ON participants
  FOR EACH ROW EXECUTE FUNCTION keep_history('participants');
CREATE TRIGGER kept AFTER UPDATE OR DELETE ON visits
  FOR EACH ROW EXECUTE FUNCTION keep_history('visits');
CREATE TRIGGER kept AFTER UPDATE OR DELETE ON characteristics
  FOR EACH ROW EXECUTE FUNCTION keep_history('characteristics');
CREATE TRIGGER kept AFTER UPDATE OR DELETE ON answers
  FOR EACH ROW EXECUTE FUNCTION keep_history('answers');
CREATE TRIGGER kept AFTER UPDATE OR DELETE ON arms
  FOR EACH ROW EXECUTE FUNCTION keep_history('arms');
CREATE TRIGGER kept AFTER UPDATE OR DELETE ON schedule
  FOR EACH ROW EXECUTE FUNCTION keep_history('schedule');
CREATE TRIGGER kept AFTER UPDATE OR DELETE ON variables
  FOR EACH ROW EXECUTE FUNCTION keep_history('variables');
CREATE TRIGGER kept AFTER UPDATE OR DELETE ON variable_levels
  FOR EACH ROW EXECUTE FUNCTION keep_history('variable_levels');

-- Partitions take over triggers of rows, not those of statements.
CREATE TRIGGER not_truncated BEFORE TRUNCATE ON participants
  EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER not_truncated BEFORE TRUNCATE ON visits
  EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER not_truncated BEFORE TRUNCATE ON characteristics
  EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER not_truncated BEFORE TRUNCATE ON characteristics_other
  EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER not_truncated BEFORE TRUNCATE ON answers
  EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER not_truncated BEFORE TRUNCATE ON answers_other
  EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER not_truncated BEFORE TRUNCATE ON arms
  EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER not_truncated BEFORE TRUNCATE ON schedule
  EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER not_truncated BEFORE TRUNCATE ON variables
  EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER not_truncated BEFORE TRUNCATE ON variable_levels
  EXECUTE FUNCTION refuse_truncate();

-- Values as texts: an answer, a level's name, a day, a participant's name and arm, a name that was
-- changed. Participants have the name that they have now, or had when they were removed, as their
-- numbers can be given anew.
CREATE VIEW corrections AS
WITH rows AS (
  SELECT history_id, study_id, is_new, kept,
    (kept ->> 'variable_no')::integer AS variable_no, (kept ->> 'level_no')::integer AS level_no,
    (kept ->> 'arm_no')::smallint AS arm_no
  FROM history CROSS JOIN LATERAL (VALUES (false, before), (true, after)) v (is_new, kept)
), named AS (
  SELECT history_id, is_new, coalesce(kept ->> 'arm', kept ->> 'visit',
    kept ->> 'variable', kept ->> 'level', kept ->> 'answer', l.level,
    nullif(concat_ws(', ', kept ->> 'participant', a.arm), ''), kept ->> 'number',
    kept ->> 'truth', kept ->> 'text', kept ->> 'day', kept ->> 'moment') AS value
  FROM rows
  LEFT JOIN variable_levels l USING (study_id, variable_no, level_no)
  LEFT JOIN arms a USING (study_id, arm_no)
)
SELECT h.history_id, s.study, coalesce(gone.participant, p.participant) AS participant,
  h.table_name, d.visit, w.variable, o.value AS old_value, n.value AS new_value,
  h.after IS NULL AS is_removed, h.changed, h.changed_by, h.reason
FROM history h
JOIN named o ON o.history_id = h.history_id AND NOT o.is_new
JOIN named n ON n.history_id = h.history_id AND n.is_new
LEFT JOIN studies s ON s.study_id = h.study_id
LEFT JOIN participants p
  ON p.study_id = h.study_id AND p.participant_no = h.participant_no
LEFT JOIN LATERAL (
  SELECT r.before ->> 'participant' AS participant FROM history r
  WHERE r.table_name = 'participants' AND r.after IS NULL AND r.history_id >= h.history_id
    AND r.study_id = h.study_id AND r.participant_no = h.participant_no
  ORDER BY r.history_id LIMIT 1
) gone ON true
LEFT JOIN schedule d
  ON d.study_id = h.study_id AND d.visit_no = (h.before ->> 'visit_no')::smallint
LEFT JOIN variables w
  ON w.study_id = h.study_id AND w.variable_no = (h.before ->> 'variable_no')::integer;
COMMENT ON VIEW corrections IS 'The history with names and with values as texts, one row each.';
