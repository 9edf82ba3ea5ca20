"""The autoscaler's pure core.

`decide(snapshot, state, spec, now)` is the only entrance; the operator, the simulator, `replay`, `explain`
and `ip2a plan` call the same function. Nothing in here reads a clock, draws a random number or does I/O.
"""
