"""On which device, with which runtime and number format a teacher labels; settled before its store is bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ray
import torch

from tmkd.cluster import connect
from tmkd.cluster_errors import users_mistake
from tmkd.console import note, show_table
from tmkd.errors import UserError
from tmkd.labelling.pool import HELPER_CPUS, Nodes
from tmkd.labelling.probe import Probing, Tried, candidates, fastest, probe_shard
from tmkd.runtimes.host import Host
from tmkd.runtimes.precision import resolve_precision
from tmkd.teachers.config import TeacherConfig

WORTH_PROBING = 100_000
"""Pairs from which on some seconds of trying are worth what they may save."""


@dataclass(frozen=True)
class Choice:
    """A host, and what the probe found by which it was chosen; None where there was none."""

    host: Host
    figures: dict[str, Any] | None = None


def choose_host(config: TeacherConfig, bound: dict[str, Any] | None, probing: Probing | None) -> Choice:
    """Return what the recipe fixes, else what binds the labels already, else what the probe finds, else the usual.

    Args:
        config: the teacher's.
        bound: identity of labels that are there.
        probing: for a probe, if one is worth it.

    Raises:
        UserError: if nothing that the recipe allows is faithful to fp32, or no node can tell.
    """
    if bound is not None:
        return _as_bound(config, bound)
    device = _device(config)
    if probing is not None and _is_worth_it(config, probing, device):
        return _probed(config, probing, device)
    runtime = "onnx" if config.runtime == "onnx" or config.precision == "int8" else "torch"
    if config.precision != "auto":
        return Choice(Host(device, config.precision, runtime))
    return Choice(Host(device, "fp32" if runtime == "onnx" else _best_precision(config, device), runtime))


def _as_bound(config: TeacherConfig, bound: dict[str, Any]) -> Choice:
    """Return the host of labels that are there, with what the recipe fixes in its place: if that differs, they are
    refused when they are bound.
    """
    runtime, _, device = str(bound["backend"]).partition("-")
    fixed_device = config.resources.device
    if fixed_device == "auto" and config.resources.gpus_per_actor == 0:
        fixed_device = "cpu"
    host = Host(
        device if fixed_device == "auto" else fixed_device,
        str(bound["dtype"]) if config.precision == "auto" else config.precision,
        runtime if config.runtime == "auto" else config.runtime,
    )
    return Choice(host, bound.get("probe"))


def _device(config: TeacherConfig) -> str:
    if config.resources.device != "auto":
        return str(config.resources.device)
    if config.resources.gpus_per_actor == 0 or config.runtime == "onnx":
        return "cpu"
    connect()
    nodes = Nodes.of_teacher(config.resources)
    return "cuda" if max(nodes.gpus, nodes.most_gpus) > 0 else "cpu"


def _is_worth_it(config: TeacherConfig, probing: Probing, device: str) -> bool:
    if config.probe == "never" or (config.probe == "auto" and probing.pairs < WORTH_PROBING):
        return False
    elsewhere = device == "cuda" and not torch.cuda.is_available()  # what those nodes can do is found there
    return config.probe == "always" or elsewhere or len(candidates(config, device)) > 1


def _probed(config: TeacherConfig, probing: Probing, device: str) -> Choice:
    connect()
    asked = config.resources.cpus_per_actor
    cpus = min(asked, Nodes.of_teacher(config.resources).largest or asked)
    note(f"  trying which runtime labels fastest on {device}")
    where = config.resources.placement.options("teachers")
    ask = ray.remote(num_cpus=cpus, num_gpus=_gpu_share(config, device), **where)(probe_shard)
    try:
        tried: list[Tried] = ray.get(ask.remote(probing, config, device, max(1, int(cpus))))
    except ray.exceptions.RayTaskError as error:
        raise users_mistake(error) or error from None
    best = fastest(tried)
    _show(tried, best)
    return Choice(best.host, {f"{each.host.backend} {each.host.precision}": each.figures() for each in tried})


def _show(tried: list[Tried], best: Tried) -> None:
    rows: list[list[Any]] = [
        [
            f"{each.host.backend} {each.host.precision}",
            f"{each.pairs_per_second:.0f}",
            f"{each.fidelity.p99:.4f}",
            f"{each.fidelity.tau:.4f}",
            "taken" if each is best else "faithful" if each.fidelity.passes else "not faithful to fp32",
        ]
        for each in tried
    ]
    show_table("Ways to label", ["runtime", "pairs/s", "p99 |Δp|", "Kendall τ", ""], rows)


def _gpu_share(config: TeacherConfig, device: str) -> float:
    if device == "cpu":
        return 0.0
    return 1.0 if config.resources.gpus_per_actor == "auto" else float(config.resources.gpus_per_actor)


def _best_precision(config: TeacherConfig, device: str) -> str:
    """Resolve ``auto`` where the actors will run: here on a single machine, else on a node of theirs."""
    connect()
    nodes, everywhere = Nodes.of_teacher(config.resources), Nodes.now()
    alone = everywhere.count == 1 and not everywhere.may_grow
    here = alone and (torch.cuda.is_available() or device != "cuda")
    if here:
        return resolve_precision("auto", device)
    if device == "cuda" and not max(nodes.gpus, nodes.most_gpus):
        raise UserError(
            "precision: auto cannot be resolved before a GPU node is there; set it to bf16 or fp32 in the recipe"
        )
    where = config.resources.placement.options("teachers")
    ask = ray.remote(num_cpus=HELPER_CPUS, num_gpus=min(_gpu_share(config, device), 1.0), **where)(resolve_precision)
    answer: str = ray.get(ask.remote("auto", device))
    return answer
