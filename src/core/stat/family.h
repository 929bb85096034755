/*
 * What generalised linear models ask of their families and links: functions
 * of blocks of rows. Values, and what is done at the ends of the scale, are
 * those of R's families (McCullagh & Nelder 1989, ch. 2), so that deviances
 * and residuals agree with glm's: the inverse logit and its slope stop at
 * |eta| = 30, means of log links at 2^-52, those of probit, cloglog and
 * cauchit 2^-52 from both ends. NaN in gives NaN out.
 */
#ifndef QST_FAMILY_H
#define QST_FAMILY_H

#include "base/base.h"

/* eta_out[i] = g(mu[i]). */
void qst__link_block(qst_link link, const double *mu, ptrdiff_t n, double *eta_out);

/* mu_out[i] = g^-1(eta[i]) and slope_out[i] = d mu / d eta there; `mu_out` and `slope_out` must not
 * be `eta`. */
void qst__mean_block(
    qst_link link, const double *eta, ptrdiff_t n, double *mu_out, double *slope_out);

/* variance_out[i] = V(mu[i]); theta is read for negative binomials only. */
void qst__variance_block(
    qst_family family, double theta, const double *mu, ptrdiff_t n, double *variance_out);

/* terms_out[i] = what row i adds to the deviance, weight included (`weights` NULL: ones). */
void qst__deviance_block(qst_family family, double theta, const double *y, const double *mu,
    const double *weights, ptrdiff_t n, double *terms_out);

/* Their sum over at most 128 rows; rows of weight 0 are left out. */
double qst__deviance_sum(qst_family family, double theta, const double *y, const double *mu,
    const double *weights, ptrdiff_t n);

/* mu_out[i] = the mean that fits start at, as R's families initialise it. */
void qst__start_block(
    qst_family family, const double *y, const double *weights, ptrdiff_t n, double *mu_out);

/* Are all linear predictors finite and in the domain of the inverse link, all means those of the
 * family? Rows of weight 0 are not looked at (`weights` NULL: ones). */
bool qst__eta_is_valid(qst_link link, const double *eta, const double *weights, ptrdiff_t n);
bool qst__mu_is_valid(qst_family family, const double *mu, const double *weights, ptrdiff_t n);

/* Are slope and variance the same function (logit of a binomial, log of a Poisson, identity of
 * constant variance)? Then their ratio is 1 without rounding. */
bool qst__is_canonical(qst_family family, qst_link link);

/* -1 or 1 if y is at the end of the scale that the mean comes near to but never reaches when eta
 * goes down or up for ever, else 0: rows that can be separated. */
int qst__open_end(qst_family family, qst_link link, double y);

/* QST_EARGUMENT with row and value, column -1, for a response the family cannot have. */
QST_MUST_USE qst_status qst__response_check(
    qst_family family, const double *y, ptrdiff_t n, qst_err *err);

#endif
