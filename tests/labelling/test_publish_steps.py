"""SIGKILL before every single step of publishing a shard: never half a shard, and the next run's bytes are right."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import json, os, signal, sys
from pathlib import Path
sys.path[:0] = {paths!r}
import numpy as np, pyarrow as pa
from tmkd.labelling.job import Job, View
from tmkd.labelling.publish import publish
from tmkd.runtimes.host import Host
from tmkd.soft_labels.store import LabelStore
from tmkd.teachers.config import TeacherConfig
from tmkd.workspace import Workspace

SHARD = "part-00000.parquet"
LOGITS = np.array([[0.5, 1.0], [np.nan, 0.0], [2.0, -1.0]], np.float32)


def prepare(folder):
    workspace = Workspace.open(str(folder))
    texts = ["a", "b", "c"]
    table = pa.table({{"id": [1, 2, 3], "question": texts, "passage": texts}})
    workspace.publish_table(f"corpora/c/train/{{SHARD}}", table)
    store = LabelStore(workspace, "c", "train", "t")
    store.bind({{"weights": "w"}})
    view = View(None, {{}}, [0, 1])
    bound = {{("train", "t"): store.fingerprint}}
    job = Job(workspace, "c", {{"train": "f"}}, "passage", {{"t": view}}, bound, TeacherConfig(model="m"), "m",
              Host("cpu", "fp32"), 1, "task", 3)
    row = {{"split": "train", "shard": SHARD, "teachers": ["t"], "ids": np.arange(1, 4), "t:logits": LOGITS,
           "t:faults": "{{}}", "scoring": 0.0, "reading": 0.0}}
    return store, job, row


def publish_and_die(folder, step):
    store, job, row = prepare(folder)
    seen = [0]

    def hook(event, args):
        if event in ("open", "os.rename", "os.remove", "os.mkdir") and str(folder) in str(args[0]):
            seen[0] += 1
            if seen[0] == step:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    publish(row, job)


def examine(folder):
    store, job, row = prepare(folder)
    before = store.missing([SHARD])
    if not before:  # what counts as done must be whole
        ids, logits = store.read(SHARD)
        assert ids.tolist() == [1, 2, 3]
        assert np.isnan(logits[1]).all() and logits[0].tolist() == [0.5, 1.0]
        assert job.workspace.row_count("rejected/c/train-t-" + SHARD) == 1  # the rejected rows came first
    publish(row, job)
    assert store.missing([SHARD]) == [] and store.fault(SHARD) is None
    files = sorted(p for p in Path(folder).rglob("*") if p.is_file() and p.suffix != ".tmp")
    print(json.dumps([len(before), {{str(p.relative_to(folder)): p.read_bytes().hex() for p in files}}]), flush=True)


def in_child(work, *args):
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        try:
            work(*args)
            status = 0
        except BaseException:
            import traceback
            traceback.print_exc()
            status = 1
        os._exit(status)
    return os.waitpid(child, 0)[1]


step, status = 0, signal.SIGKILL
while status == signal.SIGKILL:
    step += 1
    folder = Path({folder!r}) / str(step)
    status = in_child(publish_and_die, folder, step)
    assert status in (0, signal.SIGKILL), status
    assert in_child(examine, folder) == 0
"""


def test_every_step_of_publishing_may_be_the_last(tmp_path) -> None:
    paths = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2] / "platform")]
    code = SCRIPT.format(paths=paths, folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    outcomes = [json.loads(line) for line in done.stdout.splitlines()]
    missing_before = [before for before, _ in outcomes]
    assert len(outcomes) >= 9  # rejected rows, hash and labels: each opened, renamed …
    assert missing_before[-1] == 0  # the last was not killed
    assert missing_before == sorted(missing_before, reverse=True)  # done from one step on, and not before
    assert all(files == outcomes[-1][1] for _, files in outcomes)
