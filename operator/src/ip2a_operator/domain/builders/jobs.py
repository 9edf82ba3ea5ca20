"""What runs the app's image besides serving: the migration, the background worker, the scheduled jobs."""

from hashlib import sha256
from typing import Final

from ip2a_operator.domain.builders.app_env import job_env, migration_env, worker_env
from ip2a_operator.domain.builders.app_pod import Run, pod_template
from ip2a_operator.domain.builders.metadata import Component, manifest, selector
from ip2a_operator.domain.stack import Stack
from ip2a_operator.domain.tree import Manifest
from ip2a_operator.names import ATTEMPT_ANNOTATION

MAX_CRON_NAME: Final = 52
BACKOFF_LIMIT = 2
"""Pods that may fail, ten and twenty seconds apart, before the operator takes over with a longer backoff."""


def migration(stack: Stack, attempt: int = 0) -> Manifest | None:
    """One Job for each image and command; immutable, so what it needs changes with its name or not at all."""
    command = stack.migration_command
    if not command:
        return None
    run = Run(Component.MIGRATION, command, (), migration_env(stack), given=stack.resource.spec.app.resources)
    return manifest(
        stack,
        "batch/v1",
        "Job",
        stack.migration,
        Component.MIGRATION,
        annotations={ATTEMPT_ANNOTATION: str(attempt)},
        spec={
            "backoffLimit": BACKOFF_LIMIT,
            "completions": 1,
            "parallelism": 1,
            "activeDeadlineSeconds": stack.resource.spec.app.migration.deadline_seconds,
            "template": pod_template(stack, run, restart_policy="Never"),
        },
    )


def worker(stack: Stack) -> Manifest | None:
    """The background worker's Deployment."""
    wanted = stack.resource.spec.app.worker
    if not stack.sizes.workers:
        return None
    command = wanted.command or ("ip2a-app", "worker")
    run = Run(Component.WORKER, command, (), worker_env(stack), works=stack.worker_is_ours, given=wanted.resources)
    return manifest(
        stack,
        "apps/v1",
        "Deployment",
        stack.worker,
        Component.WORKER,
        spec={
            "replicas": stack.sizes.workers,
            "revisionHistoryLimit": 3,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "selector": {"matchLabels": selector(stack, Component.WORKER)},
            "template": pod_template(stack, run),
        },
    )


def scheduled(stack: Stack) -> list[Manifest]:
    """One CronJob for each job of the spec; a run that is still going on keeps the next one away."""
    manifests = []
    for job in stack.jobs:
        command = job.command or ("ip2a-app", "job", job.name)
        run = Run(Component.WORKER, command, (), job_env(stack))
        spec = {
            "schedule": job.schedule,
            "timeZone": "Etc/UTC",
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": 600,
            "successfulJobsHistoryLimit": 1,
            "failedJobsHistoryLimit": 1,
            "jobTemplate": {
                "spec": {
                    "backoffLimit": 1,
                    "activeDeadlineSeconds": job.deadline_seconds,
                    "template": pod_template(stack, run, restart_policy="Never"),
                }
            },
        }
        manifests.append(
            manifest(stack, "batch/v1", "CronJob", _job_name(stack, job.name), Component.WORKER, spec=spec)
        )
    return manifests


def _job_name(stack: Stack, job: str) -> str:
    """NAME-JOB, shortened where Kubernetes could not make names of Jobs and pods from it any more."""
    name = f"{stack.name}-{job}"
    if len(name) <= MAX_CRON_NAME:
        return name
    return f"{name[: MAX_CRON_NAME - 9]}-{sha256(name.encode()).hexdigest()[:8]}"
