"""The API server, through the official client's dynamic client. Errors leave this module as the operator's
own."""

import json
from collections.abc import Mapping
from typing import Final, Protocol, cast
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.client.exceptions import ApiException
from kubernetes.aio.dynamic import DynamicClient
from kubernetes.aio.dynamic.exceptions import DynamicApiError

from ip2a_operator.api.kinds import BY_KIND, OWNED, POD_USAGE, RESOURCE, SCALERS, Kind
from ip2a_operator.domain.observed import Ref, ref_of
from ip2a_operator.domain.tree import Manifest, Tree, branches, text
from ip2a_operator.errors import RejectedError, UnavailableError
from ip2a_operator.names import FIELD_MANAGER, OWNER_LABEL
from ip2a_operator.reconcile.ports import FieldConflictError, Key, OutdatedError

REQUEST_SECONDS: Final = 15.0
"""Longest time for any request but a watch."""
MERGE: Final = "application/merge-patch+json"
APPLY: Final = "application/apply-patch+yaml"
_TRANSIENT: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


EVENT: Final = Kind("events.k8s.io", "v1", "Event", "events")
SERVICE: Final = Kind("", "v1", "Service", "services")
LEASE: Final = Kind("coordination.k8s.io", "v1", "Lease", "leases")


class RequestMeter(Protocol):
    """Counts requests."""

    def requested(self, verb: str, kind: str, code: int) -> None:
        """One request; code 0 when there was no answer."""


class FailureError(Exception):
    """An answer that is not a success: the HTTP status and the API server's Status object."""

    def __init__(self, code: int, status: Tree) -> None:
        super().__init__(text(status, "message") or f"HTTP {code}")
        self.code = code
        self.status = status


def api_client() -> ApiClient:
    """A client with the credentials that were loaded. Proxies come from the kubeconfig alone: with trust in the
    environment every request looks for a ~/.netrc, in a thread of its own."""
    configuration = Configuration.get_default_copy()
    configuration.client_session_kwargs = {"trust_env": False}
    configuration.connection_pool_maxsize = 0  # unlimited: every watch keeps a connection, for each namespace
    return ApiClient(configuration)


class KubeCluster:
    """The Cluster port on a real API server."""

    def __init__(self, client: ApiClient, meter: RequestMeter) -> None:
        self._client = DynamicClient(client)  # type: ignore[no-untyped-call]  # the library has no annotations
        self._meter = meter

    async def get(self, namespace: str, ref: Ref) -> Tree | None:
        """The object, or None."""
        kind = _kind(ref)
        return await self._maybe("get", kind, kind.path(namespace, ref.name))

    async def apply(self, namespace: str, manifest: Manifest, *, force: bool, manager: str = FIELD_MANAGER) -> Tree:
        """Server-side apply; raises FieldConflictError when others own fields and `force` is false."""
        ref = ref_of(manifest)
        kind = _kind(ref)
        path = kind.path(namespace, ref.name)
        query = {"field_manager": manager, "force_conflicts": force, "content_type": APPLY}
        try:
            return await self._request("patch", kind, path, manifest, query)
        except FailureError as failure:
            if failure.code == 409 and not force and _is_field_conflict(failure.status):
                raise FieldConflictError(_conflicts(failure.status)) from failure
            if failure.code == 409 and text(manifest, "metadata", "resourceVersion"):
                raise OutdatedError(f"{ref}: {failure}") from failure
            raise _converted(failure, f"{ref}") from failure

    async def create(self, namespace: str, manifest: Manifest) -> Tree | None:
        """Create; None when an object of that name exists."""
        ref = ref_of(manifest)
        kind = _kind(ref)
        try:
            query = {"field_manager": FIELD_MANAGER}
            return await self._request("post", kind, kind.path(namespace), manifest, query)
        except FailureError as failure:
            if failure.code == 409:
                return None
            raise _converted(failure, f"{ref}") from failure

    async def merge(self, namespace: str, ref: Ref, patch: Mapping[str, object]) -> Tree | None:
        """JSON merge patch; None when there is no such object."""
        kind = _kind(ref)
        query = {"field_manager": FIELD_MANAGER, "content_type": MERGE}
        return await self._maybe("patch", kind, kind.path(namespace, ref.name), patch, query)

    async def delete(self, namespace: str, ref: Ref, uid: str) -> None:
        """Delete in the background, if the object still has this identity."""
        kind = _kind(ref)
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": {"uid": uid},
        }
        try:
            await self._request("delete", kind, kind.path(namespace, ref.name), body)
        except FailureError as failure:
            if failure.code not in {404, 409}:  # gone, or another object by now
                raise _converted(failure, f"{ref}") from failure

    async def apply_status(
        self, key: Key, status: Mapping[str, object], *, manager: str = FIELD_MANAGER
    ) -> Tree | None:
        """Write a manager's part of the status of a resource; None when it is gone."""
        path = f"{RESOURCE.path(key.namespace, key.name)}/status"
        body = {
            "apiVersion": RESOURCE.api_version,
            "kind": RESOURCE.kind,
            "metadata": {"name": key.name, "namespace": key.namespace},
            "status": status,
        }
        query = {"field_manager": manager, "force_conflicts": True, "content_type": APPLY}
        return await self._maybe("patch", RESOURCE, path, body, query)

    async def served_kinds(self) -> frozenset[str]:
        """Those of our kinds that the cluster serves; the built-in ones always."""
        found = {kind.kind for kind in OWNED if kind.is_builtin}
        for group, version in sorted({(kind.group, kind.version) for kind in OWNED if not kind.is_builtin}):
            listing = await self._maybe("get", RESOURCE, f"/apis/{group}/{version}")
            served = {text(item, "kind") for item in branches(listing or {}, "resources")}
            found |= served & {kind.kind for kind in OWNED if kind.group == group}
        return frozenset(found)

    async def list_resources(self, namespace: str) -> tuple[Tree, ...]:
        """All resources of a namespace, or of all when it is empty; none without the CRD."""
        path = RESOURCE.path(namespace) if namespace else RESOURCE.everywhere
        return branches(await self._maybe("get", RESOURCE, path) or {}, "items")

    async def list_labelled(self, kind: Kind, namespace: str, selector: str) -> tuple[Tree, ...]:
        """Objects of a kind with these labels."""
        query = {"label_selector": selector}
        return branches(await self._maybe("get", kind, kind.path(namespace), None, query) or {}, "items")

    async def list_scalers(self, namespace: str) -> tuple[tuple[str, Tree], ...]:
        """(kind, object) of every HPA, ScaledObject and VPA of a namespace, or of all when it is empty."""
        found: list[tuple[str, Tree]] = []
        for kind in SCALERS:
            path = kind.path(namespace) if namespace else kind.everywhere
            found += [(kind.kind, item) for item in branches(await self._maybe("get", kind, path) or {}, "items")]
        return tuple(found)

    async def list_pod_usage(self, namespace: str) -> tuple[Tree, ...]:
        """PodMetrics of our pods in a namespace, or in all when it is empty; none without the metrics API."""
        path = POD_USAGE.path(namespace) if namespace else POD_USAGE.everywhere
        query = {"label_selector": OWNER_LABEL}
        return branches(await self._maybe("get", POD_USAGE, path, None, query) or {}, "items")

    async def proxied(self, path: str, query: Mapping[str, str]) -> Tree:
        """What a Service answers to a GET through the API server. Raises OperatorError."""
        answer = await self._maybe("get", SERVICE, f"{path}?{urlencode(query)}")
        if answer is None:
            raise RejectedError(f"{path.rpartition('/proxy')[0]} is not there")
        return answer

    async def list_events(self, key: Key) -> tuple[Tree, ...]:
        """Events about a resource."""
        listing = await self._maybe("get", EVENT, EVENT.path(key.namespace)) or {}
        return tuple(
            event
            for event in branches(listing, "items")
            if (text(event, "regarding", "kind"), text(event, "regarding", "name")) == (RESOURCE.kind, key.name)
        )

    async def create_event(self, namespace: str, event: Mapping[str, object]) -> None:
        """Create an event; a namespace that is going takes no more of them, which is no error."""
        try:
            await self._request("post", EVENT, EVENT.path(namespace), event)
        except FailureError as failure:
            if failure.code not in {403, 404}:
                raise _converted(failure, "event") from failure

    async def read_lease(self, namespace: str, name: str) -> Tree | None:
        """A Lease, or None."""
        return await self._maybe("get", LEASE, LEASE.path(namespace, name))

    async def write_lease(self, namespace: str, lease: Manifest) -> Tree | None:
        """Create a Lease, or replace exactly the version that was read; None when another was faster."""
        version = text(lease, "metadata", "resourceVersion")
        name = text(lease, "metadata", "name") if version else ""
        try:
            return await self._request("put" if version else "post", LEASE, LEASE.path(namespace, name), lease)
        except FailureError as failure:
            if failure.code in {404, 409}:
                return None
            raise _converted(failure, "lease") from failure

    async def _maybe(
        self,
        method: str,
        kind: Kind,
        path: str,
        body: Mapping[str, object] | None = None,
        query: Mapping[str, object] | None = None,
    ) -> Tree | None:
        try:
            return await self._request(method, kind, path, body, query)
        except FailureError as failure:
            if failure.code == 404:
                return None
            raise _converted(failure, path.rsplit("/", 2)[-1]) from failure

    async def _request(
        self,
        method: str,
        kind: Kind,
        path: str,
        body: Mapping[str, object] | None = None,
        query: Mapping[str, object] | None = None,
    ) -> Tree:
        code = 0
        try:
            answer = await self._client.request(
                method,
                path,
                body=body,
                serialize=False,
                query_params=[],
                header_params={},
                _request_timeout=REQUEST_SECONDS,
                **(query or {}),
            )
            code = answer.status
            return cast("Tree", await answer.json())
        except (DynamicApiError, ApiException) as error:
            code = int(error.status or 0)
            raise FailureError(code, status_object(error.body)) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UnavailableError(f"no answer from the API server: {error or type(error).__name__}") from error
        finally:
            self._meter.requested(method, kind.kind, code)


def _kind(ref: Ref) -> Kind:
    return BY_KIND[ref.api_version, ref.kind]


def status_object(body: object) -> Tree:
    try:
        parsed = json.loads(body) if isinstance(body, str | bytes) else {}
    except ValueError:
        return {}
    return cast("Tree", parsed) if isinstance(parsed, dict) else {}


def _converted(failure: FailureError, what: str) -> RejectedError | UnavailableError:
    if failure.code in _TRANSIENT or failure.code == 0:
        return UnavailableError(f"{what}: {failure}")
    return RejectedError(f"{what}: {failure}")


def _is_field_conflict(status: Tree) -> bool:
    causes = branches(status, "details", "causes")
    return any(text(cause, "reason") == "FieldManagerConflict" for cause in causes)


def _conflicts(status: Tree) -> str:
    """`conflict with "kubectl-edit" using apps/v1: .spec.replicas; …` as the API server puts it."""
    causes = branches(status, "details", "causes")
    return "; ".join(f"{text(cause, 'message')}: {text(cause, 'field')}" for cause in causes)
