-- Roles without login for a study's home. Run this as the owner of the schema, who must be allowed
-- to create roles; then GRANT them to people.

CREATE ROLE @role_reader NOLOGIN;
CREATE ROLE @role_analyst NOLOGIN;
CREATE ROLE @role_entry NOLOGIN;
CREATE ROLE @role_randomiser NOLOGIN;
GRANT @role_reader TO @role_analyst;

GRANT USAGE ON SCHEMA @schema TO @role_reader, @role_entry, @role_randomiser;
GRANT SELECT ON @migrations TO @role_reader, @role_entry, @role_randomiser;

-- A reader reads all but the lists of allocations.
GRANT SELECT ON @studies, @arms, @participants, @variables, @variable_levels, @characteristics,
  @instruments, @items, @permitted_answers, @schedule, @questions, @visits, @answers,
  @runs, @results, @history,
  @flow, @completeness, @answer_list, @estimates, @last_success, @corrections
  TO @role_reader;

-- An analyst also keeps what runs found; what stands there is not changed.
GRANT INSERT ON @runs, @results TO @role_analyst;
GRANT UPDATE (status, finished, exit_code, message) ON @runs TO @role_analyst;

-- Data entry adds characteristics, visits and answers and is blind to arms, so also to
-- characteristics such as the group of treatment.
GRANT SELECT ON @instruments, @items, @permitted_answers, @variables, @variable_levels, @schedule,
  @questions TO @role_entry;
GRANT SELECT (study_id, study) ON @studies TO @role_entry;
GRANT SELECT (study_id, participant_no, participant) ON @participants TO @role_entry;
GRANT INSERT ON @characteristics TO @role_entry;
GRANT SELECT, INSERT ON @visits TO @role_entry;
GRANT SELECT ON @answers TO @role_entry;
GRANT INSERT (study_id, participant_no, variable_no, visit_no, instrument_id, answer)
  ON @answers TO @role_entry; -- when and by whom it was entered is for the server to say

-- Who randomises takes the next place of a sealed list and is then told its arm.
GRANT EXECUTE ON FUNCTION @take_place, @told_arm TO @role_randomiser;
