#include "stat/repair.h"

#include <stdlib.h>
#include <string.h>

/* ---- Valid plans ---- */

static bool is_valid_edit(
    const qst_tables *tables, const qst_repair_plan *plan, const qst_edit *edit)
{
    (void)plan;
    if (edit->cell < 0 || edit->cell >= tables->n_cells) {
        return false;
    }
    switch (edit->rule) {
    case QST_EDIT_TAKE:
        return edit->from >= 0 && edit->from < tables->n_cells;
    case QST_EDIT_ADD:
        return edit->from >= -1000 && edit->from <= 1000;
    case QST_EDIT_FOLLOW:
        return edit->from >= 0 && edit->from < tables->n_checks &&
               tables->checks[edit->from].target == edit->cell;
    default:
        return false;
    }
}

static bool is_valid_offer(const qst_repair_plan *plan, const qst_offer *offer)
{
    return qst_change_name(offer->kind) != NULL && offer->first >= 0 && offer->n >= 1 &&
           offer->n <= QST_MAX_EDITS && (ptrdiff_t)offer->first + offer->n <= plan->n_edits;
}

static qst_status plan_valid(const qst_tables *tables, const qst_repair_plan *plan, qst_err *err)
{
    if (plan->max_size < 1 || plan->max_size > QST_MAX_REPAIR_SIZE || plan->max_proposals < 1) {
        return qst__fail(err, QST_EARGUMENT, "a proposal may have 1 to %d changes, not %d",
            QST_MAX_REPAIR_SIZE, (int)plan->max_size);
    }
    for (int kind = 0; kind < QST_N_CHANGES; kind++) {
        if (!(plan->weight[kind] > 0.0 && plan->weight[kind] < (double)INFINITY)) {
            return qst__fail_at(err, QST_EARGUMENT, kind, -1, plan->weight[kind],
                "the weight of change \"%s\" must be positive", qst_change_name(kind));
        }
    }
    for (ptrdiff_t i = 0; i < plan->n_edits; i++) {
        if (!is_valid_edit(tables, plan, &plan->edits[i])) {
            return qst__fail_at(err, QST_EARGUMENT, i, -1, (double)NAN,
                "edit %td of the changes offered is not valid", i + 1);
        }
    }
    for (ptrdiff_t i = 0; i < plan->n_offers; i++) {
        if (!is_valid_offer(plan, &plan->offers[i])) {
            return qst__fail_at(err, QST_EARGUMENT, i, -1, (double)NAN,
                "change %td of those offered is not valid", i + 1);
        }
    }
    return QST_OK;
}

/* ---- Lists of what touches what ---- */

typedef struct {
    ptrdiff_t *start;
    int32_t *item;
    ptrdiff_t n;
} list_maker;

/* With `item` NULL items are only counted. */
static void append(list_maker *maker, int32_t item)
{
    if (maker->item != NULL) {
        maker->item[maker->n] = item;
    }
    maker->n++;
}

static void append_once(list_maker *maker, int32_t item, int32_t owner, int32_t *last_owner)
{
    if (last_owner[item] != owner) {
        last_owner[item] = owner;
        append(maker, item);
    }
}

/* The cells of a check; a label stands for its margin too. Owners count from 1. */
static void append_check(
    list_maker *maker, const qst_tables *tables, int32_t check_number, int32_t *last_owner)
{
    const qst_check *check = &tables->checks[check_number];
    const int32_t owner = check_number + 1;
    append_once(maker, check->target, owner, last_owner);
    for (int32_t k = 0; k < check->n; k++) {
        const int32_t cell = tables->inputs[check->first + k];
        append_once(maker, cell, owner, last_owner);
        if (tables->cells[cell].kind != QST_CELL_LABEL) {
            continue;
        }
        const qst_margin *margin = &tables->margins[tables->cells[cell].decimals];
        for (int32_t i = 0; margin->count != NULL && i < margin->n_levels * margin->n_columns;
             i++) {
            append_once(maker, margin->count[i], owner, last_owner);
        }
    }
}

static void fill_cells_of(list_maker *maker, const qst_tables *tables, int32_t *last_owner)
{
    memset(last_owner, 0, (size_t)tables->n_cells * sizeof *last_owner);
    maker->n = 0;
    for (int32_t check = 0; check < tables->n_checks; check++) {
        maker->start[check] = maker->n;
        append_check(maker, tables, check, last_owner);
    }
    maker->start[tables->n_checks] = maker->n;
}

static qst_status make_cells_of(
    const qst_tables *tables, qst__arena *arena, qst__lists *lists_out, qst_err *err)
{
    list_maker maker = {NULL, NULL, 0};
    int32_t *last_owner = NULL;
    qst_status status =
        qst__arena_array(arena, tables->n_checks + 1, sizeof *maker.start, &maker.start, err);
    if (status == QST_OK) {
        status = qst__arena_array(arena, tables->n_cells, sizeof *last_owner, &last_owner, err);
    }
    if (status == QST_OK) {
        fill_cells_of(&maker, tables, last_owner);
        status = qst__arena_array(arena, maker.n, sizeof *maker.item, &maker.item, err);
    }
    if (status == QST_OK) {
        fill_cells_of(&maker, tables, last_owner);
        *lists_out = (qst__lists){maker.start, maker.item};
    }
    return status;
}

/* The lists the other way round: of each item its owners, in order. */
static qst_status turn_lists(const qst__lists *lists, ptrdiff_t n_owners, ptrdiff_t n_items,
    qst__arena *arena, qst__lists *out, qst_err *err)
{
    ptrdiff_t *start = NULL, *next = NULL;
    int32_t *item = NULL;
    const ptrdiff_t n = lists->start[n_owners];
    qst_status status = qst__arena_array(arena, n_items + 1, sizeof *start, &start, err);
    if (status == QST_OK) {
        status = qst__arena_array(arena, n_items + 1, sizeof *next, &next, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(arena, n, sizeof *item, &item, err);
    }
    if (status != QST_OK) {
        return status;
    }
    for (ptrdiff_t k = 0; k < n; k++) {
        start[lists->item[k] + 1]++;
    }
    for (ptrdiff_t i = 0; i < n_items; i++) {
        start[i + 1] += start[i];
        next[i + 1] = start[i + 1];
    }
    for (ptrdiff_t owner = 0; owner < n_owners; owner++) {
        for (ptrdiff_t k = lists->start[owner]; k < lists->start[owner + 1]; k++) {
            item[next[lists->item[k]]++] = (int32_t)owner;
        }
    }
    *out = (qst__lists){start, item};
    return QST_OK;
}

static qst_status make_offers_of(const qst_tables *tables, const qst_repair_plan *plan,
    qst__arena *arena, qst__lists *lists_out, qst_err *err)
{
    list_maker maker = {NULL, NULL, 0};
    qst_status status =
        qst__arena_array(arena, plan->n_offers + 1, sizeof *maker.start, &maker.start, err);
    for (ptrdiff_t i = 0; i < plan->n_offers && status == QST_OK; i++) {
        maker.start[i + 1] = maker.start[i] + plan->offers[i].n;
    }
    if (status == QST_OK) {
        status = qst__arena_array(
            arena, maker.start[plan->n_offers], sizeof *maker.item, &maker.item, err);
    }
    for (ptrdiff_t i = 0; i < plan->n_offers && status == QST_OK; i++) {
        for (int32_t k = 0; k < plan->offers[i].n; k++) {
            append(&maker, plan->edits[plan->offers[i].first + k].cell);
        }
    }
    const qst__lists cells = {maker.start, maker.item};
    return status == QST_OK
               ? turn_lists(&cells, plan->n_offers, tables->n_cells, arena, lists_out, err)
               : status;
}

/* ---- Moves ---- */

static qst_status count_moves(qst__repair *repair, qst__arena *arena, qst_err *err)
{
    const qst_tables *tables = repair->tables;
    int64_t *n_moves = NULL;
    const qst_status status =
        qst__arena_array(arena, tables->n_checks, sizeof *n_moves, &n_moves, err);
    for (ptrdiff_t check = 0; check < tables->n_checks && status == QST_OK; check++) {
        for (ptrdiff_t k = repair->cells_of.start[check]; k < repair->cells_of.start[check + 1];
             k++) {
            const int32_t cell = repair->cells_of.item[k];
            const bool may_change = repair->plan->allowed[cell] != 0;
            n_moves[check] += may_change ? qst__n_cell_moves(&tables->cells[cell]) : 0;
            n_moves[check] += repair->offers_of.start[cell + 1] - repair->offers_of.start[cell];
        }
    }
    repair->n_moves_of = n_moves;
    return status;
}

/* Each kind is as usual as its weight says; which of its moves it was, is anybody's guess. */
static void make_priors(qst__repair *repair)
{
    const qst_tables *tables = repair->tables;
    int64_t n[QST_N_CHANGES] = {0};
    qst_printed to;
    int32_t kind;
    for (ptrdiff_t cell = 0; cell < tables->n_cells; cell++) {
        const int32_t n_moves = qst__n_cell_moves(&tables->cells[cell]);
        for (int32_t k = 0; k < n_moves; k++) {
            if (qst__cell_move(&tables->cells[cell], repair->plan->allowed[cell], k, &to, &kind)) {
                n[kind]++;
            }
        }
    }
    for (ptrdiff_t k = 0; k < repair->plan->n_offers; k++) {
        n[repair->plan->offers[k].kind]++;
    }
    for (int k = 0; k < QST_N_CHANGES; k++) {
        repair->log_prior[k] = log(repair->plan->weight[k] / (double)(n[k] > 0 ? n[k] : 1));
    }
}

static qst_status make_repair(const qst_tables *tables, const qst_repair_plan *plan,
    qst__arena *arena, qst__repair *repair, qst_err *err)
{
    *repair = (qst__repair){.tables = tables, .plan = plan};
    qst_status status = make_cells_of(tables, arena, &repair->cells_of, err);
    if (status == QST_OK) {
        status = turn_lists(
            &repair->cells_of, tables->n_checks, tables->n_cells, arena, &repair->checks_of, err);
    }
    if (status == QST_OK) {
        status = make_offers_of(tables, plan, arena, &repair->offers_of, err);
    }
    if (status == QST_OK) {
        status = count_moves(repair, arena, err);
        make_priors(repair);
    }
    return status;
}

/* ---- Parts ---- */

/* Failing checks as sets: owner[i] leads to a check nearer the root, the lowest of its set. */
static int32_t root_of(int32_t *owner, int32_t i)
{
    while (owner[i] != i) {
        owner[i] = owner[owner[i]];
        i = owner[i];
    }
    return i;
}

static void unite(int32_t *owner, int32_t a, int32_t b)
{
    const int32_t x = root_of(owner, a), y = root_of(owner, b);
    owner[x < y ? y : x] = x < y ? x : y;
}

/* The failing checks that read a cell are united; the result is one of them, `with` if there are
 * none; with `with` they are united too. */
static int32_t unite_cell(const qst__repair *repair, int32_t cell, int32_t with, int32_t *owner)
{
    const qst__lists *checks = &repair->checks_of;
    for (ptrdiff_t k = checks->start[cell]; k < checks->start[cell + 1]; k++) {
        const int32_t check = checks->item[k];
        if (repair->verdict[check] == QST_VERDICT_INCONSISTENT) {
            if (with >= 0) {
                unite(owner, with, check);
            }
            with = check;
        }
    }
    return with;
}

static void unite_parts(const qst__repair *repair, int32_t *owner)
{
    for (int32_t check = 0; check < repair->tables->n_checks; check++) {
        owner[check] = check;
    }
    for (int32_t cell = 0; cell < repair->tables->n_cells; cell++) {
        if (!repair->is_hub[cell]) {
            unite_cell(repair, cell, -1, owner);
        }
    }
    for (ptrdiff_t i = 0; i < repair->plan->n_offers; i++) {
        const qst_offer *offer = &repair->plan->offers[i];
        int32_t with = -1;
        for (int32_t k = 0; k < offer->n && !qst__edits_hub(repair, offer); k++) {
            const int32_t cell = repair->plan->edits[offer->first + k].cell;
            with = unite_cell(repair, cell, with, owner);
        }
    }
}

typedef struct {
    uint8_t *verdict, *state;
    int32_t *owner;
    int32_t *failing; /* of the part at work */
    bool *is_hub;
} verdicts;

/* A number that stands in very many checks, the size of an arm say, would fail in most of them if
 * it were wrong. */
static void find_hubs(const qst__repair *repair, verdicts *v)
{
    const ptrdiff_t n_many = 40, n_per_failing = 10;
    const qst__lists *checks = &repair->checks_of;
    for (ptrdiff_t cell = 0; cell < repair->tables->n_cells; cell++) {
        const ptrdiff_t n = checks->start[cell + 1] - checks->start[cell];
        ptrdiff_t n_failing = 0;
        for (ptrdiff_t k = checks->start[cell]; k < checks->start[cell + 1]; k++) {
            n_failing += v->verdict[checks->item[k]] == QST_VERDICT_INCONSISTENT;
        }
        v->is_hub[cell] = n >= n_many && n_per_failing * n_failing < n;
    }
}

static qst_status make_verdicts(qst__repair *repair, qst__arena *arena, verdicts *v, qst_err *err)
{
    const ptrdiff_t n = repair->tables->n_checks;
    struct {
        void *out;
        ptrdiff_t n;
        size_t size_bytes;
    } arrays[] = {{&v->verdict, n, 1}, {&v->state, n, 1}, {&v->owner, n, sizeof *v->owner},
        {&v->failing, n, sizeof *v->failing},
        {&v->is_hub, repair->tables->n_cells, sizeof *v->is_hub}};
    qst_status status = QST_OK;
    for (size_t k = 0; k < sizeof arrays / sizeof *arrays && status == QST_OK; k++) {
        status = qst__arena_array(arena, arrays[k].n, arrays[k].size_bytes, arrays[k].out, err);
    }
    const qst__audit audit = {repair->tables, repair->tables->cells};
    for (ptrdiff_t i = 0; i < n && status == QST_OK; i++) {
        v->verdict[i] = (uint8_t)qst__check_cells(&audit, &repair->tables->checks[i]).verdict;
    }
    if (status == QST_OK) {
        find_hubs(repair, v);
        repair->verdict = v->verdict;
        repair->state = v->state;
        repair->is_hub = v->is_hub;
        unite_parts(repair, v->owner);
    }
    return status;
}

/* States of the checks for the part whose root is `root`, and its failing checks. */
static qst__part take_part(const qst__repair *repair, verdicts *v, int32_t root)
{
    ptrdiff_t n = 0;
    for (int32_t i = 0; i < repair->tables->n_checks; i++) {
        const bool fails = v->verdict[i] == QST_VERDICT_INCONSISTENT;
        const bool is_own = fails && root_of(v->owner, i) == root;
        v->state[i] = is_own                                       ? QST__FAILS
                      : fails || v->verdict[i] == QST_VERDICT_NONE ? QST__OPEN
                                                                   : QST__HOLDS;
        if (is_own) {
            v->failing[n++] = i;
        }
    }
    return (qst__part){v->failing, n};
}

/* ---- Ranks ---- */

/* A set of moves with what it comes to: sets of one outcome are one proposal. */
typedef struct {
    const qst__move_set *set;
    uint64_t outcome;
    double log_prior, log_weight;
    int32_t precedence; /* sum of kinds: the lower is named */
} candidate;

typedef struct {
    const qst__repair *repair;
    int32_t size;
    qst__page page;
    bool *is_touched; /* checks that some candidate touches */
    bool *is_edited;  /* cells that some candidate edits */
    candidate *candidates;
    ptrdiff_t n;
} ranking;

static uint64_t mix(uint64_t hash, uint64_t x)
{
    hash = (hash ^ x) * UINT64_C(0x9E3779B97F4A7C15);
    return hash ^ (hash >> 29);
}

/* Of the cells that differ from print, in any order. */
static uint64_t hash_outcome(const ranking *r)
{
    uint64_t sum = 0;
    for (int k = 0; k < r->page.n_undo; k++) {
        const qst_printed *now = &r->page.cells[r->page.undo[k].cell];
        const qst_printed *before = &r->page.undo[k].before;
        if (now->digits != before->digits || now->decimals != before->decimals ||
            now->kind != before->kind) {
            uint64_t hash = mix(1, (uint64_t)r->page.undo[k].cell);
            hash = mix(hash, (uint64_t)now->digits);
            sum += mix(mix(hash, (uint64_t)now->decimals), (uint64_t)now->kind);
        }
    }
    return sum;
}

static void mark_touched(ranking *r)
{
    const qst__lists *checks = &r->repair->checks_of;
    for (int k = 0; k < r->page.n_undo; k++) {
        const int32_t cell = r->page.undo[k].cell;
        r->is_edited[cell] = true;
        for (ptrdiff_t i = checks->start[cell]; i < checks->start[cell + 1]; i++) {
            r->is_touched[checks->item[i]] = true;
        }
    }
}

/* The moves in their order: a figure that follows may see others changed first. */
static bool do_all(ranking *r, const qst__move_set *set)
{
    for (int32_t k = 0; k < r->size; k++) {
        if (!qst__move_do(r->repair, set->moves[k], &r->page)) {
            return false;
        }
    }
    return true;
}

/* Two labels change places more easily than three. */
static double log_move_prior(const qst__repair *repair, qst__move move)
{
    const int32_t kind = qst__move_kind(repair, move);
    const bool is_permuted = kind == QST_CHANGE_LABELS || kind == QST_CHANGE_REFERENCE;
    const int32_t n_beyond = is_permuted ? repair->plan->offers[move.number].n - 2 : 0;
    return repair->log_prior[kind] - log(2.0) * n_beyond;
}

static void describe_candidate(ranking *r, candidate *c)
{
    c->log_prior = 0.0;
    c->precedence = 0;
    for (int32_t k = 0; k < r->size; k++) {
        c->log_prior += log_move_prior(r->repair, c->set->moves[k]);
        c->precedence += qst__move_kind(r->repair, c->set->moves[k]);
    }
    if (do_all(r, c->set)) {
        c->outcome = hash_outcome(r);
        mark_touched(r);
    }
    qst__move_undo(&r->page, 0);
}

static double normal_cdf(double z)
{
    return 0.5 * erfc(-z / sqrt(2.0));
}

/* Log of the probability that a figure is printed as it is. */
static double log_fit(const qst__audit *audit, const qst_check *check)
{
    const double least = -50.0;
    const qst_finding f = qst__check_cells(audit, check);
    if (f.verdict == QST_VERDICT_NONE || !(f.spread >= 0.0) || isnan(f.value)) {
        return 0.0;
    }
    const qst_printed *target = &audit->cells[check->target];
    qst__interval printed = qst__printed_interval(target, audit->tables->truncated);
    if (target->kind == QST_CELL_BELOW) {
        printed.low = -(double)INFINITY;
    }
    if (f.spread <= 1e-12 * fabs(f.value)) {
        return f.verdict == QST_VERDICT_INCONSISTENT ? least : 0.0;
    }
    const double mass = normal_cdf((printed.high - f.value) / f.spread) -
                        normal_cdf((printed.low - f.value) / f.spread);
    return mass > 0.0 ? fmax(least, log(mass)) : least;
}

/* Log of the probability that decimals of edited cells are as they are. */
static double log_format(const ranking *r)
{
    const double log_odd = log(1.0 / 20.0);
    double sum = 0.0;
    for (ptrdiff_t cell = 0; cell < r->repair->tables->n_cells; cell++) {
        const int32_t usual = r->repair->plan->decimals[cell];
        if (r->is_edited[cell] && usual >= 0 && r->page.cells[cell].decimals != usual) {
            sum += log_odd;
        }
    }
    return sum;
}

static double log_likelihood(ranking *r, const qst__move_set *set)
{
    double sum = 0.0;
    if (do_all(r, set)) {
        sum = log_format(r);
        const qst__audit audit = {r->repair->tables, r->page.cells};
        for (ptrdiff_t i = 0; i < r->repair->tables->n_checks; i++) {
            if (r->is_touched[i] && r->repair->state[i] != QST__OPEN) {
                sum += log_fit(&audit, &r->repair->tables->checks[i]);
            }
        }
    }
    qst__move_undo(&r->page, 0);
    return sum;
}

static int by_outcome(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->outcome != y->outcome) {
        return x->outcome < y->outcome ? -1 : 1;
    }
    if (x->precedence != y->precedence) {
        return x->precedence < y->precedence ? -1 : 1;
    }
    return (x->set > y->set) - (x->set < y->set);
}

static int by_weight(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->log_weight != y->log_weight) {
        return x->log_weight > y->log_weight ? -1 : 1;
    }
    return (x->set > y->set) - (x->set < y->set);
}

/* One candidate an outcome, with the prior of all ways to it. */
static void merge_outcomes(ranking *r)
{
    qsort(r->candidates, (size_t)r->n, sizeof *r->candidates, by_outcome);
    ptrdiff_t n = 0;
    for (ptrdiff_t i = 0; i < r->n; i++) {
        const candidate *c = &r->candidates[i];
        if (n > 0 && r->candidates[n - 1].outcome == c->outcome) {
            candidate *kept = &r->candidates[n - 1];
            const double most = fmax(kept->log_prior, c->log_prior);
            kept->log_prior = most + log(exp(kept->log_prior - most) + exp(c->log_prior - most));
        } else {
            r->candidates[n++] = *c;
        }
    }
    r->n = n;
}

/* Log weights, the best first, become shares. */
static void share_out(ranking *r)
{
    const double most = r->candidates[0].log_weight;
    double sum = 0.0;
    for (ptrdiff_t i = 0; i < r->n; i++) {
        sum += exp(r->candidates[i].log_weight - most);
    }
    for (ptrdiff_t i = 0; i < r->n; i++) {
        r->candidates[i].log_weight = exp(r->candidates[i].log_weight - most) / sum;
    }
}

static qst_status make_ranking(const qst__repair *repair, const qst__found *found, int32_t size,
    qst__arena *arena, ranking *r, qst_err *err)
{
    const qst_tables *tables = repair->tables;
    *r = (ranking){.repair = repair, .size = size, .n = found->n};
    qst_status status =
        qst__arena_array(arena, found->n, sizeof *r->candidates, &r->candidates, err);
    if (status == QST_OK) {
        status = qst__arena_array(arena, tables->n_checks, 1, &r->is_touched, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(arena, tables->n_cells, 1, &r->is_edited, err);
    }
    if (status == QST_OK) {
        status =
            qst__arena_array(arena, tables->n_cells, sizeof *r->page.cells, &r->page.cells, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(
            arena, tables->n_cells, sizeof *r->page.is_edited, &r->page.is_edited, err);
    }
    if (status == QST_OK) {
        memcpy(r->page.cells, tables->cells, (size_t)tables->n_cells * sizeof *tables->cells);
    }
    return status;
}

static qst_status rank_sets(const qst_ctx *ctx, const qst__found *found, ranking *r, qst_err *err)
{
    qst__ticker ticker;
    qst__ticker_init(&ticker, ctx);
    for (ptrdiff_t i = 0; i < found->n; i++) {
        r->candidates[i].set = &found->sets[i];
        describe_candidate(r, &r->candidates[i]);
    }
    merge_outcomes(r);
    for (ptrdiff_t i = 0; i < r->n; i++) {
        candidate *c = &r->candidates[i];
        c->log_weight = c->log_prior + log_likelihood(r, c->set);
        const qst_status status = qst__tick(&ticker, err);
        if (status != QST_OK) {
            return status;
        }
    }
    qsort(r->candidates, (size_t)r->n, sizeof *r->candidates, by_weight);
    share_out(r);
    return QST_OK;
}

/* ---- Results ---- */

static void write_rows(ranking *r, int32_t proposal, const candidate *c, qst_repairs *repairs)
{
    for (int32_t k = 0; k < r->size; k++) {
        const int first = r->page.n_undo;
        const int32_t kind = qst__move_kind(r->repair, c->set->moves[k]);
        (void)qst__move_do(r->repair, c->set->moves[k], &r->page);
        for (int i = first; i < r->page.n_undo; i++) {
            const int32_t cell = r->page.undo[i].cell;
            repairs->rows[repairs->n_rows++] =
                (qst_repair_row){proposal, k, kind, cell, r->page.cells[cell]};
        }
    }
    qst__move_undo(&r->page, 0);
}

static void write_part(ranking *r, qst_repairs *repairs)
{
    const ptrdiff_t most_rows = (ptrdiff_t)r->size * QST_MAX_EDITS;
    for (ptrdiff_t i = 0; i < r->n && i < r->repair->plan->max_proposals; i++) {
        if (repairs->n_proposals == repairs->max_proposals ||
            repairs->n_rows + most_rows > repairs->max_rows) {
            return;
        }
        const candidate *c = &r->candidates[i];
        repairs->proposals[repairs->n_proposals] =
            (qst_proposal){(int32_t)repairs->n_parts, c->log_weight};
        write_rows(r, (int32_t)repairs->n_proposals++, c, repairs);
    }
}

/* Sizes one after the other until one has sets that repair. */
static qst_status repair_part(const qst_ctx *ctx, const qst__repair *repair, const qst__part *part,
    qst_repairs *repairs, qst_err *err)
{
    qst__arena arena;
    qst__arena_init(&arena, ctx);
    qst__found found = {NULL, 0, false};
    int32_t size = 0;
    qst_status status = QST_OK;
    while (status == QST_OK && found.n == 0 && size < repair->plan->max_size) {
        status = qst__repair_search(ctx, repair, part, ++size, &arena, &found, err);
    }
    ranking r = {.n = 0};
    if (status == QST_OK && found.n > 0) {
        status = make_ranking(repair, &found, size, &arena, &r, err);
        if (status == QST_OK) {
            status = rank_sets(ctx, &found, &r, err);
        }
    }
    if (status == QST_OK) {
        write_part(&r, repairs);
        repairs->parts[repairs->n_parts++] = (qst_repair_part){part->failing[0],
            (int32_t)part->n_failing, found.n > 0 ? size : 0, (int32_t)r.n, found.is_more};
    }
    qst__arena_free(&arena);
    return status;
}

static qst_status repair_parts(
    const qst_ctx *ctx, const qst__repair *repair, verdicts *v, qst_repairs *repairs, qst_err *err)
{
    qst_status status = QST_OK;
    for (int32_t i = 0; i < repair->tables->n_checks && status == QST_OK; i++) {
        if (v->verdict[i] == QST_VERDICT_INCONSISTENT && root_of(v->owner, i) == i &&
            repairs->n_parts < repairs->max_parts) {
            const qst__part part = take_part(repair, v, i);
            status = repair_part(ctx, repair, &part, repairs, err);
        }
    }
    return status;
}

qst_status qst_repair(const qst_ctx *ctx, const qst_tables *tables, const qst_repair_plan *plan,
    qst_repairs *repairs, qst_err *err)
{
    repairs->n_parts = repairs->n_proposals = repairs->n_rows = 0;
    qst__arena arena;
    qst__arena_init(&arena, ctx);
    qst__repair repair;
    verdicts v = {NULL, NULL, NULL, NULL, NULL};
    qst_status status = qst__tables_valid(tables, err);
    if (status == QST_OK) {
        status = plan_valid(tables, plan, err);
    }
    if (status == QST_OK) {
        status = make_repair(tables, plan, &arena, &repair, err);
    }
    if (status == QST_OK) {
        status = make_verdicts(&repair, &arena, &v, err);
    }
    if (status == QST_OK) {
        status = repair_parts(ctx, &repair, &v, repairs, err);
    }
    qst__arena_free(&arena);
    return status;
}
