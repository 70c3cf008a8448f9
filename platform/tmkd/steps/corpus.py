"""Step 1: the corpus."""

from __future__ import annotations

from contextlib import suppress

from tmkd.console import note, show_table
from tmkd.corpus.build import made_from, prepare_corpus
from tmkd.corpus.config import CorpusConfig
from tmkd.corpus.manifest import CorpusManifest, manifest_path
from tmkd.errors import UserError
from tmkd.integrity import DamagedError
from tmkd.labelling.job import rejected_path
from tmkd.soft_labels.golden import GOLDEN
from tmkd.soft_labels.store import LabelStore
from tmkd.steps.context import Context
from tmkd.steps.corpus_files import check_files, remember_files
from tmkd.workspace import SHARD_PREFIX, Workspace, corpus_folder, fingerprint, labels_folder

STEP = "corpus"


def ensure_corpus(context: Context, other: CorpusConfig | None = None) -> CorpusManifest:
    """Return the recipe's corpus, or another one, made now if it is not there.

    Sources that have changed since (another package installed, a file touched) do not make a finished corpus stale
    by themselves: every label hangs on it. It is made again with ``--remake``.

    Raises:
        UserError: if the corpus there is damaged, unless ``--remake``; if it was made by other settings and labels
            hang on it, unless ``--relabel``.
    """
    config, workspace = other or context.recipe.corpus, context.workspace
    step = STEP if other is None else f"{STEP} · {config.name}"
    found = _found(context, config.name)
    where = corpus_folder(config.name)
    same_config = _noted(context, config) == _config_identity(config)
    if found is not None and same_config and not context.remake:
        if _changed(config, found):
            note(f"{step}: its sources (or how they are read) have changed; kept (jobs/prepare_corpus.py --remake)")
        check_files(workspace, found)
        context.skip(step, where)
        return found
    _refuse_to_orphan_labels(context, config.name, _why_again(workspace, found, config.name, same_config))
    with context.step(step, where):
        manifest = prepare_corpus(config, workspace)
        _drop_orphans(context, manifest)
        remember_files(workspace, manifest)
        workspace.publish_json(_note_path(config.name), {"config": _config_identity(config)})
    show_splits(manifest)
    return manifest


def require_split(corpus: CorpusManifest, split: str) -> None:
    """Raise `UserError` if there is nothing to judge on."""
    if not corpus.rows(split):
        raise UserError(
            f"evaluation.split: corpus {corpus.name} has no {split} split, it has {', '.join(corpus.splits)}; see "
            f"corpus.split.{split} and corpus.paths.{split}"
        )


def show_splits(corpus: CorpusManifest) -> None:
    """Print what the corpus holds, split by split."""
    rows = [
        [
            name,
            corpus.questions(name),
            corpus.rows(name),
            "yes" if corpus.has_labels(name) else "no",
            len(corpus.shards(name)),
        ]
        for name in corpus.splits
    ]
    show_table(f"Corpus {corpus.name}", ["split", "questions", "pairs", "golden labels", "shards"], rows)


def _found(context: Context, corpus: str) -> CorpusManifest | None:
    """Return the corpus that is there; one that is damaged is absent if it may be made again."""
    try:
        return CorpusManifest.load(context.workspace, corpus)
    except DamagedError:
        if context.remake or context.relabel:
            return None
        raise


def _changed(config: CorpusConfig, found: CorpusManifest) -> bool:
    try:
        return found.made_from != made_from(config)
    except UserError:  # a finished corpus does not need its sources any more
        return True


def _label_stores(context: Context, corpus: str) -> list[tuple[str, str]]:
    """Return (split, teacher) of the label stores that hang on a corpus."""
    folders = context.workspace.folders
    return [
        (split, teacher)
        for split in folders(f"soft_labels/{corpus}")
        for teacher in folders(f"soft_labels/{corpus}/{split}")
        if teacher != GOLDEN
    ]


def _drop_orphans(context: Context, corpus: CorpusManifest) -> None:
    """Delete the labels of splits whose text has changed; the others fit the new corpus as they did the old one."""
    for split, teacher in _label_stores(context, corpus.name):
        identity = LabelStore(context.workspace, corpus.name, split, teacher).identity or {}
        if identity.get("corpus") != corpus.split_fingerprint(split):
            context.workspace.delete(labels_folder(corpus.name, split, teacher))
            folder, prefix = rejected_path(corpus.name, split, teacher, SHARD_PREFIX).rsplit("/", 1)
            for name in context.workspace.list(folder):
                if name.startswith(prefix):
                    context.workspace.delete(f"{folder}/{name}")


def _why_again(workspace: Workspace, found: CorpusManifest | None, corpus: str, same_config: bool) -> str:
    """Return why a corpus is to be made, as it follows its name."""
    if found is None:
        path = manifest_path(corpus)
        return f"cannot be read ({workspace.show(path)} is {'damaged' if workspace.exists(path) else 'gone'})"
    return "is to be made again" if same_config else "was made by other settings"


def _refuse_to_orphan_labels(context: Context, name: str, why: str) -> None:
    labelled = sorted({teacher for _, teacher in _label_stores(context, name)})
    if labelled and not context.relabel:
        raise UserError(
            f"corpus {name} {why}, and soft labels of {', '.join(labelled)} hang on it; give it another name "
            "(--corpus.name), use another --workspace, or pass --relabel to make it again, and the labels of text "
            "that changes"
        )


def _config_identity(config: CorpusConfig) -> str:
    return fingerprint(config.identity() | {"kind": config.source_kind})


def _note_path(name: str) -> str:
    return f"{corpus_folder(name)}/made_by.json"


def _noted(context: Context, config: CorpusConfig) -> str | None:
    path = _note_path(config.name)
    if not context.workspace.exists(path):
        return None
    with suppress(ValueError, KeyError, TypeError):  # damaged: nothing says what made the corpus
        return str(context.workspace.read_json(path)["config"])
    return None
