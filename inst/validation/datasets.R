# Models on data sets of R and of Debian's R packages, on which ours and its peers
# must agree: a call each, in which `fit` stands for fit_glm(), lm(), glm() or
# MASS::glm.nb(); no family means Gaussian. `cluster` asks for clustered covariances.
# Used by the tests and by the vignette on validation.

agreement_model <- function(call, cluster = NULL) {
  list(call = substitute(call), cluster = cluster)
}

gaussian_models <- list(
  mtcars = agreement_model(fit(mpg ~ wt * hp + factor(cyl), datasets::mtcars)),
  airquality = agreement_model(
    fit(Ozone ~ Solar.R + Wind + Temp + factor(Month), datasets::airquality, na.action = na.exclude)
  ),
  ToothGrowth = agreement_model(fit(len ~ supp * poly(dose, 2), datasets::ToothGrowth)),
  CO2 = agreement_model(
    fit(uptake ~ Type * Treatment + log(conc), datasets::CO2),
    cluster = ~Plant
  ),
  npk = agreement_model(fit(yield ~ block + N * P * K, datasets::npk)),
  iris = agreement_model(fit(Sepal.Length ~ 0 + Species / Petal.Width, datasets::iris)),
  swiss = agreement_model(fit(Fertility ~ ., datasets::swiss)),
  chickwts = agreement_model(fit(weight ~ 0 + feed, datasets::chickwts)),
  ChickWeight = agreement_model(
    fit(weight ~ Diet * splines::ns(Time, 3), datasets::ChickWeight),
    cluster = ~Chick
  ),
  LifeCycleSavings = agreement_model(
    fit(sr ~ (pop15 + pop75 + dpi)^2, datasets::LifeCycleSavings)
  ),
  stackloss = agreement_model(fit(stack.loss ~ . + I(Acid.Conc.^2), datasets::stackloss)),
  longley = agreement_model(fit(Employed ~ ., datasets::longley)),
  trees = agreement_model(
    fit(Volume ~ log(Girth) + I(2 * log(Girth)) + Height, datasets::trees,
      weights = pmax(Girth - 9, 0)
    )
  ),
  women = agreement_model(fit(weight ~ poly(height, 3, raw = TRUE), datasets::women)),
  attitude = agreement_model(fit(rating ~ 1, datasets::attitude)),
  Boston = agreement_model(fit(medv ~ . - chas + factor(chas):rm, MASS::Boston)),
  oats = agreement_model(fit(Y ~ B + V * N, MASS::oats), cluster = ~B),
  anorexia = agreement_model(
    fit(Postwt ~ Treat + offset(Prewt), MASS::anorexia, weights = Prewt / 80)
  ),
  whiteside = agreement_model(fit(Gas ~ Insul / (Temp + I(Temp^2)), MASS::whiteside)),
  hills = agreement_model(fit(time ~ dist + climb, MASS::hills, weights = 1 / dist^2)),
  crabs = agreement_model(fit(CW ~ sp * sex + FL + RW, MASS::crabs, subset = index > 5)),
  nlschools = agreement_model(
    fit(lang ~ IQ * COMB + SES, MASS::nlschools),
    cluster = ~class
  ),
  Cars93 = agreement_model(
    fit(log(Price) ~ Type + Origin * Horsepower + DriveTrain, MASS::Cars93, weights = Weight)
  ),
  Prestige = agreement_model(
    fit(prestige ~ type + splines::ns(income, 4) + education, carData::Prestige)
  ),
  Salaries = agreement_model(
    fit(log(salary) ~ rank * discipline + yrs.since.phd + sex, carData::Salaries)
  ),
  Davis = agreement_model(
    fit(weight ~ repwt * sex + log(height), carData::Davis, na.action = na.exclude)
  ),
  SLID = agreement_model(
    fit(log(wages) ~ sex * poly(age, 2) + education + language, carData::SLID, subset = age >= 18)
  ),
  Moore = agreement_model(
    fit(conformity ~ fcategory * partner.status, carData::Moore,
      contrasts = list(fcategory = "contr.sum", partner.status = "contr.sum")
    )
  ),
  weightgain = agreement_model(fit(weightgain ~ source * type, HSAUR3::weightgain)),
  clouds = agreement_model(
    fit(rainfall ~ seeding * (sne + cloudcover + prewetness + echomotion) + time, HSAUR3::clouds)
  ),
  lung = agreement_model(
    fit(wt.loss ~ age + factor(sex) + factor(ph.ecog) + meal.cal, survival::lung)
  ),
  nuclear = agreement_model(
    fit(log(cost) ~ date + t1 + t2 + log(cap) + pr + ne + ct + bw, boot::nuclear)
  ),
  salinity = agreement_model(fit(sal ~ lag + trend + dis, boot::salinity)),
  Orthodont = agreement_model(
    fit(distance ~ age * Sex, nlme::Orthodont),
    cluster = ~Subject
  ),
  Machines = agreement_model(
    fit(score ~ Machine + Worker, nlme::Machines),
    cluster = ~Worker
  ),
  MathAchieve = agreement_model(
    fit(MathAch ~ Minority * Sex + SES + MEANSES, nlme::MathAchieve),
    cluster = ~School
  )
)

binomial_models <- list(
  infert = agreement_model(
    fit(case ~ education + age + parity + induced * spontaneous, datasets::infert,
      family = binomial
    )
  ),
  esoph = agreement_model(
    fit(cbind(ncases, ncontrols) ~ agegp + tobgp + alcgp, datasets::esoph,
      family = binomial
    )
  ),
  UCBAdmissions = agreement_model(
    fit(Admit == "Admitted" ~ Dept * Gender, as.data.frame(datasets::UCBAdmissions),
      family = binomial("log"), weights = Freq
    )
  ),
  birthwt = agreement_model(
    fit(low ~ poly(age, 2) + lwt + factor(race) * smoke + ptl + ht + ui, MASS::birthwt,
      family = binomial
    )
  ),
  bacteria = agreement_model(
    fit(y ~ trt + I(week > 2), MASS::bacteria, family = binomial),
    cluster = ~ID
  ),
  menarche = agreement_model(
    fit(cbind(Menarche, Total - Menarche) ~ Age, MASS::menarche, family = binomial("probit"))
  ),
  snails = agreement_model(
    fit(cbind(Deaths, 20 - Deaths) ~ Species + Exposure + Rel.Hum + Temp, MASS::snails,
      family = binomial("cloglog")
    )
  ),
  Pima.tr = agreement_model(
    fit(type ~ npreg + glu + bp + splines::ns(bmi, 3) + ped, MASS::Pima.tr, family = binomial)
  ),
  biopsy = agreement_model(
    fit(class ~ V1 + V3 + V4 + V6 + V7 + V8, MASS::biopsy, family = binomial)
  ),
  Mroz = agreement_model(
    fit(lfp ~ k5 + k618 + age + wc * hc + lwg + inc, carData::Mroz, family = binomial("cloglog"))
  ),
  Cowles = agreement_model(
    fit(volunteer ~ sex + neuroticism * extraversion, carData::Cowles, family = binomial)
  ),
  TitanicSurvival = agreement_model(
    fit(survived ~ sex * passengerClass + age, carData::TitanicSurvival,
      family = binomial, na.action = na.exclude
    )
  ),
  Arrests = agreement_model(
    fit(released ~ colour * factor(year) + age + sex + employed + citizen + checks,
      carData::Arrests,
      family = binomial
    )
  ),
  womensrole = agreement_model(
    fit(cbind(agree, disagree) ~ gender * education, HSAUR3::womensrole,
      family = binomial, subset = agree + disagree > 0
    )
  ),
  respiratory = agreement_model(
    fit(status ~ centre + treatment + gender + age, HSAUR3::respiratory,
      family = binomial, subset = month != 0
    ),
    cluster = ~subject
  ),
  toenail = agreement_model(
    fit(outcome ~ treatment * visit, HSAUR3::toenail, family = binomial("probit")),
    cluster = ~patientID
  ),
  nwtco = agreement_model(
    fit(rel ~ factor(stage) * factor(histol), survival::nwtco, family = binomial)
  ),
  diabetic = agreement_model(
    fit(status ~ laser + age * trt + risk, survival::diabetic, family = quasibinomial),
    cluster = ~id
  ),
  nodal = agreement_model(
    fit(r ~ aged + stage + grade + xray + acid, boot::nodal, family = binomial)
  ),
  urine = agreement_model(
    fit(r ~ gravity + ph + osmo + cond + urea + calc, boot::urine, family = binomial)
  )
)

count_models <- list(
  InsectSprays = agreement_model(fit(count ~ 0 + spray, datasets::InsectSprays, family = poisson)),
  warpbreaks = agreement_model(
    fit(breaks ~ wool * tension, datasets::warpbreaks, family = quasipoisson)
  ),
  epil = agreement_model(
    fit(y ~ lbase * trt + lage + V4, MASS::epil, family = poisson),
    cluster = ~subject
  ),
  ships = agreement_model(
    fit(incidents ~ type + year + period + offset(log(service)), MASS::ships,
      family = poisson, subset = service > 0
    )
  ),
  Insurance = agreement_model(
    fit(Claims ~ District + Group + Age + offset(log(Holders)), MASS::Insurance, family = poisson)
  ),
  housing = agreement_model(
    fit(Freq ~ Infl * Type * Cont + Sat * (Infl + Type + Cont), MASS::housing, family = poisson)
  ),
  Ornstein = agreement_model(
    fit(interlocks ~ log(assets) + nation + sector, carData::Ornstein, family = poisson)
  ),
  polyps = agreement_model(
    fit(number ~ treat + age, HSAUR3::polyps, family = poisson("sqrt"))
  ),
  epilepsy = agreement_model(
    fit(seizure.rate ~ base + age + treatment + offset(log(0 * base + 2)), HSAUR3::epilepsy,
      family = quasi(link = "log", variance = "mu")
    ),
    cluster = ~subject
  ),
  cloth = agreement_model(fit(y ~ x, boot::cloth, family = poisson("identity"))),
  quine.poisson = agreement_model(
    fit(Days ~ Eth * Sex * Age * Lrn, MASS::quine, family = poisson)
  )
)

positive_models <- list(
  gehan = agreement_model(fit(time ~ treat, MASS::gehan, family = Gamma("log"))),
  poisons = agreement_model(fit(time ~ poison + treat, boot::poisons, family = Gamma)),
  geyser = agreement_model(
    fit(waiting ~ duration, MASS::geyser, family = inverse.gaussian("log"))
  ),
  lung.time = agreement_model(
    fit(time ~ age + factor(sex) * ph.karno, survival::lung, family = Gamma("log"))
  ),
  mammals = agreement_model(
    fit(brain ~ log(body), MASS::mammals, family = quasi(link = "log", variance = "mu^2"))
  ),
  quakes = agreement_model(fit(stations ~ mag, datasets::quakes, family = inverse.gaussian("log")))
)

negbin_models <- list(
  quine = agreement_model(
    fit(Days ~ Sex / (Age + Eth * Lrn), MASS::quine, family = negative_binomial())
  ),
  schooldays = agreement_model(
    fit(absent ~ race + gender * school + learner, HSAUR3::schooldays,
      family = negative_binomial()
    )
  ),
  Ornstein.nb = agreement_model(
    fit(interlocks ~ log(assets) + nation + sector, carData::Ornstein,
      family = negative_binomial()
    )
  ),
  fir = agreement_model(
    fit(count ~ factor(row), boot::fir, family = negative_binomial(), subset = row > 1)
  )
)

agreement_models <- c(
  gaussian_models, binomial_models, count_models, negbin_models, positive_models
)

# ---- Fits ----

# The data set as evaluated, and the family ("gaussian" where none is named).
agreement_data <- function(model) {
  as.data.frame(eval(model$call[[3]], new.env(parent = globalenv())))
}

agreement_family <- function(model) {
  family <- model$call$family
  if (is.null(family)) "gaussian" else as.character(if (is.call(family)) family[[1]] else family)
}

our_fit <- function(model, ...) {
  call <- model$call
  call[[1]] <- quote(questrial::fit_glm)
  eval(as.call(c(as.list(call), list(...))), new.env(parent = globalenv()))
}

# Iterated until the deviance does not change at all (1e-14 of it may still be 1e-7 of a
# coefficient), and again from there, so that what differs is ours.
peer_fit <- function(model) {
  call <- model$call
  family <- agreement_family(model)
  control <- quote(stats::glm.control(epsilon = 1e-20, maxit = 60))
  if (family == "gaussian") {
    call[[1]] <- quote(stats::lm)
  } else if (family == "negative_binomial") {
    call[[1]] <- quote(MASS::glm.nb)
    call$family <- NULL
    call$control <- control
  } else {
    call[[1]] <- quote(stats::glm)
    call$control <- control
  }
  names(call)[3] <- "data"
  fit <- eval(call, new.env(parent = globalenv()))
  if (inherits(fit, "glm") && !anyNA(coef(fit))) {
    for (k in 1:4) {
      call$start <- coef(fit)
      fit <- eval(call, new.env(parent = globalenv()))
    }
  }
  fit
}
