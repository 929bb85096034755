# The reference sets of the NIST StRD (https://www.itl.nist.gov/div898/strd/) for
# linear regression and one-way analysis of variance: data as NIST prints them, and
# certified values. Every certified digit was confirmed by exact rational
# arithmetic on the data as they stand here. Used by the tests and by
# the vignette on validation, by source() of system.file("validation", "nist.R",
# package = "questrial").

# ---- Linear regression: estimates and standard errors by coefficient ----

nist <- list(
  Longley = list(
    data = with(datasets::longley, data.frame(
      y = round(Employed * 1000), x1 = GNP.deflator, x2 = round(GNP * 1000),
      x3 = round(Unemployed * 10), x4 = round(Armed.Forces * 10), x5 = round(Population * 1000),
      x6 = Year
    )),
    formula = y ~ x1 + x2 + x3 + x4 + x5 + x6,
    estimate = c(
      -3482258.63459582, 15.0618722713733, -0.0358191792925910, -2.02022980381683,
      -1.03322686717359, -0.0511041056535807, 1829.15146461355
    ),
    error = c(
      890420.383607373, 84.9149257747669, 0.0334910077722432, 0.488399681651699,
      0.214274163161675, 0.226073200069370, 455.478499142212
    ),
    sigma = 304.854073561965, r.squared = 0.995479004577296, statistic = 330.285339234588
  ),
  Norris = list(
    data = data.frame(
      x = c(
        0.2, 337.4, 118.2, 884.6, 10.1, 226.5, 666.3, 996.3, 448.6, 777.0, 558.2, 0.4, 0.6, 775.5,
        666.9, 338.0, 447.5, 11.6, 556.0, 228.1, 995.8, 887.6, 120.2, 0.3, 0.3, 556.8, 339.1,
        887.2, 999.0, 779.0, 11.1, 118.3, 229.2, 669.1, 448.9, 0.5
      ),
      y = c(
        0.1, 338.8, 118.1, 888.0, 9.2, 228.1, 668.5, 998.5, 449.1, 778.9, 559.2, 0.3, 0.1, 778.1,
        668.8, 339.3, 448.9, 10.8, 557.7, 228.3, 998.0, 888.8, 119.6, 0.3, 0.6, 557.6, 339.3,
        888.0, 998.5, 778.9, 10.2, 117.6, 228.9, 668.4, 449.2, 0.2
      )
    ),
    formula = y ~ x,
    estimate = c(-0.262323073774029, 1.00211681802045),
    error = c(0.232818234301152, 0.000429796848199937),
    sigma = 0.884796396144373, r.squared = 0.999993745883712, statistic = 5436385.54079785
  ),
  Pontius = list(
    data = data.frame(
      x = rep(150000 * 1:20, 2),
      y = c(
        0.11019, 0.21956, 0.32949, 0.43899, 0.54803, 0.65694, 0.76562, 0.87487, 0.98292, 1.09146,
        1.20001, 1.30822, 1.41599, 1.52399, 1.63194, 1.73947, 1.84646, 1.95392, 2.06128, 2.16844,
        0.11052, 0.22018, 0.32939, 0.43886, 0.54798, 0.65739, 0.76596, 0.87474, 0.98300, 1.09150,
        1.20004, 1.30818, 1.41613, 1.52408, 1.63159, 1.73965, 1.84696, 1.95445, 2.06177, 2.16829
      )
    ),
    formula = y ~ x + I(x^2),
    estimate = c(0.673565789473684e-03, 0.732059160401003e-06, -0.316081871345029e-14),
    error = c(0.107938612033077e-03, 0.157817399981659e-09, 0.486652849992036e-16),
    sigma = 0.205177424076185e-03, r.squared = 0.999999900178537, statistic = 185330865.995752
  ),
  NoInt1 = list(
    data = data.frame(x = 60:70, y = 130:140), formula = y ~ 0 + x,
    estimate = 2.07438016528926, error = 0.165289256198347e-01,
    sigma = 3.56753034006338, r.squared = 0.999365492298663, statistic = 15750.25
  ),
  NoInt2 = list(
    data = data.frame(x = 4:6, y = c(3, 4, 4)), formula = y ~ 0 + x,
    estimate = 0.727272727272727, error = 0.420827318078432e-01,
    sigma = 0.369274472937998, r.squared = 0.993348115299335, statistic = 298.666666666667
  ),
  Filip = list(
    data = data.frame(
      x = c(
        -6.860120914, -4.324130045, -4.358625055, -4.358426747, -6.955852379, -6.661145254,
        -6.355462942, -6.118102026, -7.115148017, -6.815308569, -6.519993057, -6.204119983,
        -5.853871964, -6.109523091, -5.79832982, -5.482672118, -5.171791386, -4.851705903,
        -4.517126416, -4.143573228, -3.709075441, -3.499489089, -6.300769497, -5.953504836,
        -5.642065153, -5.031376979, -4.680685696, -4.329846955, -3.928486195, -8.56735134,
        -8.363211311, -8.107682739, -7.823908741, -7.522878745, -7.218819279, -6.920818754,
        -6.628932138, -6.323946875, -5.991399828, -8.781464495, -8.663140179, -8.473531488,
        -8.247337057, -7.971428747, -7.676129393, -7.352812702, -7.072065318, -6.774174009,
        -6.478861916, -6.159517513, -6.835647144, -6.53165267, -6.224098421, -5.910094889,
        -5.598599459, -5.290645224, -4.974284616, -4.64454848, -4.290560426, -3.885055584,
        -3.408378962, -3.13200249, -8.726767166, -8.66695597, -8.511026475, -8.165388579,
        -7.886056648, -7.588043762, -7.283412422, -6.995678626, -6.691862621, -6.392544977,
        -6.067374056, -6.684029655, -6.378719832, -6.065855188, -5.752272167, -5.132414673,
        -4.811352704, -4.098269308, -3.66174277, -3.2644011
      ),
      y = c(
        0.8116, 0.9072, 0.9052, 0.9039, 0.8053, 0.8377, 0.8667, 0.8809, 0.7975, 0.8162, 0.8515,
        0.8766, 0.8885, 0.8859, 0.8959, 0.8913, 0.8959, 0.8971, 0.9021, 0.909, 0.9139, 0.9199,
        0.8692, 0.8872, 0.89, 0.891, 0.8977, 0.9035, 0.9078, 0.7675, 0.7705, 0.7713, 0.7736,
        0.7775, 0.7841, 0.7971, 0.8329, 0.8641, 0.8804, 0.7668, 0.7633, 0.7678, 0.7697, 0.77,
        0.7749, 0.7796, 0.7897, 0.8131, 0.8498, 0.8741, 0.8061, 0.846, 0.8751, 0.8856, 0.8919,
        0.8934, 0.894, 0.8957, 0.9047, 0.9129, 0.9209, 0.9219, 0.7739, 0.7681, 0.7665, 0.7703,
        0.7702, 0.7761, 0.7809, 0.7961, 0.8253, 0.8602, 0.8809, 0.8301, 0.8664, 0.8834, 0.8898,
        0.8964, 0.8963, 0.9074, 0.9119, 0.9228
      )
    ),
    formula = y ~ x + I(x^2) + I(x^3) + I(x^4) + I(x^5) + I(x^6) + I(x^7) + I(x^8) + I(x^9) +
      I(x^10),
    estimate = c(
      -1467.48961422980, -2772.17959193342, -2316.37108160893, -1127.97394098372,
      -354.478233703349, -75.1242017393757, -10.8753180355343, -1.06221498588947,
      -0.670191154593408e-01, -0.246781078275479e-02, -0.402962525080404e-04
    ),
    error = c(
      298.084530995537, 559.779865474950, 466.477572127796, 227.204274477751, 71.6478660875927,
      15.2897178747400, 2.23691159816033, 0.221624321934227, 0.142363763154724e-01,
      0.535617408889821e-03, 0.896632837373868e-05
    ),
    sigma = 0.334801051324544e-02, r.squared = 0.996727416185620, statistic = 2162.43954511489
  )
)

# Wampler: a polynomial of degree 5 whose coefficients are known, without error
# (1, 2) and with errors orthogonal to it, times 1, 100, 10000 (3, 4, 5).
wampler_set <- function(y, estimate, scale, r_squared, statistic) {
  list(
    data = data.frame(x = 0:20, y = y),
    formula = y ~ x + I(x^2) + I(x^3) + I(x^4) + I(x^5),
    estimate = estimate,
    error = scale * c(
      2152.32624678170, 2363.55173469681, 779.343524331583, 101.475507550350, 5.64566512170752,
      0.112324854679312
    ),
    sigma = scale * 2360.14502379268, r.squared = r_squared, statistic = statistic
  )
}

wampler_sets <- function() {
  powers <- outer(0:20, 0:5, `^`)
  tenths <- 10^-(0:5)
  exact <- drop(powers %*% rep(1, 6))
  error <- rep(-2048, 21)
  error[c(1, 21)] <- 759
  error[c(3, 7, 11, 15, 19)] <- 2048
  error[c(5, 17)] <- 2523
  error[c(9, 13)] <- 1838
  ones <- rep(1, 6)
  list(
    Wampler1 = wampler_set(exact, ones, 0, 1, Inf),
    # As printed by NIST: five decimals.
    Wampler2 = wampler_set(round(drop(powers %*% tenths), 5), tenths, 0, 1, Inf),
    Wampler3 = wampler_set(exact + error, ones, 1, 0.999995559025820, 675524.458240122),
    Wampler4 = wampler_set(exact + 100 * error, ones, 100, 0.957478440825662, 67.5524458240122),
    Wampler5 = wampler_set(
      exact + 1e4 * error, ones, 1e4, 0.224668921574940e-02, 6.75524458240122e-03
    )
  )
}

nist <- c(nist, wampler_sets())

# ---- One-way analysis of variance: F, R squared, residual SD ----

# Simon & Lesage (1989): nine treatments with means 0.4, 0.3, 0.5, 0.3, ... above a
# large constant; each treatment once at its mean and then 0.1 below and above in turn.
# Most of a double's digits are spent on the constant; `value` less the constant is exact.
simon_lesage_set <- function(constant, replicates) {
  mean <- c(4L, rep(c(3L, 5L), 4))
  error <- c(0L, rep(c(-1L, 1L), (replicates - 1) / 2))
  tenths <- outer(error, mean, `+`)
  # As printed, so that each value is the double nearest to it.
  value <- as.numeric(sprintf("%.0f.%d", constant, tenths))
  between <- 0.08 * replicates
  within <- 0.09 * (replicates - 1)
  list(
    data = data.frame(treatment = gl(9, replicates), value = value), constant = constant,
    statistic = replicates, r.squared = between / (between + within), sigma = 0.1
  )
}

nist_anova <- list(
  SiRstv = list(
    data = data.frame(treatment = gl(5, 5), value = c(
      196.3052, 196.1240, 196.1890, 196.2569, 196.3403, 196.3042, 196.3825, 196.1669, 196.3257,
      196.0422, 196.1303, 196.2005, 196.2889, 196.0343, 196.1811, 196.2795, 196.1748, 196.1494,
      196.1485, 195.9885, 196.2119, 196.1051, 196.1850, 196.0052, 196.2090
    )),
    constant = 196, statistic = 1.18046237440255, r.squared = 0.190999039051129,
    sigma = 0.104076068334656
  ),
  SmLs01 = simon_lesage_set(1, 21), SmLs02 = simon_lesage_set(1, 201),
  SmLs03 = simon_lesage_set(1, 2001),
  AtmWtAg = list(
    data = data.frame(treatment = gl(2, 24), value = c(
      107.8681568, 107.8681465, 107.8681572, 107.8681785, 107.8681446, 107.8681903, 107.8681526,
      107.8681494, 107.8681616, 107.8681587, 107.8681519, 107.8681486, 107.8681419, 107.8681569,
      107.8681508, 107.8681672, 107.8681385, 107.8681518, 107.8681662, 107.8681424, 107.8681360,
      107.8681333, 107.8681610, 107.8681477, 107.8681079, 107.8681344, 107.8681513, 107.8681197,
      107.8681604, 107.8681385, 107.8681642, 107.8681365, 107.8681151, 107.8681082, 107.8681517,
      107.8681448, 107.8681198, 107.8681482, 107.8681334, 107.8681609, 107.8681101, 107.8681512,
      107.8681469, 107.8681360, 107.8681254, 107.8681261, 107.8681450, 107.8681368
    )),
    constant = 107.868, statistic = 15.9467335677930, r.squared = 0.257426544538321,
    sigma = 1.51048314446410e-05
  ),
  SmLs04 = simon_lesage_set(1e6, 21), SmLs05 = simon_lesage_set(1e6, 201),
  SmLs06 = simon_lesage_set(1e6, 2001),
  SmLs07 = simon_lesage_set(1e12, 21), SmLs08 = simon_lesage_set(1e12, 201),
  SmLs09 = simon_lesage_set(1e12, 2001)
)

# F of the very doubles: their constant can be taken off exactly, and what is left has
# few digits, so that sums of squares about means are right to nearly the last one.
exact_f <- function(set) {
  value <- set$data$value - set$constant
  treatment <- set$data$treatment
  mean <- tapply(value, treatment, mean)
  between <- sum(tabulate(treatment) * (mean - mean(value))^2) / (nlevels(treatment) - 1)
  within <- sum((value - mean[treatment])^2) / (length(value) - nlevels(treatment))
  between / within
}

# ---- Correct digits ----

# What is left of the certified digits of coefficients and standard errors once the data
# and the powers of x are rounded to doubles, before any fit: by exact rational
# arithmetic on the rounded numbers.
nist_allowed <- data.frame(
  estimate = c(14.7, 14.0, 13.5, 15, 15, 7.6, 15, 13.2, 15, 15, 15),
  error = c(15, 14.0, 13.8, 15, 15, 7.6, 15, 15, 15, 15, 15),
  row.names = c(
    "Longley", "Norris", "Pontius", "NoInt1", "NoInt2", "Filip", paste0("Wampler", 1:5)
  )
)

# Log relative error, the number of correct digits: of each value, at most 15. Where
# the certified value is 0, of the absolute error.
digits_each <- function(got, certified) {
  off <- ifelse(certified == 0, abs(got), abs(got - certified) / abs(certified))
  pmin(15, -log10(pmax(off, 1e-15)))
}

digits_right <- function(got, certified) {
  min(digits_each(got, certified))
}
