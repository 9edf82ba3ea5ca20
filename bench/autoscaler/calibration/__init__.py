"""The simulator held against the real application on the embedded cluster.

`plan.toml` says which runs there are, and which of them the fit never sees; it was committed before any was made.
`python -m bench.autoscaler.calibration measure` makes them on a running cluster (20 minutes in which nothing else may
run), `… fit` fits the model to the fitting runs, `… judge` compares it with the others.
"""
