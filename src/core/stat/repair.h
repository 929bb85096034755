/*
 * What repair.c, repair_moves.c and repair_search.c share.
 */
#ifndef QST_REPAIR_H
#define QST_REPAIR_H

#include "stat/audit.h"

/* A list of lists: item[start[i]] .. item[start[i + 1] - 1] belong to i. */
typedef struct {
    const ptrdiff_t *start;
    const int32_t *item;
} qst__lists;

/* A check under the cells of the moment. Open checks count for nothing: they have no verdict from
 * the beginning, or belong to another part. */
typedef enum { QST__HOLDS, QST__FAILS, QST__OPEN } qst__state;

/* What does not change during the search. */
typedef struct {
    const qst_tables *tables;
    const qst_repair_plan *plan;
    qst__lists cells_of;       /* of a check: all cells it reads, and its target */
    qst__lists checks_of;      /* of a cell: the checks that read it */
    qst__lists offers_of;      /* of a cell: the offers that edit it */
    const int64_t *n_moves_of; /* of a check: how many moves touch its cells, about */
    double log_prior[QST_N_CHANGES];
    const uint8_t *verdict; /* of a check, under the printed cells */
    const uint8_t *state;   /* the same, for the part at work */
    const bool *is_hub; /* cells that so many checks confirm that none of their moves is tried */
} qst__repair;

/* A change: number `number` of those that `cell` may have alone, or with cell -1 of the offers. */
typedef struct {
    int32_t cell, number;
} qst__move;

typedef struct {
    int32_t cell;
    qst_printed before;
} qst__undo;

#define QST__MAX_UNDO (QST_MAX_REPAIR_SIZE * QST_MAX_EDITS)

/* Cells as changed so far, and how to undo it. */
typedef struct {
    qst_printed *cells;
    bool *is_edited;
    qst__undo undo[QST__MAX_UNDO];
    int n_undo;
} qst__page;

/* ---- repair_moves.c ---- */

/* How many numbers of moves a cell has; not all of them are moves. */
int32_t qst__n_cell_moves(const qst_printed *cell);

/* Move `number` of a cell; false if there is none such or it is not allowed. */
bool qst__cell_move(const qst_printed *cell, unsigned allowed, int32_t number, qst_printed *to_out,
    int32_t *kind_out);

int32_t qst__move_kind(const qst__repair *repair, qst__move move);

/* Is one of the cells that an offer edits a hub? */
bool qst__edits_hub(const qst__repair *repair, const qst_offer *offer);

/* Does the move, unless it changes nothing, makes no sense, or edits what is edited already:
 * false, and the page is as it was. */
bool qst__move_do(const qst__repair *repair, qst__move move, qst__page *page);

/* Back to the page of `n_undo` edits. */
void qst__move_undo(qst__page *page, int n_undo);

/* ---- repair_search.c ---- */

typedef struct {
    qst__move moves[QST_MAX_REPAIR_SIZE];
} qst__move_set;

/* Failing checks that are repaired together. */
typedef struct {
    const int32_t *failing;
    ptrdiff_t n_failing;
} qst__part;

/* All sets of exactly `size` moves that make the checks of a part hold, sorted, each once; at most
 * QST__MAX_SETS, else *is_more_out. */
#define QST__MAX_SETS 4096

typedef struct {
    qst__move_set *sets;
    ptrdiff_t n;
    bool is_more;
} qst__found;

QST_MUST_USE qst_status qst__repair_search(const qst_ctx *ctx, const qst__repair *repair,
    const qst__part *part, int32_t size, qst__arena *arena, qst__found *found_out, qst_err *err);

/* The moves of a set in the order in which all sets are sorted. */
int qst__compare_moves(const void *a, const void *b);

#endif
