# NIST StRD linear regression (https://www.itl.nist.gov/div898/strd/): data,
# and certified estimates and standard errors. The certified digits were
# confirmed with exact rational arithmetic on the data as they stand here.
nist <- list(
  Longley = list(
    data = with(longley, data.frame(
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
    sigma = 304.854073561965
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
    sigma = 0.884796396144373
  )
)

# Wampler: a polynomial of degree 5 whose coefficients are known, without error
# (1, 2) and with errors orthogonal to it, times 1, 100, 10000 (3, 4, 5).
local({
  x <- 0:20
  powers <- outer(x, 0:5, `^`)
  delta <- rep(-2048, 21)
  delta[c(1, 21)] <- 759
  delta[c(3, 7, 11, 15, 19)] <- 2048
  delta[c(5, 17)] <- 2523
  delta[c(9, 13)] <- 1838
  error <- c(
    2152.32624678170, 2363.55173469681, 779.343524331583, 101.475507550350, 5.64566512170752,
    0.112324854679312
  )
  formula <- y ~ x + I(x^2) + I(x^3) + I(x^4) + I(x^5)
  tenths <- 10^-(0:5)
  add <- function(name, y, estimate, scale) {
    nist[[name]] <<- list(
      data = data.frame(x = x, y = y), formula = formula, estimate = estimate,
      error = scale * error, sigma = scale * 2360.14502379268
    )
  }
  add("Wampler1", drop(powers %*% rep(1, 6)), rep(1, 6), 0)
  # As printed by NIST: five decimals, which are exact here.
  add("Wampler2", round(drop(powers %*% tenths), 5), tenths, 0)
  for (k in 0:2) {
    add(paste0("Wampler", 3 + k), drop(powers %*% rep(1, 6)) + 100^k * delta, rep(1, 6), 100^k)
  }
})

# Log relative error: the number of correct digits, at most 15.
digits_right <- function(got, certified) {
  off <- ifelse(certified == 0, abs(got), abs(got - certified) / abs(certified))
  min(15, -log10(max(off, 1e-15)))
}
