#include "glue/glue.h"

#include <R.h>
#include <R_ext/Utils.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- Interrupts ---- */

static SEXP check_interrupt(void *data)
{
    (void)data;
    R_CheckUserInterrupt();
    return R_NilValue;
}

static void jump_back(void *data, Rboolean jump)
{
    if (jump) {
        longjmp(((qstr_call *)data)->back, 1);
    }
}

/* An interrupt, a time limit or whatever the event loop throws unwinds R as far as this frame; the
 * core then frees what it owns, and qstr_done() lets R go on. R_ToplevelExec() would lose which
 * condition it was. */
static bool poll(void *data)
{
    qstr_call *call = data;
    if (!call->unwinding) {
        if (setjmp(call->back) != 0) {
            call->unwinding = true;
        } else {
            R_UnwindProtect(check_interrupt, NULL, jump_back, call, call->token);
        }
    }
    return call->unwinding;
}

SEXP qstr_begin(qstr_call *call, int n_threads)
{
    qst_ctx_init(&call->ctx);
    call->ctx.poll = poll;
    call->ctx.poll_data = call;
    call->ctx.n_threads = n_threads;
    qst_err_init(&call->err);
    call->unwinding = false;
    call->token = R_MakeUnwindCont();
    return call->token;
}

/* ---- Errors ---- */

/* qst_core_abort(kind, message, row, column, iteration, value) of the package, positions from 1. */
static NORET void raise(const qst_err *err)
{
    SEXP name = PROTECT(Rf_mkString("questrial"));
    SEXP home = PROTECT(R_FindNamespace(name));
    const double position[] = {(double)err->row, (double)err->column, (double)err->iteration};
    SEXP at = PROTECT(Rf_allocVector(REALSXP, 3));
    for (int k = 0; k < 3; k++) {
        REAL(at)[k] = position[k] < 0 ? NA_REAL : position[k] + 1;
    }
    SEXP kind = PROTECT(Rf_mkString(qst_status_kind(err->status)));
    SEXP text = PROTECT(Rf_mkString(err->text));
    SEXP value = PROTECT(Rf_ScalarReal(err->value));
    SEXP abort_call = PROTECT(Rf_lang5(Rf_install("qst_core_abort"), kind, text, at, value));
    Rf_eval(abort_call, home);
    Rf_error("%s", err->text); /* qst_core_abort() does not return */
}

void qstr_done(qstr_call *call, qst_status status)
{
    if (call->unwinding) {
        R_ContinueUnwind(call->token);
    }
    if (status != QST_OK) {
        call->err.status = status;
        raise(&call->err);
    }
}

void qstr_refuse(const char *format, ...)
{
    qst_err err;
    qst_err_init(&err);
    err.status = QST_EARGUMENT;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(err.text, sizeof err.text, format, arguments);
    va_end(arguments);
    raise(&err);
}

/* ---- Readers ---- */

static double single_number(SEXP x, const char *argument)
{
    const bool number = TYPEOF(x) == INTSXP || TYPEOF(x) == REALSXP;
    if (!number || XLENGTH(x) != 1) {
        qstr_refuse("`%s` must be a single number.", argument);
    }
    return Rf_asReal(x);
}

int qstr_int(SEXP x, const char *argument)
{
    const double value = single_number(x, argument);
    if (!(fabs(value) <= INT32_MAX) || value != floor(value)) {
        qstr_refuse("`%s` must be a whole number.", argument);
    }
    return (int)value;
}

double qstr_double(SEXP x, const char *argument)
{
    const double value = single_number(x, argument);
    if (!isfinite(value)) {
        qstr_refuse("`%s` must be a finite number.", argument);
    }
    return value;
}

bool qstr_flag(SEXP x, const char *argument)
{
    if (TYPEOF(x) != LGLSXP || XLENGTH(x) != 1 || LOGICAL(x)[0] == NA_LOGICAL) {
        qstr_refuse("`%s` must be TRUE or FALSE.", argument);
    }
    return LOGICAL(x)[0] != 0;
}

uint64_t qstr_seed(SEXP x)
{
    const double value = single_number(x, "seed");
    if (!(value >= 0 && value <= 0x1p53) || value != floor(value)) {
        qstr_refuse("`seed` must be a whole number from 0 to 2^53.");
    }
    return (uint64_t)value;
}

qst_col qstr_col(SEXP x, const char *argument)
{
    qst_col column = {.n = XLENGTH(x)};
    switch (TYPEOF(x)) {
    case REALSXP:
        column.type = QST_COL_DOUBLE;
        column.data = REAL_RO(x);
        return column;
    case INTSXP:
    case LGLSXP:
        column.type = Rf_isFactor(x) ? QST_COL_FACTOR : QST_COL_INT;
        column.n_levels = Rf_isFactor(x) ? Rf_nlevels(x) : 0;
        column.data = TYPEOF(x) == INTSXP ? (const void *)INTEGER_RO(x) : LOGICAL_RO(x);
        return column;
    default:
        qstr_refuse("`%s` must hold numbers or a factor, not %s.", argument,
            Rf_type2char((SEXPTYPE)TYPEOF(x)));
    }
}

const qst_col *qstr_cols(SEXP list, const char *argument, ptrdiff_t *n_rows_out)
{
    if (TYPEOF(list) != VECSXP || XLENGTH(list) == 0) {
        qstr_refuse("`%s` must be a list of at least one column.", argument);
    }
    const ptrdiff_t n_cols = XLENGTH(list);
    qst_col *columns = (qst_col *)R_alloc((size_t)n_cols, sizeof *columns);
    for (ptrdiff_t j = 0; j < n_cols; j++) {
        columns[j] = qstr_col(VECTOR_ELT(list, j), argument);
        if (columns[j].n != columns[0].n) {
            qstr_refuse("columns of `%s` differ in length.", argument);
        }
    }
    *n_rows_out = columns[0].n;
    return columns;
}

qst_cmat qstr_cmat(SEXP x, const char *argument)
{
    if (TYPEOF(x) != REALSXP || !Rf_isMatrix(x)) {
        qstr_refuse("`%s` must be a matrix of doubles.", argument);
    }
    const ptrdiff_t n_rows = Rf_nrows(x);
    return (qst_cmat){REAL_RO(x), n_rows, Rf_ncols(x), n_rows > 0 ? n_rows : 1};
}

const double *qstr_doubles(SEXP x, ptrdiff_t n, const char *argument)
{
    if (TYPEOF(x) != REALSXP || (n >= 0 && XLENGTH(x) != n)) {
        qstr_refuse("`%s` must hold doubles, of the right number.", argument);
    }
    return REAL_RO(x);
}

const int *qstr_ints(SEXP x, ptrdiff_t n, const char *argument)
{
    if (TYPEOF(x) != INTSXP || (n >= 0 && XLENGTH(x) != n)) {
        qstr_refuse("`%s` must hold integers, of the right number.", argument);
    }
    return INTEGER_RO(x);
}

SEXP qstr_element(SEXP list, const char *name)
{
    SEXP names = Rf_getAttrib(list, R_NamesSymbol);
    for (R_xlen_t k = 0; k < Rf_xlength(names); k++) {
        if (strcmp(CHAR(STRING_ELT(names, k)), name) == 0) {
            return VECTOR_ELT(list, k);
        }
    }
    return R_NilValue;
}

static SEXP list_of(SEXP x, const char *argument)
{
    if (TYPEOF(x) != VECSXP) {
        qstr_refuse("`%s` must be a list.", argument);
    }
    return x;
}

static qst_part read_part(SEXP part, ptrdiff_t n_rows)
{
    list_of(part, "part");
    SEXP x = qstr_element(part, "x");
    if (x != R_NilValue) {
        const ptrdiff_t n_cols = Rf_isMatrix(x) ? Rf_ncols(x) : 1;
        return (qst_part){.x = qstr_doubles(x, n_rows * n_cols, "x"), .n_cols = n_cols};
    }
    const qst_cmat coding = qstr_cmat(qstr_element(part, "coding"), "coding");
    return (qst_part){.codes = qstr_ints(qstr_element(part, "codes"), n_rows, "codes"),
        .coding = coding.data,
        .n_levels = (int32_t)coding.n_rows,
        .n_cols = coding.n_cols};
}

static qst_term read_term(SEXP term, ptrdiff_t n_rows)
{
    const ptrdiff_t n_parts = XLENGTH(list_of(term, "term"));
    qst_part *parts = (qst_part *)R_alloc((size_t)n_parts, sizeof *parts);
    for (ptrdiff_t k = 0; k < n_parts; k++) {
        parts[k] = read_part(VECTOR_ELT(term, k), n_rows);
    }
    return (qst_term){parts, n_parts};
}

qst_model qstr_model(SEXP model)
{
    list_of(model, "model");
    const double n_rows = qstr_double(qstr_element(model, "n_rows"), "n_rows");
    if (!(n_rows >= 0 && n_rows <= 0x1p52) || n_rows != floor(n_rows)) {
        qstr_refuse("`n_rows` must be a whole number from 0.");
    }
    SEXP list = list_of(qstr_element(model, "terms"), "terms");
    qst_model out = {.n_terms = XLENGTH(list), .n_rows = (ptrdiff_t)n_rows};
    qst_term *terms = (qst_term *)R_alloc((size_t)out.n_terms, sizeof *terms);
    for (ptrdiff_t t = 0; t < out.n_terms; t++) {
        terms[t] = read_term(VECTOR_ELT(list, t), out.n_rows);
    }
    out.terms = terms;
    return out;
}

static const bool *read_reversed(SEXP reversed, ptrdiff_t n)
{
    if (TYPEOF(reversed) != LGLSXP || XLENGTH(reversed) != n) {
        qstr_refuse("`reversed` must be TRUE or FALSE for each item.");
    }
    bool *flags = (bool *)R_alloc((size_t)n, sizeof *flags);
    for (ptrdiff_t j = 0; j < n; j++) {
        flags[j] = LOGICAL_RO(reversed)[j] == TRUE;
    }
    return flags;
}

qst_scale qstr_scale(SEXP columns, SEXP reversed, SEXP range)
{
    qst_scale scale = {.n_items = XLENGTH(columns)};
    scale.items = qstr_cols(columns, "columns", &scale.n_rows);
    scale.reversed = read_reversed(reversed, scale.n_items);
    const double *numbers = qstr_doubles(range, 3, "range");
    scale.range =
        (qst_range){.min = numbers[0], .step = numbers[1], .n_steps = (int32_t)numbers[2]};
    return scale;
}

/* ---- Names ---- */

int qstr_look_up(const qstr_named *known, size_t n, SEXP x, const char *argument)
{
    if (!Rf_isString(x) || XLENGTH(x) != 1) {
        qstr_refuse("`%s` must be a single text.", argument);
    }
    const char *name = CHAR(STRING_ELT(x, 0));
    for (size_t k = 0; k < n; k++) {
        if (strcmp(name, known[k].name) == 0) {
            return known[k].value;
        }
    }
    qstr_refuse("`%s`: there is no \"%s\".", argument, name);
}

qstr_family qstr_read_family(SEXP family)
{
    static const qstr_named families[] = {{"gaussian", QST_FAMILY_GAUSSIAN},
        {"binomial", QST_FAMILY_BINOMIAL}, {"poisson", QST_FAMILY_POISSON},
        {"Gamma", QST_FAMILY_GAMMA}, {"inverse.gaussian", QST_FAMILY_INVERSE_GAUSSIAN},
        {"negative_binomial", QST_FAMILY_NEGATIVE_BINOMIAL}};
    static const qstr_named links[] = {{"identity", QST_LINK_IDENTITY}, {"log", QST_LINK_LOG},
        {"logit", QST_LINK_LOGIT}, {"probit", QST_LINK_PROBIT}, {"cloglog", QST_LINK_CLOGLOG},
        {"cauchit", QST_LINK_CAUCHIT}, {"inverse", QST_LINK_INVERSE},
        {"1/mu^2", QST_LINK_INVERSE_SQUARE}, {"sqrt", QST_LINK_SQRT}};
    list_of(family, "family");
    SEXP theta = qstr_element(family, "theta");
    return (qstr_family){
        .family = (qst_family)qstr_look_up(
            families, sizeof families / sizeof *families, qstr_element(family, "name"), "family"),
        .link = (qst_link)qstr_look_up(
            links, sizeof links / sizeof *links, qstr_element(family, "link"), "link"),
        .theta = theta == R_NilValue ? 0.0 : qstr_double(theta, "theta")};
}
