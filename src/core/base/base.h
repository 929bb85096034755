/* What the core's own files share; not for callers of the library. */
#ifndef QST_BASE_H
#define QST_BASE_H

#include "qst.h"

#ifdef QST_DEBUG
#define QST_ASSERT(condition)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            __builtin_trap();                                                                      \
        }                                                                                          \
    } while (0)
#else
#define QST_ASSERT(condition) ((void)0)
#endif

/*
 * The loops that most of the time goes into are compiled twice: for every
 * processor, and where x86 has AVX2 for its wider registers. The bits are the
 * same (AVX2 does not imply fused multiply-add). A loop is a QST__LOOP
 * function, called by itself and by a QST__WIDE one; a constant number of
 * steps lets compilers make vector code of it at -O2. QST_NARROW leaves the
 * second out, for the tests of the first.
 */
#if defined(__GNUC__)
#define QST__LOOP static inline __attribute__((always_inline))
#else
#define QST__LOOP static inline
#endif
#if defined(__GNUC__) && defined(__x86_64__) && !defined(QST_NARROW)
#define QST__WIDE static __attribute__((target("avx2")))
#define QST__IS_WIDE (__builtin_cpu_supports("avx2") != 0)
#else
#define QST__WIDE static
#define QST__IS_WIDE false
#endif

/* What stands at `address` will be read soon. */
#if defined(__GNUC__)
#define QST__PREFETCH(address) __builtin_prefetch(address)
#else
#define QST__PREFETCH(address) ((void)0)
#endif

/* Four doubles for one register, by the vectors of GNU C, which every compiler that R is built with
 * has: compilers keep sums written as arrays in memory. Loaded from wherever doubles may stand. */
typedef double qst__four __attribute__((vector_size(32), aligned(8), may_alias));

/* ---- status.c: setting errors ---- */

/* Writes status and text unless an error stands there already, and returns the status that stands.
 * With err == NULL it returns `status`. */
qst_status qst__fail(qst_err *err, qst_status status, const char *format, ...) QST_PRINTF(3, 4);

/* The same, with the position and the value of the fault; -1 and NaN where there is none. */
qst_status qst__fail_at(qst_err *err, qst_status status, ptrdiff_t row, ptrdiff_t column,
    double value, const char *format, ...) QST_PRINTF(6, 7);

/* An error made elsewhere (on another thread) becomes that of `err`, unless one stands there. */
qst_status qst__pass_on(qst_err *err, const qst_err *from);

/* ---- mem.c: one arena a call ---- */

typedef struct qst__block qst__block;

typedef struct {
    const qst_allocator *allocator;
    qst__block *blocks;
} qst__arena;

void qst__arena_init(qst__arena *arena, const qst_ctx *ctx);
void qst__arena_free(qst__arena *arena);

/* n items of `size_bytes` each, zeroed, aligned for any type; *out is set to them. n == 0 gives a
 * pointer that may not be read. QST_EOVERFLOW for sizes no memory can have, QST_ENOMEM. */
QST_MUST_USE qst_status qst__arena_array(
    qst__arena *arena, ptrdiff_t n, size_t size_bytes, void *out, qst_err *err);

/* ---- par.c: polling in serial loops ---- */

/* Asks `poll` at most every poll_ms, by a clock that is read once in a while. Serial loops call it
 * once a block of work; QST_ECANCEL says stop. */
typedef struct {
    const qst_ctx *ctx;
    double last_ms;
} qst__ticker;

void qst__ticker_init(qst__ticker *ticker, const qst_ctx *ctx);
QST_MUST_USE qst_status qst__tick(qst__ticker *ticker, qst_err *err);

/* ---- rng.c ---- */

/* out[k] = the first uniform of the stream at `address` with rows[k] as its row: the same bits as
 * qst_rng_uniform(). The address must be one that qst_rng_init() takes. */
void qst__rng_uniforms(
    uint64_t seed, const qst_rng_address *address, const uint32_t *rows, ptrdiff_t n, double *out);

/* ---- num.c ---- */

/* out[k] = qst_normal_quantile(p[k]), the same bits, several at a time; `out` may be `p`. */
void qst__normal_quantiles(const double *p, ptrdiff_t n, double *out);

/* First and second derivative of log gamma at x > 0, within a few ulp of max(1, |value|); NaN
 * elsewhere. */
double qst__digamma(double x);
double qst__trigamma(double x);

/* ---- tail.c ---- */

/* log gamma at x > 0. */
double qst__log_gamma(double x);

static inline ptrdiff_t qst__min(ptrdiff_t a, ptrdiff_t b)
{
    return a < b ? a : b;
}

static inline ptrdiff_t qst__max(ptrdiff_t a, ptrdiff_t b)
{
    return a > b ? a : b;
}

/* ---- explog.c: many at a time, in vector registers where there are some ---- */

/* out[i] = e^x[i] within 1 ulp, monotone ends: 0 below -708, infinity above 709.78, NaN for NaN.
 * `out` may be `x`. */
void qst__exp_block(const double *x, ptrdiff_t n, double *out);

/* out[i] = log(x[i]) within 1 ulp, subnormal x too; -infinity at 0, NaN below and for NaN. `out`
 * may be `x`. */
void qst__log_block(const double *x, ptrdiff_t n, double *out);

/* ---- Double-double: an unevaluated sum high + low, about 31 digits (Dekker 1971, Numer. Math.
 * 18:224-242; Knuth's two-sum). Nothing here may be compiled with value-changing optimisation. ----
 */

typedef struct {
    double high, low;
} qst__dd;

/* a + b, exactly. */
static inline qst__dd qst__two_sum(double a, double b)
{
    const double sum = a + b;
    const double of_b = sum - a;
    return (qst__dd){sum, (a - (sum - of_b)) + (b - of_b)};
}

/* a b, exactly unless it over- or underflows or |a| > 2^996. */
static inline qst__dd qst__two_product(double a, double b)
{
    const double splitter = 134217729.0; /* 2^27 + 1 */
    const double a_big = splitter * a, b_big = splitter * b;
    const double a_high = a_big - (a_big - a), b_high = b_big - (b_big - b);
    const double a_low = a - a_high, b_low = b - b_high;
    const double product = a * b;
    const double error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high);
    return (qst__dd){product, error + a_low * b_low};
}

static inline qst__dd qst__dd_add(qst__dd x, double y)
{
    const qst__dd sum = qst__two_sum(x.high, y);
    return qst__two_sum(sum.high, sum.low + x.low);
}

static inline qst__dd qst__dd_sum(qst__dd x, qst__dd y)
{
    const qst__dd sum = qst__two_sum(x.high, y.high);
    return qst__two_sum(sum.high, sum.low + (x.low + y.low));
}

static inline qst__dd qst__dd_add_product(qst__dd x, double a, double b)
{
    return qst__dd_sum(x, qst__two_product(a, b));
}

static inline qst__dd qst__dd_times(qst__dd x, double y)
{
    const qst__dd product = qst__two_product(x.high, y);
    return qst__two_sum(product.high, product.low + x.low * y);
}

static inline qst__dd qst__dd_product(qst__dd x, qst__dd y)
{
    const qst__dd product = qst__two_product(x.high, y.high);
    return qst__two_sum(product.high, product.low + (x.high * y.low + x.low * y.high));
}

static inline qst__dd qst__dd_over(qst__dd x, double y)
{
    const double first = x.high / y;
    const qst__dd rest = qst__dd_add_product(x, -first, y);
    return qst__two_sum(first, rest.high / y);
}

static inline double qst__dd_value(qst__dd x)
{
    return x.high + x.low;
}

#endif
