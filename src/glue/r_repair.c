#include "glue/glue.h"

#include <R.h>
#include <string.h>

/* ---- Arguments ---- */

/* The core's numbers of the kinds whose names are given. */
static const int *read_kinds(SEXP names_sexp)
{
    const ptrdiff_t n = XLENGTH(names_sexp);
    int *kinds = (int *)R_alloc((size_t)n, sizeof *kinds);
    for (ptrdiff_t k = 0; k < n; k++) {
        kinds[k] = qst_change_kind_of(CHAR(STRING_ELT(names_sexp, k)));
        if (kinds[k] < 0) {
            qstr_refuse("There is no change \"%s\".", CHAR(STRING_ELT(names_sexp, k)));
        }
    }
    return kinds;
}

/* A list of logical vectors, one a kind of change of single cells, which it names. */
static const uint16_t *read_allowed(SEXP allowed_sexp, ptrdiff_t n_cells)
{
    uint16_t *allowed = (uint16_t *)R_alloc((size_t)n_cells, sizeof *allowed);
    memset(allowed, 0, (size_t)n_cells * sizeof *allowed);
    const int *kinds = read_kinds(Rf_getAttrib(allowed_sexp, R_NamesSymbol));
    for (ptrdiff_t k = 0; k < XLENGTH(allowed_sexp); k++) {
        SEXP may = VECTOR_ELT(allowed_sexp, k);
        if (TYPEOF(may) != LGLSXP || XLENGTH(may) != n_cells) {
            qstr_refuse("`allowed` must have a logical value for each cell.");
        }
        for (ptrdiff_t i = 0; i < n_cells; i++) {
            if (LOGICAL_RO(may)[i] == TRUE) {
                allowed[i] = (uint16_t)(allowed[i] | 1U << kinds[k]);
            }
        }
    }
    return allowed;
}

/* list(kind, first, n): `kind` counts the names of weights from 0. */
static void read_offers(
    SEXP offers_sexp, const int *kinds, ptrdiff_t n_kinds, qst_repair_plan *plan)
{
    plan->n_offers = XLENGTH(qstr_element(offers_sexp, "kind"));
    const int *kind = qstr_ints(qstr_element(offers_sexp, "kind"), plan->n_offers, "kind");
    const int *first = qstr_ints(qstr_element(offers_sexp, "first"), plan->n_offers, "first");
    const int *n = qstr_ints(qstr_element(offers_sexp, "n"), plan->n_offers, "n");
    qst_offer *offers = (qst_offer *)R_alloc((size_t)plan->n_offers, sizeof *offers);
    for (ptrdiff_t i = 0; i < plan->n_offers; i++) {
        if (kind[i] < 0 || kind[i] >= n_kinds) {
            qstr_refuse("`kind` must count the kinds of changes.");
        }
        offers[i] = (qst_offer){kinds[kind[i]], first[i], n[i]};
    }
    plan->offers = offers;
}

/* list(cell, rule, from), counted from 0. */
static void read_edits(SEXP edits_sexp, qst_repair_plan *plan)
{
    plan->n_edits = XLENGTH(qstr_element(edits_sexp, "cell"));
    const int *cell = qstr_ints(qstr_element(edits_sexp, "cell"), plan->n_edits, "cell");
    const int *rule = qstr_ints(qstr_element(edits_sexp, "rule"), plan->n_edits, "rule");
    const int *from = qstr_ints(qstr_element(edits_sexp, "from"), plan->n_edits, "from");
    qst_edit *edits = (qst_edit *)R_alloc((size_t)plan->n_edits, sizeof *edits);
    for (ptrdiff_t i = 0; i < plan->n_edits; i++) {
        edits[i] = (qst_edit){cell[i], rule[i], from[i]};
    }
    plan->edits = edits;
}

/* list(allowed, decimals, offers, edits, weight (named), max_size, max_proposals). */
static qst_repair_plan read_plan(SEXP plan_sexp, ptrdiff_t n_cells)
{
    SEXP weight_sexp = qstr_element(plan_sexp, "weight");
    SEXP names_sexp = Rf_getAttrib(weight_sexp, R_NamesSymbol);
    const int *kinds = read_kinds(names_sexp);
    const double *weight = qstr_doubles(weight_sexp, XLENGTH(names_sexp), "weight");
    qst_repair_plan plan = {.max_size = qstr_int(qstr_element(plan_sexp, "max_size"), "max_size"),
        .max_proposals = qstr_int(qstr_element(plan_sexp, "max_proposals"), "max_proposals"),
        .allowed = read_allowed(qstr_element(plan_sexp, "allowed"), n_cells),
        .decimals = qstr_ints(qstr_element(plan_sexp, "decimals"), n_cells, "decimals")};
    for (int k = 0; k < QST_N_CHANGES; k++) {
        plan.weight[k] = 1.0;
    }
    for (ptrdiff_t k = 0; k < XLENGTH(names_sexp); k++) {
        plan.weight[kinds[k]] = weight[k];
    }
    read_offers(qstr_element(plan_sexp, "offers"), kinds, XLENGTH(names_sexp), &plan);
    read_edits(qstr_element(plan_sexp, "edits"), &plan);
    return plan;
}

/* ---- Results ---- */

static SEXP named_list(const char **names, const SEXPTYPE *types, ptrdiff_t n)
{
    SEXP list = PROTECT(Rf_mkNamed(VECSXP, names));
    for (ptrdiff_t k = 0; k < XLENGTH(list); k++) {
        SET_VECTOR_ELT(list, k, Rf_allocVector(types[k], n));
    }
    UNPROTECT(1);
    return list;
}

/* Cells, checks, parts and proposals are counted from 1 in R. */
static SEXP parts_list(const qst_repairs *repairs)
{
    const char *names[] = {"check", "n_checks", "size", "n_found", "is_more", ""};
    const SEXPTYPE types[] = {INTSXP, INTSXP, INTSXP, INTSXP, LGLSXP};
    SEXP list = PROTECT(named_list(names, types, repairs->n_parts));
    for (ptrdiff_t i = 0; i < repairs->n_parts; i++) {
        const qst_repair_part *part = &repairs->parts[i];
        INTEGER(VECTOR_ELT(list, 0))[i] = part->check + 1;
        INTEGER(VECTOR_ELT(list, 1))[i] = part->n_checks;
        INTEGER(VECTOR_ELT(list, 2))[i] = part->size;
        INTEGER(VECTOR_ELT(list, 3))[i] = part->n_found;
        LOGICAL(VECTOR_ELT(list, 4))[i] = part->is_more;
    }
    UNPROTECT(1);
    return list;
}

static SEXP proposals_list(const qst_repairs *repairs)
{
    const char *names[] = {"part", "share", ""};
    const SEXPTYPE types[] = {INTSXP, REALSXP};
    SEXP list = PROTECT(named_list(names, types, repairs->n_proposals));
    for (ptrdiff_t i = 0; i < repairs->n_proposals; i++) {
        INTEGER(VECTOR_ELT(list, 0))[i] = repairs->proposals[i].part + 1;
        REAL(VECTOR_ELT(list, 1))[i] = repairs->proposals[i].share;
    }
    UNPROTECT(1);
    return list;
}

static SEXP rows_list(const qst_repairs *repairs)
{
    const char *names[] = {
        "proposal", "change", "kind", "cell", "digits", "decimals", "cell_kind", ""};
    const SEXPTYPE types[] = {INTSXP, INTSXP, STRSXP, INTSXP, REALSXP, INTSXP, INTSXP};
    SEXP list = PROTECT(named_list(names, types, repairs->n_rows));
    for (ptrdiff_t i = 0; i < repairs->n_rows; i++) {
        const qst_repair_row *row = &repairs->rows[i];
        INTEGER(VECTOR_ELT(list, 0))[i] = row->proposal + 1;
        INTEGER(VECTOR_ELT(list, 1))[i] = row->change + 1;
        SET_STRING_ELT(VECTOR_ELT(list, 2), i, Rf_mkChar(qst_change_name(row->kind)));
        INTEGER(VECTOR_ELT(list, 3))[i] = row->cell + 1;
        REAL(VECTOR_ELT(list, 4))[i] = (double)row->to.digits;
        INTEGER(VECTOR_ELT(list, 5))[i] = row->to.decimals;
        INTEGER(VECTOR_ELT(list, 6))[i] = row->to.kind;
    }
    UNPROTECT(1);
    return list;
}

/* ---- Entry ---- */

#define MAX_PARTS 1000
#define MAX_ROWS 20000

/* list(parts, proposals, rows), lists of columns as the core's structs. */
SEXP qstr_repair(SEXP tables_sexp, SEXP plan_sexp, SEXP threads_sexp)
{
    const qst_tables tables = qstr_tables(tables_sexp);
    const qst_repair_plan plan = read_plan(plan_sexp, tables.n_cells);
    const int n_threads = qstr_int(threads_sexp, "threads");
    qst_repairs repairs = {.parts = (qst_repair_part *)R_alloc(MAX_PARTS, sizeof *repairs.parts),
        .proposals = (qst_proposal *)R_alloc(MAX_ROWS, sizeof *repairs.proposals),
        .rows = (qst_repair_row *)R_alloc(MAX_ROWS, sizeof *repairs.rows),
        .max_parts = MAX_PARTS,
        .max_proposals = MAX_ROWS,
        .max_rows = MAX_ROWS};
    const char *names[] = {"parts", "proposals", "rows", ""};
    SEXP result = PROTECT(Rf_mkNamed(VECSXP, names));
    qstr_call call;
    PROTECT(qstr_begin(&call, n_threads));
    const qst_status status = qst_repair(&call.ctx, &tables, &plan, &repairs, &call.err);
    qstr_done(&call, status);
    SET_VECTOR_ELT(result, 0, parts_list(&repairs));
    SET_VECTOR_ELT(result, 1, proposals_list(&repairs));
    SET_VECTOR_ELT(result, 2, rows_list(&repairs));
    UNPROTECT(2);
    return result;
}
