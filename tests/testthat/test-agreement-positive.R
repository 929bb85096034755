# Oracles: glm() with its methods, sandwich, clubSandwich, car and emmeans, on data sets of
# R's packages (inst/validation/datasets.R).
test_agreement(positive_models)
