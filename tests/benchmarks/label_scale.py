"""Does labelling stay as fast and as small when the corpus grows? And how long does a huge store take to open?

    python tests/benchmarks/label_scale.py [--small 10000] [--large 1000000] [--shards 100000] [--workspace DIR]

A model small enough to run through (4 layers x 64) labels a small and a large corpus; compared are the steady rates and
the peak resident memory of driver and actors. The small corpus takes seconds, so that it is labelled several times and
the mean is taken. Then a store of so many shards is made, opened and planned. The last line on stdout is the result as
JSON.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
SHARD_ROWS = 500
"""So that even the small corpus has twenty shards, and its rate more than three differences."""
SMALL_RUNS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", type=int, default=10_000)
    parser.add_argument("--large", type=int, default=1_000_000)
    parser.add_argument("--shards", type=int, default=100_000)
    parser.add_argument("--workspace", default=None)
    parser.add_argument("--make", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--label", type=int, help=argparse.SUPPRESS)
    switches = parser.parse_args()
    if switches.make or switches.label:
        made = make if switches.make else label
        print(json.dumps(made(Path(switches.workspace), switches.make or switches.label)))
        return
    root = Path(switches.workspace or tempfile.mkdtemp(prefix="tmkd-label-scale-"))
    small = [in_a_process(root / f"small-{turn}", switches.small) for turn in range(SMALL_RUNS)]
    large = in_a_process(root / "large", switches.large)
    keys = ("pairs_per_second", "driver_peak_mb", "actor_peak_mb")
    ratios = {key: large[key] / np.mean([each[key] for each in small]) for key in keys}
    result = {
        "small": small,
        "large": large,
        "large / small": ratios,
        "store": open_store(root / "store", switches.shards),
    }
    print(json.dumps(result, indent=1))
    shutil.rmtree(root)


def in_a_process(workspace: Path, pairs: int) -> dict[str, float]:
    """Make a corpus and label it, each in a process of its own, and watch the latter's memory."""
    words = [sys.executable, __file__, "--workspace", str(workspace)]
    subprocess.run([*words, "--make", str(pairs)], check=True, stdout=subprocess.DEVNULL)
    words += ["--label", str(pairs)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    peaks, stop = {"driver": 0, "actor": 0}, threading.Event()

    def watch() -> None:
        while not stop.wait(0.5):
            peaks["driver"] = max(peaks["driver"], _resident(process.pid))
            for child in psutil.process_iter(["cmdline"]):
                if "MapWorker(Map(Score))" in " ".join(child.info["cmdline"] or []):
                    peaks["actor"] = max(peaks["actor"], _resident(child.pid))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    out, _ = process.communicate()
    stop.set()
    assert process.returncode == 0
    said = json.loads(out.strip().splitlines()[-1])
    return {**said, **{f"{name}_peak_mb": peak / 2**20 for name, peak in peaks.items()}}


def _resident(pid: int) -> int:
    try:
        return psutil.Process(pid).memory_info().rss
    except psutil.Error:
        return 0


@dataclass(frozen=True)
class Corpus:
    """What labelling reads of a corpus manifest, and none of the text."""

    pairs: int
    name: str = "tiny"
    task: str = "pair"
    classes: tuple[str, ...] = ("no", "yes")

    def shards(self, split: str) -> list[str]:
        from tmkd.workspace import shard_name

        return [shard_name(index) for index in range(self.pairs // SHARD_ROWS)]

    def rows(self, split: str) -> int:
        return self.pairs

    def split_fingerprint(self, split: str) -> str:
        return f"{self.pairs} pairs"


def make(folder: Path, pairs: int) -> None:
    from transformers import BertConfig, BertForSequenceClassification

    from tiny_teachers import bert_tokenizer, write_corpus
    from tmkd.workspace import Workspace

    write_corpus(Workspace.open(str(folder)), {"train": pairs // SHARD_ROWS}, rows=SHARD_ROWS)
    config = BertConfig(hidden_size=64, num_hidden_layers=4, num_attention_heads=4, intermediate_size=256, num_labels=2)
    BertForSequenceClassification(config).save_pretrained(folder / "model")
    bert_tokenizer().save_pretrained(folder / "model")


def label(folder: Path, pairs: int) -> dict[str, float]:
    """Label a corpus of so many pairs; the rate is that from the first published shard to the last."""
    from tmkd.labelling.pipeline import label_corpus
    from tmkd.teachers.config import TeacherConfig
    from tmkd.workspace import Workspace

    workspace, corpus, model = Workspace.open(str(folder)), Corpus(pairs), folder / "model"
    config = TeacherConfig(model=str(model), max_length=32, precision="fp32")
    label_corpus(workspace, corpus, ["train"], {"t": config}, model)
    files = workspace.stats("soft_labels/tiny/train/t")
    times = sorted(stat.modified / 1e9 for name, stat in files.items() if name.endswith(".parquet"))
    size = sum(stat.size for name, stat in files.items())
    first = 1
    rate = (len(times) - first) * SHARD_ROWS / (times[-1] - times[first - 1])
    return {"pairs_per_second": rate, "bytes_a_logit": size / (pairs * 2)}


def open_store(folder: Path, shards: int) -> dict[str, Any]:
    """Time what a run does before its first actor starts, on a finished store and on one with a tenth missing."""
    from tmkd.soft_labels.store import LabelStore
    from tmkd.workspace import Workspace, shard_name

    workspace = Workspace.open(str(folder))
    store = LabelStore(workspace, "c", "train", "t")
    store.bind({"weights": "w"})
    names = [shard_name(index) for index in range(shards)]
    store.publish(names[0], np.arange(8), np.zeros((8, 2), np.float32))
    first = folder / store.folder / names[0]
    data, digest = first.read_bytes(), Path(f"{first}.sha256").read_bytes()
    for name in names[1:]:
        (first.parent / name).write_bytes(data)
        (first.parent / f"{name}.sha256").write_bytes(digest)
    found: dict[str, Any] = {"shards": shards}
    found["compact_seconds"] = _timed(lambda: store.compact(names, dict.fromkeys(names, (8, 0))))
    found["open_finished_seconds"] = _timed(lambda: LabelStore(workspace, "c", "train", "t").missing(names))
    for name in names[::10]:
        (first.parent / name).unlink()
    found["open_a_tenth_missing_seconds"] = _timed(lambda: LabelStore(workspace, "c", "train", "t").missing(names))
    assert len(store.missing(names)) == len(names[::10])
    return found


def _timed(call: Any) -> float:
    started = time.perf_counter()
    call()
    return round(time.perf_counter() - started, 2)


if __name__ == "__main__":
    main()
