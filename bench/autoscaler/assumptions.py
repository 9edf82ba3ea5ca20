"""Where every constant of the simulated platform comes from; docs/autoscaler-benchmark.md has it as a table."""

from dataclasses import fields

from ip2a_operator.simulation.model import Platform

ASSUMED = "assumed"
SOURCES = {
    "cpu_request": ("CPU seconds of a request in a pod", "assumed for the rebuilt application; log-normal"),
    "cpu_speed": ("speed of a pod's core", ASSUMED),
    "cpu_quota": ("a pod's CPU limit in cores, 0 for none", "a setting"),
    "cpu_background": ("cores that a pod at rest uses", "left out here; see the calibration"),
    "cpu_wake": ("CPU seconds more for what finds its pod idle", "left out here; see the calibration"),
    "write_before": ("share of a write's CPU before its query", ASSUMED),
    "read_before": ("share of a read's CPU before its query", ASSUMED),
    "read": ("seconds of a read's query", ASSUMED),
    "write": ("seconds of a write's query", ASSUMED),
    "query_cpu": ("share of a query that is CPU", ASSUMED),
    "primary_sigma": ("contention of the primary (Universal Scalability Law)", "assumed: knee at 20 connections"),
    "primary_kappa": ("coherence of the primary", "assumed: knee at 20 connections"),
    "replica_sigma": ("contention of a replica", "assumed: knee at 13 connections"),
    "replica_kappa": ("coherence of a replica", "assumed: knee at 13 connections"),
    "primary_vcpu": ("cores of the primary", ASSUMED),
    "replica_vcpu": ("cores of a replica", ASSUMED),
    "hit": ("share of reads that the cache answers", ASSUMED),
    "writes": ("share of writes", ASSUMED),
    "think": ("seconds between two requests of a user", ASSUMED),
    "in_flight": ("requests a pod admits at once", "a setting"),
    "engine": ("connections of a pod's own pool", "a setting"),
    "engine_queue": ("requests that wait for them", "a setting"),
    "engine_timeout": ("seconds they wait", "a setting"),
    "pool_timeout": ("seconds PgBouncer lets a client wait", "a setting"),
    "client_timeout": ("seconds a client waits", ASSUMED),
    "pod_delay": ("seconds until a pod is ready", "assumed; 13 to 19 s were seen on the busy embedded cluster"),
    "pool_delay": ("seconds until PgBouncer has a new size", "0.5 s measured on the embedded cluster, doubled"),
    "replica_delay": ("seconds until a replica takes reads", "the issue's prescription; 21 s measured, tiny database"),
    "termination": ("seconds a pod that goes still serves", "assumed"),
    "max_connections": ("PostgreSQL's limit", "a setting"),
}
"""Meaning and source by field of `Platform`."""


def table() -> list[str]:
    """The constants as Markdown."""
    lines = ["| constant | value | what it is | from |", "|---|---|---|---|"]
    for field in fields(Platform):
        meaning, source = SOURCES[field.name]
        lines.append(f"| `{field.name}` | {getattr(Platform(), field.name):g} | {meaning} | {source} |")
    return lines
