-- What people ask most often. Views show what their owner may read, so a reader needs no right on
-- the tables beneath.

CREATE VIEW flow AS
SELECT s.study, a.arm_no, a.arm, d.visit_no, d.visit,
  count(p.participant_no) AS randomised,
  count(v.participant_no) AS attended,
  count(p.participant_no) - count(v.participant_no) AS missed
FROM studies s
JOIN arms a USING (study_id)
JOIN schedule d USING (study_id)
LEFT JOIN participants p USING (study_id, arm_no)
LEFT JOIN visits v USING (study_id, participant_no, visit_no)
GROUP BY s.study, a.arm_no, a.arm, d.visit_no, d.visit;
COMMENT ON VIEW flow IS 'How many of each arm were randomised and how many came to each visit.';

-- Counted before they are joined: answers are many.
CREATE VIEW completeness AS
SELECT s.study, d.visit_no, d.visit, i.instrument, t.item_no, t.item, w.variable,
  coalesce(v.n, 0) AS attended,
  coalesce(x.n, 0) AS answered,
  round(100.0 * coalesce(x.n, 0) / v.n, 1) AS percent
FROM studies s
JOIN questions q USING (study_id)
JOIN variables w USING (study_id, variable_no)
JOIN schedule d USING (study_id, visit_no)
JOIN items t USING (instrument_id, item_no)
JOIN instruments i USING (instrument_id)
LEFT JOIN (SELECT study_id, visit_no, count(*) AS n FROM visits GROUP BY study_id, visit_no) v
  USING (study_id, visit_no)
LEFT JOIN (
  SELECT study_id, variable_no, count(*) AS n FROM answers GROUP BY study_id, variable_no
) x USING (study_id, variable_no);
COMMENT ON VIEW completeness IS 'How many of those who came to a visit answered each item.';

CREATE VIEW answer_list AS
SELECT s.study, p.participant, d.visit, i.instrument, t.item, x.answer, x.entered, x.entered_by
FROM answers x
JOIN studies s USING (study_id)
JOIN participants p USING (study_id, participant_no)
JOIN schedule d USING (study_id, visit_no)
JOIN questions q USING (study_id, variable_no)
JOIN items t ON t.instrument_id = q.instrument_id AND t.item_no = q.item_no
JOIN instruments i ON i.instrument_id = t.instrument_id;
COMMENT ON VIEW answer_list IS 'Answers with names instead of numbers.';

CREATE VIEW estimates AS
SELECT r.run_id, r.part, r.row_no,
  max(r.text) FILTER (WHERE r.name = 'analysis') AS analysis,
  max(r.text) FILTER (WHERE r.name = 'contrast') AS contrast,
  max(r.text) FILTER (WHERE r.name = 'term') AS term,
  max(r.text) FILTER (WHERE r.name = 'arm') AS arm,
  max(r.number) FILTER (WHERE r.name = 'n') AS n,
  max(r.number) FILTER (WHERE r.name = 'estimate') AS estimate,
  max(r.number) FILTER (WHERE r.name = 'std.error') AS std_error,
  max(r.number) FILTER (WHERE r.name = 'statistic') AS statistic,
  max(r.number) FILTER (WHERE r.name = 'df') AS df,
  max(r.number) FILTER (WHERE r.name = 'df.residual') AS df_residual,
  max(r.number) FILTER (WHERE r.name = 'p.value') AS p_value,
  max(r.number) FILTER (WHERE r.name = 'conf.low') AS conf_low,
  max(r.number) FILTER (WHERE r.name = 'conf.high') AS conf_high
FROM results r
GROUP BY r.run_id, r.part, r.row_no
HAVING bool_or(r.name IN ('estimate', 'statistic'));
COMMENT ON VIEW estimates IS 'Rows of results that hold an estimate or a test.';

CREATE VIEW last_success AS
SELECT job, max(finished) AS finished, clock_timestamp() - max(finished) AS age
FROM runs WHERE status IN ('done', 'current') GROUP BY job;
COMMENT ON VIEW last_success IS
  'When each job last did its work or found nothing to do: what a dead man''s switch asks.';
