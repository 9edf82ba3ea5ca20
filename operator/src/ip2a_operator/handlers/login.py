"""How kopf's watches authenticate: as the pod's service account, or else by the kubeconfig."""

import kopf


def register(registry: kopf.OperatorRegistry) -> None:
    """Explicit, so that no library that happens to be installed is asked."""

    def login(settings: kopf.OperatorSettings, **_: object) -> kopf.ConnectionInfo | None:
        return kopf.login_with_service_account(settings=settings) or kopf.login_with_kubeconfig(settings=settings)

    kopf.on.login(registry=registry)(login)
