"""Runs one program of a root file system as a process of this host that leaves nothing behind.

The program sees the root file system read-only, its own directory as /srv, and private /tmp, /run, /dev/shm;
it runs without privileges in its own mount, IPC and process-id namespaces. So its mounts, shared memory and
children end with it, and it ends when this Python process does, however that dies.
It shares the host's network: a service is reached on 127.0.0.1.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import SystemRandom
from shutil import rmtree
from tempfile import mkdtemp
from typing import IO

from devcluster import rootfs
from devcluster.errors import StepFailed, Unsupported, tail
from devcluster.rootfs import RootFileSystem

HOST = "127.0.0.1"
SECOND_HOST = "127.0.0.2"
"""Loopback too; for two services that must share a port, as a cluster's two poolers do."""
HOME = "/srv"
"""Where a program finds its own directory."""

READY_SECONDS = 30.0
STOP_SECONDS = 10.0
PORTS = range(20000, 30000)
"""Below the ports that Linux gives to outgoing connections, and below Kubernetes' node ports."""

_ENTER = """
set -e
mount --bind "$1" "$1"
mount --rbind /dev "$1/dev"
mount -t tmpfs -o mode=1777 tmpfs "$1/dev/shm"
mount -t tmpfs -o mode=1777 tmpfs "$1/tmp"
mount -t tmpfs -o mode=755 tmpfs "$1/run"
mount -t proc proc "$1/proc"
mount --bind "$2" "$1/srv"
mount -o remount,ro,bind "$1"
root=$1 user=$3 group=$4
shift 4
cd /
exec chroot "$root" /usr/bin/setpriv --reuid "$user" --regid "$group" --clear-groups \\
    --no-new-privs --bounding-set=-all --inh-caps=-all --pdeathsig KILL -- "$@"
"""

# The kernel kills a child whose parent *thread* ends; this thread lives as long as the interpreter.
_launcher = ThreadPoolExecutor(1, thread_name_prefix="services")


@dataclass(frozen=True)
class Endpoint:
    """Where a service listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Program:
    """What to run: `arguments` as seen inside `root`, as `user` of its passwd, with `home` mounted as /srv.

    It is ready when each of the regular expressions `ready` has matched a line of its output.
    """

    name: str
    root: RootFileSystem
    user: str
    home: Path
    arguments: tuple[str, ...]
    ready: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_signal: signal.Signals = signal.SIGTERM

    @property
    def log(self) -> Path:
        """All that the program ever printed, over restarts."""
        return self.home.parent / f"{self.home.name}.log"


class Server:
    """A running program that can be ended, killed, frozen and started again on the same port and data."""

    def __init__(self, program: Program, endpoint: Endpoint) -> None:
        self.program = program
        self.endpoint = endpoint
        self._process: _Process | None = None
        self._frozen: tuple[int, ...] = ()

    @property
    def running(self) -> bool:
        """Whether the program has not ended (a frozen one has not)."""
        return self._process is not None and self._process.popen.poll() is None

    @property
    def pid(self) -> int:
        """The program's process id on this host. Raises RuntimeError when it does not run."""
        if self._process is None:
            raise RuntimeError(f"{self.program.name} does not run")
        return self._process.leader()

    def start(self) -> None:
        """Starts the program and waits until it is ready.

        Raises StepFailed when it ends or is not ready within READY_SECONDS.
        """
        if self.running:
            raise RuntimeError(f"{self.program.name} runs already")
        self._process = _Process(self.program)
        self._process.wait_ready(READY_SECONDS)

    def stop(self) -> None:
        """Asks the program to end, and ends it after STOP_SECONDS. Nothing happens if it has ended."""
        if self._process is None:
            return
        self.thaw()
        self._process.end(self.program.stop_signal, STOP_SECONDS)
        self._process = None

    def kill(self) -> None:
        """Ends the program and all its children as a power cut would: SIGKILL, no warning."""
        if self._process is not None:
            self._process.end(signal.SIGKILL, STOP_SECONDS)
            self._process = None
        self._frozen = ()

    def restart(self) -> None:
        """Stops and starts; clients lose their connections."""
        self.stop()
        self.start()

    def freeze(self) -> None:
        """Stops the program and its children from running (SIGSTOP); connections stay open and hang."""
        if self._process is None:
            raise RuntimeError(f"{self.program.name} does not run")
        self._frozen = _stop_family(self._process.leader())

    def thaw(self) -> None:
        """Undoes `freeze`."""
        for pid in reversed(self._frozen):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self._frozen = ()


class _Process:
    """One life of a program."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._changed = threading.Condition()
        self._awaited = [re.compile(pattern.encode()) for pattern in program.ready]
        self._ended = False
        self.popen: subprocess.Popen[bytes] = _launcher.submit(_spawn, program).result()
        assert self.popen.stdout is not None  # noqa: S101 - asked for by _spawn; tells the type checker
        self._reader = threading.Thread(target=self._read, args=(self.popen.stdout,), daemon=True)
        self._reader.start()

    def wait_ready(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._ended or not self._awaited, seconds)
            if not self._awaited:
                return
            ended = self._ended
        self.end(signal.SIGKILL, STOP_SECONDS)
        why = "ended before it was ready" if ended else f"was not ready within {seconds:.0f} s"
        raise _failed(self._program, why)

    def leader(self) -> int:
        """The program's process id on the host. Raises RuntimeError when it has ended."""
        children = _children(self.popen.pid)
        if not children:
            raise RuntimeError(f"{self._program.name} has ended")
        return children[0]

    def end(self, how: signal.Signals, seconds: float) -> None:
        with suppress(ProcessLookupError, RuntimeError):
            os.kill(self.leader(), how)
        try:
            self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.popen.kill()  # the namespace's leader has this as its parent-death signal
            self.popen.wait()
        self._reader.join()

    def _read(self, stream: IO[bytes]) -> None:
        with stream, self._program.log.open("ab", buffering=0) as log:
            for line in stream:
                log.write(line)
                if self._awaited:
                    self._match(line)
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _match(self, line: bytes) -> None:
        with self._changed:
            self._awaited = [pattern for pattern in self._awaited if not pattern.search(line)]
            self._changed.notify_all()


@contextmanager
def home_directory(name: str) -> Iterator[Path]:
    """An empty directory for one service, removed with all it holds (and its log beside it) on leaving."""
    parent = Path(mkdtemp(prefix=f"ip2a-{name}."))
    try:
        home = parent / name
        home.mkdir(mode=0o755)
        yield home
    finally:
        rmtree(parent)


def root_file_system() -> RootFileSystem:
    """Where the programs are. Raises Unsupported when this process may not make namespaces, or as rootfs.build."""
    if os.geteuid() != 0:
        raise Unsupported("services run in their own namespaces, which needs root", "run the tests as root")
    return rootfs.database()


def owner(root: RootFileSystem, user: str) -> tuple[int, int]:
    """User and group id of `user` in the root file system's passwd. Raises KeyError."""
    for line in (root.directory / "etc/passwd").read_text().splitlines():
        name, _, uid, gid, *_ = line.split(":")
        if name == user:
            return int(uid), int(gid)
    raise KeyError(f"{user} is not in {root.directory}/etc/passwd")


def give(path: Path, root: RootFileSystem, user: str) -> None:
    """Makes `user` of the root file system the owner of a file or directory."""
    os.chown(path, *owner(root, user))


def write(path: Path, text: str, root: RootFileSystem, user: str) -> None:
    """Writes a file that only `user` may read; configuration may hold passwords."""
    path.touch(mode=0o600)
    path.write_text(text)
    give(path, root, user)


def free_port(host: str = HOST) -> int:
    """A TCP port of a loopback address on which nothing listens now.

    Raises Unsupported when all of PORTS are taken. Another process may take it before it is used.
    """
    for port in SystemRandom().sample(PORTS, len(PORTS)):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            return port
    raise Unsupported(f"no TCP port of {host} in {PORTS} is free", "end what listens there")


def run(program: Program, timeout: float) -> str:
    """Runs a program to its end and returns what it printed. Raises StepFailed."""
    popen: subprocess.Popen[bytes] = _launcher.submit(_spawn, program).result()
    with popen:
        try:
            output, _ = popen.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            popen.kill()
            output, _ = popen.communicate()
    program.log.write_bytes(output)
    if popen.returncode != 0:
        raise _failed(program, f"ended with exit code {popen.returncode}")
    return output.decode(errors="replace")


def _failed(program: Program, why: str) -> StepFailed:
    """With the log's end in the message: the log itself goes with the service's directory."""
    return StepFailed(f"{program.name} {why}; it last said:\n{tail(program.log)}", "see what it said")


def _spawn(program: Program) -> subprocess.Popen[bytes]:
    uid, gid = owner(program.root, program.user)
    give(program.home, program.root, program.user)
    return subprocess.Popen(
        [
            *("setpriv", "--pdeathsig", "KILL", "--"),
            *("unshare", "--mount", "--ipc", "--pid", "--fork", "--kill-child=KILL", "--"),
            *(
                "sh",
                "-c",
                _ENTER,
                "enter",
                str(program.root.directory),
                str(program.home),
                str(uid),
                str(gid),
            ),
            *program.arguments,
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            **program.environment,
        },
        start_new_session=True,  # Ctrl-C is for the tests; they end their services themselves
    )


def _children(pid: int) -> list[int]:
    try:
        return [
            int(child)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    except FileNotFoundError:
        return []


def _stop_family(pid: int) -> tuple[int, ...]:
    """Stops a process before it can make more children, then these; returns all that were stopped."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
    return (pid, *(each for child in _children(pid) for each in _stop_family(child)))
