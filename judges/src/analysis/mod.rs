//! Analysis of experiments: fixed horizon, under repeated looks, and Bayesian.
