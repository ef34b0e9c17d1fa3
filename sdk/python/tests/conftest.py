"""The live tests' cluster: the one that TROUPE_GATEWAY names, or three nodes of the binary that TROUPE_BIN names."""

import os
import signal
import socket
import subprocess
import tempfile
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from time import monotonic, sleep

import pytest

READY_WITHIN = 60
RUNNING = pytest.StashKey[ExitStack]()


def free_ports(count):
    """Free ports below the ephemeral range."""
    with ExitStack() as held:
        ports = []
        for port in range(10_000 + os.getpid() % 10_000, 32_000):
            listener = held.enter_context(socket.socket())
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            ports.append(port)
            if len(ports) == count:
                return ports
    raise RuntimeError("no free ports")


def configuration(ports):
    nodes = [
        f'[[nodes]]\nid = {id}\nname = "n{id}"\n'
        + "".join(f'{what} = "127.0.0.1:{ports[3 * (id - 1) + at]}"\n' for at, what in enumerate(["mesh", "gateway", "admin"]))
        for id in (1, 2, 3)
    ]
    settings = (
        "[cluster]\nshards = 4\n[serving]\nreplicas = 1\n[metadata]\ninactive_after = \"15s\"\n"
        f'[gateway]\nprometheus = "http://127.0.0.1:{ports[9]}"\n'
    )
    return settings + "\n".join(nodes)


def is_ready(gateway):
    try:
        with urllib.request.urlopen(f"{gateway}/readyz", timeout=1) as answer:
            return answer.status == 200
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False


def stop(cluster):
    cluster.send_signal(signal.SIGINT)
    try:
        cluster.wait(30)
    except subprocess.TimeoutExpired:
        cluster.kill()
        cluster.wait()


def start(binary, stack):
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="troupe-python-")))
    ports = free_ports(10)
    os.environ["TROUPE_PROMETHEUS_PORT"] = str(ports[9])
    (folder / "cluster.toml").write_text(configuration(ports))
    said = stack.enter_context(open(folder / "up.log", "w+"))
    cluster = subprocess.Popen(
        [binary, "up", "--config", str(folder / "cluster.toml")], cwd=folder, stdout=said, stderr=said
    )
    stack.callback(stop, cluster)
    gateways = [f"http://127.0.0.1:{port}" for port in ports[1:9:3]]
    deadline = monotonic() + READY_WITHIN
    while not all(is_ready(gateway) for gateway in gateways):
        if cluster.poll() is not None or monotonic() > deadline:
            raise pytest.UsageError("the cluster is not ready: " + (folder / "up.log").read_text())
        sleep(0.05)
    return gateways


def pytest_configure(config):
    binary = os.environ.get("TROUPE_BIN")
    if os.environ.get("TROUPE_GATEWAY"):
        return
    if not binary or not Path(binary).exists():
        if os.environ.get("CI"):
            raise pytest.UsageError("CI must have the binary: TROUPE_BIN names it")
        return
    stack = config.stash[RUNNING] = ExitStack()
    try:
        os.environ["TROUPE_GATEWAY"] = ",".join(start(binary, stack))
    except BaseException:
        stack.close()
        raise


def pytest_unconfigure(config):
    if RUNNING in config.stash:
        config.stash[RUNNING].close()
