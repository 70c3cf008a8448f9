"""Single-logit teachers (rerankers, similarities): from a raw score to the logits of two classes.

Stores keep raw scores; calibration is applied on read, so that new golden labels never make a store stale.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from tmkd.errors import UserError
from tmkd.integrity import DamagedError
from tmkd.sealed import publish_sealed, read_sealed
from tmkd.workspace import Workspace

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
NEWTON_STEPS = 50
RIDGE = 1e-6
LOG_SCALES = (-4.0, 4.0)
"""Temperatures between 0.02 and 55: a teacher that is always right on the slice would be made infinitely sure."""


@dataclass(frozen=True)
class Calibration:
    """Probability of class 1 = sigmoid(``scale`` × raw score + ``shift``); of C logits, softmax of ``scale`` × logits.

    Attributes:
        scale: factor on the raw score; of C logits 1 ÷ the temperature.
        shift: added after scaling, in logits.
        source: ``golden`` (fitted on judgements), ``unlabelled`` (from the scores alone), ``temperature`` or
            ``identity``.
        rows: rows it was fitted on.
    """

    scale: float = 1.0
    shift: float = 0.0
    source: str = "identity"
    rows: int = 0

    def logit(self, scores: npt.NDArray[np.floating]) -> FloatArray:
        """Return the calibrated logit of every raw score, float32, same shape."""
        return (self.scale * scores.astype(np.float64) + self.shift).astype(np.float32)


def fit_platt(scores: npt.NDArray[np.floating], labels: IntArray) -> Calibration:
    """Fit scale and shift on golden labels by Platt's regularised logistic regression (1999).

    Args:
        scores: raw scores [n]; rows that are not finite are passed over.
        labels: 0 or 1, int64 [n]; rows with -1 (no judgement) are passed over.

    Raises:
        UserError: if the judged rows are not of both classes.
    """
    used = (labels >= 0) & np.isfinite(scores)
    z, y = scores[used].astype(np.float64), labels[used]
    positive, negative = int((y == 1).sum()), int((y == 0).sum())
    if not positive or not negative or positive + negative < len(y):
        raise UserError(
            f"calibration: golden labels of classes {sorted(set(y.tolist()))} were found; both 0 and 1 are needed"
        )
    targets = np.where(y == 1, (positive + 1) / (positive + 2), 1 / (negative + 2))
    mean, spread = float(z.mean()), float(z.std()) or 1.0
    slope, offset = _newton((z - mean) / spread, targets)
    return Calibration(slope / spread, offset - slope * mean / spread, "golden", len(z))


def fit_unlabelled(scores: npt.NDArray[np.floating], kind: Literal["bi_encoder", "classifier"]) -> Calibration:
    """Return the default where no golden label exists.

    A similarity has no zero of its own: it is standardised, logit = 2 (z - mean) / std, so that the median
    pair is undecided and one standard deviation above is believed at 88 %. A single-logit reranker was
    trained as a logit and is taken as it is.

    Args:
        scores: raw scores [n] of a sample of the corpus.
        kind: kind of the teacher.
    """
    z = scores[np.isfinite(scores)].astype(np.float64)
    if kind != "bi_encoder" or not len(z):
        return Calibration(rows=len(z))
    scale = 2.0 / (float(z.std()) or 1.0)
    return Calibration(scale, -scale * float(z.mean()), "unlabelled", len(z))


def fit_temperature(logits: npt.NDArray[np.floating], labels: IntArray) -> Calibration:
    """Fit the one temperature that makes a classifier's probabilities likeliest (Guo et al., ICML 2017).

    What is most probable does not change, but how loud a teacher speaks where it is averaged with others.

    Args:
        logits: float [n, C] on rows that the teacher was not trained on; rows that are not finite are passed over.
        labels: int64 [n]; rows with -1 (no judgement) are passed over.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    used = (labels >= 0) & np.isfinite(logits).all(axis=1)
    z, y = logits[used].astype(np.float64), labels[used]
    if not len(y):
        return Calibration()

    def surprise(log_scale: float) -> float:
        return -float(log_softmax(z * np.exp(log_scale), axis=1)[np.arange(len(y)), y].mean())

    best = minimize_scalar(surprise, bounds=LOG_SCALES, method="bounded", options={"xatol": 1e-6})
    return Calibration(float(np.exp(best.x)), 0.0, "temperature", len(y))


def to_class_logits(raw: FloatArray, calibration: Calibration | None, classes: int) -> FloatArray:
    """Return logits of the corpus's classes, float32 [n, classes]; softmax gives the teacher's probabilities.

    Args:
        raw: what the store holds, float32 [n, C].
        calibration: for C = 1, where None takes the raw score as the logit; or a temperature.
        classes: classes of the corpus.

    Raises:
        UserError: if C columns cannot speak about that many classes.
    """
    columns = raw.shape[1]
    if columns == classes:
        return raw if calibration is None else raw * np.float32(calibration.scale)
    if columns == 1 and classes == 2:
        half = (calibration or Calibration()).logit(raw) / 2  # [n, 1]
        return np.concatenate([-half, half], axis=1)
    raise UserError(
        f"soft labels of {columns} column(s) cannot go together with a corpus of {classes} classes; "
        f"right would be {classes} columns" + (" or a single logit" if classes == 2 else "")
    )


def save_calibration(workspace: Workspace, corpus: str, teacher: str, calibration: Calibration) -> None:
    """Publish ``teachers/<corpus>/<teacher>/calibration.json``."""
    publish_sealed(workspace, calibration_path(corpus, teacher), asdict(calibration))


def load_calibration(workspace: Workspace, corpus: str, teacher: str) -> Calibration | None:
    """Read what `save_calibration` wrote, or None.

    Raises:
        DamagedError: if it is cut or edited.
    """
    path = calibration_path(corpus, teacher)
    if not workspace.exists(path):
        return None
    try:
        return Calibration(**read_sealed(workspace, path))
    except TypeError as error:
        raise DamagedError(
            f"{workspace.show(path)}: not a calibration ({error}); delete it, it is fitted again"
        ) from None


def calibration_path(corpus: str, teacher: str) -> str:
    """Return where the calibration of a teacher is stored."""
    return f"teachers/{corpus}/{teacher}/calibration.json"


def _newton(z: npt.NDArray[np.float64], targets: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Minimise the cross-entropy of sigmoid(a z + b) against soft targets; convex, so Newton with halving."""
    design = np.stack([z, np.ones_like(z)], axis=1)  # [n, 2]

    def loss(w: npt.NDArray[np.float64]) -> float:
        logits = design @ w
        return float(np.sum(np.logaddexp(0, logits) - targets * logits) + RIDGE / 2 * w @ w)

    weights = np.zeros(2)
    for _ in range(NEWTON_STEPS):
        p = 1 / (1 + np.exp(-np.clip(design @ weights, -500, 500)))
        gradient = design.T @ (p - targets) + RIDGE * weights
        hessian = design.T @ (design * (p * (1 - p))[:, None]) + RIDGE * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        size = 1.0
        while size > 1e-6 and loss(weights - size * step) > loss(weights):
            size /= 2
        weights = weights - size * step
        if np.abs(size * step).max() < 1e-10:
            break
    return float(weights[0]), float(weights[1])
