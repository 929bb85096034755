#include "glue/glue.h"

#include <R.h>
#include <R_ext/Utils.h>
#include <string.h>

/*
 * Hashes need no memory and cannot fail, so nothing of the core is open while
 * R is asked for the next piece of a column. Columns are read in pieces, so
 * that neither a compact sequence is expanded nor a column copied.
 */
#define PIECE 4096

static void add_text(qst_sha256 *hash, SEXP string)
{
    if (string == NA_STRING) {
        qst_sha256_add_int64(hash, -1);
        return;
    }
    const void *unwind_to = vmaxget();
    const char *text = Rf_translateCharUTF8(string);
    const size_t n_bytes = strlen(text);
    qst_sha256_add_int64(hash, (int64_t)n_bytes);
    qst_sha256_add(hash, text, n_bytes);
    vmaxset(unwind_to);
}

static void add_texts(qst_sha256 *hash, SEXP x)
{
    for (R_xlen_t i = 0; i < XLENGTH(x); i++) {
        if (i % PIECE == 0) {
            R_CheckUserInterrupt();
        }
        add_text(hash, STRING_ELT(x, i));
    }
}

static void add_doubles(qst_sha256 *hash, SEXP x)
{
    double piece[PIECE];
    for (R_xlen_t i = 0, n; i < XLENGTH(x); i += n) {
        n = REAL_GET_REGION(x, i, PIECE, piece);
        R_CheckUserInterrupt();
        qst_sha256_add_doubles(hash, piece, n);
    }
}

static void add_ints(qst_sha256 *hash, SEXP x)
{
    int piece[PIECE];
    const bool logical = TYPEOF(x) == LGLSXP;
    for (R_xlen_t i = 0, n; i < XLENGTH(x); i += n) {
        n = logical ? LOGICAL_GET_REGION(x, i, PIECE, piece)
                    : INTEGER_GET_REGION(x, i, PIECE, piece);
        R_CheckUserInterrupt();
        qst_sha256_add_int32s(hash, piece, n);
    }
}

static void add_column(qst_sha256 *hash, SEXP x)
{
    if (Rf_isFactor(x)) {
        SEXP levels = PROTECT(Rf_getAttrib(x, R_LevelsSymbol));
        qst_sha256_add_int64(hash, XLENGTH(levels));
        add_texts(hash, levels);
        UNPROTECT(1);
    }
    switch (TYPEOF(x)) {
    case STRSXP:
        add_texts(hash, x);
        return;
    case REALSXP:
        add_doubles(hash, x);
        return;
    case INTSXP:
    case LGLSXP:
        add_ints(hash, x);
        return;
    default:
        qstr_refuse("a column of `data` is of type %s.", Rf_type2char(TYPEOF(x)));
    }
}

static SEXP hex_of(qst_sha256 *hash)
{
    char hex[QST_SHA256_TEXT];
    qst_sha256_end(hash, hex);
    return Rf_mkString(hex);
}

/* `head`, `names` and `types` are texts, the last two one for each column. */
SEXP qstr_hash_data(
    SEXP head_sexp, SEXP data_sexp, SEXP n_rows_sexp, SEXP names_sexp, SEXP types_sexp)
{
    const R_xlen_t n_cols = XLENGTH(data_sexp);
    qst_sha256 hash;
    qst_sha256_init(&hash);
    add_texts(&hash, head_sexp);
    qst_sha256_add_int64(&hash, (int64_t)qstr_double(n_rows_sexp, "nrow(data)"));
    qst_sha256_add_int64(&hash, n_cols);
    for (R_xlen_t j = 0; j < n_cols; j++) {
        add_text(&hash, STRING_ELT(names_sexp, j));
        add_text(&hash, STRING_ELT(types_sexp, j));
        add_column(&hash, VECTOR_ELT(data_sexp, j));
    }
    return hex_of(&hash);
}

/* The hash of the bytes of one text in UTF-8. */
SEXP qstr_hash_text(SEXP text_sexp)
{
    const char *text = Rf_translateCharUTF8(STRING_ELT(text_sexp, 0));
    qst_sha256 hash;
    qst_sha256_init(&hash);
    qst_sha256_add(&hash, text, strlen(text));
    return hex_of(&hash);
}
