/*
 * qst.h - the questrial core: the manual.
 *
 * A C library for trials measured by questionnaires: scoring, reliability,
 * linear models, comparisons, and cohorts rebuilt from printed tables. It
 * knows nothing of R, prints nothing, keeps no state between calls.
 *
 * Conventions that hold for every function below, and are not repeated:
 *
 *   Status    A function that can fail returns qst_status and takes a
 *             `qst_err *err` last, which may be NULL. On failure it says what
 *             was wrong and where; results are then unspecified unless said.
 *   Context   `ctx` carries the allocator, the poll function and the number
 *             of threads. NULL means malloc, never polled, one thread.
 *   Memory    Results go into buffers of the caller, whose sizes are given
 *             beside each parameter. Work memory comes from one arena a call
 *             and is freed before the call returns, whatever happens.
 *   Missing   INT32_MIN in int32 and factor columns, any NaN in doubles.
 *             Missing results are R's NA (qst_na_real()), impossible ones NaN.
 *   Matrices  Column-major with a leading dimension, as in R: element (i, j)
 *             of `m` is m.data[i + j * m.ld]. Rows and columns count from 0;
 *             positions inside qst_err count from 0 too.
 *   Threads   Same bits for any number of threads. No function is entered
 *             twice at once with the same output buffers; otherwise all may
 *             be called from several threads, each with its own context.
 *   Inputs    are never written to. Input checks hold in every build.
 */
#ifndef QST_H
#define QST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define QST_MUST_USE __attribute__((warn_unused_result))
#define QST_PRINTF(format_at, first_at) __attribute__((format(printf, format_at, first_at)))
#else
#define QST_MUST_USE
#define QST_PRINTF(format_at, first_at)
#endif

/* ---- Status and errors --------------------------------------------------- */

/*
 * The one list of statuses: name, kind (the word that ends an R condition's
 * class), meaning. Enum and texts are made from it, so they cannot drift.
 */
#define QST_STATUS_LIST(X)                                                                         \
    X(QST_OK, "ok", "no error")                                                                    \
    X(QST_EARGUMENT, "argument", "an argument is not usable")                                      \
    X(QST_ERANGE, "range", "a value lies outside its range")                                       \
    X(QST_EDIMENSION, "dimension", "sizes do not fit together")                                    \
    X(QST_ENOMEM, "memory", "not enough memory")                                                   \
    X(QST_ESINGULAR, "singular", "a matrix has no inverse")                                        \
    X(QST_ENOTCONV, "convergence", "an iteration did not converge")                                \
    X(QST_ENODATA, "no_data", "no data are left to work on")                                       \
    X(QST_ECANCEL, "cancelled", "the caller asked to stop")                                        \
    X(QST_ETHREAD, "thread", "a thread could not be used")                                         \
    X(QST_EOVERFLOW, "overflow", "a size or a count is too large")                                 \
    X(QST_ECONNECTION, "connection", "the connection failed")                                      \
    X(QST_ESERVER, "server", "the server refused a statement")                                     \
    X(QST_EPROTOCOL, "protocol", "the other side sent what it should not")

#define QST_STATUS_ENUM(name, kind, text) name,
typedef enum { QST_STATUS_LIST(QST_STATUS_ENUM) QST_N_STATUS } qst_status;
#undef QST_STATUS_ENUM

/*
 * What went wrong and where. `row`, `column` and `iteration` are -1 and
 * `value` is NaN where they mean nothing. The first error set wins. The text
 * is cut, never allocated.
 */
typedef struct {
    qst_status status;
    ptrdiff_t row;
    ptrdiff_t column;
    ptrdiff_t iteration;
    double value;
    char text[512];
} qst_err;

/* An error struct that says "no error"; call before the first use. */
void qst_err_init(qst_err *err);

/* The kind ("range") and the meaning ("a value lies outside its range") of a status; a number
 * that is no status gives "unknown". */
const char *qst_status_kind(qst_status status);
const char *qst_status_text(qst_status status);

/* ---- Context: memory, polling, threads ------------------------------------ */

/* Three functions as malloc, realloc and free, with `data` of the caller first. `get` and `resize`
 * return NULL when memory ends, and are never asked for 0 bytes. */
typedef struct {
    void *(*get)(void *data, size_t size_bytes);
    void *(*resize)(void *data, void *block, size_t size_bytes);
    void (*release)(void *data, void *block);
    void *data;
} qst_allocator;

/*
 * `poll` is called on the calling thread only, about every `poll_ms`
 * milliseconds while work goes on; true asks the core to stop, which then frees everything
 * and returns QST_ECANCEL. It may be NULL. `n_threads` below 1 means 1. With
 * more threads than one the allocator must be safe to call from all of them.
 */
typedef struct {
    qst_allocator allocator;
    bool (*poll)(void *data);
    void *poll_data;
    int poll_ms;
    int n_threads;
} qst_ctx;

/* malloc, realloc and free; no poll, 50 ms between polls; one thread. */
void qst_ctx_init(qst_ctx *ctx);

/* ---- Missing values -------------------------------------------------------- */

#define QST_NA_INT INT32_MIN

/* R's NA for doubles: the NaN with 1954 in its low word. */
double qst_na_real(void);

/* True for that NA only, not for other NaN. */
bool qst_is_na_real(double x);

/* ---- Columns and matrices -------------------------------------------------- */

typedef enum { QST_COL_DOUBLE, QST_COL_INT, QST_COL_FACTOR } qst_col_type;

/* One column of a data frame: `data` points to n doubles or n int32; factor codes count from 1 to
 * `n_levels`. */
typedef struct {
    qst_col_type type;
    const void *data;
    ptrdiff_t n;
    int32_t n_levels;
} qst_col;

/* Views: they own nothing. ld >= n_rows. */
typedef struct {
    double *data;
    ptrdiff_t n_rows, n_cols, ld;
} qst_mat;

typedef struct {
    const double *data;
    ptrdiff_t n_rows, n_cols, ld;
} qst_cmat;

/* ---- Random numbers: base/rng.c --------------------------------------------- */

/*
 * Philox 4x32-10 (Salmon, Moraes, Dror & Shaw 2011, SC'11,
 * doi:10.1145/2063384.2063405). The seed is the key; the counter says what
 * the number is for, so that a draw does not depend on how much others drew,
 * on their order or on the number of threads.
 */
typedef struct {
    uint32_t purpose;   /* below 2^8: a number for each use, see the callers */
    uint32_t replicate; /* below 2^12: imputation, bootstrap batch, restart */
    uint32_t variable;  /* below 2^12 */
    uint32_t iteration; /* any */
    uint32_t row;       /* any */
} qst_rng_address;

typedef struct {
    uint32_t key[2];
    uint32_t counter[4];
    uint32_t block[4];
    int n_left;
} qst_rng;

/* The bijection itself: ten rounds over `counter` with `key`, into `block_out`. */
void qst_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t block_out[4]);

/* A stream at `address`. QST_ERANGE if a field is too large for its place. A stream holds 2^34
 * words; what is drawn beyond would repeat it. */
QST_MUST_USE qst_status qst_rng_init(
    qst_rng *rng, uint64_t seed, const qst_rng_address *address, qst_err *err);

/* 32 random bits. */
uint32_t qst_rng_word(qst_rng *rng);

/* Uniform in (0, 1): 52 bits plus a half, so that neither end can occur. Two words each. */
double qst_rng_uniform(qst_rng *rng);

/* Uniform on 0 .. n - 1 without bias (Lemire 2019, doi:10.1145/3230636); n > 0. */
uint32_t qst_rng_below(qst_rng *rng, uint32_t n);

/* Standard normal by the inverse distribution function: one uniform each. */
double qst_rng_normal(qst_rng *rng);

/* Chi-square with df > 0 degrees of freedom, whole or not; a stream of its own for each, since how
 * many words it takes is random. */
double qst_rng_chi_square(qst_rng *rng, double df);

/* ---- Numbers: base/num.c ------------------------------------------------------ */

/* Quantile of the standard normal, Wichura (1988) AS 241 PPND16, about 1e-16; p outside (0, 1):
 * -Inf at 0, Inf at 1, NaN elsewhere. */
double qst_normal_quantile(double p);

/* ---- Tails of distributions: base/tail.c ---------------------------------------------- */

/* P values, relative error some 1e-13: normal and t two-sided (at |x|), chi-square and F upper
 * (1 for x <= 0). df > 0, whole or not; NaN for other df and for NaN. */
double qst_tail_normal(double z);
double qst_tail_t(double t, double df);
double qst_tail_chisq(double x, double df);
double qst_tail_f(double x, double df1, double df2);

/* |t| at which qst_tail_t() is p in (0, 1]; NaN elsewhere. */
double qst_tail_t_quantile(double p, double df);

/* ---- Hashes: base/sha256.c --------------------------------------------------- */

/*
 * SHA-256 (FIPS 180-4) of bytes that come in pieces. How they are cut into
 * pieces does not matter. Nothing here fails or allocates; a message may
 * have up to 2^61 - 1 bytes.
 */
typedef struct {
    uint32_t state[8];
    uint64_t n_bytes; /* so far */
    unsigned char block[64];
} qst_sha256;

#define QST_SHA256_TEXT 65 /* 64 hexadecimal digits and the end of the string */

void qst_sha256_init(qst_sha256 *hash);
void qst_sha256_add(qst_sha256 *hash, const void *bytes, size_t n_bytes);

/* Writes the hash as lower-case hexadecimal text. `hash` must be set up anew before other use. */
void qst_sha256_end(qst_sha256 *hash, char hex_out[QST_SHA256_TEXT]);

/* Numbers enter little-endian on every machine: 8 bytes, n times 4 bytes, n times 8 bytes. Doubles
 * that R takes for equal enter as equal bits: -0 as 0, each NA as qst_na_real(), each other NaN as
 * 0x7FF8000000000000. */
void qst_sha256_add_int64(qst_sha256 *hash, int64_t x);
void qst_sha256_add_int32s(qst_sha256 *hash, const int32_t *x, ptrdiff_t n);
void qst_sha256_add_doubles(qst_sha256 *hash, const double *x, ptrdiff_t n);

/* ---- Threads: base/par.c -------------------------------------------------------- */

/*
 * Task number `task` of the work described by `data`. It writes only what
 * belongs to that task. `worker` is below the number of threads in use and
 * names scratch space.
 */
typedef qst_status (*qst_task)(void *data, ptrdiff_t task, int worker, qst_err *err);

/* Number of workers qst_par_for() uses for n_tasks: at least 1. */
int qst_par_workers(const qst_ctx *ctx, ptrdiff_t n_tasks);

/*
 * Runs tasks 0 .. n_tasks - 1 on short-lived threads that are joined before
 * the return; the calling thread polls before it starts them and meanwhile. If tasks fail, the
 * lowest one decides status and text. Fewer threads than asked for is no error.
 */
QST_MUST_USE qst_status qst_par_for(
    const qst_ctx *ctx, ptrdiff_t n_tasks, qst_task task, void *data, qst_err *err);

/* ---- Dense kernels: la/ ------------------------------------------------------------ */

/* ---- Scoring: stat/score.c --------------------------------------------------------- */

/* The answers that can be given: min, min + step, ..., min + n_steps * step; |min| at most 2^40
 * steps. */
typedef struct {
    double min;
    double step;     /* > 0 */
    int32_t n_steps; /* 1 .. 2^20 */
} qst_range;

/*
 * The answers to a scale: n_items columns (double or int32) of n_rows each.
 * An answer's level is (answer - min) / step, and n_steps less that for a
 * reversed item; levels are whole numbers, so all sums of them are exact. An
 * answer that is no level (rounded to single precision) is a fault of status
 * QST_ERANGE, with row, column and value in `err`: the first row that has one
 * and its first column.
 */
typedef struct {
    const qst_col *items;
    const bool *reversed; /* n_items; NULL: none is */
    ptrdiff_t n_items;
    ptrdiff_t n_rows;
    qst_range range;
} qst_scale;

typedef enum {
    QST_SCORE_SUM,    /* mean of the answers given, times n_items */
    QST_SCORE_MEAN,   /* mean of the answers given */
    QST_SCORE_PERCENT /* 100 mean level / n_steps: percent of maximum possible */
} qst_score_kind;

typedef struct {
    qst_score_kind kind;
    double multiply;         /* the score by this; 1 if nothing is to change */
    ptrdiff_t n_missing_max; /* 0 .. n_items - 1; with more missing answers a row's score is NA */
} qst_score_rule;

/*
 * Scores every row: one pass over the columns, in runs of rows that stay in
 * cache; nothing is copied and no memory is taken. `score_out` has n_rows
 * doubles; `answered_out`, the number of answers, has n_rows or is NULL.
 * QST_EARGUMENT for an unusable rule or a factor column, QST_EDIMENSION for
 * columns of other lengths, QST_ENODATA for no rows. Threaded.
 */
QST_MUST_USE qst_status qst_scale_score(const qst_ctx *ctx, const qst_scale *scale,
    const qst_score_rule *rule, double *score_out, int32_t *answered_out, qst_err *err);

/* ---- Item moments: stat/moments.c --------------------------------------------------- */

/* Which rows enter a covariance: those with an answer to every item that anybody answered, or
 * those with an answer to the two items in question. */
typedef enum { QST_LISTWISE, QST_PAIRWISE } qst_missing;

/* What qst_item_moments() writes; k = n_items of the scale, matrices k by k. */
typedef struct {
    bool *is_answered; /* k: anybody answered the item */
    double *n;         /* k x k: rows behind each covariance, on the diagonal behind the mean */
    double *mean;      /* k: of the answers, after reversal */
    double *cov;       /* k x k, divisor n - 1; NA where n < 2 */
} qst_item_moments_out;

/*
 * Means and covariances of a scale's items after reversal, in one pass over
 * the columns. Sums of levels and of their products are made in integers, so
 * they are exact and the same for any number of threads; an item with a
 * constant answer has variance 0 exactly. Items that nobody answered do not
 * count for QST_LISTWISE; their n is 0, their mean and covariances are NA.
 * Work memory grows with the square of the items, not with the rows.
 * QST_EARGUMENT for more than 1448 steps, else as qst_scale_score(). Threaded.
 */
QST_MUST_USE qst_status qst_item_moments(const qst_ctx *ctx, const qst_scale *scale,
    qst_missing missing, const qst_item_moments_out *out, qst_err *err);

/* ---- Reliability: stat/reliability.c ------------------------------------------------ */

/*
 * Reliability coefficients of the sum of k items with covariance matrix C and
 * correlation matrix R; NaN where a coefficient does not exist.
 */
typedef struct {
    double total_variance;     /* sum of C */
    double alpha;              /* k / (k - 1) (1 - trace C / sum C); Cronbach (1951), eq. 2 */
    double alpha_standardised; /* the same from R */
    /* McDonald's (1999, eq. 6.20b) omega for the sum of the items: (sum s l)^2 / ((sum s l)^2 +
     * sum s^2 u), with l and u the loadings and uniquenesses of the maximum likelihood one-factor
     * model, s the items' standard deviations; all s = 1 for the standardised sum. k >= 3. */
    double omega;
    double omega_standardised;
    int32_t omega_iterations;
    bool omega_converged;
    ptrdiff_t heywood; /* item with the smallest uniqueness if that is at its bound, else -1 */
    double half_correlation; /* of the sum of the 1st, 3rd, ... with that of the 2nd, 4th, ... */
    double spearman_brown;   /* 2 r / (1 + r); Spearman (1910), Brown (1910) */
    double guttman;          /* 4 cov / sum C, lambda-4 of these halves; Guttman (1945) */
} qst_reliability;

/*
 * The coefficients of k >= 2 items with covariance matrix `cov` (k x k, all
 * finite, every variance above 0). `item_rest_out` (k) are the correlations
 * of an item with the sum of the others, `alpha_dropped_out` (k) alpha
 * without the item (NaN for k = 2). The factor model is fitted by EM (Rubin &
 * Thayer 1982) with uniquenesses of at least 0.005; not to converge is no
 * failure but `omega_converged`.
 */
QST_MUST_USE qst_status qst_reliability_fit(const qst_ctx *ctx, const double *cov, ptrdiff_t k,
    qst_reliability *out, double *item_rest_out, double *alpha_dropped_out, qst_err *err);

/* ---- Answer quality: stat/quality.c -------------------------------------------------- */

/* What qst_answer_quality() writes, n_rows of each. */
typedef struct {
    int32_t *answered; /* items answered */
    int32_t
        *longest_run; /* of equal answers side by side, before reversal; a missing one ends it */
    double
        *variability; /* standard deviation of the answers, before reversal; NA for less than 2 */
    double *even_odd; /* see below; NA where it does not exist */
    double *distance; /* squared Mahalanobis distance of the items answered; NA without any */
    int32_t *distance_df; /* the rank of their covariance matrix */
} qst_quality_out;

/*
 * Signs of careless answering, row by row; the columns are in the order in
 * which the items were asked.
 *
 * Even-odd consistency: half[j] is the half-scale of item j after reversal
 * (2 g and 2 g + 1 are the halves of scale g) or -1; n_halves is even. The
 * means of the first halves are correlated with those of the second over the
 * scales that have both, three at least, and r is stepped up to 2 r / (1 + r),
 * not below -1 (Johnson 2005, doi:10.1016/j.jrp.2004.09.009).
 *
 * Mahalanobis distance from the means, with the covariances, of the rows
 * that answered every item that anybody answered (all distances are NA if
 * there are less than two). A row with missing answers has the distance of
 * those it has. Items that linearly follow from earlier ones (1e-10 of their
 * variance left) do not count.
 *
 * Errors as of qst_item_moments(); QST_EARGUMENT for a half outside -1 .. n_halves - 1. Threaded.
 */
QST_MUST_USE qst_status qst_answer_quality(const qst_ctx *ctx, const qst_scale *scale,
    const int32_t *half, int32_t n_halves, const qst_quality_out *out, qst_err *err);

/* ---- Rows with the same answers: stat/duplicates.c ------------------------------------- */

/* For each row how many other rows have the same answers, missing ones included, into same_out
 * (n_rows). Work memory: 16 bytes a row or somewhat more. QST_EOVERFLOW beyond 2^30 rows. */
QST_MUST_USE qst_status qst_duplicate_rows(
    const qst_ctx *ctx, const qst_scale *scale, int32_t *same_out, qst_err *err);

/* ---- From long to wide: stat/pivot.c ---------------------------------------------------- */

/* Values and the places they have in a table; rows and columns count from 1 here. */
typedef struct {
    const int32_t *row, *column; /* n each */
    const double *value;         /* n; none is NaN */
    ptrdiff_t n;
} qst_long;

/* A column to be filled: one of the two is NULL. */
typedef struct {
    int32_t *ints;
    double *doubles;
} qst_wide_col;

typedef struct {
    const qst_wide_col *columns; /* n_cols */
    ptrdiff_t n_cols, n_rows;
} qst_wide;

/*
 * Puts each value into its place of `wide`; places without one are missing. The order of the
 * values does not matter. QST_EARGUMENT for a place outside the table and for a second value of a
 * place, QST_ERANGE for NaN and for a value that a column of integers cannot hold; err->row is the
 * value's number and err->column that of its column. Takes no memory.
 */
QST_MUST_USE qst_status qst_pivot(
    const qst_ctx *ctx, const qst_long *cells, const qst_wide *wide, qst_err *err);

/* ---- Columns of a model: stat/columns.c ---------------------------------------------- */

/*
 * What a model frame asks of its columns before it is used, in one run over
 * them: missing_out[j] is true if column j has a missing value, and seen_out,
 * the levels of the first factor, then of the second, and so on, true for each
 * level that some row has. The columns may differ in length. QST_EARGUMENT
 * (row, column, value) for a code that is neither missing nor in 1 .. n_levels.
 * Threaded.
 */
QST_MUST_USE qst_status qst_columns_scan(const qst_ctx *ctx, const qst_col *columns,
    ptrdiff_t n_cols, bool *missing_out, bool *seen_out, qst_err *err);

/* ---- Designs: stat/design.c ---------------------------------------------------------- */

/*
 * The columns of a model without the model matrix. A term is a product of
 * parts: its columns are all products of one column of each part, the first
 * part's running fastest, as in R's model.matrix(). A part is numbers or a
 * factor whose `coding` gives the columns of each level (contrasts, or the
 * identity). A term without parts is the constant. Parts with the same
 * `codes` are the same factor. A model matrix is a model of one term with one
 * part of numbers.
 */
typedef struct {
    const double *x;      /* numbers: n_rows x n_cols, ld n_rows; NULL for a factor */
    const int32_t *codes; /* factor: n_rows codes 1 .. n_levels; NULL for numbers */
    const double *coding; /* factor: n_levels x n_cols */
    int32_t n_levels;
    ptrdiff_t n_cols;
} qst_part;

typedef struct {
    const qst_part *parts;
    ptrdiff_t n_parts;
} qst_term;

typedef struct {
    const qst_term *terms;
    ptrdiff_t n_terms;
    ptrdiff_t n_rows;
} qst_model;

/* Number of columns of the design; INT32_MAX if there are as many or more. */
ptrdiff_t qst_model_cols(const qst_model *model);

/* ---- Predictions: stat/predict.c ----------------------------------------------------- */

/*
 * For each row x_i of the model x_i'b (eta_out; b has a number for each column)
 * and x_i'A x_i for symmetric A (quadratic_out; a is p x p). Either output may
 * be NULL, its input then too. QST_EARGUMENT for numbers that are not finite.
 * Threaded.
 */
QST_MUST_USE qst_status qst_model_predict(const qst_ctx *ctx, const qst_model *model,
    const double *b, const double *a, double *eta_out, double *quadratic_out, qst_err *err);

/* ---- Generalised linear models: stat/glm.c, glm_qr.c, irls.c ---------------------------- */

/*
 * Weighted least squares as lm does it, with no digit less. Columns that are
 * combinations of those before them are aliased by lm's rule (a norm that
 * falls below tol_alias times its own) and get NA; by QR, whose solution is
 * corrected, a tenth of tol_alias is enough to be kept.
 *
 * The fast way is the Gram matrix, formed in blocks of rows about the column
 * means when the first column is constant, factored by Cholesky, and its
 * solution corrected once by the residuals (Bjorck 1987, Linear Algebra Appl. 88/89:31-48). If
 * its condition is above 1e4, or a column is near to the tolerance, the fit is
 * done by Householder QR, corrected by residuals of the augmented system in
 * double-double arithmetic (Bjorck 1967, BIT 7:257-278).
 *
 * Other families and links are fitted by iteratively reweighted least squares
 * (McCullagh & Nelder 1989, section 2.5) in the form of Fisher scoring, b +
 * (X'WX)^-1 X'W (y - mu) / mu', one pass over the rows a step. It starts at
 * glm's starting means, or where these are outside the family at the mean
 * response, and stops by glm's rule, when the deviance changes by less than
 * tol_deviance (|deviance| + 0.1). Then at least one more step is taken, and
 * more while they halve, down to 1e-11 standard errors: what glm gives with an
 * epsilon of 1e-14 or, where its steps shrink slowly, no longer gives. A step
 * that leaves the family's means, or makes the deviance grow, is halved. Steps
 * correct what rounding did to the Gram matrix, so columns are made orthogonal
 * by QR only if its condition is above 1e7 or aliasing is in doubt.
 *
 * `estimate_theta`: negative binomial coefficients and theta in turn, from
 * Poisson means, as MASS::glm.nb does. If counts vary less than Poisson counts
 * theta has no maximum and ends at 1e7, not converged.
 *
 * Separation: the likelihood has no maximum if some direction of the
 * coefficients moves the linear predictors of rows only towards ends that their
 * responses are at and the means never reach, and no other row (Albert &
 * Anderson 1984, Biometrika 71:1-10). If the last steps do not shrink, that
 * direction is looked for in them and in the coefficients. `is_separated` says
 * that it was found, and `separated` marks the coefficients that grow in it.
 *
 * `firth`: the score is penalised by Jeffreys' prior (Firth 1993, Biometrika
 * 80:27-38; Heinze & Schemper 2002, Stat Med 21:2409-2419), which keeps
 * estimates finite; the covariance is (X'WX)^-1 at the estimate.
 */
typedef enum {
    QST_FAMILY_GAUSSIAN,
    QST_FAMILY_BINOMIAL, /* y is a proportion, the weight its number of trials */
    QST_FAMILY_POISSON,
    QST_FAMILY_GAMMA,
    QST_FAMILY_INVERSE_GAUSSIAN,
    QST_FAMILY_NEGATIVE_BINOMIAL /* variance mu + mu^2 / theta */
} qst_family;

typedef enum {
    QST_LINK_IDENTITY,
    QST_LINK_LOG,
    QST_LINK_LOGIT,
    QST_LINK_PROBIT,
    QST_LINK_CLOGLOG, /* log(-log(1 - mu)) */
    QST_LINK_CAUCHIT,
    QST_LINK_INVERSE,
    QST_LINK_INVERSE_SQUARE, /* 1 / mu^2 */
    QST_LINK_SQRT
} qst_link;

typedef struct {
    qst_family family;
    qst_link link;
    double theta;        /* of negative binomials, > 0 */
    bool estimate_theta; /* with the coefficients, by maximum likelihood; theta is not read */
    bool firth;          /* penalised by Jeffreys' prior; binomial with logit link only */
    double tol_alias;    /* 1e-7, in (0, 1) */
    double tol_deviance; /* 1e-8: relative change of the deviance at convergence */
    int32_t n_steps_max; /* 25 */
} qst_glm_settings;

void qst_glm_settings_default(qst_glm_settings *settings);

/* n rows: the columns of the model, the response, weights >= 0 (NULL: ones; rows of weight 0 are
 * predicted but not fitted), offset (NULL: zeros). All finite. */
typedef struct {
    const qst_model *model;
    const double *y;
    const double *weights;
    const double *offset;
} qst_glm_data;

/* Buffers of the caller, p columns, n rows. */
typedef struct {
    double *coefficients; /* p; NA where aliased */
    double *effects;      /* p; the square of effect j is what column j explains beyond the columns
                             before it; 0 where aliased */
    qst_mat covariance;   /* p x p, (X'WX)^-1; NA where aliased */
    double *residuals;    /* n; working: (y - mu) / (d mu / d eta) */
    double *fitted;       /* n; mu */
    double *linear;       /* n; eta, offset included; may be NULL */
    bool *separated;      /* p; see below; may be NULL */
} qst_glm_result;

typedef enum { QST_GLM_BY_GRAM, QST_GLM_BY_QR } qst_glm_method;

typedef struct {
    ptrdiff_t rank;
    ptrdiff_t n_used; /* rows of weight above 0 */
    double deviance;  /* of linear models the weighted sum of squared residuals */
    double pearson;   /* sum of w (y - mu)^2 / V(mu) */
    double condition; /* of the scaled (and centred) Gram matrix in the 1-norm; NaN by QR */
    qst_glm_method method;
    int32_t n_steps; /* of IRLS; 1 for linear models */
    bool is_converged;
    bool is_boundary;  /* steps were halved to stay inside the family's means */
    bool is_separated; /* see below */
    double log_det;    /* Firth: of X'WX, the penalty's twice; else NaN */
    double theta;      /* of negative binomials, else NaN */
    double theta_se;   /* if it was estimated, else NaN */
} qst_glm_info;

/* Room for fits of at most this shape; one for each thread that fits. `ctx` must outlive it. */
typedef struct qst_glm_work qst_glm_work;
QST_MUST_USE qst_status qst_glm_work_new(
    const qst_ctx *ctx, ptrdiff_t n_rows, ptrdiff_t n_cols, qst_glm_work **work_out, qst_err *err);
void qst_glm_work_free(qst_glm_work *work);

/*
 * One fit. QST_EARGUMENT: a value that is not finite (row and column; column p
 * means the response, offset taken off), a response that the family cannot
 * have or a weight below 0 (row, column -1), a setting out of its range;
 * QST_EDIMENSION: more rows or columns than the workspace has, or no column;
 * QST_ENODATA: no row of weight above 0; QST_ENOTCONV: no coefficients with
 * means inside the family were found (iteration).
 */
QST_MUST_USE qst_status qst_glm_fit(const qst_ctx *ctx, const qst_glm_settings *settings,
    const qst_glm_data *data, qst_glm_work *work, const qst_glm_result *result,
    qst_glm_info *info_out, qst_err *err);

/* ---- Honest covariances: stat/vcov.c ---------------------------------------------------- */

/*
 * A fit as its covariance sees it: n rows of a model, working weights from 0
 * (NULL: ones; rows of weight 0 do not count), working residuals r, and the
 * bread (X'WX)^-1, p x p, NA in rows and columns that are aliased. For least
 * squares these are the weights and y - fitted, for a generalised linear model
 * those of the last iteration. X'Wr is the score.
 */
typedef struct {
    const qst_model *model;
    const double *weights;
    const double *residuals;
    qst_cmat bread;
} qst_sandwich;

/*
 * Covariances that hold when rows have variances of their own: bread X'W diag(r^2
 * g) W X bread, with g = 1 (HC0: Eicker 1963, White 1980), n / (n - rank) (HC1), 1 / (1 - h)
 * (HC2: MacKinnon & White 1985) or 1 / (1 - h)^2 (HC3), h the leverage.
 */
typedef enum { QST_HC0, QST_HC1, QST_HC2, QST_HC3 } qst_hc;

/*
 * covariance_out: p x p, NA where aliased. HC2 and HC3 give rows of leverage 1 no
 * part, as their residual is 0 whatever the response; *n_full_out is how many there are,
 * *first_full_out the first (-1: none). QST_EARGUMENT: a weight below 0, or a
 * number that is not finite (row); QST_ENODATA: no row counts, or for HC1 no more than the rank;
 * QST_ESINGULAR: the bread is no inverse. Threaded.
 */
QST_MUST_USE qst_status qst_vcov_rows(const qst_ctx *ctx, const qst_sandwich *fit, qst_hc type,
    qst_mat covariance_out, ptrdiff_t *n_full_out, ptrdiff_t *first_full_out, qst_err *err);

/*
 * Which rows belong together: codes 1 .. n_clusters, n of them, each with a row of weight above 0,
 * or QST_NA_INT for a row that does not count. `variances`, n, are the working variances of the
 * responses when these are taken to be the inverse of the weights the fit stands for (of a
 * generalised linear model V(mu) over the prior weight, up to a constant); NULL: all equal.
 */
typedef struct {
    const int32_t *codes;
    int32_t n_clusters;
    const double *variances;
} qst_clusters;

/*
 * Covariances that hold when clusters are independent: bread (sum_c s_c s_c') bread
 * with the scores s_c = X_c'W_c A_c r_c. CR0: A = I (Liang & Zeger 1986). CR1:
 * CR0 times m / (m - 1). CR2: the A of Bell & McCaffrey (2002, Survey
 * Methodology 28:169-181) as Pustejovsky & Tipton (2018, J. Bus. Econ. Stat. 36:672-683) extend it,
 * with which the covariance is unbiased under the working variances.
 */
typedef enum { QST_CR0, QST_CR1, QST_CR2 } qst_cr;

/*
 * Questions of small samples to a CR2 covariance: k contrasts, k x p (what stands under aliased
 * columns does not count). Under the working variances an estimated variance or covariance of two
 * contrasts is a quadratic form in the residuals; trace_out (k x k) are their expectations, and
 * variance_out (k x k) holds var(s, t) = tr(P_st^2) + <P_ss, P_tt>, the sum that Satterthwaite's df
 * = 2 trace^2 / variance and the df of Pustejovsky & Tipton's (2018, eq. 11) approximate Hotelling
 * test are made of. Off-diagonal elements only if `is_joint`.
 */
typedef struct {
    qst_cmat contrasts;
    bool is_joint;
    double *trace_out, *variance_out;
} qst_small_sample;

/*
 * covariance_out as in qst_vcov_rows(); `questions` may be NULL, and is answered for CR2 only.
 * Work memory beside the data grows with the largest cluster times p; no matrix has the side of a
 * cluster. QST_EARGUMENT: as qst_vcov_rows(), a code outside 1 .. n_clusters, a variance not above
 * 0 (row); QST_ENODATA: fewer than two clusters, or one without rows. Threaded.
 */
QST_MUST_USE qst_status qst_vcov_clusters(const qst_ctx *ctx, const qst_sandwich *fit,
    const qst_clusters *clusters, qst_cr type, const qst_small_sample *questions,
    qst_mat covariance_out, qst_err *err);

/*
 * G^-1/2 = sum_k weight[k] (G + square[k])^-1, to about 14 digits, for a matrix G with eigenvalues
 * from low to high (above 0): 2/pi int_0^inf (G + t^2)^-1 dt by the rule of Hale, Higham &
 * Trefethen (2008, SIAM J. Numer. Anal. 46:2505-2523, method 3). The adjustment of CR2 is made of
 * it, also where only sums over rows are known.
 */
#define QST_NODES_MAX 64
typedef struct {
    ptrdiff_t n_nodes;
    double square[QST_NODES_MAX]; /* t^2 */
    double weight[QST_NODES_MAX];
} qst_nodes;

void qst_root_nodes(double low, double high, qst_nodes *out);

/*
 * What the wild bootstrap needs of clusters, in `rank` columns in which the bread is the identity:
 * scores_out (m x rank), row c being X_c'W_c r_c; shares_out (m x rank), X_c'W_c f_c, where f is
 * what the rows lose when the contrast (p) is set to 0: they add up to direction_out (rank), with
 * whose scores contrasts are estimated: contrast'b = direction'scores.
 */
QST_MUST_USE qst_status qst_cluster_scores(const qst_ctx *ctx, const qst_sandwich *fit,
    const qst_clusters *clusters, const double *contrast, double *scores_out, double *shares_out,
    double *direction_out, qst_err *err);

/* ---- Wild cluster bootstrap: stat/wild.c ------------------------------------------------- */

/*
 * What each cluster's residuals are multiplied by: -1 or 1 with equal
 * probability (Rademacher); one of -+sqrt(3/2), -+1, -+sqrt(1/2) (Webb 2023, Can. J. Econ.
 * 56:839-858); or all 2^m patterns of signs in turn: replicate b has -1 where
 * bit c of b is set.
 */
typedef enum { QST_WILD_RADEMACHER, QST_WILD_WEBB, QST_WILD_ALL } qst_wild_weights;

/* scores, shares (m x rank) and direction as qst_cluster_scores() makes them; to impose the null
 * hypothesis that the contrast is b_0, shares times (contrast'b - b_0) / direction'direction have
 * been added to the scores. */
typedef struct {
    qst_cmat scores, shares;
    const double *direction;
    qst_wild_weights weights;
    int64_t n_replicates;
    uint64_t seed;
} qst_wild;

/*
 * The bootstrap-t of Cameron, Gelbach & Miller (2008, Rev. Econ. Stat.
 * 90:414-427) without a refit: with v the multipliers, d = sum_c v_c s_c,
 *     t = direction'd / sqrt(sum_c (v_c direction's_c - share_c'd)^2),
 * the statistic with a CR0 standard error (Roodman, MacKinnon, Nielsen & Webb
 * 2019, Stata J. 19:4-60, sect. 5). t_out has n_replicates. Multipliers of replicate b
 * come from the stream with purpose 24, iteration b. QST_EDIMENSION;
 * QST_ERANGE: n_replicates outside 1 .. 2^32 - 1 or not 2^m. Threaded.
 */
QST_MUST_USE qst_status qst_wild_bootstrap(
    const qst_ctx *ctx, const qst_wild *wild, double *t_out, qst_err *err);

/* ---- Generalised estimating equations: stat/gee.c, gee_pass.c, gee_sandwich.c ------------- */

/*
 * Marginal models of clustered rows (Liang & Zeger 1986, Biometrika 73:13-22):
 * the coefficients solve sum over clusters of D' V^-1 (y - mu) = 0, with D = d
 * mu / d beta and V = phi S R S, where S is diagonal with sqrt(V(mu) / w) and R
 * is the working correlation of the cluster's rows:
 *   INDEPENDENCE   1 on the diagonal, 0 elsewhere
 *   EXCHANGEABLE   one correlation for all pairs
 *   AR1            correlation^|time_j - time_k|
 *   UNSTRUCTURED   a correlation for each pair of times
 * Rows of weight 0 belong to no cluster. All three inverses that have a closed
 * form are used in it: but for UNSTRUCTURED a cluster of n rows costs n p^2.
 */
typedef enum {
    QST_CORSTR_INDEPENDENCE,
    QST_CORSTR_EXCHANGEABLE,
    QST_CORSTR_AR1,
    QST_CORSTR_UNSTRUCTURED
} qst_corstr;

typedef struct {
    const qst_model *model;
    qst_family family;
    qst_link link;
    double theta;           /* of negative binomials */
    const double *y;        /* n */
    const double *weights;  /* n, from 0; NULL: ones */
    const double *offset;   /* n; NULL: zeros */
    const int32_t *cluster; /* n codes 1 .. n_clusters, in any order */
    int32_t n_clusters;
    qst_corstr corstr;
    const int32_t *time; /* n codes 1 .. n_times, different within a cluster; read for AR1 and
                            UNSTRUCTURED only */
    int32_t n_times;
} qst_gee;

/* How many correlations there are: 0, 1, 1, n_times (n_times - 1) / 2. */
ptrdiff_t qst_gee_correlations(const qst_gee *gee);

typedef struct {
    double tol; /* 1e-10: of the last step, in standard errors, and of the correlations */
    int32_t max_iterations; /* 100 */
} qst_gee_settings;

void qst_gee_settings_default(qst_gee_settings *settings);

/* Buffers of the caller. */
typedef struct {
    double *coefficients; /* p; NA where aliased */
    qst_mat bread;        /* p x p, (sum D' V^-1 D)^-1 / phi; NA where aliased */
    double *correlation;  /* those of the pairs of times j < k at k (k - 1) / 2 + j; NA for a pair
                             that no cluster has */
    double *eta;          /* n: linear predictor, offset included */
} qst_gee_result;

typedef struct {
    double phi; /* dispersion */
    int32_t iterations;
    bool converged;
} qst_gee_info;

/*
 * Starts from the linear predictor `eta_start` (n, that of independence) with
 * the columns that are `aliased` (p) left out, and takes turns: a Fisher
 * scoring step for the coefficients, moments for the rest. With Pearson
 * residuals e = (y - mu) / sqrt(V(mu)), phi = sum w e^2 / sum w, and a correlation
 * is sum w_j w_k e_j e_k / (phi sum w_j w_k) over its pairs; AR1 is the least
 * squares fit, with these weights, of e_j e_k / phi by correlation^lag. These
 * are the estimators of geepack (Halekoh, Hojsgaard & Yan 2006, J. Stat. Softw.
 * 15(2)); nothing is taken off for p.
 *
 * Not to converge is no failure but `converged`. QST_EARGUMENT: a number not
 * finite, a weight below 0, a code outside its range, a response the family
 * cannot have (row; column p for the response), two rows of a cluster at one
 * time (row); QST_ENODATA: no row of weight above 0; QST_ESINGULAR: a working
 * correlation that is not positive definite (row: a cluster, value: the
 * correlation), or more columns aliased than said; QST_ENOTCONV: a mean left
 * the range of its family. Threaded.
 */
QST_MUST_USE qst_status qst_gee_fit(const qst_ctx *ctx, const qst_gee *gee,
    const qst_gee_settings *settings, const double *eta_start, const bool *aliased,
    const qst_gee_result *result, qst_gee_info *info_out, qst_err *err);

/*
 * Robust covariances B (sum F u u' F') B with B the bread, u = D' V^-1 (y - mu)
 * of a cluster, and F what corrects for few clusters, with G = D' V^-1 D of the
 * cluster:
 *   NONE    1 (Liang & Zeger 1986)
 *   KC      (1 - G B)^-1/2 (Kauermann & Carroll 2001, JASA 96:1387-1396)
 *   MD      (1 - G B)^-1 (Mancl & DeRouen 2001, Biometrics 57:126-134)
 *   FG      diagonal, (1 - min(3/4, (G B)_jj))^-1/2 (Fay & Graubard 2001,
 *           Biometrics 57:1198-1206)
 * phi cancels. A cluster that alone decides a contrast (1 - G B singular) adds
 * nothing to it: Moore and Penrose's inverse is used.
 */
typedef enum { QST_GEE_NONE, QST_GEE_KC, QST_GEE_MD, QST_GEE_FG } qst_gee_correction;

/* What a fit left: as in qst_gee_result. */
typedef struct {
    const double *coefficients;
    const double *correlation;
} qst_gee_estimate;

/*
 * The covariance (p x p, NA where aliased) and, for each row of `contrasts` (m
 * x p; n_rows 0: none), the degrees of freedom of its variance after
 * Satterthwaite, into df_out (m): the variance estimate is a quadratic form e'Pe
 * in the residuals, and if the working covariance holds, df = (tr P)^2 / tr(P^2)
 * (Fay & Graubard 2001, sec. 4; Bell & McCaffrey 2002, Surv. Methodol.
 * 28:169-181); NaN where the variance is 0. Errors as above. Threaded.
 */
QST_MUST_USE qst_status qst_gee_sandwich(const qst_ctx *ctx, const qst_gee *gee,
    const qst_gee_estimate *estimate, qst_gee_correction correction, qst_cmat contrasts,
    qst_mat covariance_out, double *df_out, qst_err *err);

/*
 * Deviance of n responses y at the means mu, or, if that is NULL, at their
 * weighted mean, which is that of a model with a constant only. Of the settings
 * family and theta are read. `weights` may be NULL. NaN where a row has no
 * deviance. Threaded.
 */
QST_MUST_USE qst_status qst_glm_deviance(const qst_ctx *ctx, const qst_glm_settings *settings,
    const double *y, const double *weights, const double *mu, ptrdiff_t n, double *deviance_out,
    qst_err *err);

/* ---- Multiple imputation: stat/impute.c ------------------------------------------------ */

/* How a variable is completed. The first four do so once, the same in every
 * imputation but for QST_IMPUTE_SAMPLE; the others draw from a model given its predictors. */
typedef enum {
    QST_IMPUTE_NONE,    /* not at all: it has no missing values */
    QST_IMPUTE_MEAN,    /* mean of the observed */
    QST_IMPUTE_MEDIAN,  /* their median */
    QST_IMPUTE_SAMPLE,  /* one of the observed, drawn at random */
    QST_IMPUTE_PREDICT, /* what the least-squares line predicts */
    QST_IMPUTE_NORM,    /* Bayesian linear regression */
    QST_IMPUTE_PMM,     /* predictive mean matching */
    QST_IMPUTE_LOGREG,  /* logistic regression, two levels */
    QST_IMPUTE_POLYREG, /* multinomial logistic regression */
    QST_IMPUTE_POLR,    /* proportional odds, ordered levels */
    QST_IMPUTE_SCORE,   /* constant + sum of weight x part: follows its parts at once */
    QST_N_IMPUTE
} qst_impute_method;

/* One variable; variables are named by their index. Values to impute are the missing ones. */
typedef struct {
    qst_col column; /* double or factor; data is NULL for QST_IMPUTE_SCORE */
    qst_impute_method method;
    const int32_t *predictors; /* variables, in the order their columns are tried */
    int32_t n_predictors;
    double min, max, step; /* values that nobody observed are put there; NaN: none */
    double constant;       /* of a score, whose parts are doubles and not scores */
    const int32_t *parts;
    const double *part_weights;
    int32_t n_parts;
} qst_impute_variable;

/*
 * A linear (outcome a double) or logistic (a factor with two levels) model of
 * an outcome: its covariates with missing values are drawn as Bartlett et al.
 * (2015) do, compatible with its squares and interactions, and the outcome
 * itself from the model. Term t is the product of factors starts[t] ..
 * starts[t + 1] - 1, each a variable (no score) and, of a factor, the level
 * that is indicated, from 2; of a number 0. Term 0 is the empty product. Numbers
 * enter less a constant, so with a product all products of some of its factors
 * must be terms. Covariates with missing values have the method NORM, LOGREG
 * or POLYREG, the outcome NORM or LOGREG; fewer than 2048 variables.
 */
typedef struct {
    int32_t variable;
    int32_t n_terms;
    const int32_t *starts, *factors, *levels; /* n_terms + 1; the others starts[n_terms] */
} qst_impute_outcome;

typedef struct {
    const qst_impute_variable *variables;
    int32_t n_variables;
    ptrdiff_t n_rows;
    const int32_t *visits; /* the variables to be completed, in the order of a cycle */
    int32_t n_visits;
    const int32_t *group;   /* n_rows: 1 .. n_groups, each completed by itself; or NULL */
    int32_t n_groups;       /* 1 without groups */
    const int32_t *cluster; /* n_rows: 1 .. n_clusters, missing for a row on its own; or NULL */
    int32_t n_clusters;
    const qst_impute_outcome *outcome; /* a model to be compatible with, or NULL */
} qst_impute_data;

typedef struct {
    int32_t n_iterations;     /* 10 */
    int32_t donors;           /* 5: how many of the nearest PMM draws from */
    int32_t first_imputation; /* 0: any range of imputations may be made anywhere, in any order */
    int32_t n_imputations;    /* 20 */
    uint64_t seed;
} qst_impute_settings;

void qst_impute_settings_default(qst_impute_settings *settings);

/* What was decided on the way, counted over visits (imputation, iteration, group). */
typedef enum {
    QST_DECIDED_FEW_DONORS,    /* fewer observed than donors: all of them are */
    QST_DECIDED_FEW_ROWS,      /* predictors left out because there are too few rows for them; of
                                  qst_impute_outcome the variance is drawn as with five degrees of
                                  freedom and none is left out */
    QST_DECIDED_SEPARATED,     /* no finite maximum of the likelihood without augmentation */
    QST_DECIDED_NOT_CONVERGED, /* the last step of the mode's search was used */
    QST_DECIDED_NO_EFFECTS,    /* no cluster effect: fewer than two clusters or too few rows */
    QST_DECIDED_ONE_VALUE,     /* only one value is observed: it is imputed */
    QST_N_DECIDED
} qst_impute_decision;

/* Room is the caller's. */
typedef struct {
    /* One array a variable (NULL where nothing is missing and for scores): n_missing x
     * n_imputations, the missing rows in their order, values or codes. */
    double *const *imputed;
    /* n_variables x n_iterations x n_imputations, the first index running fastest: mean and SD
     * (divisor n - 1) of a variable's imputed values or codes after each cycle. */
    double *mean, *sd;
    int32_t *left_out; /* n_variables x n_variables: visits to i that left out predictor j, all of
                          its columns, as constant or collinear or for want of rows */
    int32_t *decided;  /* n_variables x QST_N_DECIDED: visits */
} qst_impute_result;

/*
 * Completes the data n_imputations times by fully conditional specification
 * (van Buuren 2007, Stat. Methods Med. Res. 16:219-242): missing values start
 * as random observed ones; in each cycle every variable of `visits` is drawn
 * anew given its predictors as they stand. Each number drawn has an address
 * of its own (seed, imputation, variable, iteration, row), so imputation k is
 * the same bits whatever else is made, where, when, and by how many threads.
 *
 * A linear model has the posterior of a flat prior without ridge (Rubin 1987,
 * p. 167). Predictors of which those before them leave 1e-8 or less of their
 * sum of squares are left out. With fewer than five residual degrees of
 * freedom only the intercept and the n / 3 - 1 predictors that correlate most
 * with the variable stay, of n observed rows, and the error variance is drawn
 * as with five at least. PMM matches by type 1: the estimate for observed rows,
 * the draw for missing ones; ties are broken at random for each row.
 *
 * Values that nobody observed are put on the nearest allowed one. Drawing from
 * a truncated normal instead would move the mean further from the one the model
 * predicts: beyond a limit at distance b (in SD) clamping moves it by phi(b) - b
 * (1 - Phi(b)), truncation by phi(b) / Phi(b), which is always more. Both cost
 * more bias than no limits (Rodwell et al. 2014, BMC Med. Res. Methodol. 14:57);
 * PMM needs none.
 *
 * QST_ENODATA when a variable to be completed has no observed value in a
 * group (row: the first row of the group, column: the variable). QST_ERANGE
 * for a value that is infinite or beyond 1e100 (row, column, value), for more
 * than 2^12 variables or imputations, or 2^16 - 1 iterations or groups.
 * QST_EARGUMENT for a method that the column's type cannot have, a variable
 * predicted by itself, a score of it or another twice, one with missing values
 * that is used but not visited, a code that is none. Threaded over imputations
 * and groups; the poll is heard within a task too. Work memory for each
 * thread: the data as doubles once, twice if a method is not linear or has
 * clusters, and a column's missing rows.
 */
QST_MUST_USE qst_status qst_impute(const qst_ctx *ctx, const qst_impute_settings *settings,
    const qst_impute_data *data, const qst_impute_result *result, qst_err *err);

/* ---- Reference-based imputation: stat/reference.c -------------------------------------- */

/* What is assumed of an arm's outcomes from some visit on, given those before (Carpenter, Roger &
 * Kenward 2013, doi:10.1080/10543406.2013.834911). */
typedef enum {
    QST_REFERENCE_MAR,        /* the own arm's distribution */
    QST_REFERENCE_JUMP,       /* jump to reference: own means before, the reference's after */
    QST_REFERENCE_COPY,       /* copy reference: the reference's means before and after */
    QST_REFERENCE_INCREMENTS, /* copy increments: own means before, the reference's changes after */
    QST_N_REFERENCE
} qst_reference_method;

typedef struct {
    qst_cmat outcomes;   /* n_rows x visits, in order; NaN is missing */
    qst_cmat covariates; /* n_rows x any number, finite; no constant column */
    const int32_t *arm;  /* n_rows: 1 .. n_arms */
    int32_t n_arms;
    int32_t reference;   /* 1 .. n_arms: in that arm nothing but MAR is assumed */
    const int32_t *kept; /* n_rows: visits before the assumption holds, 0 .. all */
    bool by_arm;         /* a model for each arm, or one with an intercept for each */
} qst_reference_data;

typedef struct {
    qst_reference_method method;
    int32_t iterations;           /* cycles of data augmentation before each imputation */
    int32_t first, n_imputations; /* numbers first .. first + n_imputations - 1, below 2^12 */
    uint64_t seed;
} qst_reference_settings;

/*
 * imputed: n_missing x n_imputations, the missing outcomes visit by visit, each
 * in the order of rows. The parameters drawn, or both NULL: `coefficients` is
 * n_imputations times n_models of p x visits, first the intercepts at covariates
 * 0 (n_arms, or 1 with by_arm), then the covariates'; `covariance` n_imputations
 * times n_models of visits x visits. n_models is 1, or n_arms with by_arm.
 */
typedef struct {
    double *imputed;
    double *coefficients, *covariance;
} qst_reference_result;

/*
 * Draws missing outcomes n_imputations times. The model: outcomes are
 * multivariate normal, their means at each visit linear in arm and covariates,
 * with an unstructured covariance; prior |Sigma|^-((visits + 1) / 2). Its
 * parameters are drawn by data augmentation from outcomes before `kept` (all
 * of them in the reference arm and for MAR), from rows that have any, each
 * imputation by a chain of its own. Then missing outcomes before `kept` are
 * drawn given the observed ones before it in the own arm's distribution; those
 * from `kept` on given all before and the observed ones after, by the
 * regression of the reference arm, centred as the method says. A row with
 * nothing before `kept` has the reference's means under every method.
 *
 * QST_ENODATA (column: the later visit, value: rows) where two visits have
 * fewer rows with both than coefficients + visits; QST_ESINGULAR (column: the
 * visit) where arms and covariates are collinear, or outcomes are; QST_ERANGE
 * for what is not finite. Threaded over imputations.
 */
QST_MUST_USE qst_status qst_reference_impute(const qst_ctx *ctx,
    const qst_reference_settings *settings, const qst_reference_data *data,
    const qst_reference_result *result, qst_err *err);
/* ---- Pooling: stat/pool.c ---------------------------------------------------------------- */

/*
 * Rubin's rules (Rubin 1987, *Multiple Imputation for Nonresponse in Surveys*,
 * section 3.3) for p estimates from each of m completed data sets: `estimates`
 * is p x m; `covariances` is p^2 x m, column i the p x p covariance of column i
 * of the estimates. Writes
 *
 *   estimate_out  p       Q, the mean of the estimates
 *   within_out    p x p   U, the mean of the covariances
 *   between_out   p x p   B, the covariance of the estimates, divisor m - 1
 *   total_out     p x p   T = U + (1 + 1 / m) B
 *
 * With m = 1 B is 0 and T is U. Sums are double-double about the first
 * imputation: m equal estimates give B = 0 and m equal covariances U exactly.
 * QST_EDIMENSION: no imputation, or sizes that do not fit. QST_ERANGE: an
 * estimate or a covariance that is not finite (row: the estimate, column: the
 * imputation, value).
 */
typedef struct {
    double *estimate_out;
    qst_mat within_out, between_out, total_out;
} qst_pooled;

QST_MUST_USE qst_status qst_pool(const qst_ctx *ctx, qst_cmat estimates, qst_cmat covariances,
    const qst_pooled *pooled, qst_err *err);

/*
 * What the missing values cost one pooled estimate, of its variances U and B
 * over m imputations and the degrees of freedom it would have with complete data (infinite for z):
 *
 *   riv     r = (1 + 1 / m) B / U, the relative increase of the variance
 *   lambda  (1 + 1 / m) B / T, the share of the variance that is due to missing values
 *   df      Barnard & Rubin (1999, Biometrika 86:948-955): 1 / df = 1 / old + 1 / observed,
 *           old = (m - 1) / lambda^2, observed = (c + 1) / (c + 3) c (1 - lambda), c df_complete
 *   fmi     (r + 2 / (df + 3)) / (r + 1), the fraction of missing information
 *
 * With m = 1 nothing is known of B: df is df_complete, the rest NaN. With B = 0 and infinite
 * df_complete df is infinite; U = B = 0 gives NaN.
 */
typedef struct {
    double riv, lambda, df, fmi;
} qst_pool_loss;

qst_pool_loss qst_pool_fractions(double within, double between, ptrdiff_t m, double df_complete);

/*
 * D1: the test that q combinations of the estimates are 0, by Wald's F with
 * the covariance (1 + r) U, r = (1 + 1 / m) tr(B U^-1) / q (Li, Raghunathan &
 * Rubin 1991, JASA 86:1065-1073). `estimate` has q elements, `within` and
 * `between` are q x q. F has q and df_residual degrees of freedom: with t = q (m - 1)
 *
 *   df_complete infinite  Li et al., 4 + (t - 4) (1 + (1 - 2 / t) / r)^2,
 *                         t (1 + 1 / q) (1 + 1 / r)^2 / 2 if t <= 4
 *   else                  Reiter (2007, Biometrika 94:502-508, eq. 3)
 *   else, where it has no value, as with t <= 4 or so few df_complete that
 *                         (c + 1) / (c + 3) c <= 4 (1 + r t / (t - 2)):
 *                         1 / df = 1 / Li + 1 / observed, as for one estimate
 *                         with lambda = r / (1 + r)
 *
 * Where U has no inverse (a pivot below 1e-12 of its diagonal) all are NaN. q
 * = 0 too. QST_EDIMENSION for sizes that do not fit and m < 2.
 */
typedef struct {
    double statistic, riv, df_residual;
} qst_pool_test;

QST_MUST_USE qst_status qst_pool_joint(const qst_ctx *ctx, const double *estimate, qst_cmat within,
    qst_cmat between, ptrdiff_t m, double df_complete, qst_pool_test *test_out, qst_err *err);

/* ---- Shifted odds of imputed values: stat/delta.c ------------------------------------- */

/* Imputed values with two levels, each array n_values x n_imputations (at most 2^12). */
typedef struct {
    ptrdiff_t n_values, n_imputations;
    int32_t variable;          /* 0 .. 2^12 - 1: several of them shifted by one seed differ */
    const int32_t *second;     /* 1 where the value is of the second level, else 0 */
    const double *probability; /* of the second level, by which the value was drawn */
    const double *delta;       /* what is added to its log-odds; may be infinite */
} qst_delta;

/*
 * Draws them anew with shifted odds. A value stands for a uniform number v, below
 * p where it is 1 and above where it is 0, which is drawn; second_out is 1 where
 * v < expit(logit(p) + delta). So delta = 0 changes nothing and larger shifts
 * keep every 1 of smaller ones. QST_ERANGE for a probability outside 0 .. 1 and a
 * missing shift, with row and column.
 */
QST_MUST_USE qst_status qst_delta_shift(
    const qst_delta *values, uint64_t seed, int32_t *second_out, qst_err *err);

/* ---- Comparisons: stat/compare.c ------------------------------------------------------ */

/* n values, their mean, and the sum of squares about it. */
typedef struct {
    double n, mean, ss;
} qst_moments;

/*
 * Moments of x by group in one pass; `group` holds codes 1 .. n_groups. Rows
 * where x or the group is missing are left out and counted. Means are given
 * less *shift_out, the mean of all values, so that a large common part costs
 * no digit of their differences; sums are double-double. A group without rows
 * has n = 0 and NaN. QST_EARGUMENT: an infinite value or a code outside 1 ..
 * n_groups (row, value); QST_ENODATA: no row with both.
 */
QST_MUST_USE qst_status qst_moments_by_group(const qst_ctx *ctx, const double *x,
    const int32_t *group, ptrdiff_t n, int32_t n_groups, qst_moments *moments_out,
    double *shift_out, ptrdiff_t *n_left_out, qst_err *err);

/* A statistic, and what p-values and intervals are made of; NaN where it means nothing. */
typedef struct {
    double estimate, std_error, statistic;
    double df;          /* of t or chi-square, or of the numerator of F */
    double df_residual; /* of the denominator of F */
} qst_test;

/* Mean of a less mean of b over its standard error. Student: pooled variance, df n_a + n_b - 2.
 * Welch (1947, Biometrika 34:28-35): separate variances, Satterthwaite's df. QST_ENODATA: too few
 * values; QST_ESINGULAR: all of them equal. */
QST_MUST_USE qst_status qst_test_student(
    const qst_moments *a, const qst_moments *b, qst_test *test_out, qst_err *err);
QST_MUST_USE qst_status qst_test_welch(
    const qst_moments *a, const qst_moments *b, qst_test *test_out, qst_err *err);

/* F test of equal means of k >= 2 groups; Welch's (1951, Biometrika 38:330-336) has weights
 * n / variance. Errors as above, with the group as row. */
QST_MUST_USE qst_status qst_test_anova(
    const qst_moments *groups, ptrdiff_t k, qst_test *test_out, qst_err *err);
QST_MUST_USE qst_status qst_test_welch_anova(
    const qst_moments *groups, ptrdiff_t k, qst_test *test_out, qst_err *err);

/* Pearson's chi-square of a table of counts; `correct` is Yates' correction, for 2 x 2 only.
 * n_low_out counts cells whose expectation is below 5. QST_EARGUMENT: a count below 0 or not finite
 * (row, column, value); QST_EDIMENSION: fewer than 2 rows or columns; QST_ENODATA: a row or a
 * column of zeros (row or column). */
QST_MUST_USE qst_status qst_test_chisq(
    qst_cmat counts, bool correct, qst_test *test_out, ptrdiff_t *n_low_out, qst_err *err);

/* ---- Effect sizes of studies: stat/meta_effect.c ---------------------------------------- */

/* What a row's effect is. Arm 1 is the treated arm and arm 2 the control; of one group measured
 * twice (MC, SMCC, SMCR), 1 is after and 2 before. */
typedef enum {
    QST_EFFECT_MD,   /* difference in means */
    QST_EFFECT_SMD,  /* the same over the pooled SD, corrected for few people: Hedges' g */
    QST_EFFECT_ROM,  /* log ratio of means */
    QST_EFFECT_MC,   /* mean change */
    QST_EFFECT_SMCC, /* the same over the SD of the changes */
    QST_EFFECT_SMCR, /* the same over the SD before */
    QST_EFFECT_OR,   /* log odds ratio */
    QST_EFFECT_RR,   /* log risk ratio */
    QST_EFFECT_RD,   /* risk difference */
    QST_EFFECT_PETO  /* log odds ratio by Peto's one step */
} qst_effect_measure;

/* Variance of a standardised difference; see qst_effect_means(). */
typedef enum {
    QST_EFFECT_LS,
    QST_EFFECT_LS2,
    QST_EFFECT_UB,
    QST_EFFECT_REVMAN
} qst_effect_variance;

/* The factor J that takes the small-sample bias of d with m degrees of freedom: exact,
 * gamma(m / 2) / (sqrt(m / 2) gamma((m - 1) / 2)) (Hedges 1981, J. Educ. Stat. 6:107-128); 1 - 3 /
 * (4 m - 1), which for two arms is 1 - 3 / (4 N - 9); or 1. NaN where m <= 1. */
typedef enum { QST_EFFECT_EXACT, QST_EFFECT_APPROXIMATE, QST_EFFECT_NONE } qst_effect_correction;

double qst_effect_j(qst_effect_correction correction, double m);

/* n values each; r, the correlation of before and after, may be NULL for MD, SMD and ROM; n2 for
 * MC, SMCC and SMCR. Sizes need not be whole: they may be effective ones. */
typedef struct {
    const double *mean1, *sd1, *n1;
    const double *mean2, *sd2, *n2;
    const double *r;
} qst_effect_arms;

/*
 * Effects of means and their sampling variances, of n rows. With N = n1 + n2,
 * D = mean1 - mean2, s the pooled SD, m = N - 2, d = D / s, g = J d, for one
 * group m = n1 - 1 and s as below:
 *
 *   MD    D                sd1^2 / n1 + sd2^2 / n2
 *   ROM   log(mean1 / mean2)  sd1^2 / (n1 mean1^2) + sd2^2 / (n2 mean2^2)   (Hedges, Gurevitch
 *                          & Curtis 1999, Ecology 80:1150-1156, eq. 1)
 *   MC    D                c^2 / n1,  c^2 = sd1^2 + sd2^2 - 2 r sd1 sd2
 *   SMD   g                a = 1 / n1 + 1 / n2,  b = N
 *   SMCC  g with s = c     a = 1 / n1,           b = n1   (Gibbons, Hedeker & Davis 1993, J.
 *                          Educ. Stat. 18:271-279)
 *   SMCR  g with s = sd2   a = 2 (1 - r) / n1,   b = n1   (Becker 1988, Br. J. Math. Stat.
 *                          Psychol. 41:257-278)
 *
 * and the last three have the variance
 *
 *   LS      a + g^2 / (2 b)                  Hedges (1982, Psychol. Bull. 92:490-499, eq. 8)
 *   LS2     J^2 (a + d^2 / (2 b))            Borenstein (2009, Handbook of Research Synthesis,
 *                                            p. 226)
 *   UB      a + g^2 (1 - (m - 2) / (m J^2))  Hedges (1983, Psychol. Bull. 93:388-395, eq. 9),
 *                                            SMD only
 *   REVMAN  a + g^2 / (2 (N - 3.94))         Deeks & Higgins (2010, Statistical algorithms in
 *                                            Review Manager 5, p. 7), SMD only
 *
 * A row with a missing value is NA; one whose effect does not exist (no
 * variation to divide by, m <= 1, means of opposite sign) is NaN.
 * QST_EARGUMENT: an infinite value, an SD below 0, a size not above 0, |r|
 * above 1 (row, value); a variance that the measure does not have.
 */
QST_MUST_USE qst_status qst_effect_means(qst_effect_measure measure, qst_effect_variance variance,
    qst_effect_correction correction, const qst_effect_arms *arms, ptrdiff_t n, double *yi_out,
    double *vi_out, qst_err *err);

/* Which rows have `add` added to their four cells: those with an empty cell, all if there is an
 * empty cell anywhere, all, none. */
typedef enum {
    QST_EFFECT_ONLY0,
    QST_EFFECT_IF0ALL,
    QST_EFFECT_ALL,
    QST_EFFECT_NOWHERE
} qst_effect_zero;

typedef struct {
    const double *events1, *n1;
    const double *events2, *n2;
} qst_effect_counts;

/*
 * Effects of counts, of n rows. With cells a = events1, b = n1 - events1, c =
 * events2, d = n2 - events2 after `add`, n1 = a + b, n2 = c + d, N = n1 + n2:
 *
 *   OR    log(a d / (b c))             1 / a + 1 / b + 1 / c + 1 / d
 *   RR    log((a / n1) / (c / n2))     1 / a - 1 / n1 + 1 / c - 1 / n2
 *   RD    a / n1 - c / n2              a b / n1^3 + c d / n2^3
 *   PETO  (a - E) / V                  1 / V,  E = (a + c) n1 / N,
 *         V = (a + c) (b + d) n1 n2 / (N^2 (N - 1))   (Yusuf, Peto, Lewis, Collins & Sleight
 *         1985, Prog. Cardiovasc. Dis. 27:335-371)
 *
 * With `drop00` a row where both arms have no event, or nothing but events, is NA before anything
 * is added. A row with a missing value is NA; one whose effect does not exist is NaN.
 * QST_EARGUMENT: a value that is infinite or below 0, more events than people (row, value);
 * `add` below 0 or not finite.
 */
QST_MUST_USE qst_status qst_effect_events(qst_effect_measure measure, double add,
    qst_effect_zero zero, bool drop00, const qst_effect_counts *counts, ptrdiff_t n, double *yi_out,
    double *vi_out, qst_err *err);

/* ---- Random allocation: stat/allocate.c ------------------------------------------------ */

/*
 * What makes a random list of n places over n_arms arms with whole-number
 * `ratio` (n_arms, each at least 1). The list is cut into blocks; the size of
 * each is drawn from `sizes` (n_sizes, each at least 1) with equal
 * probability, the last is cut to what is left. Sizes {1} give simple
 * randomisation, {n} complete randomisation, multiples of the ratio's sum
 * permuted blocks. `list` (below 2^12) and `stratum` number independent lists
 * of one seed.
 */
typedef struct {
    int32_t n;
    const int32_t *ratio;
    int32_t n_arms;
    const int32_t *sizes;
    int32_t n_sizes;
    uint64_t seed;
    uint32_t list;
    uint32_t stratum;
} qst_allocation;

/*
 * Writes arms and blocks, n each, counted from 1. Within a block of m places
 * each arm has its share ratio[j] / sum(ratio) of the largest multiple of
 * sum(ratio) in m; the rest is drawn without replacement from one more set of
 * sum(ratio) places in that ratio; the order is uniformly random.
 *
 * Block b (from 0) has its own stream: purpose 12, variable `list`, iteration
 * `stratum`, row b. From it come, by qst_rng_below(): the size; if m is no
 * multiple, the rest, by exchanging place i = 0, 1, .. of the set (arms in
 * order) with place i + below(sum(ratio) - i); and the order, by exchanging
 * place i = 0 .. m - 2 with place i + below(m - i). Another program can so
 * make the same list.
 *
 * QST_EARGUMENT for sizes or ratios below 1 or n below 0, QST_EOVERFLOW if the
 * ratio adds up to 2^31, QST_ERANGE if `list` is too large.
 */
QST_MUST_USE qst_status qst_allocate(const qst_ctx *ctx, const qst_allocation *plan,
    int32_t *arm_out, int32_t *block_out, qst_err *err);

/* ---- Randomisation tests: stat/permutation.c -------------------------------------------- */

/*
 * How n_units (people or clusters) came to their arms. Units stand stratum by
 * stratum, in the order in which they entered; stratum_size adds up to
 * n_units. Without `lists` arms are shuffled within each stratum. With lists,
 * one a stratum and at least as long as the stratum, each replicate makes the
 * stratum's list anew (its field `seed` is not used) and units take its places
 * in their order.
 */
typedef struct {
    const int32_t *arm; /* n_units: codes 1 .. n_arms as they were */
    ptrdiff_t n_units;
    int32_t n_arms;
    const int32_t *stratum_size;
    int32_t n_strata;
    const qst_allocation *lists; /* n_strata, or NULL */
} qst_scheme;

/*
 * Statistics of values by arm:
 *   F           of the one-way analysis of variance of all rows
 *   DIFFERENCE  mean of arm 2 less mean of arm 1
 *   WELCH_T     that difference over its standard error from separate variances
 *   WELCH_F     Welch's F, as qst_test_welch_anova()
 *   CHISQ       Pearson's, of answers by arm
 */
typedef enum {
    QST_PERMUTE_F,
    QST_PERMUTE_DIFFERENCE,
    QST_PERMUTE_WELCH_T,
    QST_PERMUTE_WELCH_F,
    QST_PERMUTE_CHISQ,
    QST_N_PERMUTE
} qst_permute_statistic;

/* What units bring along: number, sum and sum of squares of the values of each unit's rows, best
 * less their common mean; for CHISQ instead one answer each, 1 .. n_answers or QST_NA_INT for none.
 * A unit without rows (n = 0) takes a place and no part. */
typedef struct {
    const double *n, *sum, *squares;
    const int32_t *answer;
    int32_t n_answers;
} qst_permuted;

/*
 * The statistic for n_replicates re-allocations, numbered first, first + 1,
 * ...: parts make the whole. Replicate r has its own stream: purpose 17,
 * iteration r. A shuffle goes stratum by stratum: arms stand in order, but the
 * largest first, and the places after it are exchanged, upwards, each with one
 * of those up to it, by handfuls of numbers from one word (resample.h). A
 * replicate of lists takes their common seed from its first two words. NaN where a statistic does
 * not exist, as with an arm that got nobody. `given`, n_units x n_replicates arms or NULL, are used
 * instead of re-allocations. QST_EARGUMENT: a code outside its range, a value not finite (row);
 * QST_EDIMENSION: sizes that do not add up, two arms needed; QST_ENODATA: no rows; QST_ERANGE:
 * n_replicates below 1 or a number outside 0 .. 2^32 - 1. Threaded.
 */
QST_MUST_USE qst_status qst_permute(const qst_ctx *ctx, const qst_scheme *scheme,
    const qst_permuted *data, qst_permute_statistic statistic, const int32_t *given, int64_t first,
    int64_t n_replicates, uint64_t seed, double *statistic_out, qst_err *err);

/* The arms of the same re-allocations: n_units x n_replicates codes. */
QST_MUST_USE qst_status qst_permute_arms(const qst_ctx *ctx, const qst_scheme *scheme,
    int64_t first, int64_t n_replicates, uint64_t seed, int32_t *arm_out, qst_err *err);

/* The statistic of every different shuffle within strata, the observed one among them, in
 * lexicographic order; `n_all` says how many there are (QST_EDIMENSION if there are not).
 * scheme->lists must be NULL. Not threaded. */
QST_MUST_USE qst_status qst_permute_all(const qst_ctx *ctx, const qst_scheme *scheme,
    const qst_permuted *data, qst_permute_statistic statistic, int64_t n_all, double *statistic_out,
    qst_err *err);

/* ---- Bootstrap: stat/boot.c -------------------------------------------------------------- */

/* Units (rows or clusters of rows) are drawn with replacement, within strata. They are numbered
 * stratum by stratum; stratum_size adds up to n_units. */
typedef struct {
    const int32_t *stratum_size;
    int32_t n_strata;
    ptrdiff_t n_units;
} qst_boot_units;

/*
 * Statistics of the columns of the rows drawn:
 *   COEFFICIENTS  of the last column on those before it, by least squares; a
 *                 column of ones is not added. n_cols - 1 results
 *   SD            of the last column, divisor n - 1; the first is ones
 *   CORRELATION   of the second and third column; the first is ones
 *   ALPHA         Cronbach's, of the columns but the first, which is ones
 *   MEDIAN        of the last column
 * NaN where a sample has none.
 */
typedef enum {
    QST_BOOT_COEFFICIENTS,
    QST_BOOT_SD,
    QST_BOOT_CORRELATION,
    QST_BOOT_ALPHA,
    QST_BOOT_MEDIAN,
    QST_N_BOOT
} qst_boot_statistic;

typedef struct {
    qst_cmat columns;      /* finite; best less their means */
    const int32_t *unit;   /* a row's unit, 1 .. n_units */
    const int32_t *sorted; /* for MEDIAN: rows by value of the last column, from 1; else NULL */
} qst_boot_data;

/* Number of results of a statistic of n_cols columns. */
ptrdiff_t qst_boot_n_results(qst_boot_statistic statistic, ptrdiff_t n_cols);

/*
 * The statistic of all rows (observed_out, n_results), of n_replicates samples
 * numbered first, first + 1, ... (replicate_out, n_results x n_replicates),
 * and of all rows but those of each unit (jackknife_out, n_results x n_units,
 * or NULL). Replicate r has its own stream: purpose 18, iteration r; it draws
 * stratum by stratum, handfuls of numbers from one word (resample.h). All
 * statistics but the median are functions of sums of products over rows, so a
 * sample adds up what its units bring along and never looks at rows.
 * QST_EARGUMENT: a value not finite (row, column) or a unit outside its range;
 * QST_EDIMENSION: sizes that do not fit; QST_ENODATA: no rows; QST_ERANGE:
 * n_replicates below 1 or a number outside 0 .. 2^32 - 1. Threaded.
 */
QST_MUST_USE qst_status qst_boot(const qst_ctx *ctx, const qst_boot_units *units,
    const qst_boot_data *data, qst_boot_statistic statistic, int64_t first, int64_t n_replicates,
    uint64_t seed, double *observed_out, double *replicate_out, double *jackknife_out,
    qst_err *err);

/* The units of the same samples: n_units x n_replicates numbers from 1. */
QST_MUST_USE qst_status qst_boot_draws(const qst_ctx *ctx, const qst_boot_units *units,
    int64_t first, int64_t n_replicates, uint64_t seed, int32_t *unit_out, qst_err *err);

/* ---- Cohorts from printed tables: stat/reconstruct.c ----------------------------------- */

/*
 * People with integer answers whose analysis gives printed figures. Everybody
 * is in one arm, has a level of each covariate, and at two visits a number of
 * answered items and a total of the answers; the score is
 *     score_items * total / answered.
 * Who did not answer at baseline has the mean baseline score of those who did;
 * the change is follow-up less baseline. A figure is met when the value that
 * analysis gives lies in [low, high], the numbers that round to what was
 * printed.
 *
 * Levels are swapped within arms until the standard errors of the model
 * follow. Then a quick way is tried: steps of Gauss and Newton bring all totals
 * near, real shares of small moves that meet all figures are walked to 0 and
 * 1, and the best pairs of some thousand moves are done. Where that fails,
 * totals are moved and swapped until the baseline figures hold, then all
 * figures, while the tolerance shrinks (threshold accepting: Dueck & Scheuer
 * 1990, doi:10.1016/0021-9991(90)90201-B), and all pairs of small moves are
 * tried at the end.
 * Decisions use + - * / and sqrt only, so results are the same bits wherever
 * a compiler does not fuse a multiplication with an addition.
 */
enum { QST_VISIT_BASELINE, QST_VISIT_FOLLOWUP, QST_N_VISITS };

typedef enum { QST_OUTCOME_BASELINE, QST_OUTCOME_FOLLOWUP, QST_OUTCOME_CHANGE } qst_outcome;

/*
 * What is printed, and of whom: `covariate` and `level` choose people
 * (covariate < 0: all), `arm` too (arm < 0: all arms).
 *   MEAN, SD           of the outcome; SD with n - 1
 *   F_ARMS             one-way F over the arms, within the level
 *   F_LEVELS           one-way F over the levels of `covariate` within the arm
 *   T                  pooled-variance t, arm less `reference`
 *   WELCH, DIFFERENCE  t without pooling, and the difference of means, arm less
 *                      `reference`
 *   PAIRED             t of the outcome's mean in the arm against 0
 *   F_INTERACTION      F of arm x covariate, all arms, outcome ~ arm * covariate
 *   ESTIMATE ... HIGH  coefficient `level` of the model (0 is the intercept):
 *                      estimate, standard error, their ratio, and the ends of
 *                      the interval, estimate -+ t_quantile * standard error
 */
typedef enum {
    QST_FIGURE_MEAN,
    QST_FIGURE_SD,
    QST_FIGURE_F_ARMS,
    QST_FIGURE_F_LEVELS,
    QST_FIGURE_T,
    QST_FIGURE_F_INTERACTION,
    QST_FIGURE_WELCH,
    QST_FIGURE_PAIRED,
    QST_FIGURE_DIFFERENCE,
    QST_FIGURE_ESTIMATE,
    QST_FIGURE_SE,
    QST_FIGURE_RATIO,
    QST_FIGURE_LOW,
    QST_FIGURE_HIGH,
    QST_N_FIGURES
} qst_figure_kind;

typedef struct {
    int32_t kind, outcome, arm, reference, covariate, level;
    double low, high; /* low < high */
} qst_figure;

/* A column of the linear model: 1 for the level of the covariate, or (covariate < 0) for arm number
 * `level`; the number itself for a numeric covariate, whose `level` is 0. */
typedef struct {
    int32_t covariate, level;
} qst_cohort_term;

typedef struct {
    int32_t n_people, n_arms, n_covariates;
    const int32_t *arm_size; /* people stand arm by arm */
    const int32_t *n_levels; /* of each covariate */
    /* Numeric covariates are counted on from the others. Only terms of the model speak of them. */
    int32_t n_numeric;

    /* Scores: n_items asked, answers min .. max; a person skips k further items with chance
     * skip[k - 1], at each visit; the last kinds are left out where sums of squared scores would
     * not fit in 64 bits. n_lone people did not answer at baseline. */
    int32_t n_items, min, max;
    double score_items;
    const double *skip;
    int32_t n_skips, n_lone;
    /* Where the search starts, by arm: means and SDs of the baseline score and of the change, and
     * their correlation. */
    const double *baseline_mean, *baseline_sd, *change_mean, *change_sd;
    double correlation;

    const qst_figure *figures;
    int32_t n_figures;

    /* The model: an intercept and n_terms columns (0: no model); estimates and standard errors,
     * n_terms + 1 each, and the outcome's sum of squares within arms, which ties the residual
     * variance. Standard errors and sum of squares are sought near to `se` and `ss` first, then
     * anywhere in their ranges. */
    int32_t model_outcome, n_terms;
    const qst_cohort_term *terms;
    const double *estimate, *se, *se_low, *se_high;
    double ss, ss_low, ss_high;
    double t_quantile;

    uint64_t seed;
    int32_t n_attempts; /* each with other random numbers, until one meets all */
} qst_cohort_plan;

/* In: levels, n_people for each covariate, -1 where a covariate does not apply, with the printed
 * counts in each arm; then whole numbers, n_people for each numeric covariate, at most
 * QST_MOST_NUMBER in size. Out: the same in each arm, in the order found; answered and total at
 * both visits, 0 at baseline for those who did not answer. */
#define QST_MOST_NUMBER 1000000

typedef struct {
    int32_t *level;
    int32_t *answered[QST_N_VISITS];
    int32_t *total[QST_N_VISITS];
} qst_cohort;

typedef struct {
    bool met;
    int32_t n_attempts; /* used */
    double misfit;      /* of the last attempt: squared excess in half-widths, summed */
} qst_cohort_info;

/* Searches. values_out: n_figures, what the cohort gives. A cohort that does not meet all figures
 * is no failure: info_out says so. QST_EARGUMENT for a plan that makes no sense. */
QST_MUST_USE qst_status qst_reconstruct(const qst_ctx *ctx, const qst_cohort_plan *plan,
    qst_cohort *people, double *values_out, qst_cohort_info *info_out, qst_err *err);

/*
 * Answers item by item for given totals: items differ in their mean and in
 * how much they follow the person, so that they hang together as a real scale
 * does; then answers are shifted between two items of one person, which leaves
 * the totals, until Cronbach's alpha of the complete answers lies in
 * [alpha_low, alpha_high] at each visit (NaN: not asked for).
 */
typedef struct {
    int32_t n_people, n_items, min, max;
    const int32_t *answered[QST_N_VISITS]; /* 0: absent */
    const int32_t *total[QST_N_VISITS];
    double alpha_low[QST_N_VISITS], alpha_high[QST_N_VISITS];
    uint64_t seed;
} qst_items_plan;

/* items_out[visit]: n_people x n_items, column-major, QST_NA_INT where not answered; alpha_out: the
 * alpha reached. QST_ERANGE for a total that its answers cannot have. */
QST_MUST_USE qst_status qst_reconstruct_items(const qst_ctx *ctx, const qst_items_plan *plan,
    int32_t *const items_out[QST_N_VISITS], double alpha_out[QST_N_VISITS], qst_err *err);

/* ---- Audit of printed tables: stat/audit.c and audit_*.c ----------------------------------- */

/*
 * Printed tables as a graph: cells hold what was printed, digit for digit;
 * a check recomputes one cell, its target, from others. Every input stands
 * for an interval, what its rounding leaves open, so a recomputed number is
 * an interval too: from the printed numbers taken at their word (`value`),
 * down to `low` and up to `high`. A correctly rounded table is never called
 * inconsistent: intervals contain all that the inputs allow.
 */
typedef enum {
    QST_CELL_COUNT,  /* whole number, exact: people, degrees of freedom */
    QST_CELL_NUMBER, /* rounded (or truncated) */
    QST_CELL_BELOW,  /* "<0.001": anything from 0 */
    QST_CELL_ABOVE,  /* ">0.99" */
    QST_CELL_LABEL,  /* `digits` is a level, counted from 0, of margin number `decimals` */
    QST_CELL_EMPTY   /* nothing is printed: checks that need it have no verdict */
} qst_cell_kind;

#define QST_MAX_DECIMALS 15

/* digits / 10^decimals: "-2.30" is -230 with 2 decimals. |digits| < 10^15. */
typedef struct {
    int64_t digits;
    int32_t decimals; /* 0 .. QST_MAX_DECIMALS */
    int32_t kind;     /* qst_cell_kind */
} qst_printed;

/*
 * The kinds of checks: X(NAME, name), enum QST_CHECK_NAME, "name" for callers,
 * function qst__range_name() in the file named. Inputs in their order, `...`
 * for as many as there are; `par` where said. Percentages of 100.
 */
/* audit_counts.c. Lines of tables of counts (n_rows, n_cols) that hold nobody are left out; with
 * par[0] 1 the last row is of totals and stands for what the rows above leave of them, with 2 all
 * rows but the first are one.
 *   bounds      target is not below par[0] nor above par[1]; no inputs
 *   sum         target = sum of par[0] inputs less the sum of the others
 *   percent     part, ...: the part of the sum of the others; with par[0] of the sum of all
 *   chisq       table: Pearson's statistic; 2 x 2: with Yates's correction or without, whichever
 *               comes nearer to the target
 *   chisq_p     table: the P of that; or table, statistic: the P of the statistic printed, which
 *               the counts say more exactly if they give it
 *   chisq_df    table: degrees of freedom
 *   fisher      table: P of Fisher's exact test, of all tables not more likely than the printed
 *               one (Freeman & Halton 1951 beyond 2 x 2); none where that takes too long
 */
#define QST_COUNT_CHECKS(X)                                                                        \
    X(BOUNDS, bounds)                                                                              \
    X(SUM, sum)                                                                                    \
    X(PERCENT, percent)                                                                            \
    X(CHISQ, chisq)                                                                                \
    X(CHISQ_P, chisq_p)                                                                            \
    X(CHISQ_DF, chisq_df)                                                                          \
    X(FISHER, fisher)
/* audit_p.c: two-sided P from a printed statistic
 *   p_t, p_f, p_chisq   statistic, then its df (F: two)
 *   p_normal            z
 * audit_means.c: n, mean and SD of one group and of another, and their difference if it is printed
 *   student, welch      t of the first less the second, with pooled variance or without
 *   <either>_p          its P
 *   <either>_limit      limit of the difference: level par[0]; lower if par[1] < 0
 *   welch_df            df after Welch and Satterthwaite
 *   df                  target = par[0] plus the inputs, as many as there are
 *   sem                 standard error of measurement: SD, alpha
 * audit_change.c: n, mean and SD of the change; or those before and those after, whose correlation
 * is not known
 *   paired, paired_p, paired_limit   as above
 *   change_sd           before and after only
 * audit_groups.c: n, mean and SD of each group ...
 *   anova, anova_p      F and its P
 *   pooled_mean, pooled_sd   of all groups together
 * audit_grim.c: scores are whole multiples of par[0]
 *   grim                the mean nearest to the target that n of them can have: n
 *   grimmer             the SD nearest to it: n, mean
 */
#define QST_MEAN_CHECKS(X)                                                                         \
    X(P_T, p_t)                                                                                    \
    X(P_F, p_f)                                                                                    \
    X(P_CHISQ, p_chisq)                                                                            \
    X(P_NORMAL, p_normal)                                                                          \
    X(STUDENT, student)                                                                            \
    X(STUDENT_P, student_p)                                                                        \
    X(STUDENT_LIMIT, student_limit)                                                                \
    X(WELCH, welch)                                                                                \
    X(WELCH_P, welch_p)                                                                            \
    X(WELCH_LIMIT, welch_limit)                                                                    \
    X(WELCH_DF, welch_df)                                                                          \
    X(DF, df)                                                                                      \
    X(SEM, sem)                                                                                    \
    X(PAIRED, paired)                                                                              \
    X(PAIRED_P, paired_p)                                                                          \
    X(PAIRED_LIMIT, paired_limit)                                                                  \
    X(CHANGE_SD, change_sd)                                                                        \
    X(ANOVA, anova)                                                                                \
    X(ANOVA_P, anova_p)                                                                            \
    X(POOLED_MEAN, pooled_mean)                                                                    \
    X(POOLED_SD, pooled_sd)                                                                        \
    X(GRIM, grim)                                                                                  \
    X(GRIMMER, grimmer)
/* audit_row.c: a figure of a regression row from the others; those not printed are empty cells.
 * par: quantile of the limits; df of P, INFINITY for a normal one; how it is printed, a sum of 1
 * (estimate and limits are exp() of the model's), 2 (and so is the error, multiplied by the ratio)
 * and 4 (the statistic is Wald's chi-square).
 *   row_low, row_high, row_statistic, row_p   inputs: estimate, error, both limits, statistic
 * audit_model.c: par: the column (arm) of the target, -1 for all together; the number of arms; the
 * column of the arm that it is compared with, -1 for none. Columns are those of the margins.
 *   ols_mean   mean outcome of an arm. Inputs: the people in each arm's mean; the constant of the
 *              model, or the mean of the arm compared with; for each coefficient itself, its level
 *              (or the covariate's mean) and the reference (or the mean compared with)
 * audit_error.c: par: the coefficient, counted from 0, -1 for the constant; the number of arms
 *   ols_error  its standard error. Inputs: the people in each arm's mean; the outcome's standard
 *              deviation in each arm; for each coefficient itself, its level and its reference (or
 *              two empty cells), and a numeric covariate's standard deviation in each arm and then
 *              its mean in each arm (or empty cells)
 *   ols_limit  its upper limit; par[2] is the quantile
 * audit_ratio.c: a model whose only factor is the arm. par: the number of arms; 1 if estimates are
 * exp() of the model's; the quantile. Inputs: the level and the reference (the same for the
 * constant), then two cells of each arm, all the first ones first
 *   log_odds, log_odds_error, log_odds_limit   people with the event, people without; limit: upper
 *   log_rate, log_rate_error, log_rate_limit   mean number of events, people
 */
#define QST_MODEL_CHECKS(X)                                                                        \
    X(ROW_LOW, row_low)                                                                            \
    X(ROW_HIGH, row_high)                                                                          \
    X(ROW_STATISTIC, row_statistic)                                                                \
    X(ROW_P, row_p)                                                                                \
    X(OLS_MEAN, ols_mean)                                                                          \
    X(OLS_ERROR, ols_error)                                                                        \
    X(OLS_LIMIT, ols_limit)                                                                        \
    X(LOG_ODDS, log_odds)                                                                          \
    X(LOG_ODDS_ERROR, log_odds_error)                                                              \
    X(LOG_ODDS_LIMIT, log_odds_limit)                                                              \
    X(LOG_RATE, log_rate)                                                                          \
    X(LOG_RATE_ERROR, log_rate_error)                                                              \
    X(LOG_RATE_LIMIT, log_rate_limit)
#define QST_CHECK_LIST(X) QST_COUNT_CHECKS(X) QST_MEAN_CHECKS(X) QST_MODEL_CHECKS(X)

#define QST_CHECK_ENUM(name, function) QST_CHECK_##name,
typedef enum { QST_CHECK_LIST(QST_CHECK_ENUM) QST_N_CHECKS } qst_check_kind;
#undef QST_CHECK_ENUM

/* "sum" and so on; NULL for a number that is no kind. qst_check_kind_of() is the way back, -1 for a
 * name that is none. */
const char *qst_check_name(int32_t kind);
int32_t qst_check_kind_of(const char *name);

typedef struct {
    int32_t kind;           /* qst_check_kind */
    int32_t target;         /* the cell recomputed */
    int32_t first, n;       /* its inputs: inputs[first] .. inputs[first + n - 1] */
    int32_t n_rows, n_cols; /* of inputs that are a table, row by row; else 0 */
    bool without_sign;      /* the target may be printed without its minus sign */
    double par[3];
} qst_check;

/* A variable counted by level and column (arm): count[level * n_columns + column] are cells. With
 * count == NULL its levels are the columns themselves: a margin of the arms. */
typedef struct {
    int32_t n_levels, n_columns;
    const int32_t *count;
} qst_margin;

typedef struct {
    ptrdiff_t n_cells, n_checks, n_inputs;
    const qst_printed *cells;
    const qst_check *checks;
    const int32_t *inputs; /* numbers of cells */
    const qst_margin *margins;
    int32_t n_margins;
    bool truncated; /* numbers were cut off, not rounded */
} qst_tables;

typedef enum {
    QST_VERDICT_NONE,         /* an input is empty or makes no sense here */
    QST_VERDICT_EXACT,        /* the value rounds to what is printed */
    QST_VERDICT_ROUNDING,     /* some value that the inputs allow does */
    QST_VERDICT_INCONSISTENT, /* none does */
    QST_N_VERDICTS
} qst_verdict;

/* `spread` is the standard deviation of target less value that rounding (or, for bounds, what is
 * usual) explains: how surprising a verdict is. NaN without verdict. */
typedef struct {
    double value, low, high, spread;
    int32_t verdict;
} qst_finding;

/* All checks; findings_out: n_checks. QST_EARGUMENT for a cell, check, input or margin that is not
 * as said above, with its number as row. */
QST_MUST_USE qst_status qst_audit(
    const qst_ctx *ctx, const qst_tables *tables, qst_finding *findings_out, qst_err *err);

/* Printed means and, unless sd is NULL, SDs (divisor n - 1) of n[i] scores, whole multiples of
 * step[i]. */
typedef struct {
    ptrdiff_t n_rows;
    const qst_printed *mean, *sd;
    const double *n, *step;
    bool truncated;
} qst_grim_rows;

/*
 * Whether some n such scores have a mean and an SD that print so: possible_out, n_rows, 1 or 0;
 * QST_NA_INT where a cell is no number, n is not whole or lies outside 1 (with an SD 2) .. 1e9,
 * or the step is not above 0. The answer is exact: with an SD not one of many samples is looked
 * for, it follows from which numbers are sums of n squares.
 */
QST_MUST_USE qst_status qst_grim(
    const qst_ctx *ctx, const qst_grim_rows *rows, int32_t *possible_out, qst_err *err);

/* ---- Repair of printed tables: stat/repair.c, repair_moves.c, repair_search.c ------------------
 */

/*
 * What may have gone wrong in print, X(NAME, name): a change undoes one of
 * them. The core makes changes of single cells itself; changes of several
 * cells are offered by the caller. Where two explain the same, the first
 * of this list is named.
 */
#define QST_CHANGE_LIST(X)                                                                         \
    X(ROWS, rows)             /* rows or parts of them exchanged */                                \
    X(EXCHANGE, exchange)     /* two cells exchanged */                                            \
    X(LABELS, labels)         /* labels of model rows permuted */                                  \
    X(REFERENCE, reference)   /* and the reference with them */                                    \
    X(TRANSPOSED, transposed) /* two neighbouring digits */                                        \
    X(SIGN, sign)                                                                                  \
    X(DECIMAL, decimal) /* the point, by one place */                                              \
    X(DIGIT, digit)     /* one digit */                                                            \
    X(PERSON, person)   /* counted at another level */

#define QST_CHANGE_ENUM(name, text) QST_CHANGE_##name,
typedef enum { QST_CHANGE_LIST(QST_CHANGE_ENUM) QST_N_CHANGES } qst_change_kind;
#undef QST_CHANGE_ENUM

/* "rows" and so on; NULL for a number that is no kind. qst_change_kind_of() is the way back, -1 for
 * a name that is none. */
const char *qst_change_name(int32_t kind);
int32_t qst_change_kind_of(const char *name);

typedef enum {
    QST_EDIT_TAKE,  /* the cell takes what stood in cell `from` before the change */
    QST_EDIT_ADD,   /* `from` is added to its digits, which stay 0 or more */
    QST_EDIT_FOLLOW /* it takes what check `from`, whose target it is, then asks for */
} qst_edit_rule;

typedef struct {
    int32_t cell, rule, from;
} qst_edit;

#define QST_MAX_EDITS 24      /* of one change */
#define QST_MAX_REPAIR_SIZE 4 /* changes of one proposal */

/* A change of several cells: edits[first] .. edits[first + n - 1], done in this order. */
typedef struct {
    int32_t kind; /* qst_change_kind */
    int32_t first, n;
} qst_offer;

/* `decimals`: how many the column that a cell stands in has nearly everywhere, -1 if it has no such
 * number. */
typedef struct {
    const uint16_t *allowed; /* a cell: the sum of 1 << kind over the changes it may have alone */
    const int32_t *decimals;
    const qst_offer *offers;
    ptrdiff_t n_offers;
    const qst_edit *edits;
    ptrdiff_t n_edits;
    double weight[QST_N_CHANGES]; /* how usual each kind is, > 0 */
    int32_t max_size;             /* 1 .. QST_MAX_REPAIR_SIZE */
    int32_t max_proposals;        /* of each part, at least 1 */
} qst_repair_plan;

/*
 * Failing checks that some change touches together make a part; parts are
 * repaired one by one. A cell in 40 checks or more of which fewer than one in ten fail is right.
 * `n_found` is how many sets of `size` changes, the smallest that exist, make every check of the
 * part hold (the same outcome by other changes counted once); 0 if none up to max_size does, and
 * `size` is then 0. `n_checks` checks fail in the part; `check` is the first of them. With
 * `is_more` the search was cut short and n_found is only how many were kept.
 */
typedef struct {
    int32_t check, n_checks, size, n_found;
    bool is_more;
} qst_repair_part;

/*
 * A set of changes that repairs a part; those of one part stand together, best
 * first. `share` is its weight among all that were found in its part:
 * the prior is the product over its changes of weight[kind] / how many changes
 * of that kind the tables allow, halved for each label beyond two that changes place; the
 * likelihood is the product, over all checks that any of them touches, of the probability that
 * rounding gives the target as printed (normal with the check's value and spread), and of 1 / 20
 * for each cell that any of them edits and that has other decimals than its column.
 */
typedef struct {
    int32_t part;
    double share;
} qst_proposal;

/* A cell of a proposal that changes: the change's number within the proposal and its kind. */
typedef struct {
    int32_t proposal, change, kind, cell;
    qst_printed to;
} qst_repair_row;

/* Buffers of the caller with room for max_... of each; n_... are set. Proposals that find no room
 * are left out, from the last. */
typedef struct {
    qst_repair_part *parts;
    qst_proposal *proposals;
    qst_repair_row *rows;
    ptrdiff_t max_parts, max_proposals, max_rows;
    ptrdiff_t n_parts, n_proposals, n_rows;
} qst_repairs;

/* The smallest sets of changes after which every check holds. A check without verdict stays so; one
 * with a verdict may not lose it. QST_EARGUMENT for tables as qst_audit() refuses them and for
 * offers and edits that are not as said. */
QST_MUST_USE qst_status qst_repair(const qst_ctx *ctx, const qst_tables *tables,
    const qst_repair_plan *plan, qst_repairs *repairs, qst_err *err);

/* ---- Meta-analysis: stat/meta.c, stat/meta_tau2.c, stat/meta_interval.c -------------------- */

/*
 * Effects y_i of k studies with known variances v_i, y ~ N(X b, V + tau2 I): how tau2, the variance
 * between studies, is estimated. FE takes 0. DL: DerSimonian & Laird (1986, Controlled Clin Trials
 * 7:177-188); HE: Hedges & Olkin (1985); SJ: Sidik & Jonkman (2005, Appl Stat 54:367-384), from the
 * variance of y with divisor k; ML, REML: maximum (restricted) likelihood; PM: Paule & Mandel
 * (1982); EB: Morris (1983), whose equation has the same root.
 */
typedef enum {
    QST_META_FE,
    QST_META_DL,
    QST_META_HE,
    QST_META_SJ,
    QST_META_ML,
    QST_META_REML,
    QST_META_PM,
    QST_META_EB
} qst_meta_method;

/* Covariance of b: (X'WX)^-1 with W = (V + tau2 I)^-1, times q = y'Py / (k - p) for HKSJ (Hartung &
 * Knapp 2001, Stat Med 20:3875-3889), times max(1, q) for HKSJ_MAX. */
typedef enum { QST_META_Z, QST_META_HKSJ, QST_META_HKSJ_MAX } qst_meta_test;

/*
 * Many sets of effects of the same k studies. `y` is k x n; `v` is k x n, or k x 1 for all sets;
 * NaN in y or v leaves the study out of that set. `x` is k x p, of full rank with an intercept if
 * one is wanted; with data NULL it is a column of ones.
 */
typedef struct {
    qst_cmat y, v, x;
} qst_meta_sets;

/* chisq_low[d - 1] and chisq_high[d - 1] are the quantiles of chi-square with d df, d = 1 .. k - p,
 * for the Q-profile interval of tau2; NULL: none is made. */
typedef struct {
    qst_meta_method method;
    qst_meta_test test;
    int32_t max_iterations;
    const double *chisq_low, *chisq_high;
} qst_meta_settings;

/* REML, HKSJ, 1000 iterations, no interval. */
void qst_meta_settings_default(qst_meta_settings *settings);

/* Why a set has no fit; its numbers are NaN then. */
typedef enum {
    QST_META_FITTED,
    QST_META_TOO_FEW,   /* fewer studies than coefficients */
    QST_META_ALIASED,   /* the studies left do not identify the coefficients */
    QST_META_NO_WEIGHT, /* a variance of 0 and tau2 = 0: infinite weight */
    QST_META_NOT_CONVERGED,
    QST_META_NOT_FINITE /* an infinite effect, or variances too far apart for doubles */
} qst_meta_outcome;

/*
 * tau2 and its standard error (asymptotic; NaN for FE); its interval; Q = y'P(0)y and the typical
 * variance (k - p) / tr P(0) (Higgins & Thompson 2002), NaN where a variance is 0; q of HKSJ before
 * any max; both log-likelihoods at tau2, the restricted one with log|X'X| / 2. `bounded`: the
 * estimate was cut off at 0. With k = p: tau2 = 0, q NaN, no interval.
 */
typedef struct {
    int32_t k, n_iterations;
    qst_meta_outcome outcome;
    bool bounded;
    double tau2, se_tau2, tau2_low, tau2_high;
    double q, typical_variance, scale, log_lik, log_lik_restricted;
} qst_meta_info;

/* Room for results: `b` is p x n, `vcov` p^2 x n, both column-major without gaps. */
typedef struct {
    double *b_out, *vcov_out;
    qst_meta_info *info_out; /* n */
} qst_meta_fitted;

/*
 * Fits each set. Iterative estimators are solved to about 1e-12 of the typical variance, not to the
 * few digits usual elsewhere; a local maximum of a likelihood that lies below the likelihood at 0
 * gives way to 0. What is wrong with one set is said in its outcome. QST_EDIMENSION: sizes that do
 * not fit; QST_ERANGE: a negative variance (row, column, value); QST_ESINGULAR: `x` not of full
 * rank.
 */
QST_MUST_USE qst_status qst_meta_fits(const qst_ctx *ctx, const qst_meta_sets *sets,
    const qst_meta_settings *settings, const qst_meta_fitted *fitted, qst_err *err);

/* Two-by-two tables of k studies: events and people of the treated arm, then of the control. */
typedef struct {
    ptrdiff_t k;
    const double *events1, *n1, *events2, *n2;
} qst_meta_tables;

/* Mantel-Haenszel pools of log odds ratios, log risk ratios and risk differences (with Sato's
 * variance or, _GR, Greenland and Robins'), and Peto's log odds ratio. */
typedef enum {
    QST_META_MH_OR,
    QST_META_MH_RR,
    QST_META_MH_RD,
    QST_META_MH_RD_GR,
    QST_META_PETO
} qst_meta_table_method;

/* q, the heterogeneity, and the number of studies in it are of Peto only, else NaN and 0. */
typedef struct {
    double estimate, variance, q;
    ptrdiff_t n_informative;
} qst_meta_pooled;

/* weight_out: k, of any sum. QST_ERANGE: counts that no table has (row); QST_ENODATA: too few
 * events for an estimate. */
QST_MUST_USE qst_status qst_meta_pool_tables(const qst_meta_tables *tables,
    qst_meta_table_method method, double *weight_out, qst_meta_pooled *pooled_out, qst_err *err);

/* ---- Quadratic forms in normal variables: stat/quadratic_form.c ----------------------------- */

/*
 * Both tails of Q = sum lambda_i chi2_1 at q, lambda_i >= 0 and independent: P(Q <= q) and
 * P(Q > q), the smaller of the two to about ten digits however small it is. QST_ERANGE: a lambda
 * below 0 or not finite (row), a missing q.
 */
QST_MUST_USE qst_status qst_quadratic_form(const double *lambda, ptrdiff_t n, double q,
    double *lower_out, double *upper_out, qst_err *err);

/* ---- Effects that depend on one another: stat/meta_cluster.c ------------------------------- */

/*
 * Effects y of k rows in n_clusters clusters (studies that give several effects, or share people),
 * y ~ N(X b, M), M = V + between J + within I, J_ij = 1 within a cluster: the multilevel model of
 * Konstantopoulos (2011, Res Synth Methods 2:61-76). V is 0 between clusters; within them it is
 * `covariance` (k x k, of which only those elements and the lower triangle are read), or with data
 * NULL V_ij = rho sqrt(v_i v_j), V_ii = v_i: the correlated and hierarchical effects of Pustejovsky
 * & Tipton (2022, Prev Sci 23:425-438). `cluster` is 1 .. n_clusters. `x` as in qst_meta_sets.
 */
typedef struct {
    const double *y, *v; /* k */
    ptrdiff_t k;
    qst_cmat x;
    const int32_t *cluster; /* k */
    ptrdiff_t n_clusters;
    double rho;
    qst_cmat covariance;
} qst_meta_clusters;

/* REML unless `ml`. */
typedef struct {
    bool ml;
    int32_t max_iterations;
} qst_meta_cluster_settings;

/* Why there is no fit is said as of one set; QST_META_NO_WEIGHT: V is singular and so is M. `q` =
 * y'Py and the typical variance (k - p) / tr P are those of V alone, NaN where it is singular. */
typedef struct {
    double between, within, log_lik, q, typical_variance;
    int32_t n_iterations;
    qst_meta_outcome outcome;
} qst_meta_cluster_info;

/* b: p; vcov, robust: p x p without gaps; df: p; weights: k, the row sums of M^-1. */
typedef struct {
    double *b_out, *vcov_out, *robust_out, *df_out, *weights_out;
    qst_meta_cluster_info *info_out;
} qst_meta_cluster_fit;

/*
 * Fits the model by scoring (expected information), with both variances kept at or above 0, from
 * several starts. vcov is (X'M^-1 X)^-1; robust is CR2 with M as the working covariance, and df the
 * degrees of freedom of each coefficient by Satterthwaite's approximation (Pustejovsky & Tipton
 * 2018, J Bus Econ Stat 36:672-683), both NaN with fewer than two clusters. All numbers are NaN
 * without a fit. QST_EDIMENSION, QST_ERANGE (a cluster that is none, a variance below 0, |rho|
 * above 1, with its row), QST_ESINGULAR as for qst_meta_fits(). Not threaded.
 */
QST_MUST_USE qst_status qst_meta_cluster_fits(const qst_ctx *ctx, const qst_meta_clusters *data,
    const qst_meta_cluster_settings *settings, const qst_meta_cluster_fit *fit, qst_err *err);

#endif
