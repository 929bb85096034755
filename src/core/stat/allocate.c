#include "base/base.h"

/* No other subject uses this number, so that the same seed gives it other random numbers. */
#define PURPOSE 12

/* `slots` is the smallest set in which the ratio holds: arm j stands there ratio[j] times.
 * `scratch` has room for as many. */
typedef struct {
    const int32_t *slots;
    int32_t *scratch;
    int32_t n_slots;
} balanced_set;

static void swap(int32_t *x, int32_t i, int32_t j)
{
    const int32_t kept = x[i];
    x[i] = x[j];
    x[j] = kept;
}

/* Fisher and Yates (Durstenfeld 1964, doi:10.1145/364520.364540): the first `n_wanted` places of x
 * become a random sample in random order of all n. */
static void shuffle(qst_rng *rng, int32_t *x, int32_t n, int32_t n_wanted)
{
    for (int32_t i = 0; i < n_wanted && i < n - 1; i++) {
        swap(x, i, i + (int32_t)qst_rng_below(rng, (uint32_t)(n - i)));
    }
}

/* As many whole sets as fit, the rest drawn without replacement from one more set. */
static void fill_block(qst_rng *rng, const balanced_set *set, int32_t size, int32_t *arm_out)
{
    const int32_t n_rest = size % set->n_slots;
    const int32_t n_whole = size - n_rest;
    for (int32_t i = 0; i < n_whole; i++) {
        arm_out[i] = set->slots[i % set->n_slots];
    }
    if (n_rest > 0) {
        for (int32_t i = 0; i < set->n_slots; i++) {
            set->scratch[i] = set->slots[i];
        }
        shuffle(rng, set->scratch, set->n_slots, n_rest);
        for (int32_t i = 0; i < n_rest; i++) {
            arm_out[n_whole + i] = set->scratch[i];
        }
    }
    shuffle(rng, arm_out, size, size);
}

static qst_status count_slots(const qst_allocation *plan, int32_t *n_slots_out, qst_err *err)
{
    int64_t n_slots = 0;
    for (int32_t j = 0; j < plan->n_arms; j++) {
        if (plan->ratio[j] < 1) {
            return qst__fail_at(err, QST_EARGUMENT, -1, j, plan->ratio[j],
                "ratio of arm %d is %d, it must be at least 1", (int)j + 1, (int)plan->ratio[j]);
        }
        n_slots += plan->ratio[j];
    }
    if (n_slots > INT32_MAX) {
        return qst__fail(err, QST_EOVERFLOW, "the ratio adds up to 2^31 or more");
    }
    *n_slots_out = (int32_t)n_slots;
    return QST_OK;
}

static qst_status check_plan(const qst_allocation *plan, qst_err *err)
{
    if (plan->n < 0 || plan->n_arms < 1 || plan->n_sizes < 1) {
        return qst__fail(err, QST_EARGUMENT,
            "n is %d, with %d arms and %d block sizes; 0, 1 and 1 are the least", (int)plan->n,
            (int)plan->n_arms, (int)plan->n_sizes);
    }
    for (int32_t i = 0; i < plan->n_sizes; i++) {
        if (plan->sizes[i] < 1) {
            return qst__fail_at(err, QST_EARGUMENT, i, -1, plan->sizes[i],
                "block size %d is %d, it must be at least 1", (int)i + 1, (int)plan->sizes[i]);
        }
    }
    return QST_OK;
}

static qst_status make_set(
    qst__arena *arena, const qst_allocation *plan, balanced_set *set_out, qst_err *err)
{
    int32_t *slots;
    qst_status status = count_slots(plan, &set_out->n_slots, err);
    if (status != QST_OK) {
        return status;
    }
    status = qst__arena_array(arena, (ptrdiff_t)2 * set_out->n_slots, sizeof *slots, &slots, err);
    if (status != QST_OK) {
        return status;
    }
    set_out->slots = slots;
    set_out->scratch = slots + set_out->n_slots;
    for (int32_t arm = 0; arm < plan->n_arms; arm++) {
        for (int32_t i = 0; i < plan->ratio[arm]; i++) {
            *slots++ = arm + 1;
        }
    }
    return QST_OK;
}

/* Draws the size, then the order, of block number `block` and returns the size. */
static qst_status draw_block(const qst_allocation *plan, const balanced_set *set, int32_t block,
    int32_t n_left, int32_t *arm_out, int32_t *size_out, qst_err *err)
{
    const qst_rng_address address = {.purpose = PURPOSE,
        .variable = plan->list,
        .iteration = plan->stratum,
        .row = (uint32_t)block};
    qst_rng rng;
    const qst_status status = qst_rng_init(&rng, plan->seed, &address, err);
    if (status != QST_OK) {
        return status;
    }
    const int32_t size = plan->sizes[qst_rng_below(&rng, (uint32_t)plan->n_sizes)];
    *size_out = size < n_left ? size : n_left;
    fill_block(&rng, set, *size_out, arm_out);
    return QST_OK;
}

static qst_status fill_list(const qst_ctx *ctx, const qst_allocation *plan, const balanced_set *set,
    int32_t *arm_out, int32_t *block_out, qst_err *err)
{
    qst__ticker ticker;
    qst__ticker_init(&ticker, ctx);
    int32_t size;
    for (int32_t first = 0, block = 0; first < plan->n; first += size, block++) {
        qst_status status = qst__tick(&ticker, err);
        if (status == QST_OK) {
            status = draw_block(plan, set, block, plan->n - first, arm_out + first, &size, err);
        }
        if (status != QST_OK) {
            return status;
        }
        for (int32_t i = 0; i < size; i++) {
            block_out[first + i] = block + 1;
        }
    }
    return QST_OK;
}

qst_status qst_allocate(const qst_ctx *ctx, const qst_allocation *plan, int32_t *arm_out,
    int32_t *block_out, qst_err *err)
{
    qst__arena arena;
    qst__arena_init(&arena, ctx);
    balanced_set set = {NULL, NULL, 0};
    qst_status status = check_plan(plan, err);
    if (status != QST_OK) {
        goto done;
    }
    status = make_set(&arena, plan, &set, err);
    if (status != QST_OK) {
        goto done;
    }
    status = fill_list(ctx, plan, &set, arm_out, block_out, err);
done:
    qst__arena_free(&arena);
    return status;
}
