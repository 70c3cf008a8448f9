"""A Ray of several nodes on one machine, with token auth and the real job API: nodes come, and go without grace.

`Nodes` starts this file as a process of its own, so that the Ray of the tests beside it stays what it is.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
QUICK = {"RAY_health_check_period_ms": "1000", "RAY_health_check_failure_threshold": "5"}
MARKS = ("teachers", "training", "reading")


class Nodes:
    """The cluster seen from a user's shell.

    Attributes:
        address: of the job API.
        environment: what a shell needs to be let in.
    """

    def __init__(self, process: subprocess.Popen[str], environment: dict[str, str]) -> None:
        self._process, self.environment = process, environment
        self.address = f"http://{self._answer()['dashboard']}"

    def add(self, kind: str, cpus: float = 1.0) -> None:
        """Add a node that is marked for a kind of work."""
        self._tell(do="add", kind=kind, cpus=cpus)

    def kill(self, kind: str) -> None:
        """End the oldest node of a kind and all of its processes with SIGKILL."""
        self._tell(do="kill", kind=kind)

    def give_notice(self, kind: str, seconds: int) -> None:
        """Tell Ray that the oldest node of a kind will be taken away, as a spot market does; it stays."""
        self._tell(do="notice", kind=kind, seconds=seconds)

    def used(self, kind: str) -> float:
        """Return how many CPUs of the nodes of a kind are in use."""
        return float(self._tell(do="used", kind=kind)["cpus"])

    def takes_jobs(self) -> bool:
        """Tell whether the job API has come up, which takes some seconds longer than the nodes."""
        command = [*self._ray("submit"), "--no-wait", "--", "true"]
        return subprocess.run(command, env=self.environment, capture_output=True).returncode == 0

    def submit(self, *words: str, job: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Submit a job as a user does, and wait for its end."""
        with self.submitted(*words, job=job, **environment) as process:
            out, err = process.communicate()
            return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    @contextmanager
    def submitted(self, *words: str, job: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
        """Submit a job; ``words`` before ``--`` are switches of ``ray job submit``."""
        cut = words.index("--") if "--" in words else 0
        command = [
            *self._ray("submit"),
            *words[:cut],
            "--",
            sys.executable,
            f"jobs/{job}.py",
            *words[cut + ("--" in words) :],
        ]
        process = subprocess.Popen(
            command, cwd=ROOT, env=self.environment | environment, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            yield process
        finally:
            process.kill()

    def stop(self, job: str) -> None:
        """Stop a job by its submission id."""
        subprocess.run([*self._ray("stop"), job], env=self.environment, check=True, capture_output=True)

    def status(self, job: str) -> str:
        """Return what Ray says has become of a job."""
        command = [*self._ray("status"), job]
        return subprocess.run(command, env=self.environment, check=True, capture_output=True, text=True).stdout

    def _ray(self, verb: str) -> list[str]:
        return [str(Path(sys.executable).parent / "ray"), "job", verb, "--address", self.address]

    def _tell(self, **what: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the cluster has ended")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def many_nodes(**kinds: float) -> Iterator[Nodes]:
    """Start a head that computes nothing, and a node of each kind with so many CPUs."""
    with tempfile.TemporaryDirectory(prefix="rn-", dir="/tmp") as folder:  # short: sockets lie below it
        token = Path(folder, "token")
        token.write_text(secrets.token_hex(32))
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "TMKD_"))}
        environment |= QUICK | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token), "RAY_TMPDIR": folder}
        environment |= {"PYTHONPATH": "", "XDG_CACHE_HOME": folder}
        process = subprocess.Popen(
            [sys.executable, __file__], cwd=ROOT, env=environment, text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )  # fmt: skip
        try:
            nodes = Nodes(process, environment)
            for kind, cpus in kinds.items():
                nodes.add(kind, cpus)
            wait_for(nodes.takes_jobs, 90, "the job API")
            yield nodes
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(60)


def main() -> None:
    """Serve commands on stdin, a JSON object a line, until it is closed."""
    import ray
    from ray.cluster_utils import Cluster

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # Ray prints on stdout when a node dies, from another thread
    with socket.socket() as free:  # the usual port is that of any other Ray on this machine
        free.bind(("", 0))
        agent = {"dashboard_agent_listen_port": free.getsockname()[1]}
    shown = {"include_dashboard": True, "dashboard_port": 0, "dashboard_host": "127.0.0.1"}
    cluster = Cluster(head_node_args={"num_cpus": 0, **shown, **agent}, initialize_head=True)
    members: dict[str, list[Any]] = {}
    ray.init(address=cluster.address, log_to_driver=False)
    print(json.dumps({"dashboard": cluster.webui_url}), file=answers, flush=True)
    for line in sys.stdin:
        what = json.loads(line)
        there, answer = members.setdefault(what["kind"], []), {}
        if what["do"] == "add":
            mark = {f"tmkd_{what['kind']}": 1} if what["kind"] in MARKS else {}
            there.append(cluster.add_node(num_cpus=what["cpus"], resources=mark))
        elif what["do"] == "kill":
            cluster.remove_node(there.pop(0), allow_graceful=False)
        elif what["do"] == "notice":
            _give_notice(cluster.address, there[0].node_id, what["seconds"])
        else:
            answer = {"cpus": _used(ray, {node.node_id for node in there})}
        print(json.dumps(answer), file=answers, flush=True)
    ray.shutdown()
    cluster.shutdown()


def _give_notice(address: str, node: str, seconds: int) -> None:
    command = [str(Path(sys.executable).parent / "ray"), "drain-node", "--address", address, "--node-id", node]
    command += ["--reason", "DRAIN_NODE_REASON_PREEMPTION", "--reason-message", "spot"]
    subprocess.run([*command, "--deadline-remaining-seconds", str(seconds)], check=True, stdout=sys.stderr)


def _used(ray: Any, ids: set[str]) -> float:
    from ray._private.state import available_resources_per_node

    free = available_resources_per_node()
    alive = [node for node in ray.nodes() if node["Alive"] and node["NodeID"] in ids]
    return sum(node["Resources"].get("CPU", 0) - free.get(node["NodeID"], {}).get("CPU", 0) for node in alive)


def wait_for(is_so: Any, seconds: float, what: str) -> None:
    """Wait until ``is_so()``; raises `TimeoutError` naming what was waited for."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.1)


if __name__ == "__main__":
    main()
