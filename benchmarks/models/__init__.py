"""How true the hardware models and accuracy predictors are: judged on what they never saw."""
