# One line a function of clang-formatted C: length, "explained" or "-", place, name.
FNR == 1 { comment = ""; start = 0 }
/^\/\*/ { comment = "" }
/^(\/\*| \*)/ || (comment != "" && !start) { comment = comment " " $0 }
/^[A-Za-z].*\(/ && !start { start = FNR; name = $0; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name) }
/^[A-Za-z#].*;/ && start && !body { start = 0 }
/^{/ && start { body = 1 }
/^}/ && body {
    why = comment ~ /Long because/ ? "explained" : "-"
    print FNR - start + 1, why, FILENAME ":" start, name
    start = body = 0
    comment = ""
}
/^$/ && !start { comment = "" }
