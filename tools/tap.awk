# Sums one runner's TAP: "N passed, N failed, N skipped". A runner that ended
# before its plan ("1..n"), printed no test, or failed without naming a test
# (-v status=) has crashed: one more failed test.
/^1\.\.[0-9]+/ { planned += substr($1, 4) }
/^(not )?ok/ && /# *SKIP/ { skipped++; next }
/^ok/ { passed++ }
/^not ok/ { failed++ }
END {
    if (passed + failed + skipped < planned || passed + failed + skipped == 0 ||
        (status != 0 && failed == 0)) {
        failed++
    }
    printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
}
