#include "visit.h"

#define CLUSTERS 30
#define SIZE 200

/* 30 clusters of 200 rows, one more with missing rows only, and a missing row on its own. Cluster j
 * has the log odds effect_of(j) + x / 2; the first row of each is missing. */
#define ROWS (CLUSTERS * SIZE + 2)

static double effect_of(int j)
{
    return 1.5 * qst_normal_quantile((j + 0.5) / CLUSTERS);
}

static double shares[CLUSTERS];

static test_visit *make_clusters(int32_t *cluster, double *state)
{
    test_visit *t = test_visit_make(ROWS, 2, 2);
    uint64_t seed = 21;
    memset(shares, 0, sizeof shares);
    for (int i = 0; i < ROWS; i++) {
        const int j = i / SIZE;
        cluster[i] = j + 1;
        if (j < CLUSTERS && i % SIZE != 0) {
            const double x = test_normal(&seed), p = 1.0 / (1.0 + exp(-effect_of(j) - 0.5 * x));
            t->x[i + ROWS] = x;
            t->y[i] = 1.0 + (test_uniform(&seed) < p);
            shares[j] += (t->y[i] - 1.0) / (SIZE - 1);
        } else {
            t->y[i] = (double)NAN;
        }
    }
    cluster[ROWS - 1] = QST_NA_INT;
    t->visit.cluster = cluster;
    t->visit.n_clusters = CLUSTERS + 1;
    t->visit.state = state;
    test_visit_finish(t, qst__draw_cluster_logistic_room);
    return t;
}

#define DRAWS 160

/* Clusters are large: their effects are known to some 0.2, so the variance is that of the effects
 * put in, 2.15, and drawn with the spread of 30 of them. Missing rows of an observed cluster follow
 * its share; the row of no observed cluster and that on its own have shares of 1/2. */
static void test_effects_and_their_variance(void **state)
{
    (void)state;
    int32_t cluster[ROWS];
    double kept[CLUSTERS + 3];
    test_visit *t = make_clusters(cluster, kept);
    double variance = 0.0, effect[CLUSTERS] = {0}, level[CLUSTERS + 2] = {0};
    for (uint32_t m = 0; m < DRAWS; m++) {
        t->visit.imputation = m;
        memset(kept, 0, sizeof kept);
        test_visit_draw(t, qst__draw_cluster_logistic);
        variance += kept[1] / DRAWS;
        for (int j = 0; j < CLUSTERS + 2; j++) {
            level[j] += (t->drawn[j] - 1.0) / DRAWS;
            effect[j % CLUSTERS] += j < CLUSTERS ? kept[2 + j] / DRAWS : 0.0;
        }
    }
    double ss = 0.0;
    for (int j = 0; j < CLUSTERS; j++) {
        ss += effect_of(j) * effect_of(j);
        const double p = shares[j], error = sqrt(1.0 / (SIZE * p * (1.0 - p)));
        assert_close(effect[j] - effect[14], effect_of(j) - effect_of(14), 0,
            5.0 * error + 0.5); /* and the error of cluster 14 and of the intercept */
        /* x is 0: 0.5 x adds little to the spread of the share */
        assert_close(level[j], p, 0, 0.04 + 4.0 * sqrt(0.25 / DRAWS));
    }
    /* mean of the inverse gamma distribution of a variance, and error of estimated effects */
    assert_close(variance, ss / (CLUSTERS - 2), 0.25, 0);
    assert_close(level[CLUSTERS], 0.5, 0, 0.08 + 4.0 * sqrt(0.25 / DRAWS));
    assert_close(level[CLUSTERS + 1], 0.5, 0, 0.08 + 4.0 * sqrt(0.25 / DRAWS));
    assert_int_equal(t->decided[QST_DECIDED_NOT_CONVERGED], 0);
    assert_int_equal(t->decided[QST_DECIDED_NO_EFFECTS], 0);
    test_visit_free(t);
}

/* Effects of no variance: drawn variances are small, and levels follow the predictors. */
static void test_no_variance(void **state)
{
    (void)state;
    int32_t cluster[ROWS];
    double kept[CLUSTERS + 3];
    test_visit *t = make_clusters(cluster, kept);
    uint64_t seed = 5;
    for (int i = 0; i < ROWS; i++) {
        t->y[i] = isnan(t->y[i]) ? t->y[i] : 1.0 + (test_uniform(&seed) < 0.3);
    }
    double variance = 0.0;
    for (uint32_t m = 0; m < 40; m++) {
        t->visit.imputation = m;
        memset(kept, 0, sizeof kept);
        test_visit_draw(t, qst__draw_cluster_logistic);
        variance += kept[1] / 40;
    }
    assert_true(variance < 0.05);
    test_visit_free(t);
}

/* With one observed cluster, or three levels, as without clusters, bit for bit. */
static void test_without_effects(void **state)
{
    (void)state;
    int32_t cluster[ROWS];
    double kept[CLUSTERS + 3] = {0};
    test_visit *t = make_clusters(cluster, kept);
    for (int i = 0; i < ROWS; i++) {
        cluster[i] = i < 100 ? QST_NA_INT : 1;
    }
    test_visit_draw(t, qst__draw_cluster_logistic);
    assert_int_equal(t->decided[QST_DECIDED_NO_EFFECTS], 1);
    double drawn[CLUSTERS + 2];
    memcpy(drawn, t->drawn, sizeof drawn);
    test_visit_draw(t, qst__draw_logistic);
    assert_memory_equal(drawn, t->drawn, sizeof drawn);
    assert_close(kept[1], 0.0, 0, 0);
    test_visit_free(t);
}

/* Clusters of one level each: draws are finite, and nearly always that level. */
static void test_separation_by_cluster(void **state)
{
    (void)state;
    int32_t cluster[ROWS];
    double kept[CLUSTERS + 3] = {0};
    test_visit *t = make_clusters(cluster, kept);
    for (int i = 0; i < ROWS; i++) {
        t->y[i] = isnan(t->y[i]) ? t->y[i] : 1.0 + i / SIZE % 2;
    }
    int n_same = 0;
    for (uint32_t k = 0; k < 10; k++) {
        t->visit.iteration = k;
        test_visit_draw(t, qst__draw_cluster_logistic);
        for (int j = 0; j < CLUSTERS; j++) {
            n_same += t->drawn[j] == 1.0 + j % 2;
        }
        assert_true(isfinite(kept[1]) && isfinite(kept[2]) && kept[1] > 1.0);
    }
    assert_true(n_same > 0.95 * 10 * CLUSTERS);
    test_visit_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_effects_and_their_variance),
        cmocka_unit_test(test_no_variance),
        cmocka_unit_test(test_without_effects),
        cmocka_unit_test(test_separation_by_cluster),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
