#include "stat/repair.h"

#include <string.h>

typedef struct {
    const char *name;
} kind_name;

#define CHANGE_ENTRY(name, text) {#text},
static const kind_name kinds[] = {QST_CHANGE_LIST(CHANGE_ENTRY)};
#undef CHANGE_ENTRY

const char *qst_change_name(int32_t kind)
{
    return kind >= 0 && kind < QST_N_CHANGES ? kinds[kind].name : NULL;
}

int32_t qst_change_kind_of(const char *name)
{
    for (int32_t kind = 0; kind < QST_N_CHANGES; kind++) {
        if (strcmp(kinds[kind].name, name) == 0) {
            return kind;
        }
    }
    return -1;
}

/* ---- Moves of one cell ---- */

/*
 * Numbered so: 9 other digits at each place, from the last; exchanges of the
 * digits at each place and the next; the sign; the point a place to the left
 * and to the right.
 */

#define N_DIGITS 10

static const int64_t ten_to[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000,
    1000000000, 10000000000, 100000000000, 1000000000000, 10000000000000, 100000000000000,
    1000000000000000};

static bool is_number(const qst_printed *cell)
{
    return cell->kind != QST_CELL_LABEL && cell->kind != QST_CELL_EMPTY;
}

static int64_t without_sign(int64_t digits)
{
    return digits < 0 ? -digits : digits;
}

/* Places that are printed: "0.05" has three. */
static int32_t n_places(const qst_printed *cell)
{
    int32_t n = cell->decimals + 1;
    while (n < QST_MAX_DECIMALS && without_sign(cell->digits) >= ten_to[n]) {
        n++;
    }
    return n;
}

static int64_t digit_at(int64_t digits, int32_t place)
{
    return digits / ten_to[place] % N_DIGITS;
}

int32_t qst__n_cell_moves(const qst_printed *cell)
{
    return is_number(cell) ? N_DIGITS * n_places(cell) + 2 : 0;
}

/* No number is printed with zeros in front. */
static bool has_leading_zero(int64_t digits, int32_t places, int32_t decimals)
{
    return places > decimals + 1 && digits < ten_to[places - 1];
}

static bool change_digit(int64_t *digits, int32_t place, int32_t step)
{
    const int64_t old = digit_at(*digits, place);
    *digits += ((old + step) % N_DIGITS - old) * ten_to[place];
    return true;
}

static bool transpose(int64_t *digits, int32_t place)
{
    const int64_t low = digit_at(*digits, place), high = digit_at(*digits, place + 1);
    *digits += (low - high) * (ten_to[place + 1] - ten_to[place]);
    return low != high;
}

static bool shift_point(qst_printed *cell, bool to_the_left)
{
    cell->decimals += to_the_left ? 1 : -1;
    return cell->digits != 0 && cell->decimals >= 0 && cell->decimals <= QST_MAX_DECIMALS;
}

/* What a number of a move stands for. */
static int32_t kind_of_number(int32_t number, int32_t places)
{
    const int32_t n_other = (N_DIGITS - 1) * places, n_exchanges = places - 1;
    return number < n_other                  ? QST_CHANGE_DIGIT
           : number < n_other + n_exchanges  ? QST_CHANGE_TRANSPOSED
           : number == n_other + n_exchanges ? QST_CHANGE_SIGN
                                             : QST_CHANGE_DECIMAL;
}

bool qst__cell_move(const qst_printed *cell, unsigned allowed, int32_t number, qst_printed *to_out,
    int32_t *kind_out)
{
    const int32_t places = n_places(cell);
    const int32_t kind = kind_of_number(number, places);
    if (!is_number(cell) || (allowed >> kind & 1U) == 0) {
        return false;
    }
    const bool is_negative = cell->digits < 0;
    int64_t digits = without_sign(cell->digits);
    qst_printed to = *cell;
    bool is_other = true;
    if (kind == QST_CHANGE_DIGIT) {
        is_other = change_digit(&digits, number / (N_DIGITS - 1), 1 + number % (N_DIGITS - 1));
    } else if (kind == QST_CHANGE_TRANSPOSED) {
        is_other = transpose(&digits, number - (N_DIGITS - 1) * places);
    } else if (kind == QST_CHANGE_SIGN) {
        digits = -digits;
        is_other = digits != 0;
    } else {
        is_other = shift_point(&to, number == N_DIGITS * places);
    }
    to.digits = is_negative ? -digits : digits;
    *to_out = to;
    *kind_out = kind;
    const bool keeps_places = kind == QST_CHANGE_DIGIT || kind == QST_CHANGE_TRANSPOSED;
    return is_other && !(keeps_places && has_leading_zero(digits, places, cell->decimals));
}

int32_t qst__move_kind(const qst__repair *repair, qst__move move)
{
    if (move.cell < 0) {
        return repair->plan->offers[move.number].kind;
    }
    return kind_of_number(move.number, n_places(&repair->tables->cells[move.cell]));
}

bool qst__edits_hub(const qst__repair *repair, const qst_offer *offer)
{
    for (int32_t k = 0; k < offer->n; k++) {
        if (repair->is_hub[repair->plan->edits[offer->first + k].cell]) {
            return true;
        }
    }
    return false;
}

/* ---- Edits ---- */

static bool put(qst__page *page, int32_t cell, qst_printed to)
{
    page->undo[page->n_undo++] = (qst__undo){cell, page->cells[cell]};
    page->cells[cell] = to;
    page->is_edited[cell] = true;
    return true;
}

/* What stood in a cell before this change, whose edits are those from `first` on. */
static qst_printed before_change(const qst__page *page, int first, int32_t cell)
{
    for (int k = first; k < page->n_undo; k++) {
        if (page->undo[k].cell == cell) {
            return page->undo[k].before;
        }
    }
    return page->cells[cell];
}

static bool add(qst__page *page, const qst_edit *edit)
{
    qst_printed to = page->cells[edit->cell];
    to.digits += edit->from;
    return is_number(&to) && to.digits >= 0 && put(page, edit->cell, to);
}

/* A figure that agrees with the changed ones stays as it is; what agreed with neither did not
 * follow in print either. */
static bool follow(const qst__repair *repair, qst__page *page, const qst_edit *edit)
{
    const qst__audit audit = {repair->tables, page->cells};
    const qst_finding finding = qst__check_cells(&audit, &repair->tables->checks[edit->from]);
    qst_printed to = page->cells[edit->cell];
    if (finding.verdict == QST_VERDICT_NONE || !(fabs(finding.value) < 1e9) || !is_number(&to) ||
        to.decimals > 5) {
        return false;
    }
    if (finding.verdict == QST_VERDICT_INCONSISTENT) {
        if (repair->verdict[edit->from] == QST_VERDICT_INCONSISTENT) {
            return false;
        }
        to.digits = (int64_t)llround(rint(finding.value * (double)ten_to[to.decimals]));
    }
    return put(page, edit->cell, to);
}

static bool edit_one(
    const qst__repair *repair, qst__page *page, int first_undo, const qst_edit *edit)
{
    switch (edit->rule) {
    case QST_EDIT_TAKE:
        return put(page, edit->cell, before_change(page, first_undo, edit->from));
    case QST_EDIT_ADD:
        return add(page, edit);
    default:
        return follow(repair, page, edit);
    }
}

static bool is_same(const qst_printed *a, const qst_printed *b)
{
    return a->digits == b->digits && a->decimals == b->decimals && a->kind == b->kind;
}

static bool has_changed(const qst__page *page, int first_undo)
{
    for (int k = first_undo; k < page->n_undo; k++) {
        if (!is_same(&page->undo[k].before, &page->cells[page->undo[k].cell])) {
            return true;
        }
    }
    return false;
}

static bool do_offer(const qst__repair *repair, const qst_offer *offer, qst__page *page)
{
    const qst_edit *edits = &repair->plan->edits[offer->first];
    const int first_undo = page->n_undo;
    for (int32_t k = 0; k < offer->n; k++) {
        if (page->is_edited[edits[k].cell]) {
            return false;
        }
    }
    for (int32_t k = 0; k < offer->n; k++) {
        if (!edit_one(repair, page, first_undo, &edits[k])) {
            return false;
        }
    }
    return has_changed(page, first_undo);
}

bool qst__move_do(const qst__repair *repair, qst__move move, qst__page *page)
{
    const int first_undo = page->n_undo;
    bool is_done;
    if (move.cell < 0) {
        is_done = do_offer(repair, &repair->plan->offers[move.number], page);
    } else {
        qst_printed to;
        int32_t kind;
        is_done = !page->is_edited[move.cell] &&
                  qst__cell_move(&page->cells[move.cell], repair->plan->allowed[move.cell],
                      move.number, &to, &kind) &&
                  put(page, move.cell, to);
    }
    if (!is_done) {
        qst__move_undo(page, first_undo);
    }
    return is_done;
}

void qst__move_undo(qst__page *page, int n_undo)
{
    while (page->n_undo > n_undo) {
        const qst__undo *last = &page->undo[--page->n_undo];
        page->cells[last->cell] = last->before;
        page->is_edited[last->cell] = false;
    }
}
