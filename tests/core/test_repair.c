/* Repairs against all sets of changes tried one by one, on tables of sums. */
#include "qst_test.h"

#include <math.h>
#include <string.h>

#define ALL_SINGLE                                                                                 \
    (1U << QST_CHANGE_DIGIT | 1U << QST_CHANGE_TRANSPOSED | 1U << QST_CHANGE_SIGN |                \
        1U << QST_CHANGE_DECIMAL)

#define MAX_ROWS 4000

/* Three rows and three columns of counts, their totals, and the total of all:
 * cell 4 i + j, margins in row 3 and column 3. */
#define N_CELLS 16
#define N_CHECKS 8

typedef struct {
    qst_printed cells[N_CELLS];
    qst_check checks[N_CHECKS];
    int32_t inputs[3 * N_CHECKS];
    qst_tables tables;
    uint16_t allowed[N_CELLS];
    int32_t decimals[N_CELLS];
    qst_offer offers[8];
    qst_edit edits[32];
    qst_repair_plan plan;
    qst_repair_part parts[8];
    qst_proposal proposals[200];
    qst_repair_row rows[MAX_ROWS];
    qst_repairs repairs;
} sample;

static void sample_make(sample *s)
{
    static const int64_t counts[3][3] = {{12, 7, 30}, {4, 18, 25}, {41, 9, 16}};
    memset(s, 0, sizeof *s);
    for (int i = 0; i < 4; i++) {
        for (int j = 0; j < 4; j++) {
            int64_t sum = 0;
            for (int a = i < 3 ? i : 0; a <= (i < 3 ? i : 2); a++) {
                for (int b = j < 3 ? j : 0; b <= (j < 3 ? j : 2); b++) {
                    sum += counts[a][b];
                }
            }
            s->cells[4 * i + j] = (qst_printed){sum, 0, QST_CELL_COUNT};
            s->allowed[4 * i + j] = ALL_SINGLE;
        }
    }
    for (int k = 0; k < 4; k++) {
        s->checks[k] = (qst_check){
            .kind = QST_CHECK_SUM, .target = 4 * k + 3, .first = 3 * k, .n = 3, .par = {3}};
        s->checks[4 + k] = (qst_check){
            .kind = QST_CHECK_SUM, .target = 12 + k, .first = 12 + 3 * k, .n = 3, .par = {3}};
        for (int i = 0; i < 3; i++) {
            s->inputs[3 * k + i] = 4 * k + i;
            s->inputs[12 + 3 * k + i] = 4 * i + k;
        }
    }
    s->tables = (qst_tables){.n_cells = N_CELLS,
        .n_checks = N_CHECKS,
        .n_inputs = 3 * N_CHECKS,
        .cells = s->cells,
        .checks = s->checks,
        .inputs = s->inputs};
    s->plan = (qst_repair_plan){.allowed = s->allowed,
        .decimals = s->decimals,
        .offers = s->offers,
        .edits = s->edits,
        .max_size = 2,
        .max_proposals = 200};
    for (int k = 0; k < QST_N_CHANGES; k++) {
        s->plan.weight[k] = 1.0;
    }
    s->repairs = (qst_repairs){.parts = s->parts,
        .proposals = s->proposals,
        .rows = s->rows,
        .max_parts = 8,
        .max_proposals = 200,
        .max_rows = MAX_ROWS};
}

static void offer_exchange(sample *s, int32_t kind, int32_t a, int32_t b)
{
    const int32_t first = (int32_t)s->plan.n_edits;
    s->edits[first] = (qst_edit){a, QST_EDIT_TAKE, b};
    s->edits[first + 1] = (qst_edit){b, QST_EDIT_TAKE, a};
    s->offers[s->plan.n_offers++] = (qst_offer){kind, first, 2};
    s->plan.n_edits += 2;
}

static void offer_person(sample *s, int32_t from, int32_t to)
{
    const int32_t first = (int32_t)s->plan.n_edits;
    s->edits[first] = (qst_edit){from, QST_EDIT_ADD, -1};
    s->edits[first + 1] = (qst_edit){to, QST_EDIT_ADD, 1};
    s->offers[s->plan.n_offers++] = (qst_offer){QST_CHANGE_PERSON, first, 2};
    s->plan.n_edits += 2;
}

static void sample_repair(sample *s)
{
    qst_err err;
    qst_err_init(&err);
    assert_status(qst_repair(NULL, &s->tables, &s->plan, &s->repairs, &err), QST_OK, &err);
}

/* Do all checks hold with the cells of a proposal (-1: as printed)? */
static bool is_clean(const sample *s, int32_t proposal)
{
    qst_printed cells[N_CELLS];
    memcpy(cells, s->cells, sizeof cells);
    for (ptrdiff_t k = 0; k < s->repairs.n_rows; k++) {
        if (s->rows[k].proposal == proposal) {
            cells[s->rows[k].cell] = s->rows[k].to;
        }
    }
    qst_tables tables = s->tables;
    tables.cells = cells;
    qst_finding findings[N_CHECKS];
    assert_int_equal(qst_audit(NULL, &tables, findings, NULL), QST_OK);
    bool clean = true;
    for (int k = 0; k < N_CHECKS; k++) {
        clean = clean && findings[k].verdict != QST_VERDICT_INCONSISTENT;
    }
    return clean;
}

static void assert_first(const sample *s, int32_t kind, int32_t cell, int64_t digits)
{
    assert_true(s->repairs.n_proposals > 0);
    for (ptrdiff_t k = 0; k < s->repairs.n_rows; k++) {
        if (s->rows[k].proposal == 0 && s->rows[k].cell == cell) {
            assert_int_equal(s->rows[k].kind, kind);
            assert_int_equal(s->rows[k].to.digits, digits);
            return;
        }
    }
    fail_msg("the first proposal leaves cell %d", (int)cell);
}

/* ---- One error of each kind ---- */

static void test_nothing_wrong(void **state)
{
    (void)state;
    sample s;
    sample_make(&s);
    sample_repair(&s);
    assert_int_equal(s.repairs.n_parts, 0);
    assert_int_equal(s.repairs.n_proposals, 0);
    assert_int_equal(s.repairs.n_rows, 0);
}

static void test_one_cell(void **state)
{
    (void)state;
    static const struct {
        int32_t cell, kind;
        int64_t digits, truth;
    } errors[] = {{0, QST_CHANGE_DIGIT, 15, 12}, {2, QST_CHANGE_DIGIT, 80, 30},
        {6, QST_CHANGE_TRANSPOSED, 52, 25}, {15, QST_CHANGE_TRANSPOSED, 126, 162},
        {9, QST_CHANGE_SIGN, -9, 9}};
    for (size_t k = 0; k < sizeof errors / sizeof *errors; k++) {
        sample s;
        sample_make(&s);
        assert_int_equal(s.cells[errors[k].cell].digits, errors[k].truth);
        s.cells[errors[k].cell].digits = errors[k].digits;
        sample_repair(&s);
        assert_int_equal(s.repairs.n_parts, 1);
        assert_int_equal(s.parts[0].size, 1);
        assert_int_equal(s.parts[0].n_checks, 2);
        assert_int_equal(s.parts[0].n_found, 1);
        assert_first(&s, errors[k].kind, errors[k].cell, errors[k].truth);
        assert_close(s.proposals[0].share, 1.0, 0.0, 1e-12);
    }
}

static void test_decimal(void **state)
{
    (void)state;
    sample s;
    sample_make(&s);
    s.cells[10] = (qst_printed){16, 1, QST_CELL_NUMBER};
    sample_repair(&s);
    assert_first(&s, QST_CHANGE_DECIMAL, 10, 16);
    assert_int_equal(s.rows[0].to.decimals, 0);
}

static void test_offers(void **state)
{
    (void)state;
    sample s;
    sample_make(&s);
    offer_exchange(&s, QST_CHANGE_EXCHANGE, 1, 5);
    s.cells[1].digits = 18;
    s.cells[5].digits = 7;
    sample_repair(&s);
    assert_int_equal(s.parts[0].size, 1);
    assert_first(&s, QST_CHANGE_EXCHANGE, 1, 7);
    sample_make(&s);
    offer_person(&s, 4, 6);
    offer_person(&s, 6, 4);
    s.cells[4].digits++;
    s.cells[6].digits--;
    sample_repair(&s);
    assert_int_equal(s.parts[0].size, 1);
    assert_int_equal(s.parts[0].n_found, 1);
    assert_first(&s, QST_CHANGE_PERSON, 4, 4);
}

/* A person moved or two cells exchanged, 25 | 24 for 24 | 25: one outcome, whose prior is the sum,
 * named by the kind that comes first. */
static void test_same_outcome(void **state)
{
    (void)state;
    sample s;
    sample_make(&s);
    s.cells[4].digits = 25;
    s.cells[6].digits = 4;
    offer_exchange(&s, QST_CHANGE_EXCHANGE, 4, 6);
    offer_exchange(&s, QST_CHANGE_ROWS, 4, 6);
    sample_repair(&s);
    assert_int_equal(s.parts[0].n_found, 1);
    assert_first(&s, QST_CHANGE_ROWS, 4, 4);
    assert_first(&s, QST_CHANGE_ROWS, 6, 25);
}

/* ---- Several ---- */

static void test_two_errors_of_one_part(void **state)
{
    (void)state;
    sample s;
    sample_make(&s);
    s.cells[0].digits = 15;
    s.cells[2].digits = 80;
    sample_repair(&s);
    assert_int_equal(s.repairs.n_parts, 1);
    assert_int_equal(s.parts[0].size, 2);
    for (int32_t k = 0; k < s.repairs.n_proposals; k++) {
        assert_true(is_clean(&s, k));
    }
    assert_first(&s, QST_CHANGE_DIGIT, 0, 12);
    assert_first(&s, QST_CHANGE_DIGIT, 2, 30);
}

/* Tables of two halves that no check joins. */
static void test_parts(void **state)
{
    (void)state;
    sample s;
    sample_make(&s);
    s.tables.n_checks = 4;
    s.cells[0].digits = 15;
    s.cells[13].digits = 43;
    sample_repair(&s);
    assert_int_equal(s.repairs.n_parts, 2);
    assert_int_equal(s.parts[0].check, 0);
    assert_int_equal(s.parts[1].check, 3);
    double shares[2] = {0, 0};
    for (ptrdiff_t k = 0; k < s.repairs.n_proposals; k++) {
        shares[s.proposals[k].part] += s.proposals[k].share;
    }
    assert_close(shares[0], 1.0, 0.0, 1e-12);
    assert_close(shares[1], 1.0, 0.0, 1e-12);
}

static void test_no_repair(void **state)
{
    (void)state;
    sample s;
    sample_make(&s);
    s.plan.max_size = 1;
    s.cells[0].digits = 15;
    s.cells[2].digits = 80;
    s.cells[5].digits = 77;
    sample_repair(&s);
    assert_int_equal(s.repairs.n_parts, 1);
    assert_int_equal(s.parts[0].size, 0);
    assert_int_equal(s.parts[0].n_found, 0);
    assert_int_equal(s.repairs.n_proposals, 0);
}

/* Cell 3 is a hub: many checks say that it is right, so that only the cell of its own failing check
 * can be wrong. */
static void test_hub(void **state)
{
    (void)state;
    enum { N = 45 };
    qst_printed cells[N + 1];
    qst_check checks[N];
    int32_t inputs[N];
    uint16_t allowed[N + 1];
    int32_t decimals[N + 1];
    for (int k = 0; k <= N; k++) {
        cells[k] = (qst_printed){25, 0, QST_CELL_COUNT};
        allowed[k] = 1U << QST_CHANGE_DIGIT;
        decimals[k] = 0;
    }
    for (int k = 0; k < N; k++) {
        inputs[k] = N;
        checks[k] = (qst_check){.kind = QST_CHECK_SUM, .target = k, .first = k, .n = 1, .par = {1}};
    }
    cells[7].digits = 85;
    cells[30].digits = 21;
    sample s;
    sample_make(&s);
    s.tables = (qst_tables){.n_cells = N + 1,
        .n_checks = N,
        .n_inputs = N,
        .cells = cells,
        .checks = checks,
        .inputs = inputs};
    s.plan.allowed = allowed;
    s.plan.decimals = decimals;
    sample_repair(&s);
    assert_int_equal(s.repairs.n_parts, 2);
    assert_int_equal(s.parts[0].n_found, 1);
    assert_int_equal(s.rows[0].cell, 7);
    assert_int_equal(s.rows[1].cell, 30);
}

/* A total that follows when a person is added, and one that agreed with neither before nor after.
 */
static void test_follow(void **state)
{
    (void)state;
    for (int is_lost = 0; is_lost < 2; is_lost++) {
        sample s;
        sample_make(&s);
        s.tables.n_checks = 5;
        s.edits[0] = (qst_edit){0, QST_EDIT_ADD, -1};
        s.edits[1] = (qst_edit){3, QST_EDIT_FOLLOW, 0};
        s.offers[0] = (qst_offer){QST_CHANGE_PERSON, 0, 2};
        s.plan.n_edits = 2;
        s.plan.n_offers = 1;
        s.plan.max_size = 1;
        memset(s.allowed, 0, sizeof s.allowed);
        s.cells[0].digits++;
        s.cells[3].digits += is_lost ? 20 : 1;
        sample_repair(&s);
        assert_int_equal(s.parts[0].n_found, is_lost ? 0 : 1);
        if (!is_lost) {
            assert_first(&s, QST_CHANGE_PERSON, 3, 49);
        }
    }
}

/* ---- Against every set of digits ---- */

static bool set_digit(qst_printed *cell, int place, int digit)
{
    int64_t unit = 1;
    for (int k = 0; k < place; k++) {
        unit *= 10;
    }
    const int64_t old = cell->digits / unit % 10;
    if (old == digit || cell->digits / unit == 0 || (digit == 0 && cell->digits / unit < 10)) {
        return false;
    }
    cell->digits += (digit - old) * unit;
    return true;
}

/* How many pairs of digits of two cells make all sums right; one change does not. */
static int count_pairs(const sample *s)
{
    int n = 0;
    sample t = *s;
    t.tables.cells = t.cells;
    t.repairs.n_rows = 0;
    for (int a = 0; a < N_CELLS * 30; a++) {
        const qst_printed before_a = t.cells[a / 30];
        if (!set_digit(&t.cells[a / 30], a / 10 % 3, a % 10)) {
            continue;
        }
        for (int b = (a / 30 + 1) * 30; b < N_CELLS * 30; b++) {
            const qst_printed before_b = t.cells[b / 30];
            if (set_digit(&t.cells[b / 30], b / 10 % 3, b % 10)) {
                n += is_clean(&t, -1);
                t.cells[b / 30] = before_b;
            }
        }
        t.cells[a / 30] = before_a;
    }
    return n;
}

static void test_all_pairs_are_found(void **state)
{
    (void)state;
    static const int errors[][4] = {{0, 15, 2, 80}, {0, 15, 5, 11}, {3, 99, 15, 112}};
    for (size_t k = 0; k < sizeof errors / sizeof *errors; k++) {
        sample s;
        sample_make(&s);
        for (int i = 0; i < N_CELLS; i++) {
            s.allowed[i] = 1U << QST_CHANGE_DIGIT;
        }
        s.cells[errors[k][0]].digits = errors[k][1];
        s.cells[errors[k][2]].digits = errors[k][3];
        sample_repair(&s);
        assert_int_equal(s.parts[0].size, 2);
        assert_int_equal(s.parts[0].n_found, count_pairs(&s));
    }
}

/* ---- Arguments, memory, threads ---- */

static void assert_refused(sample *s, const char *text)
{
    qst_err err;
    qst_err_init(&err);
    assert_status(qst_repair(NULL, &s->tables, &s->plan, &s->repairs, &err), QST_EARGUMENT, &err);
    assert_text(&err, text);
}

static void test_arguments(void **state)
{
    (void)state;
    sample s;
    sample_make(&s);
    s.plan.max_size = QST_MAX_REPAIR_SIZE + 1;
    assert_refused(&s, "a proposal may have 1 to 4 changes, not 5");
    sample_make(&s);
    s.plan.weight[QST_CHANGE_SIGN] = 0.0;
    assert_refused(&s, "the weight of change \"sign\" must be positive");
    sample_make(&s);
    offer_exchange(&s, QST_N_CHANGES, 0, 1);
    assert_refused(&s, "change 1 of those offered is not valid");
    sample_make(&s);
    offer_exchange(&s, QST_CHANGE_EXCHANGE, 0, N_CELLS);
    assert_refused(&s, "edit 1 of the changes offered is not valid");
    sample_make(&s);
    s.cells[3].decimals = -1;
    assert_refused(&s, "cell 4 of the printed tables is not valid");
    assert_int_equal(qst_change_kind_of("nonsense"), -1);
    assert_null(qst_change_name(QST_N_CHANGES));
}

static qst_status entry(const qst_ctx *ctx, void *data, qst_err *err)
{
    sample *s = data;
    return qst_repair(ctx, &s->tables, &s->plan, &s->repairs, err);
}

static void sample_break(sample *s)
{
    sample_make(s);
    s->cells[0].digits = 15;
    s->cells[2].digits = 80;
    s->cells[5].digits = 11;
    s->plan.max_size = 3;
    offer_exchange(s, QST_CHANGE_EXCHANGE, 1, 5);
    offer_person(s, 4, 6);
}

static void test_no_memory(void **state)
{
    (void)state;
    sample s;
    sample_break(&s);
    assert_true(assert_survives_no_memory(entry, &s) > 10);
}

static void test_cancelled(void **state)
{
    (void)state;
    sample s;
    sample_break(&s);
    assert_cancels(entry, &s, 1);
}

static void test_threads(void **state)
{
    (void)state;
    sample one, more;
    sample_break(&one);
    sample_repair(&one);
    assert_int_equal(one.parts[0].size, 3);
    static const int n_threads[] = {2, 7};
    for (int k = 0; k < 2; k++) {
        test_memory memory = {0};
        const qst_ctx ctx = test_ctx(&memory, n_threads[k]);
        sample_break(&more);
        assert_int_equal(qst_repair(&ctx, &more.tables, &more.plan, &more.repairs, NULL), QST_OK);
        assert_int_equal(more.repairs.n_rows, one.repairs.n_rows);
        assert_memory_equal(more.rows, one.rows, sizeof one.rows);
        assert_memory_equal(more.proposals, one.proposals, sizeof one.proposals);
        assert_int_equal(memory.n_live, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_wrong),
        cmocka_unit_test(test_one_cell),
        cmocka_unit_test(test_decimal),
        cmocka_unit_test(test_offers),
        cmocka_unit_test(test_same_outcome),
        cmocka_unit_test(test_two_errors_of_one_part),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_no_repair),
        cmocka_unit_test(test_hub),
        cmocka_unit_test(test_follow),
        cmocka_unit_test(test_all_pairs_are_found),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_cancelled),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
