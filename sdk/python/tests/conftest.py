"""A cluster for the tests that need one: three node processes, stopped by their ids at the end."""

import os
import pathlib
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest

READY_WITHIN = 60


class Cluster:
    """Three nodes on free ports of this machine, with their data in a folder of their own."""

    def __init__(self, binary: str, folder: pathlib.Path) -> None:
        self._binary, self._folder = binary, folder
        ports = free_ports(9)
        lines = ["[cluster]", "shards = 4", "[serving]", "replicas = 1"]
        for at in range(3):
            mesh, gateway, admin = ports[at * 3 : at * 3 + 3]
            lines += ["[[nodes]]", f"id = {at + 1}", f'name = "n{at + 1}"', f'mesh = "127.0.0.1:{mesh}"']
            lines += [f'gateway = "127.0.0.1:{gateway}"', f'admin = "127.0.0.1:{admin}"']
        (folder / "cluster.toml").write_text("\n".join(lines))
        self.gateways = [f"http://127.0.0.1:{port}" for port in ports[1::3]]
        self._nodes: dict[int, subprocess.Popen] = {}

    def start(self, node: int) -> None:
        arguments = [self._binary, "node", "--name", f"n{node + 1}", "--config", str(self._folder / "cluster.toml")]
        with open(self._log(node), "ab") as log:
            self._nodes[node] = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def kill(self, node: int) -> None:
        """SIGKILL."""
        self._end(node, signal.SIGKILL)

    def until_ready(self, node: int) -> None:
        deadline = time.monotonic() + READY_WITHIN
        # Whatever proxy the environment names, it is not for this machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while True:
            try:
                opener.open(f"{self.gateways[node]}/readyz", timeout=1).close()
                return
            except OSError:
                ended = self._nodes[node].poll()
                if ended is not None or time.monotonic() > deadline:
                    log = self._log(node).read_text(errors="replace")[-4000:]
                    pytest.fail(f"n{node + 1} is not ready (exit status {ended}):\n{log}")
                time.sleep(0.05)

    def stop(self) -> None:
        for process in self._nodes.values():
            process.terminate()
        for node in list(self._nodes):
            self._end(node, signal.SIGTERM)

    def _end(self, node: int, how: signal.Signals) -> None:
        process = self._nodes.pop(node)
        process.send_signal(how)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _log(self, node: int) -> pathlib.Path:
        return self._folder / f"n{node + 1}.log"


def free_ports(count: int) -> list[int]:
    # All are held until all are known, so that none is given twice.
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """Our own cluster, of the binary that TROUPE_BIN names."""
    binary = os.environ.get("TROUPE_BIN", "")
    if not os.access(binary, os.X_OK):
        missing = f"TROUPE_BIN names no troupe binary ({binary or 'unset'}): `make test` builds one and sets it"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(missing)
    cluster = Cluster(binary, tmp_path_factory.mktemp("cluster"))
    try:
        for node in range(3):
            cluster.start(node)
        for node in range(3):
            cluster.until_ready(node)
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="session")
def gateways(request):
    """Those of the running cluster that TROUPE_GATEWAY names, separated by commas, or else of our own."""
    named = [gateway for gateway in os.environ.get("TROUPE_GATEWAY", "").split(",") if gateway]
    return named or request.getfixturevalue("cluster").gateways
