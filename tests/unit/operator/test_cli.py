"""The command line's thinking: what would change, how it is, why, and what must not leave the cluster."""

import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner
from kubernetes.aio.config import kube_config

from ip2a_operator.cli import bundle, planning, report
from ip2a_operator.cli.commands import ip2a
from ip2a_operator.cli.connection import default_namespace
from ip2a_operator.cli.gather import UNKNOWN_IMAGE, View, images
from ip2a_operator.domain.observed import Ref
from ip2a_operator.domain.plan import Surroundings
from ip2a_operator.reconcile.ports import Key
from tests.unit.operator.worlds import IMAGES, SURROUNDINGS, UID, World, resource, sample

KEY = Key("members", "local46")


def view_of(world: World, **spec: Any) -> View:
    raw = sample("minimal")
    raw["spec"] |= spec
    raw["metadata"] |= {"namespace": "members", "uid": UID, "generation": 1}
    raw["status"] = world.settle(resource(spec)).status.model_dump(by_alias=True, mode="json")
    return View(KEY, raw, world.observed(), SURROUNDINGS)


def test_plan_of_the_same_file_is_empty() -> None:
    view = view_of(World())
    assert planning.outlook(sample("minimal"), view) == planning.Outlook((), "")


def test_plan_shows_what_is_made_changed_and_removed() -> None:
    view = view_of(World(), app={"worker": {"enabled": False}})
    wanted = sample("minimal")
    wanted["spec"] |= {
        "users": 3000,
        "cache": {"enabled": False},
        "app": {"jobs": [{"name": "night", "schedule": "@daily"}]},
    }
    changes = {planning.label(change): change for change in planning.outlook(wanted, view).changes}
    assert "+ CronJob local46-night" in changes
    assert "- StatefulSet local46-redis" in changes
    diff = changes["~ Cluster local46-db"].diff
    assert "-  instances: 2\n+  instances: 3\n" in diff


def test_plan_of_too_much_is_refused() -> None:
    wanted = sample("minimal")
    wanted["spec"] |= {"database": {"parameters": {"max_connections": "50"}}}
    assert "> 47" in planning.outlook(wanted, view_of(World())).refusal


def test_plan_before_there_is_anything() -> None:
    empty = View(KEY, None, World().observed(), Surroundings(IMAGES))
    changes = planning.outlook(sample("minimal"), empty).changes
    assert {change.verb for change in changes} == {"create"}
    assert len(changes) > 15


def test_images_are_read_from_the_objects() -> None:
    world = World()
    world.settle(resource())
    assert images(world.observed()) == replace(IMAGES, postgresql_backup=UNKNOWN_IMAGE)
    world = World()
    backup = {"destination": "s3://b/c", "credentials": {"name": "s3"}}
    world.settle(resource({"database": {"backup": backup}}))
    assert images(world.observed()) == replace(IMAGES, postgresql=UNKNOWN_IMAGE)


@pytest.mark.parametrize("content", ["", "kind: Pod", "a: [", "kind: IP2A\n---\nkind: IP2A\n"])
def test_files_that_are_not_one_resource_are_a_usage_error(tmp_path: Path, content: str) -> None:
    file = tmp_path / "file.yaml"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(click.UsageError, match=r"file\.yaml"):
        planning.load(file)
    assert CliRunner().invoke(ip2a, ["plan", str(file)]).exit_code == 2


def test_status_is_a_tree_with_health() -> None:
    root = report.tree(view_of(World()))
    assert root.well
    assert {part.name for part in root.parts} >= {"conditions", "app local46-app", "database local46-db"}
    world = World()
    view = view_of(world)
    world.objects[Ref("apps/v1", "Deployment", "local46-app")]["status"]["availableReplicas"] = 1
    broken = report.tree(View(view.key, view.raw, world.observed(), view.surroundings))
    assert [part.name for part in broken.parts if not part.well] == ["app local46-app"]


def test_explanation_gives_the_arithmetic() -> None:
    lines = report.explanation(view_of(World(), users=3000))
    assert lines[0] == "Everything is as specified."
    assert any("600 requests/s (3000 users" in line for line in lines)
    assert "<=" in lines[-1]


def test_bundle_has_no_secret(tmp_path: Path) -> None:
    spec = {"app": {"env": [{"name": "API_TOKEN", "value": "hunter2"}, {"name": "COLOUR", "value": "blue"}]}}
    view = view_of(World(), **spec)
    file = tmp_path / "bundle.tar.gz"
    bundle.write(file, view, [])
    with tarfile.open(file) as opened:
        texts = [opened.extractfile(member).read().decode() for member in opened]  # type: ignore[union-attr]  # files
    assert not any("hunter2" in text for text in texts)
    assert any("blue" in text for text in texts)
    assert all(yaml.safe_load(text) is not None for text in texts)


@pytest.mark.parametrize(
    ("node", "kept"),
    [
        ({"name": "API_TOKEN", "value": "hunter2$(SUFFIX)"}, "(redacted)"),
        ({"name": "API_TOKEN", "value": "$(A)$(B)"}, "$(A)$(B)"),
        ({"name": "COLOUR", "value": "$(A) blue"}, "$(A) blue"),
        ({"name": "COLOUR", "value": "amqp://me:hunter2@queue:5672/v"}, "amqp://(redacted)@queue:5672/v"),
        ({"name": "COLOUR", "value": "amqp://me:hunter2@hunter2@queue"}, "amqp://(redacted)@queue"),
        ({"name": "COLOUR", "value": "host=db password=hunter2 port=5432"}, "host=db password=(redacted) port=5432"),
    ],
)
def test_a_bundle_keeps_references_and_no_secret_beside_them(node: dict[str, str], kept: str) -> None:
    assert bundle.redacted([node]) == [{"name": node["name"], "value": kept}]


def test_a_bundle_has_no_login_of_a_url_in_any_field(tmp_path: Path) -> None:
    view = view_of(World(), monitoring={"prometheusUrl": "http://reader:hunter2@prometheus:9090"})
    file = tmp_path / "bundle.tar.gz"
    bundle.write(file, view, [{"note": "Get http://reader:hunter2@prometheus:9090/api: refused"}])
    with tarfile.open(file) as opened:
        texts = [opened.extractfile(member).read().decode() for member in opened]  # type: ignore[union-attr]  # files
    assert not any("hunter2" in text for text in texts)
    assert sum("http://(redacted)@prometheus:9090" in text for text in texts) == 2


@pytest.mark.parametrize(
    ("context", "expected"), [({"namespace": "members"}, "members"), ({}, "default"), (None, "default")]
)
def test_without_a_namespace_it_looks_where_kubectl_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, context: dict[str, str] | None, expected: str
) -> None:
    file = tmp_path / "kubeconfig"
    if context is not None:
        contexts = [{"name": "c", "context": {"cluster": "c", "user": "u", **context}}]
        clusters, users = [{"name": "c", "cluster": {"server": "http://localhost"}}], [{"name": "u", "user": {}}]
        config = {"contexts": contexts, "clusters": clusters, "users": users, "current-context": "c"}
        file.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", **config}), encoding="utf-8")
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(file))
    assert default_namespace() == expected


def test_without_a_kubeconfig_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = tmp_path / "kubeconfig"
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(missing))
    answer = CliRunner().invoke(ip2a, ["status", "local46"])
    assert answer.exit_code == 1
    assert answer.output == f"ip2a: no cluster to talk to: there is no file {missing}; set KUBECONFIG\n"
