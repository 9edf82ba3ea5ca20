"""The end of an installation. After all tests that need the quickstart: it takes the quickstart's resource with it."""

from __future__ import annotations

from devcluster import quickstart
from tests.e2e.kubernetes import NAMESPACE, Kubernetes


def test_uninstalling_the_chart_does_not_hang(kubernetes: Kubernetes) -> None:
    kubernetes.target.run_helm(
        "uninstall", quickstart.RELEASE, "-n", quickstart.OPERATOR_NAMESPACE, "--wait", "--timeout=240s"
    )
    assert kubernetes.names("-n", NAMESPACE, "ip2a", "--ignore-not-found") == set()
    # The quickstart's own S3 server and catcher of mails are not the operator's.
    assert kubernetes.names("-n", NAMESPACE, "deployment", "-l", "ip2a.dev/owner") == set()
