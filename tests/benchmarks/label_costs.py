"""What labelling costs beside the forward pass: tokenising, reading, writing, bad rows, bytes on disk.

    python tests/benchmarks/label_costs.py [--pairs 6000] [--repeat 3] [--workspace DIR]

Three rerankers of one vocabulary (the default base, 6 layers x 384) label the same real pairs one after the other; then
one of them labels them clean and with a tenth of the rows poisoned (a token without an embedding, one whose embedding
is NaN), in turn, so that a slow minute of the machine hits both.
The last line on stdout is the result as JSON.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
from label_speed import MAX_LENGTH, load_name, model_folder, prepare
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from tmkd.corpus.manifest import CorpusManifest
from tmkd.labelling.pipeline import run, usual_pool
from tmkd.labelling.plan import plan_labels
from tmkd.labelling.report import Done
from tmkd.teachers.config import TeacherConfig
from tmkd.workspace import Workspace, corpus_folder

UNKNOWN, BROKEN = "[MISSING]", "ξ"
POISONED_EVERY = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=6000)
    parser.add_argument("--repeat", type=int, default=3, help="turns of clean and poisoned rows")
    parser.add_argument("--workspace", default=None)
    switches = parser.parse_args()
    root = switches.workspace or tempfile.mkdtemp(prefix="tmkd-label-costs-")
    bench = SimpleNamespace(workspace=root, pairs=switches.pairs, recipe="docs", shard_rows=500, repeat=switches.repeat)
    prepare(bench)
    workspace = Workspace(root)
    corpus = CorpusManifest.load(workspace, load_name(bench))
    assert corpus is not None
    done = {seed: label(workspace, corpus, f"t{seed}", seeded(bench, seed)) for seed in range(3)}
    print(json.dumps({"three teachers": shares(done), **poison(bench, workspace, corpus), **size(workspace, corpus)}))


def label(workspace: Workspace, corpus: CorpusManifest, name: str, model: Path) -> Done:
    config = TeacherConfig(model=str(model), max_length=MAX_LENGTH)
    plan = plan_labels(workspace, corpus, ["unlabeled"], {name: config}, str(model))
    return run(plan, plan.todo, usual_pool(plan))


def seeded(bench: Any, seed: int) -> Path:
    """The reranker with another head: other weights, the same vocabulary."""
    folder = Path(bench.workspace) / f"reranker-{seed}"
    model = AutoModelForSequenceClassification.from_pretrained(model_folder(bench))
    model.classifier.weight.data.mul_(1 + seed)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(model_folder(bench)).save_pretrained(folder)
    return folder


def shares(done: dict[int, Done]) -> dict[str, float]:
    """Seconds of each stage over all teachers, and the share of what is not scoring."""
    reading, scoring, publishing = (
        sum(getattr(each, stage) for each in done.values()) for stage in ("reading", "scoring", "publishing")
    )
    share = (reading + publishing) / (reading + scoring + publishing)
    first, *others = (each.reading for each in done.values())
    return {
        "reading": reading, "scoring": scoring, "publishing": publishing, "share beside scoring": share,
        "reading of the first teacher": first, "of each other": float(np.mean(others)),
    }  # fmt: skip


def poison(bench: Any, workspace: Workspace, corpus: CorpusManifest) -> dict[str, Any]:
    """Label the same rows clean and poisoned with one model, whose tokenizer knows a token that it does not."""
    folder = Path(bench.workspace) / "fragile"
    model = AutoModelForSequenceClassification.from_pretrained(model_folder(bench))
    tokenizer = AutoTokenizer.from_pretrained(model_folder(bench))
    tokenizer.add_tokens([UNKNOWN])
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    weights = load_file(folder / "model.safetensors")
    weights["bert.embeddings.word_embeddings.weight"][tokenizer.convert_tokens_to_ids(BROKEN)] = float("nan")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    bad = poisoned_copy(workspace, corpus)
    each = []
    for turn in range(bench.repeat):
        clean = label(workspace, corpus, f"clean{turn}", folder)
        each.append((clean, label(workspace, bad, f"poisoned{turn}", folder)))
    rates = [[done.pairs / done.scoring for done in turn] for turn in each]
    good, spoilt = np.mean(rates, axis=0)
    return {
        "poisoned": {
            "rows": -(-corpus.rows("unlabeled") // POISONED_EVERY),
            "rejected": [rejected(done, f"poisoned{k}") for k, (_, done) in enumerate(each)],
            "rejected of the clean rows": [rejected(done, f"clean{k}") for k, (done, _) in enumerate(each)],
            "pairs/s of a model, clean": good, "poisoned": spoilt, "poisoned / clean": spoilt / good,
            "each turn": [poisoned / clean for clean, poisoned in rates],
        }
    }  # fmt: skip


def rejected(done: Done, teacher: str) -> int:
    return sum(rows for _, rows in done.counts("unlabeled", teacher).values())


def poisoned_copy(workspace: Workspace, corpus: CorpusManifest) -> CorpusManifest:
    """Copy the corpus with one word of every tenth passage put out."""
    name, row = f"{corpus.name}_poisoned", 0
    for shard in corpus.shards("unlabeled"):
        table = workspace.read_table(f"{corpus_folder(corpus.name, 'unlabeled')}/{shard}")
        passages = table["passage"].to_pylist()
        for index in range(len(passages)):
            if row % POISONED_EVERY == 0:
                rest = passages[index].partition(" ")[2]
                passages[index] = f"{(UNKNOWN, BROKEN)[row // POISONED_EVERY % 2]} {rest}"
            row += 1
        table = table.set_column(table.schema.get_field_index("passage"), "passage", pa.array(passages))
        workspace.publish_table(f"{corpus_folder(name, 'unlabeled')}/{shard}", table)
    splits = {"unlabeled": {**corpus.splits["unlabeled"], "fingerprint": "poisoned"}}
    return dataclasses.replace(corpus, name=name, fingerprint=f"{corpus.fingerprint}-poisoned", splits=splits)


def size(workspace: Workspace, corpus: CorpusManifest) -> dict[str, float]:
    """Bytes on disk a logit, ids included, of one teacher's real logits."""
    files = workspace.stats(f"soft_labels/{corpus.name}/unlabeled/t0")
    parquet = sum(stat.size for name, stat in files.items() if name.endswith(".parquet"))
    return {"bytes a logit, one logit a pair": parquet / corpus.rows("unlabeled")}


if __name__ == "__main__":
    main()
