#include "glue/glue.h"

#include <R.h>

static const qstr_named measures[] = {{"MD", QST_EFFECT_MD}, {"SMD", QST_EFFECT_SMD},
    {"ROM", QST_EFFECT_ROM}, {"MC", QST_EFFECT_MC}, {"SMCC", QST_EFFECT_SMCC},
    {"SMCR", QST_EFFECT_SMCR}, {"OR", QST_EFFECT_OR}, {"RR", QST_EFFECT_RR}, {"RD", QST_EFFECT_RD},
    {"PETO", QST_EFFECT_PETO}};

static const qstr_named variances[] = {{"LS", QST_EFFECT_LS}, {"LS2", QST_EFFECT_LS2},
    {"UB", QST_EFFECT_UB}, {"revman", QST_EFFECT_REVMAN}};

static const qstr_named corrections[] = {{"exact", QST_EFFECT_EXACT},
    {"approximate", QST_EFFECT_APPROXIMATE}, {"none", QST_EFFECT_NONE}};

static const qstr_named zeros[] = {{"only0", QST_EFFECT_ONLY0}, {"if0all", QST_EFFECT_IF0ALL},
    {"all", QST_EFFECT_ALL}, {"none", QST_EFFECT_NOWHERE}};

#define LOOK_UP(known, x, argument)                                                                \
    qstr_look_up((known), sizeof(known) / sizeof *(known), (x), (argument))

static SEXP effects_result(ptrdiff_t n)
{
    static const char *names[] = {"yi", "vi", ""};
    SEXP list = PROTECT(Rf_mkNamed(VECSXP, names));
    SET_VECTOR_ELT(list, 0, Rf_allocVector(REALSXP, n));
    SET_VECTOR_ELT(list, 1, Rf_allocVector(REALSXP, n));
    UNPROTECT(1);
    return list;
}

/* Effects of a list of mean1, sd1, n1, mean2, sd2, n2, r, doubles of one length. */
SEXP qstr_effect_means(SEXP measure_sexp, SEXP variance_sexp, SEXP correction_sexp, SEXP arms_sexp)
{
    const int measure = LOOK_UP(measures, measure_sexp, "measure");
    const int variance = LOOK_UP(variances, variance_sexp, "vtype");
    const int correction = LOOK_UP(corrections, correction_sexp, "correction");
    const ptrdiff_t n = XLENGTH(qstr_element(arms_sexp, "mean1"));
    const qst_effect_arms arms = {
        qstr_doubles(qstr_element(arms_sexp, "mean1"), n, "mean1"),
        qstr_doubles(qstr_element(arms_sexp, "sd1"), n, "sd1"),
        qstr_doubles(qstr_element(arms_sexp, "n1"), n, "n1"),
        qstr_doubles(qstr_element(arms_sexp, "mean2"), n, "mean2"),
        qstr_doubles(qstr_element(arms_sexp, "sd2"), n, "sd2"),
        qstr_doubles(qstr_element(arms_sexp, "n2"), n, "n2"),
        qstr_doubles(qstr_element(arms_sexp, "r"), n, "r"),
    };
    SEXP list = PROTECT(effects_result(n));
    qstr_call call;
    PROTECT(qstr_begin(&call, 1));
    const qst_status status = qst_effect_means((qst_effect_measure)measure,
        (qst_effect_variance)variance, (qst_effect_correction)correction, &arms, n,
        REAL(VECTOR_ELT(list, 0)), REAL(VECTOR_ELT(list, 1)), &call.err);
    qstr_done(&call, status);
    UNPROTECT(2);
    return list;
}

/* Effects of a list of events1, n1, events2, n2; `zero` is list(add, to, drop00). */
SEXP qstr_effect_events(SEXP measure_sexp, SEXP zero_sexp, SEXP arms_sexp)
{
    const int measure = LOOK_UP(measures, measure_sexp, "measure");
    const double add = qstr_double(qstr_element(zero_sexp, "add"), "add");
    const int to = LOOK_UP(zeros, qstr_element(zero_sexp, "to"), "to");
    const bool drop00 = qstr_flag(qstr_element(zero_sexp, "drop00"), "drop00");
    const ptrdiff_t n = XLENGTH(qstr_element(arms_sexp, "events1"));
    const qst_effect_counts counts = {
        qstr_doubles(qstr_element(arms_sexp, "events1"), n, "events1"),
        qstr_doubles(qstr_element(arms_sexp, "n1"), n, "n1"),
        qstr_doubles(qstr_element(arms_sexp, "events2"), n, "events2"),
        qstr_doubles(qstr_element(arms_sexp, "n2"), n, "n2"),
    };
    SEXP list = PROTECT(effects_result(n));
    qstr_call call;
    PROTECT(qstr_begin(&call, 1));
    const qst_status status =
        qst_effect_events((qst_effect_measure)measure, add, (qst_effect_zero)to, drop00, &counts, n,
            REAL(VECTOR_ELT(list, 0)), REAL(VECTOR_ELT(list, 1)), &call.err);
    qstr_done(&call, status);
    UNPROTECT(2);
    return list;
}
