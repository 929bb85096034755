/*
 * Tables with a single check, for tests of what checks recompute: cell 0 is its target, the others
 * its inputs in their order.
 */
#ifndef CHECK_CASE_H
#define CHECK_CASE_H

#include "qst_test.h"

#include <math.h>
#include <string.h>

#define MAX_CASE_CELLS 1200

typedef struct {
    qst_printed cells[MAX_CASE_CELLS];
    int32_t inputs[MAX_CASE_CELLS];
    qst_check check;
    qst_tables tables;
} audit_case;

/* "35.9", "-2", "<0.001", ">0.99", "": what is printed; whole numbers are counts, "2." is a
 * rounded 2. */
static inline qst_printed printed(const char *text)
{
    qst_printed cell = {0, 0, QST_CELL_COUNT};
    if (text[0] == '\0') {
        cell.kind = QST_CELL_EMPTY;
        return cell;
    }
    bool is_negative = false, has_point = false;
    for (const char *c = text; *c != '\0'; c++) {
        if (*c >= '0' && *c <= '9') {
            cell.digits = 10 * cell.digits + (*c - '0');
            cell.decimals += has_point;
        }
        is_negative = is_negative || *c == '-';
        has_point = has_point || *c == '.';
    }
    cell.digits = is_negative ? -cell.digits : cell.digits;
    cell.kind = text[0] == '<'   ? QST_CELL_BELOW
                : text[0] == '>' ? QST_CELL_ABOVE
                : has_point      ? QST_CELL_NUMBER
                                 : QST_CELL_COUNT;
    return cell;
}

static inline void case_init(audit_case *c, int32_t kind, const char *target)
{
    memset(c, 0, sizeof *c);
    c->check.kind = kind;
    c->cells[0] = printed(target);
}

static inline void case_add(audit_case *c, qst_printed cell)
{
    c->inputs[c->check.n] = c->check.n + 1;
    c->cells[++c->check.n] = cell;
}

/* Inputs separated by blanks. */
static inline void case_add_texts(audit_case *c, const char *texts)
{
    char text[32];
    while (*texts != '\0') {
        const size_t length = strcspn(texts, " ");
        memcpy(text, texts, length);
        text[length] = '\0';
        case_add(c, printed(strcmp(text, "-") == 0 ? "" : text));
        texts += length + (texts[length] == ' ');
    }
}

/* A table of counts as inputs, row by row. */
static inline void case_add_table(audit_case *c, const int *counts, int n_rows, int n_cols)
{
    for (int k = 0; k < n_rows * n_cols; k++) {
        case_add(c, (qst_printed){counts[k], 0, QST_CELL_COUNT});
    }
    c->check.n_rows = n_rows;
    c->check.n_cols = n_cols;
}

static inline qst_finding case_audit(audit_case *c)
{
    c->tables.n_cells = c->check.n + 1;
    c->tables.n_checks = 1;
    c->tables.n_inputs = c->check.n;
    c->tables.cells = c->cells;
    c->tables.checks = &c->check;
    c->tables.inputs = c->inputs;
    qst_finding finding;
    qst_err err = {0};
    assert_status(qst_audit(NULL, &c->tables, &finding, &err), QST_OK, &err);
    return finding;
}

#endif
