-- A study: who takes part, in which arm, who is asked what when, and what they answered.
--
-- Every rule that can be said by a key, a reference or a check is: the server refuses what breaks
-- it, whatever program writes. Rows of a study carry its number in their keys, so that nothing can
-- refer to what belongs to another study. The tables of many rows have a partition for each study,
-- so that loading one checks its references once, table by table, and not row by row.

CREATE TABLE studies (
  study_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  study text NOT NULL UNIQUE CHECK (study <> ''),
  plan text NOT NULL,
  plan_hash text NOT NULL CHECK (plan_hash = encode(sha256(convert_to(plan, 'UTF8')), 'hex')),
  synthetic text CHECK (synthetic <> ''),
  created timestamptz NOT NULL DEFAULT clock_timestamp(),
  created_by text NOT NULL DEFAULT session_user
);
COMMENT ON TABLE studies IS 'A randomised trial and the plan of its analysis.';
COMMENT ON COLUMN studies.study IS 'The short name by which programs ask for the study.';
COMMENT ON COLUMN studies.plan IS 'The analysis plan: lines of `field: value`.';
COMMENT ON COLUMN studies.plan_hash IS 'SHA-256 of the plan''s UTF-8 bytes.';
COMMENT ON COLUMN studies.synthetic IS
  'How the data were made, if no participant stands behind them; else NULL.';

CREATE TABLE arms (
  study_id integer REFERENCES studies,
  arm_no smallint CHECK (arm_no >= 1),
  arm text NOT NULL,
  is_reference boolean NOT NULL,
  PRIMARY KEY (study_id, arm_no),
  UNIQUE (study_id, arm)
);
CREATE UNIQUE INDEX arms_one_reference ON arms (study_id) WHERE is_reference;
COMMENT ON TABLE arms IS 'The arms of a study, in the order in which tables show them.';
COMMENT ON COLUMN arms.is_reference IS 'The arm that the others are compared with: at most one.';

CREATE TABLE participants (
  study_id integer REFERENCES studies,
  participant_no integer CHECK (participant_no >= 1),
  participant text NOT NULL CHECK (length(participant) BETWEEN 1 AND 200),
  arm_no smallint NOT NULL,
  PRIMARY KEY (study_id, participant_no),
  UNIQUE (study_id, participant),
  UNIQUE (study_id, participant_no, arm_no),
  FOREIGN KEY (study_id, arm_no) REFERENCES arms
);
COMMENT ON TABLE participants IS 'Everybody who was randomised, each in an arm of the study.';
COMMENT ON COLUMN participants.participant_no IS 'The order of the rows of the wide table.';
COMMENT ON COLUMN participants.participant IS 'The pseudonym by which the study knows the person.';

-- The columns of the wide table, and what is known of people besides their answers.

CREATE TABLE variables (
  study_id integer REFERENCES studies,
  variable_no integer CHECK (variable_no >= 1),
  variable text NOT NULL,
  role text NOT NULL CHECK (role IN ('id', 'arm', 'characteristic', 'answer')),
  kind text CHECK (kind IN ('level', 'number', 'truth', 'text', 'day', 'moment')),
  type text NOT NULL,
  time_zone text CHECK (time_zone IS NULL OR kind = 'moment'),
  PRIMARY KEY (study_id, variable_no),
  UNIQUE (study_id, variable),
  UNIQUE (study_id, variable_no, role),
  UNIQUE (study_id, variable_no, kind),
  CHECK ((role = 'characteristic') = (kind IS NOT NULL))
);
CREATE UNIQUE INDEX variables_one_id ON variables (study_id) WHERE role = 'id';
CREATE UNIQUE INDEX variables_one_arm ON variables (study_id) WHERE role = 'arm';
COMMENT ON TABLE variables IS 'The columns of the wide table, in its order.';
COMMENT ON COLUMN variables.role IS
  'id and arm stand in participants, answers in answers, the rest in characteristics.';
COMMENT ON COLUMN variables.kind IS 'Which column of characteristics holds the values.';
COMMENT ON COLUMN variables.type IS
  'What the column is in R: its classes and its inner type, as in `factor integer`.';

CREATE TABLE variable_levels (
  study_id integer,
  variable_no integer,
  level_no integer CHECK (level_no >= 1),
  level text NOT NULL,
  PRIMARY KEY (study_id, variable_no, level_no),
  UNIQUE (study_id, variable_no, level),
  FOREIGN KEY (study_id, variable_no) REFERENCES variables
);
COMMENT ON TABLE variable_levels IS 'The levels that a factor can have, in their order.';

CREATE TABLE characteristics (
  study_id integer,
  participant_no integer,
  variable_no integer,
  kind text NOT NULL,
  level_no integer,
  number double precision,
  truth boolean,
  text text,
  day date,
  moment timestamptz,
  PRIMARY KEY (study_id, participant_no, variable_no),
  FOREIGN KEY (study_id, participant_no) REFERENCES participants,
  FOREIGN KEY (study_id, variable_no, kind)
    REFERENCES variables (study_id, variable_no, kind),
  FOREIGN KEY (study_id, variable_no, level_no) REFERENCES variable_levels,
  CONSTRAINT characteristics_one_value CHECK (
    num_nonnulls(level_no, number, truth, text, day, moment) = 1 AND
    num_nonnulls(
      CASE kind WHEN 'level' THEN level_no END, CASE kind WHEN 'number' THEN number END,
      CASE kind WHEN 'truth' THEN truth END, CASE kind WHEN 'text' THEN text END,
      CASE kind WHEN 'day' THEN day END, CASE kind WHEN 'moment' THEN moment END
    ) = 1
  )
) PARTITION BY LIST (study_id);
CREATE TABLE characteristics_other PARTITION OF characteristics DEFAULT;
COMMENT ON TABLE characteristics IS
  'What is known of participants besides arm and answers; what is missing has no row.';
COMMENT ON TABLE characteristics_other IS 'Those of studies without a partition of their own.';

-- Instruments and the answers that they permit. They are shared by studies; a changed instrument is
-- another one, as its definition has another hash.

CREATE TABLE instruments (
  instrument_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  instrument text NOT NULL,
  min numeric NOT NULL,
  max numeric NOT NULL,
  step numeric NOT NULL CHECK (step > 0),
  definition text NOT NULL,
  definition_hash text NOT NULL UNIQUE
    CHECK (definition_hash = encode(sha256(convert_to(definition, 'UTF8')), 'hex')),
  UNIQUE (instrument_id, min, max, step),
  CONSTRAINT instruments_whole_steps CHECK (max > min AND mod(max - min, step) = 0)
);
COMMENT ON TABLE instruments IS 'Questionnaires: what can be answered and how it is scored.';
COMMENT ON COLUMN instruments.definition IS
  'Items, range, reversed items and scales in Debian control format; no wording of items.';

CREATE TABLE items (
  instrument_id integer REFERENCES instruments,
  item_no integer CHECK (item_no >= 1),
  item text NOT NULL,
  is_reversed boolean NOT NULL,
  PRIMARY KEY (instrument_id, item_no),
  UNIQUE (instrument_id, item)
);
COMMENT ON TABLE items IS 'The items of an instrument, in the order of the form.';
COMMENT ON COLUMN items.is_reversed IS 'Scored as min + max - answer; answers are stored as given.';

CREATE TABLE permitted_answers (
  instrument_id integer,
  min numeric NOT NULL,
  max numeric NOT NULL,
  step numeric NOT NULL,
  step_no integer NOT NULL CHECK (step_no >= 0),
  answer numeric,
  PRIMARY KEY (instrument_id, answer),
  FOREIGN KEY (instrument_id, min, max, step)
    REFERENCES instruments (instrument_id, min, max, step),
  CONSTRAINT permitted_answers_on_step CHECK (answer = min + step_no * step AND answer <= max)
);
COMMENT ON TABLE permitted_answers IS
  'Every answer that an instrument offers, from its min to its max by its step.';

-- Who was asked what when.

CREATE TABLE schedule (
  study_id integer REFERENCES studies,
  visit_no smallint CHECK (visit_no >= 1),
  visit text NOT NULL CHECK (visit <> ''),
  PRIMARY KEY (study_id, visit_no),
  UNIQUE (study_id, visit)
);
COMMENT ON TABLE schedule IS 'The visits that a study plans, in their order.';

CREATE TABLE questions (
  study_id integer,
  variable_no integer,
  role text NOT NULL DEFAULT 'answer' CHECK (role = 'answer'),
  visit_no smallint NOT NULL,
  instrument_id integer NOT NULL,
  item_no integer NOT NULL,
  PRIMARY KEY (study_id, variable_no),
  UNIQUE (study_id, variable_no, visit_no, instrument_id),
  UNIQUE (study_id, visit_no, instrument_id, item_no),
  FOREIGN KEY (study_id, variable_no, role)
    REFERENCES variables (study_id, variable_no, role),
  FOREIGN KEY (study_id, visit_no) REFERENCES schedule,
  FOREIGN KEY (instrument_id, item_no) REFERENCES items
);
COMMENT ON TABLE questions IS
  'The items that a study asks at a visit, each with its column of the wide table.';

CREATE TABLE visits (
  study_id integer,
  participant_no integer,
  visit_no smallint,
  day date,
  PRIMARY KEY (study_id, participant_no, visit_no),
  FOREIGN KEY (study_id, participant_no) REFERENCES participants,
  FOREIGN KEY (study_id, visit_no) REFERENCES schedule
);
COMMENT ON TABLE visits IS 'The visits that took place: each of a participant once.';
COMMENT ON COLUMN visits.day IS 'When, if it is known.';

CREATE TABLE answers (
  study_id integer,
  participant_no integer,
  variable_no integer,
  visit_no smallint NOT NULL,
  instrument_id integer NOT NULL,
  answer numeric NOT NULL,
  entered timestamptz NOT NULL DEFAULT now(),
  entered_by text NOT NULL DEFAULT session_user,
  PRIMARY KEY (study_id, participant_no, variable_no),
  CONSTRAINT answers_visit_took_place
    FOREIGN KEY (study_id, participant_no, visit_no) REFERENCES visits,
  CONSTRAINT answers_asked_at_visit
    FOREIGN KEY (study_id, variable_no, visit_no, instrument_id)
    REFERENCES questions (study_id, variable_no, visit_no, instrument_id),
  CONSTRAINT answers_permitted
    FOREIGN KEY (instrument_id, answer) REFERENCES permitted_answers
) PARTITION BY LIST (study_id);
CREATE TABLE answers_other PARTITION OF answers DEFAULT;
COMMENT ON TABLE answers IS
  'Answers as given, before any reversal; a missing answer has no row.';
COMMENT ON COLUMN answers.answer IS 'One of the answers that the instrument permits.';
COMMENT ON TABLE answers_other IS 'Those of studies without a partition of their own.';
