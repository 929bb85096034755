/* Printed tables put together cell by cell, for the tests of the audit. */
#ifndef AUDIT_CASE_H
#define AUDIT_CASE_H

#include "stat/audit.h"

#include "qst_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CASE_CELLS 512
#define CASE_INPUTS 4096

/* Cell 0 is the empty one. */
typedef struct {
    qst_printed cells[CASE_CELLS];
    int32_t inputs[CASE_INPUTS], counts[64];
    qst_margin margins[8];
    int32_t n_cells, n_inputs, n_margins, n_counts;
    bool truncated;
} audit_case;

static inline void case_start(audit_case *c)
{
    memset(c, 0, sizeof *c);
    c->cells[0].kind = QST_CELL_EMPTY;
    c->n_cells = 1;
}

static inline int32_t case_cell(audit_case *c, int64_t digits, int32_t decimals, int32_t kind)
{
    c->cells[c->n_cells] = (qst_printed){digits, decimals, kind};
    return c->n_cells++;
}

static inline int32_t case_count(audit_case *c, int64_t n)
{
    return case_cell(c, n, 0, QST_CELL_COUNT);
}

/* As printed: "-1.20". */
static inline int32_t case_number(audit_case *c, const char *text)
{
    const char *point = strchr(text, '.');
    const int32_t decimals = point == NULL ? 0 : (int32_t)strlen(point + 1);
    return case_cell(
        c, (int64_t)llround(atof(text) * pow(10.0, decimals)), decimals, QST_CELL_NUMBER);
}

static inline int32_t case_rounded(audit_case *c, double x, int32_t decimals)
{
    return case_cell(c, (int64_t)llround(x * pow(10.0, decimals)), decimals, QST_CELL_NUMBER);
}

static inline int32_t case_label(audit_case *c, int64_t level, int32_t margin)
{
    return case_cell(c, level, margin, QST_CELL_LABEL);
}

/* counts: level by column, NULL for the arms themselves. Returns the margin's number. */
static inline int32_t case_margin(
    audit_case *c, int32_t n_levels, int32_t n_arms, const int *counts)
{
    qst_margin *margin = &c->margins[c->n_margins];
    *margin = (qst_margin){n_levels, n_arms, NULL};
    if (counts != NULL) {
        margin->count = &c->counts[c->n_counts];
        for (int32_t k = 0; k < n_levels * n_arms; k++) {
            c->counts[c->n_counts++] = case_count(c, counts[k]);
        }
    }
    return c->n_margins++;
}

static inline void case_input(audit_case *c, int32_t cell)
{
    c->inputs[c->n_inputs++] = cell;
}

/* A check of the inputs put in since `first`. */
static inline qst_finding case_audit(const audit_case *c, qst_check_kind kind, int32_t target,
    int32_t first, const double par[3], bool is_unsigned)
{
    const qst_check check = {(int32_t)kind, target, first, c->n_inputs - first, 0, 0, is_unsigned,
        {par[0], par[1], par[2]}};
    const qst_tables tables = {.n_cells = c->n_cells,
        .n_checks = 1,
        .n_inputs = c->n_inputs,
        .cells = c->cells,
        .checks = &check,
        .inputs = c->inputs,
        .margins = c->margins,
        .n_margins = c->n_margins,
        .truncated = c->truncated};
    qst_finding finding;
    qst_err err;
    qst_err_init(&err);
    assert_status(qst_audit(NULL, &tables, &finding, &err), QST_OK, &err);
    return finding;
}

#endif
