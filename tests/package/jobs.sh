#!/bin/sh
# Tests of the scripts of inst/jobs as they are installed, on a server of their own: exit codes and
# log lines, in an environment that is empty. Prints TAP.
n=0
tell() { # tell STATUS NAME
    n=$((n + 1))
    if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; fi
}

place=$PWD/build/test/jobs
rscript=$(R RHOME)/bin/Rscript
jobs=$($rscript -e 'cat(system.file("jobs", package = "questrial"))')
printed=$(dirname "$jobs")/extdata/lemogne2020
if ! $rscript -e 'quit(status = !(questrial::pg_available() && questrial::pg_can_start()))'; then
    printf '1..1\nok 1 # SKIP no libpq or no PostgreSQL server\n'
    exit 0
fi
rm -rf "$place"
mkdir -p "$place"
$rscript tests/package/jobs-server.R "$place/conninfo" > "$place/server.out" 2>&1 &
trap 'rm -f "$place/conninfo"; wait' EXIT
tries=0
while [ ! -e "$place/conninfo" ] && [ $tries -lt 300 ]; do
    tries=$((tries + 1))
    sleep 0.1
done
if [ ! -e "$place/conninfo" ]; then
    cat "$place/server.out" >&2
    echo "not ok 1 - a server was started"
    exit 1
fi
conninfo=$(cat "$place/conninfo")
port_folder=$(echo "$conninfo" | sed 's/.*host=\([^ ]*\).*/\1/')
ask() { psql -h "$port_folder" -U postgres -d postgres -qAtX -c "$1"; }

# job NAME LINE...: a file for the job NAME on the server's study
job() {
    name=$1
    shift
    {
        printf 'job: %s\nstudy: balint\nattempts: 1\n' "$name"
        printf '%s\n' "$@"
    } > "$place/$name.dcf"
}

# script NAME WORK OPTION...: runs it as cron would, and leaves the exit code in $code
script() {
    name=$1
    work=$2
    shift 2
    (cd / && env -i timeout 60 "$rscript" --no-init-file "$jobs/$work.R" \
        --config "$place/$name.dcf" "$@" > "$place/$name.out" 2>> "$place/$name.log")
    code=$?
}
expect() { # expect CODE EVENT NAME: of the last script
    [ "$code" = "$1" ] && tail -n 1 "$place/$name.log" | grep -q "\"event\":\"$2\".*\"code\":$1,"
    tell $? "$3"
}

database="database: $conninfo"
for work in score analyse report; do
    job "$work" "$database" "report: page.html"
    script $work $work
    expect 0 "done" "$work.R writes results and says 0, with nothing in its environment"
    [ "$(ask "SELECT count(*) FROM questrial.runs WHERE job = '$work' AND status = 'done'")" = 1 ]
    tell $? "$work.R leaves one record"
done
[ -s "$place/page.html" ]
tell $? "report.R wrote the report beside the job's file"
script analyse analyse
expect 0 current "the same data, code and plan again are nothing to do"
rm "$place/page.html"
script report report
expect 0 "done" "a report that is gone is made again"
job dry "$database"
script dry score --dry-run
expect 0 dry_run "a dry run says what it would write"
[ "$(ask "SELECT count(*) FROM questrial.runs WHERE job = 'dry'")" = 0 ]
tell $? "a dry run writes nothing"

job audit "$database" "published: $printed" "repaired: yes"
script audit audit
expect 0 "done" "printed tables with their repairs agree with the database"
job misprint "$database" "published: $printed" "repaired: no"
script misprint audit
expect 65 failed "printed tables as printed do not, which is 65"
tail -n 1 "$place/misprint.log" | grep -q 'specialtysurgery'
tell $? "what is wrong in a printed table is said"
job notables "$database" "published: no/such/folder"
script notables audit
expect 78 failed "printed tables that are not there are 78"
job nowhere "database: host=$place"
script nowhere score
expect 69 failed "no server is 69"
job folder "$database" "report: no/such/folder/page.html"
script folder report
expect 73 failed "a report that cannot be written is 73"
[ "$(ask "SELECT count(*) FROM questrial.runs WHERE job IN ('misprint', 'folder')")" = 0 ]
tell $? "what was refused or failed left no record"

ask "SELECT pg_advisory_lock(hashtextextended('questrial job locked', 0)), pg_sleep(30)" > /dev/null &
holder=$!
while [ "$(ask "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")" = 0 ]; do
    sleep 0.1
done
job locked "$database"
script locked score
expect 75 failed "a second run while the first has the lock is 75"
ask "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'" > /dev/null
wait $holder 2> /dev/null
script locked score
expect 0 "done" "the lock is free when its session is over"

job stranger "database: $(echo "$conninfo" | sed 's/user=[^ ]*/user=stranger/')"
script stranger score
expect 77 failed "a role without rights is 77"
tail -n 1 "$place/stranger.log" | grep -q 'permission denied for schema'
tell $? "what the role may not do is said"
job noschema "$database" "schema: elsewhere"
script noschema score
expect 78 failed "a schema that is not there is 78"
job nostudy "$database"
sed -i 's/study: balint/study: nobody/' "$place/nostudy.dcf"
script nostudy score
expect 78 failed "a study that is not there is 78"
script nofile score
expect 78 failed "no file is 78"
job wrongwork "$database" "work: score"
script wrongwork analyse
expect 78 failed "the file of another work is 78"
script analyse analyse --frobnicate
expect 64 failed "an unknown option is 64"
(cd / && env -i "$rscript" "$jobs/analyse.R" --help) > "$place/help" 2>> "$place/analyse.log" &&
    grep -q -e '--dry-run' "$place/help"
tell $? "--help says how and is 0"

mkdir "$place/own folder"
for bug in 'stop("S001 answered 7")' '{ warning("S001"); data.frame(n = nrow(data)) }' 'S001'; do
    echo "quit(status = questrial::job_command(function(data) $bug))" > "$place/own folder/own.R"
    job own "$database"
    (cd / && "$rscript" "$place/own folder/own.R" \
        --config "$place/own.dcf" 2>> "$place/own.log")
    echo $? >> "$place/own.codes"
done
[ "$(tr '\n' ' ' < "$place/own.codes")" = "70 0 70 " ]
tell $? "an error of one's own function is 70, a warning is not"

# As cron and systemd would: their examples' lines, with this machine's folders put in.
here() {
    sed "s|/usr/bin/Rscript|$rscript|; s|/usr/local/lib/R/site-library/questrial/jobs|$jobs|
        s|/etc/questrial|$place|; s|/var/log/questrial|$place|; s|%i|nightly-analysis|"
}
{ grep -v '^study\|^database' "$jobs/example.dcf"; echo "study: balint"; echo "$database"; } \
    > "$place/nightly-analysis.dcf"
line=$(grep '^[0-9]' "$jobs/cron.example" | sed -E 's/^([^ ]+ ){6}//' | here)
(cd / && env -i HOME=/nonexistent LOGNAME=x SHELL=/bin/sh PATH=/usr/bin:/bin /bin/sh -c "$line")
code=$? name=nightly-analysis
expect 0 "done" "the line of cron.example works as it stands"
line=$(sed -n 's/^ExecStart=//p' "$jobs/questrial@.service" | here)
# shellcheck disable=SC2086 # systemd splits the line into words
(cd / && env -i $line 2>> "$place/$name.log")
code=$?
expect 0 current "ExecStart of questrial@.service works without any environment"
if command -v systemd-analyze > /dev/null; then
    for unit in service timer; do
        here < "$jobs/questrial@.$unit" | sed 's/^User=.*/User=root/' > "$place/questrial@.$unit"
    done
    systemd-analyze verify --man=no "$place/questrial@.timer" "$place/questrial@.service" >&2
    tell $? "systemd accepts the service and the timer"
fi

ask "SELECT extract(epoch FROM age) < 600 FROM questrial.last_success WHERE job = 'analyse'" |
    grep -qx t
tell $? "SQL says when a job last succeeded"

cat "$place"/*.log > "$place/lines"
$rscript -e '
    lines <- lapply(readLines(commandArgs(TRUE)[1]), jsonlite::fromJSON)
    keys <- unique(lapply(lines, names))
    stopifnot(length(lines) > 60, length(keys) == 1, length(keys[[1]]) == 14)
' "$place/lines" >&2
tell $? "every line of every log is JSON with the same keys"
! grep -qE 'S[0-9]{3}|password' "$place/lines"
tell $? "no line of any log names a participant"
echo "1..$n"
