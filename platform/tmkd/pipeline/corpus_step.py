"""Step 1: the corpus."""

from __future__ import annotations

from tmkd.console import note, show_table
from tmkd.corpus.build import made_from, prepare_corpus
from tmkd.corpus.manifest import CorpusManifest
from tmkd.errors import UserError
from tmkd.pipeline.context import Context
from tmkd.workspace import corpus_folder, fingerprint

STEP = "corpus"


def ensure_corpus(context: Context) -> CorpusManifest:
    """Return the recipe's corpus, made now if it is not there.

    Sources that have changed since (another package installed, a file touched) do not make a finished corpus stale
    by themselves: every label hangs on it. It is made again with ``--remake``.

    Raises:
        UserError: if the corpus there was made by other settings and labels hang on it, unless ``--relabel``.
    """
    config, workspace = context.recipe.corpus, context.workspace
    found = CorpusManifest.load(workspace, config.name)
    where = corpus_folder(config.name)
    if found is not None:
        same_config = _noted(context) == _config_identity(context)
        if same_config and not context.remake:
            if found.made_from != made_from(config):
                note(f"{STEP}: its sources have changed since it was made; kept (jobs/prepare_corpus.py --remake)")
            context.skip(STEP, where)
            return found
        _refuse_to_orphan_labels(context, found, same_config)
    with context.step(STEP, where):
        manifest = prepare_corpus(config, workspace)
        workspace.publish_json(_note_path(config.name), {"config": _config_identity(context)})
    show_splits(manifest)
    return manifest


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


def _refuse_to_orphan_labels(context: Context, found: CorpusManifest, same_config: bool) -> None:
    name = found.name
    labelled = sorted(
        {
            teacher
            for split in context.workspace.folders(f"soft_labels/{name}")
            for teacher in context.workspace.folders(f"soft_labels/{name}/{split}")
            if teacher != "golden"
        }
    )
    if labelled and not context.relabel:
        why = "is to be made again" if same_config else "was made by other settings"
        raise UserError(
            f"corpus {name} {why}, and soft labels of {', '.join(labelled)} hang on it; give it another name "
            "(--corpus.name), use another --workspace, or pass --relabel to make it and them again"
        )
    for split in context.workspace.folders(f"soft_labels/{name}"):
        context.workspace.delete(f"soft_labels/{name}/{split}")


def _config_identity(context: Context) -> str:
    config = context.recipe.corpus
    return fingerprint(config.model_dump(mode="json") | {"kind": config.source_kind})


def _note_path(name: str) -> str:
    return f"{corpus_folder(name)}/made_by.json"


def _noted(context: Context) -> str | None:
    path = _note_path(context.recipe.corpus.name)
    return str(context.workspace.read_json(path)["config"]) if context.workspace.exists(path) else None
