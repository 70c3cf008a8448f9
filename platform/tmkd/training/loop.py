"""What a training worker does: for every stage, step through its rows and publish the finished model."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import ray.train
import ray.train.torch
import torch
from torch import Tensor
from transformers import PreTrainedModel

from tmkd.cluster import progress_poster, setup_worker
from tmkd.objectives.compose import combine
from tmkd.runtimes.allocator import keep_freed_memory
from tmkd.runtimes.precision import resolve_device, resolve_precision, set_threads
from tmkd.training import checkpoints, divergence, engine, publish
from tmkd.training.divergence import DivergedError
from tmkd.training.learned import Learned, count_learned
from tmkd.training.learner import learner
from tmkd.training.lessons import lesson_of
from tmkd.training.memory import in_memory
from tmkd.training.model import build
from tmkd.training.notices import Notices
from tmkd.training.order import batches
from tmkd.training.plan import Plan, finished
from tmkd.training.rows import MicroBatch
from tmkd.training.stage import Stage
from tmkd.training.validation import EVAL_ROWS, Validation

History = dict[str, list[list[float]]]


def train_stages(plan: Plan, threads: int) -> None:
    """Train the stages of a plan that are not finished; runs in every Ray Train worker.

    A stage that diverges is noted, and what starts from it is left out; the others go on.
    """
    setup_worker()
    set_threads(threads)
    device = resolve_device("auto" if ray.train.torch.get_device().type != "cpu" else "cpu")
    engine.prepare_process(device)
    if device == "cpu":
        keep_freed_memory()
    before, lost = 0, set()
    for stage in plan.stages:
        if stage.spec.start.folder in lost or not _has_trained(stage, plan, device, before):
            lost.add(stage.output)
        before += stage.steps
        torch.distributed.barrier()  # the next stage may start from what rank 0 has just published


def _has_trained(stage: Stage, plan: Plan, device: str, before: int) -> bool:
    if finished(plan.workspace, stage) is None:
        try:
            _train(stage, plan, device, before)
        except DivergedError as error:
            if ray.train.get_context().get_world_rank() == 0:
                divergence.note(plan.workspace, stage, str(error))
            return False
    return True


def _train(stage: Stage, plan: Plan, device: str, before: int) -> None:
    context, every = ray.train.get_context(), plan.engine.checkpoint_every_steps
    run = StageRun(stage, plan, device, before, context.get_world_rank(), context.get_world_size())
    run.go_on(*checkpoints.restore(run.engine, run.key))
    notices = Notices(plan.heeds_notices)
    for done in run.steps():
        if done < stage.steps and (notices.is_new(done) or done % every == 0):
            checkpoints.save(run.engine, run.key, done, run.history)
    run.finish()


class StageRun:
    """One stage in one of ``world`` workers; ``before`` counts the steps of the stages before it."""

    def __init__(self, stage: Stage, plan: Plan, device: str, before: int, rank: int = 0, world: int = 1) -> None:
        self.rank, self.world = rank, world
        self.stage, self.spec, self.plan, self.device, self.before = stage, stage.spec, plan, device, before
        self.model, self.tokenizer, self.anew = build(self.spec, plan.workspace)
        if device == "cpu" and resolve_precision(plan.engine.precision, device) == "bf16":
            # The backward pass of torch's fused attention is several times slower there. In fp32 it stays: plain
            # attention's batched products differ in the last bit from run to run.
            self.model.set_attn_implementation("eager")
        if self.spec.learns_attention:  # fused attention keeps its weights to itself
            self.model.set_attn_implementation("eager")
        self.lesson = lesson_of(self.spec.task)
        self.rows = self.lesson.rows(self.spec, plan.workspace, self.tokenizer, plan.engine.shuffle_shards)
        self.learner = learner(self.spec, self.model)
        with in_memory(self.spec, plan.engine):
            self.engine = engine.start(
                self.learner, self.spec.schedule, plan.engine, self.spec.steps, self.world, device
            )
        self.validation = Validation.of(self.spec, plan.workspace, self.tokenizer, plan.engine)
        self.post = progress_poster(plan.progress, plan.part) if self.rank == 0 else lambda done, total: None
        self._sums: dict[str, Tensor] = defaultdict(lambda: torch.zeros((), device=device))
        self._counted: Counter[str] = Counter()  # term -> steps since the last point in which it had rows
        self.go_on(0, {})

    def go_on(self, step: int, history: History) -> None:
        """Start behind ``step`` steps that were taken before; to be called before `steps`."""
        self.first_step, self.history = step, history
        self._started = time.monotonic()

    @property
    def key(self) -> str:
        """What a checkpoint must be of to be gone on from: this stage, order and way to lay out the optimiser."""
        order, zero = f"window-{self.plan.engine.shuffle_shards}", self.plan.engine.zero_stage
        return f"{self.stage.output}@{self.stage.identity()}@{order}@zero-{zero}"

    def steps(self) -> Iterator[int]:
        """Take the steps that are left, one after the other; yields how many are done."""
        stage, config = self.spec, self.plan.engine
        order = batches(
            list(stage.data.shards.values()), stage.schedule.batch_size, config.shuffle_shards, stage.seed,
            self.first_step, self.rows.groups,
        )  # fmt: skip
        for step, refs in order:
            if step >= stage.steps:
                break
            with in_memory(stage, config):
                self._step(step, refs)
            done = step + 1
            self.post(self.before + done, self.plan.steps_of_all or self.plan.steps)
            if done % config.log_every_steps == 0 or done == stage.steps:
                self._log(done)
            if self.validation and self.validation.is_due(done, stage.steps):
                self._validate(done)
            self._track(done)
            yield done

    def _step(self, step: int, refs: Any) -> None:
        """One optimiser step on a global batch, however it is cut.

        Every term is the sum over its rows ÷ its rows of the whole step: those that have its label. A term without any
        adds nothing to the step.
        """
        torch.manual_seed((self.spec.seed * 1_000_003 + step) * 1_009 + self.rank)  # dropout: same again on resume
        self.engine.train()
        counts = self.rows.counts(refs)
        total = max(*counts.values(), 1.0)
        factors = {term: total / count for term, count in counts.items() if count}  # 1 where no label is missing
        self._counted.update(term for term, count in self._with_sums(counts).items() if count)
        micro_batches = self.rows.parts(refs, self.rank, self.world, self.plan.engine.micro_batch)
        for index, micro in enumerate(micro_batches):
            self.engine.set_gradient_accumulation_boundary(index == len(micro_batches) - 1)
            terms = self._terms(micro, factors)
            # The all-reduce averages over workers.
            loss = combine(terms, self.learner.objectives.weights) * (self.world / total)
            self.engine.backward(loss, scale_wrt_gas=False)
            for name, value in terms.items():
                self._sums[name] += value.detach() / total
            self._sums["loss"] += loss.detach() / self.world
        self.engine.step()

    def _terms(self, micro: MicroBatch, factors: Mapping[str, float]) -> Mapping[str, Tensor]:
        inputs = {name: value.to(self.device) for name, value in micro.inputs.items()}
        terms: Mapping[str, Tensor] = self.engine(inputs, micro.targets.scaled(factors).to(self.device))
        return terms

    def _with_sums(self, counts: Mapping[str, float]) -> dict[str, float]:
        """Return the rows of every term: of one that learns from several labels, those of the most frequent."""
        learned = {term: max(counts[label] for label in labels) for term, labels in self.spec.learned.items()}
        return {**counts, **learned, "loss": max(counts.values())}

    def _log(self, done: int) -> None:
        """Move the means since the last point to the history; the only place that waits for the device.

        A term that has had no row since then gets no point.
        """
        for name, value in self._sums.items():
            if self.world > 1:
                torch.distributed.all_reduce(value)
            if steps := self._counted[name]:
                self.history.setdefault(name, []).append([done, float(value) / steps])
        for name in self._sums:
            if self._counted[name]:
                divergence.refuse(self.spec, name, self.history[name][-1][1])
        self.history.setdefault("learning_rate", []).append([done, float(self.engine.get_lr()[0])])
        self._sums.clear()
        self._counted.clear()

    def _validate(self, done: int) -> None:
        assert self.validation is not None
        self.engine.eval()
        with in_memory(self.spec, self.plan.engine, EVAL_ROWS):
            found = self.validation.measure(self.engine, self.device)
        for name, value in found.items():
            divergence.refuse(self.spec, f"validation_{name}", value)
            self.history.setdefault(f"validation_{name}", []).append([done, value])

    def _track(self, done: int) -> None:
        """Send the points of this step to MLflow, live, from rank 0."""
        run = self.stage.tracked
        points = {name: values[-1][1] for name, values in self.history.items() if values[-1][0] == done}
        if run is not None and self.rank == 0 and points:
            run.metrics({f"{self.stage.name}/{name}": value for name, value in points.items()}, step=done)

    def finish(self) -> None:
        """Publish the model, after the last step.

        Raises:
            DivergedError: if a weight is no number, or a term has never met a row with its label.
        """
        learned = self.spec.learned  # a sum of other terms is not named beside them
        ordered = [term for term in dict.fromkeys([*self.spec.terms, *learned]) if term in learned]
        single = [term for term in ordered if not set(learned[term]) <= set(learned) - {term}]
        divergence.refuse_untaught(self.spec, [term for term in single if not self.history.get(term)])
        model: PreTrainedModel = self.model
        note = self._note(time.monotonic() - self._started)
        publish.publish(self.stage, self.plan, model, self.tokenizer, self.rank, note)

    def _note(self, seconds: float) -> dict[str, Any]:
        steps = self.stage.steps - self.first_step  # of this process; none if it was killed after the last one
        learned = count_learned(self.spec, self.plan.workspace) if self.rank == 0 else Learned()  # rank 0 writes it
        return {
            "identity": self.stage.identity(),
            "stage": self.stage.name,
            "steps": self.stage.steps,
            "resumed_at": self.first_step,
            "rows": learned.rows,
            "rows_of_stage": self.stage.rows,
            "rows_by_header": dict(learned.terms),
            "seconds": seconds,
            "steps_per_second": steps / max(seconds, 1e-9) if steps else None,
            "headers_started_anew": self.anew,
            "workers": self.world,
            "remarks": self.rows.remarks,
            "history": self.history,
        }
