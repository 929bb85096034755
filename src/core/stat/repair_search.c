#include "stat/repair.h"

#include <stdlib.h>
#include <string.h>

/*
 * Depth first: of the checks that fail the one that fewest moves touch is
 * taken, and each of those moves tried, for one of a set that repairs
 * everything must be among them. The last move must touch every check that
 * fails. Sets are met in several orders, so they are sorted and told apart at
 * the end.
 */

#define MAX_SETS_PER_TASK 64
#define MAX_SETS_KEPT (1 << 18) /* of all tasks */

/* What one worker needs. Lists of a level are those before its move. */
typedef struct {
    qst__page page;
    uint8_t *state;                   /* of each check */
    int32_t *seen_check, *seen_offer; /* when a list had it last */
    int32_t *covered;                 /* checks: when a move was found to touch it last */
    int32_t stamp;
    struct {
        int32_t *failing, *touched;
        uint8_t *state_before; /* of those touched */
        qst__move *moves;
        ptrdiff_t n_failing, n_touched, n_moves;
    } level[QST_MAX_REPAIR_SIZE + 1];
    qst__move_set set;
} searcher;

typedef struct {
    const qst__repair *repair;
    int32_t size;
    searcher *searchers;   /* one a worker */
    qst__move_set **found; /* of each task */
    int32_t *n_found;
    int32_t max_found; /* of one task */
    const qst__move *tasks;
} search;

/* ---- Marks ---- */

/* New stamps make all marks old; where numbers end they are wiped. */
static int32_t new_stamp(searcher *s, const qst__repair *repair)
{
    if (s->stamp == INT32_MAX) {
        memset(s->seen_check, 0, (size_t)repair->tables->n_checks * sizeof *s->seen_check);
        memset(s->covered, 0, (size_t)repair->tables->n_checks * sizeof *s->covered);
        memset(s->seen_offer, 0, (size_t)repair->plan->n_offers * sizeof *s->seen_offer);
        s->stamp = 0;
    }
    return ++s->stamp;
}

/* ---- Which moves ---- */

/* The cells that a move edits, and all that fails at a level. */
typedef struct {
    const int32_t *cells;
    ptrdiff_t n_cells;
} edited;

static edited cells_of_move(const qst__repair *repair, const qst__move *move, int32_t *room)
{
    if (move->cell >= 0) {
        room[0] = move->cell;
        return (edited){room, 1};
    }
    const qst_offer *offer = &repair->plan->offers[move->number];
    for (int32_t k = 0; k < offer->n; k++) {
        room[k] = repair->plan->edits[offer->first + k].cell;
    }
    return (edited){room, offer->n};
}

/* Marks the failing checks that the cells touch and that are not covered since `since`; returns how
 * many. */
static ptrdiff_t count_failing(
    searcher *s, const qst__repair *repair, edited cells, int32_t since, int32_t *mark)
{
    const qst__lists *checks = &repair->checks_of;
    const int32_t stamp = new_stamp(s, repair);
    ptrdiff_t n = 0;
    for (ptrdiff_t i = 0; i < cells.n_cells; i++) {
        const int32_t cell = cells.cells[i];
        for (ptrdiff_t k = checks->start[cell]; k < checks->start[cell + 1]; k++) {
            const int32_t check = checks->item[k];
            if (s->state[check] == QST__FAILS && mark[check] != stamp &&
                s->covered[check] < since) {
                mark[check] = stamp;
                n++;
            }
        }
    }
    return n;
}

/* Of the failing checks not covered since `since` the one that fewest moves touch. */
static int32_t easiest_check(
    const searcher *s, const qst__repair *repair, int32_t depth, int32_t since)
{
    int32_t easiest = -1;
    for (ptrdiff_t k = 0; k < s->level[depth].n_failing; k++) {
        const int32_t check = s->level[depth].failing[k];
        if (s->covered[check] < since &&
            (easiest < 0 || repair->n_moves_of[check] < repair->n_moves_of[easiest])) {
            easiest = check;
        }
    }
    return easiest;
}

/* Does some single move touch all `n` failing checks that are not covered since `since`? */
static bool one_touches(
    searcher *s, const qst__repair *repair, int32_t depth, int32_t since, ptrdiff_t n)
{
    const int32_t check = easiest_check(s, repair, depth, since);
    int32_t room[QST_MAX_EDITS];
    for (ptrdiff_t k = repair->cells_of.start[check]; k < repair->cells_of.start[check + 1]; k++) {
        const int32_t cell = repair->cells_of.item[k];
        if (s->page.is_edited[cell] || repair->is_hub[cell]) {
            continue;
        }
        if (count_failing(s, repair, (edited){&cell, 1}, since, s->seen_check) == n) {
            return true;
        }
        const qst__lists *offers = &repair->offers_of;
        for (ptrdiff_t i = offers->start[cell]; i < offers->start[cell + 1]; i++) {
            const qst__move move = {-1, offers->item[i]};
            const edited cells = cells_of_move(repair, &move, room);
            if (count_failing(s, repair, cells, since, s->seen_check) == n) {
                return true;
            }
        }
    }
    return false;
}

/* Can a move at this level lead anywhere? The last must touch all that fails, and what the last but
 * one leaves must be touched by one more. */
static bool is_promising(
    searcher *s, const qst__repair *repair, int32_t depth, int32_t n_left, qst__move move)
{
    int32_t room[QST_MAX_EDITS];
    const edited cells = cells_of_move(repair, &move, room);
    if (n_left > 1) {
        return true;
    }
    const int32_t since = new_stamp(s, repair);
    const ptrdiff_t n_touched = count_failing(s, repair, cells, since, s->covered);
    const ptrdiff_t n_rest = s->level[depth].n_failing - n_touched;
    return n_rest == 0 || (n_left == 1 && one_touches(s, repair, depth, since, n_rest));
}

static void list_cell(
    searcher *s, const qst__repair *repair, int32_t depth, int32_t n_left, int32_t cell)
{
    if (repair->plan->allowed[cell] == 0 ||
        !is_promising(s, repair, depth, n_left, (qst__move){cell, 0})) {
        return;
    }
    const int32_t n = qst__n_cell_moves(&s->page.cells[cell]);
    for (int32_t number = 0; number < n; number++) {
        s->level[depth].moves[s->level[depth].n_moves++] = (qst__move){cell, number};
    }
}

/* Offers are listed once, though they may edit several cells of a check. */
static void list_offers(searcher *s, const qst__repair *repair, int32_t depth, int32_t n_left,
    int32_t cell, int32_t listing)
{
    const qst__lists *offers = &repair->offers_of;
    for (ptrdiff_t k = offers->start[cell]; k < offers->start[cell + 1]; k++) {
        const qst__move move = {-1, offers->item[k]};
        if (s->seen_offer[move.number] != listing) {
            s->seen_offer[move.number] = listing;
            if (!qst__edits_hub(repair, &repair->plan->offers[move.number]) &&
                is_promising(s, repair, depth, n_left, move)) {
                s->level[depth].moves[s->level[depth].n_moves++] = move;
            }
        }
    }
}

/* The moves at a level of which a set that repairs has one at least; `n_left` more may follow. */
static void list_moves(searcher *s, const qst__repair *repair, int32_t depth, int32_t n_left)
{
    const int32_t listing = new_stamp(s, repair);
    const int32_t check = easiest_check(s, repair, depth, INT32_MAX);
    s->level[depth].n_moves = 0;
    for (ptrdiff_t k = repair->cells_of.start[check]; k < repair->cells_of.start[check + 1]; k++) {
        const int32_t cell = repair->cells_of.item[k];
        if (!s->page.is_edited[cell] && !repair->is_hub[cell]) {
            list_cell(s, repair, depth, n_left, cell);
            list_offers(s, repair, depth, n_left, cell, listing);
        }
    }
}

/* ---- Making moves ---- */

/* The checks that the edits since `first_undo` touch. */
static void list_touched(searcher *s, const qst__repair *repair, int32_t depth, int first_undo)
{
    const qst__lists *checks = &repair->checks_of;
    const int32_t stamp = new_stamp(s, repair);
    s->level[depth].n_touched = 0;
    for (int k = first_undo; k < s->page.n_undo; k++) {
        const int32_t cell = s->page.undo[k].cell;
        for (ptrdiff_t i = checks->start[cell]; i < checks->start[cell + 1]; i++) {
            const int32_t check = checks->item[i];
            if (s->state[check] != QST__OPEN && s->seen_check[check] != stamp) {
                s->seen_check[check] = stamp;
                s->level[depth].touched[s->level[depth].n_touched++] = check;
            }
        }
    }
}

static bool holds(const searcher *s, const qst__repair *repair, int32_t check)
{
    const qst__audit audit = {repair->tables, s->page.cells};
    const qst_finding finding = qst__check_cells(&audit, &repair->tables->checks[check]);
    return finding.verdict == QST_VERDICT_EXACT || finding.verdict == QST_VERDICT_ROUNDING;
}

/* Whether all that fails is touched, and all that is touched holds now; what failed is asked first.
 */
static bool all_hold(searcher *s, const qst__repair *repair, int32_t depth)
{
    const int32_t *failing = s->level[depth].failing;
    for (ptrdiff_t k = 0; k < s->level[depth].n_failing; k++) {
        if (s->seen_check[failing[k]] != s->stamp || !holds(s, repair, failing[k])) {
            return false;
        }
    }
    const int32_t *touched = s->level[depth].touched;
    for (ptrdiff_t k = 0; k < s->level[depth].n_touched; k++) {
        if (s->state[touched[k]] != QST__FAILS && !holds(s, repair, touched[k])) {
            return false;
        }
    }
    return true;
}

/* The states of touched checks, and the list of what fails at the next level. */
static void update_states(searcher *s, const qst__repair *repair, int32_t depth)
{
    int32_t *next = s->level[depth + 1].failing;
    ptrdiff_t n_next = 0;
    for (ptrdiff_t k = 0; k < s->level[depth].n_failing; k++) {
        const int32_t check = s->level[depth].failing[k];
        if (s->seen_check[check] != s->stamp) {
            next[n_next++] = check;
        }
    }
    for (ptrdiff_t k = 0; k < s->level[depth].n_touched; k++) {
        const int32_t check = s->level[depth].touched[k];
        s->level[depth].state_before[k] = s->state[check];
        s->state[check] = holds(s, repair, check) ? QST__HOLDS : QST__FAILS;
        if (s->state[check] == QST__FAILS) {
            next[n_next++] = check;
        }
    }
    s->level[depth + 1].n_failing = n_next;
}

static void restore_states(searcher *s, int32_t depth)
{
    for (ptrdiff_t k = 0; k < s->level[depth].n_touched; k++) {
        s->state[s->level[depth].touched[k]] = s->level[depth].state_before[k];
    }
}

static void record(search *all, searcher *s, ptrdiff_t task)
{
    const int32_t n = all->n_found[task]++;
    if (n < all->max_found) {
        all->found[task][n] = s->set;
    }
}

static void search_below(search *all, searcher *s, ptrdiff_t task, int32_t depth);

static void try_move(search *all, searcher *s, ptrdiff_t task, int32_t depth, qst__move move)
{
    const qst__repair *repair = all->repair;
    const int first_undo = s->page.n_undo;
    if (!qst__move_do(repair, move, &s->page)) {
        return;
    }
    s->set.moves[depth] = move;
    list_touched(s, repair, depth, first_undo);
    if (depth + 1 == all->size) {
        if (all_hold(s, repair, depth)) {
            record(all, s, task);
        }
    } else {
        update_states(s, repair, depth);
        search_below(all, s, task, depth + 1);
        restore_states(s, depth);
    }
    qst__move_undo(&s->page, first_undo);
}

/* Where nothing fails any more a smaller set does it. */
static void search_below(search *all, searcher *s, ptrdiff_t task, int32_t depth)
{
    if (s->level[depth].n_failing == 0) {
        return;
    }
    list_moves(s, all->repair, depth, all->size - depth - 1);
    for (ptrdiff_t k = 0; k < s->level[depth].n_moves; k++) {
        if (all->n_found[task] > all->max_found) {
            return;
        }
        try_move(all, s, task, depth, s->level[depth].moves[k]);
    }
}

static qst_status search_task(void *data, ptrdiff_t task, int worker, qst_err *err)
{
    (void)err;
    search *all = data;
    try_move(all, &all->searchers[worker], task, 0, all->tasks[task]);
    return QST_OK;
}

/* ---- What workers need ---- */

static int64_t most_moves(const qst__repair *repair)
{
    int64_t most = 1;
    for (ptrdiff_t check = 0; check < repair->tables->n_checks; check++) {
        if (repair->state[check] != QST__OPEN && repair->n_moves_of[check] > most) {
            most = repair->n_moves_of[check];
        }
    }
    return most;
}

static qst_status make_level(const qst__repair *repair, ptrdiff_t n_moves, qst__arena *arena,
    searcher *s, int32_t depth, qst_err *err)
{
    const ptrdiff_t n = repair->tables->n_checks;
    qst_status status = qst__arena_array(arena, n, sizeof(int32_t), &s->level[depth].failing, err);
    if (status == QST_OK) {
        status = qst__arena_array(arena, n, sizeof(int32_t), &s->level[depth].touched, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(arena, n, 1, &s->level[depth].state_before, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(arena, n_moves, sizeof(qst__move), &s->level[depth].moves, err);
    }
    return status;
}

static qst_status make_searcher(const qst__repair *repair, const qst__part *part, int32_t size,
    qst__arena *arena, searcher *s, qst_err *err)
{
    const qst_tables *tables = repair->tables;
    const ptrdiff_t n_moves = (ptrdiff_t)most_moves(repair);
    struct {
        void *out;
        ptrdiff_t n;
        size_t size_bytes;
    } arrays[] = {{&s->page.cells, tables->n_cells, sizeof *s->page.cells},
        {&s->page.is_edited, tables->n_cells, sizeof *s->page.is_edited},
        {&s->state, tables->n_checks, 1}, {&s->seen_check, tables->n_checks, sizeof *s->seen_check},
        {&s->covered, tables->n_checks, sizeof *s->covered},
        {&s->seen_offer, repair->plan->n_offers, sizeof *s->seen_offer}};
    qst_status status = QST_OK;
    for (size_t k = 0; k < sizeof arrays / sizeof *arrays && status == QST_OK; k++) {
        status = qst__arena_array(arena, arrays[k].n, arrays[k].size_bytes, arrays[k].out, err);
    }
    for (int32_t depth = 0; depth <= size && status == QST_OK; depth++) {
        status = make_level(repair, n_moves, arena, s, depth, err);
    }
    if (status == QST_OK) {
        memcpy(s->page.cells, tables->cells, (size_t)tables->n_cells * sizeof *s->page.cells);
        memcpy(s->state, repair->state, (size_t)tables->n_checks);
        memcpy(s->level[0].failing, part->failing, (size_t)part->n_failing * sizeof *part->failing);
        s->level[0].n_failing = part->n_failing;
    }
    return status;
}

/* ---- Sets ---- */

int qst__compare_moves(const void *a, const void *b)
{
    const qst__move *x = a, *y = b;
    return x->cell != y->cell ? (x->cell < y->cell ? -1 : 1)
                              : (x->number > y->number) - (x->number < y->number);
}

static int compare_sets(const void *a, const void *b)
{
    const qst__move_set *x = a, *y = b;
    for (int k = 0; k < QST_MAX_REPAIR_SIZE; k++) {
        const int order = qst__compare_moves(&x->moves[k], &y->moves[k]);
        if (order != 0) {
            return order;
        }
    }
    return 0;
}

/* The sets of all tasks, each once. */
static qst_status gather(
    search *all, ptrdiff_t n_tasks, qst__arena *arena, qst__found *found_out, qst_err *err)
{
    ptrdiff_t n = 0;
    for (ptrdiff_t task = 0; task < n_tasks; task++) {
        n += qst__min(all->n_found[task], all->max_found);
        found_out->is_more = found_out->is_more || all->n_found[task] > all->max_found;
    }
    qst__move_set *sets;
    const qst_status status = qst__arena_array(arena, n, sizeof *sets, &sets, err);
    if (status != QST_OK || n == 0) {
        return status;
    }
    n = 0;
    for (ptrdiff_t task = 0; task < n_tasks; task++) {
        for (int32_t k = 0; k < all->n_found[task] && k < all->max_found; k++) {
            sets[n] = all->found[task][k];
            qsort(sets[n].moves, (size_t)all->size, sizeof(qst__move), qst__compare_moves);
            n++;
        }
    }
    qsort(sets, (size_t)n, sizeof *sets, compare_sets);
    ptrdiff_t n_kept = 0;
    for (ptrdiff_t k = 0; k < n; k++) {
        if (n_kept == 0 || compare_sets(&sets[n_kept - 1], &sets[k]) != 0) {
            sets[n_kept++] = sets[k];
        }
    }
    found_out->is_more = found_out->is_more || n_kept > QST__MAX_SETS;
    found_out->sets = sets;
    found_out->n = qst__min(n_kept, QST__MAX_SETS);
    return QST_OK;
}

static qst_status run_tasks(
    const qst_ctx *ctx, search *all, qst__arena *arena, qst__found *found_out, qst_err *err)
{
    const ptrdiff_t n_tasks = all->searchers[0].level[0].n_moves;
    all->max_found =
        (int32_t)qst__max(1, qst__min(MAX_SETS_PER_TASK, MAX_SETS_KEPT / qst__max(1, n_tasks)));
    qst__move_set *found = NULL;
    qst_status status = qst__arena_array(arena, n_tasks, sizeof *all->found, &all->found, err);
    if (status == QST_OK) {
        status = qst__arena_array(arena, n_tasks, sizeof *all->n_found, &all->n_found, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(arena, n_tasks * all->max_found, sizeof *found, &found, err);
    }
    if (status != QST_OK) {
        return status;
    }
    for (ptrdiff_t task = 0; task < n_tasks; task++) {
        all->found[task] = &found[task * all->max_found];
    }
    status = qst_par_for(ctx, n_tasks, search_task, all, err);
    return status == QST_OK ? gather(all, n_tasks, arena, found_out, err) : status;
}

qst_status qst__repair_search(const qst_ctx *ctx, const qst__repair *repair, const qst__part *part,
    int32_t size, qst__arena *arena, qst__found *found_out, qst_err *err)
{
    *found_out = (qst__found){NULL, 0, false};
    const int n_workers = qst_par_workers(ctx, (ptrdiff_t)most_moves(repair));
    search all = {.repair = repair, .size = size};
    qst_status status =
        qst__arena_array(arena, n_workers, sizeof *all.searchers, &all.searchers, err);
    for (int w = 0; w < n_workers && status == QST_OK; w++) {
        status = make_searcher(repair, part, size, arena, &all.searchers[w], err);
    }
    if (status != QST_OK) {
        return status;
    }
    list_moves(&all.searchers[0], repair, 0, size - 1);
    all.tasks = all.searchers[0].level[0].moves;
    return run_tasks(ctx, &all, arena, found_out, err);
}
