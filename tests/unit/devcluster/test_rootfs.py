"""What mmdebstrap is told, from what the host's apt says of itself."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from devcluster import rootfs
from devcluster.errors import Unsupported

BOOKWORM = """\
http://mirror.example/debian-security/ bookworm-security main Debian
http://mirror.example/debian/ bookworm main Debian
http://mirror.example/debian/ bookworm contrib Debian
http://mirror.example/debian/ bookworm-updates main Debian
https://other.example/tools/ stable main Other
"""


def test_sources_are_the_hosts_mirrors_for_trixie() -> None:
    assert rootfs.debian_sources(BOOKWORM, None) == [
        "deb http://mirror.example/debian trixie main",
        "deb http://mirror.example/debian-security trixie-security main",
        "deb http://mirror.example/debian trixie-updates main",
    ]


def test_sources_are_verified_with_the_keyring_when_there_is_one() -> None:
    lines = rootfs.debian_sources(BOOKWORM, Path("/keys/debian.gpg"))
    assert all(line.startswith("deb [signed-by=/keys/debian.gpg] ") for line in lines)


@pytest.mark.parametrize(
    "targets",
    [
        "",
        "http://archive.example/ubuntu/ noble main Ubuntu\n",
        "http://mirror.example/debian-security/ x-security main Debian",
    ],
    ids=["no apt", "another distribution", "security alone"],
)
def test_without_a_debian_archive_mmdebstrap_decides(targets: str) -> None:
    assert rootfs.debian_sources(targets, None) == []


def test_only_options_about_reaching_the_mirror_are_passed_on() -> None:
    dump = (
        'APT::Install-Recommends "0";\nAcquire::http::Proxy "http://cache.example:3128";\n'
        'Acquire::Check-Date "false";\nAcquire::http "";\nAcquire::Languages "none";\n'
    )
    assert rootfs.apt_options(dump) == [
        'Acquire::http::Proxy "http://cache.example:3128"',
        'Acquire::Check-Date "false"',
    ]


def test_command_names_packages_and_keeps_the_licences() -> None:
    command = rootfs.command(rootfs.DATABASE, Path("out.tar"), ["deb x trixie main"], ['Acquire::Retries "3"'])
    assert command[0] == "mmdebstrap"
    assert command[-3:] == ["trixie", "out.tar", "deb x trixie main"]
    packages = next(part for part in command if part.startswith("--include=")).removeprefix("--include=").split(",")
    assert {"postgresql-17", "pgbouncer", "redis-server", "prometheus", "barman-cli-cloud"} <= set(packages)
    excluded = command.index("--dpkgopt=path-exclude=/usr/share/doc/*")
    assert command.index("--dpkgopt=path-include=/usr/share/doc/*/copyright") > excluded
    assert '--aptopt=Acquire::Retries "3"' in command


def test_an_images_base_does_not_keep_what_the_host_was_told() -> None:
    late = [part for part in rootfs.command(rootfs.PYTHON, Path("x"), [], []) if part.startswith("--customize-hook=")]
    for path in ("sources.list", "99mmdebstrap", "resolv.conf"):
        assert any(path in line for line in late)


def test_a_changed_recipe_is_another_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    keys: list[str] = []

    def entry(kind: str, key: str, build: object) -> Path:
        keys.append(f"{kind}/{key}")
        return Path("cached")

    monkeypatch.setattr("devcluster.cache.entry", entry)
    made = rootfs.python()
    rootfs.build(dataclasses.replace(rootfs.PYTHON, packages=(*rootfs.PYTHON.packages, "curl")))
    rootfs.python()
    assert keys[0] == keys[2] != keys[1]
    assert keys[0].startswith("rootfs/python-")
    assert made.tar == Path("cached/rootfs.tar")


def test_says_what_the_host_lacks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(Unsupported, match=r"needs root\n  remedy: run the command as root"):
        rootfs.python()
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unsupported, match="apt-get install mmdebstrap"):
        rootfs.python()
    assert not list((tmp_path / "ip2a-devcluster" / "rootfs").glob("python-*"))
