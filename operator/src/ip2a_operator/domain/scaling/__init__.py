"""Around the autoscaler's core: what it is asked with, and what becomes of its answers. Pure like the core.

`settings` (from the resource), `queries` and `readings` (to and from Prometheus), `fleet` (from the cluster's objects),
`rivals`, `publish` (to the status). Kept apart so that the core's benchmark stands until the core itself changes.
"""
