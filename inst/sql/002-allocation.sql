-- Sealed allocation. A place of the list is taken in one transaction and its arm told in another:
-- who takes a place cannot look at the arm and then roll back.

CREATE TABLE allocation_lists (
  study_id integer PRIMARY KEY REFERENCES studies,
  hash text NOT NULL,
  sealed text NOT NULL,
  stored timestamptz NOT NULL DEFAULT clock_timestamp(),
  stored_by text NOT NULL DEFAULT session_user,
  CONSTRAINT allocation_lists_seal
    CHECK (hash = encode(sha256(convert_to(sealed, 'UTF8')), 'hex'))
);
COMMENT ON TABLE allocation_lists IS 'The sealed list of a study. Secret until the study ends.';
COMMENT ON COLUMN allocation_lists.hash IS 'The hash that was published before the first place.';
COMMENT ON COLUMN allocation_lists.sealed IS 'Settings, seed and places: the text of that hash.';

CREATE TABLE allocations (
  study_id integer REFERENCES allocation_lists,
  stratum text,
  sequence integer CHECK (sequence >= 1),
  block integer,
  arm_no smallint NOT NULL,
  group_no integer,
  participant_no integer,
  given timestamptz,
  given_by text,
  given_xid xid8,
  PRIMARY KEY (study_id, stratum, sequence),
  UNIQUE (study_id, participant_no),
  FOREIGN KEY (study_id, arm_no) REFERENCES arms,
  FOREIGN KEY (study_id, participant_no, arm_no)
    REFERENCES participants (study_id, participant_no, arm_no),
  CONSTRAINT allocations_given_whole
    CHECK (num_nonnulls(participant_no, given, given_by, given_xid) IN (0, 4))
);
COMMENT ON TABLE allocations IS
  'The places of a sealed list, and who has which. Secret until the study ends.';
COMMENT ON COLUMN allocations.group_no IS 'The group of the arm in which treatment is given.';
COMMENT ON COLUMN allocations.given_xid IS 'The transaction that took the place.';

-- Randomises a participant: takes the first free place of the stratum. Places are taken one after
-- the other, as the row of the list is locked until the transaction ends. Says nothing of the arm.
CREATE FUNCTION take_place(of_study text, new_participant text, of_stratum text DEFAULT 'all')
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  the_study integer;
  place record;
  number integer;
BEGIN
  -- Refused here, as the server's own refusal of a row shows all of it, the arm too.
  IF length(coalesce(new_participant, '')) NOT BETWEEN 1 AND 200 THEN
    RAISE EXCEPTION 'a participant needs a name of 1 to 200 characters'
      USING ERRCODE = 'check_violation';
  END IF;
  SELECT l.study_id INTO the_study
    FROM allocation_lists l JOIN studies s USING (study_id) WHERE s.study = of_study
    FOR UPDATE OF l;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'study "%" has no allocation list', of_study USING ERRCODE = 'no_data_found';
  END IF;
  SELECT a.sequence, a.arm_no INTO place FROM allocations a
    WHERE a.study_id = the_study AND a.stratum = of_stratum AND a.participant_no IS NULL
    ORDER BY a.sequence LIMIT 1;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the list of study "%" has no free place in stratum "%"', of_study, of_stratum
      USING ERRCODE = 'no_data_found';
  END IF;
  SELECT coalesce(max(p.participant_no), 0) + 1 INTO number
    FROM participants p WHERE p.study_id = the_study;
  INSERT INTO participants (study_id, participant_no, participant, arm_no)
    VALUES (the_study, number, new_participant, place.arm_no);
  UPDATE allocations a
    SET participant_no = number, given = clock_timestamp(), given_by = session_user,
      given_xid = pg_current_xact_id()
    WHERE a.study_id = the_study AND a.stratum = of_stratum AND a.sequence = place.sequence;
END $$;
COMMENT ON FUNCTION take_place IS
  'Randomises a participant to the next place of the list; told_arm() then says which arm.';

-- The arm of a participant whose place was taken in an earlier, committed transaction.
CREATE FUNCTION told_arm(of_study text, of_participant text)
RETURNS TABLE (arm text, group_no integer)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  taken_in xid8;
BEGIN
  SELECT r.arm, a.group_no, a.given_xid INTO arm, group_no, taken_in
    FROM studies s JOIN participants p USING (study_id) JOIN arms r USING (study_id, arm_no)
      JOIN allocations a USING (study_id, participant_no)
    WHERE s.study = of_study AND p.participant = of_participant;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'participant "%" of study "%" has no place of its list', of_participant,
      of_study USING ERRCODE = 'no_data_found';
  END IF;
  IF taken_in = pg_current_xact_id_if_assigned() THEN
    RAISE EXCEPTION 'the arm is told after the transaction that took the place has committed'
      USING ERRCODE = 'active_sql_transaction';
  END IF;
  RETURN NEXT;
END $$;
COMMENT ON FUNCTION told_arm IS
  'The arm and group of a participant who has a place; not in the transaction that took it.';

REVOKE ALL ON FUNCTION take_place, told_arm FROM PUBLIC;
