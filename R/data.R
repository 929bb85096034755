#' A synthetic cohort with the published figures of a trial
#'
#' Item-level answers of 392 invented medical students, made by [reconstruct()]
#' from the printed tables of Lemogne et al. (2020) alone. **Synthetic: nobody
#' of the trial gave these answers.** Analysed by the trial's rules
#' ([balint_plan()]), they give every printed figure of its two tables at
#' printed precision, once the contradictions within the tables are repaired
#' (`repairs.csv` in `system.file("extdata", "lemogne2020", package =
#' "questrial")`): two exchanged cells, the model's specialty labels, and
#' one of the two values printed for one t statistic.
#'
#' Of the 392 randomised, 17 have no answers at follow-up, 13 no living
#' status; of the 362 analysed, 4 have no answers at baseline. Some students
#' skipped one or two further items. What the paper does not print (the
#' distribution over items, who skipped what, the numbers lost in each arm)
#' is invented.
#'
#' @format A data frame of class `reconstruction` with 392 rows and the columns
#' * `id`: `"S001"` to `"S392"`
#' * `arm`: factor: control, balint, narrative
#' * `group`: factor: the small group within the arm, `NA` in control
#' * `sex`: factor: male, female
#' * `parents`: factor: education of the parents, graduate, undergraduate
#' * `living`: factor: with parents, alone, neither; `NA` for 13
#' * `specialty`: factor: intended specialty, surgery, medicine, other
#' * `absences`: factor: sessions missed, none, one, more than one; `NA` in
#'   control
#' * `t0_1` to `t0_20`: integer: answers at baseline to the 20 items of
#'   `instrument("jse-s")`, 1 to 7, before reversal; item 9 was never asked
#' * `t1_1` to `t1_20`: integer: the same at follow-up
#' @source Made by [reconstruct()] (its search has changed since; `data-raw/balint.R` makes another
#'   cohort with the same figures) from the printed tables of Lemogne et al. (2020), BMC Medical
#'   Education, \doi{10.1186/s12909-020-02316-w}.
#' @seealso [figures_met()] lists the figures; [analyse()] analyses it.
#' @name balint
#' @docType data
#' @usage balint
#' @keywords datasets
#' @examples
#' table(balint$arm)
#' balint
NULL
