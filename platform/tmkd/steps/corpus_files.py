"""Check of a finished corpus before it is called up to date: files that changed since the last look are read again."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from tmkd.corpus.manifest import CorpusManifest
from tmkd.integrity import MissingError, remedy
from tmkd.soft_labels.golden import GOLDEN
from tmkd.workspace import Stat, Workspace, corpus_folder, labels_folder

READERS = 8
Index = dict[str, list[int]]
"""Path of a shard -> its size and time as they were when it was last known to be whole."""


def check_files(workspace: Workspace, corpus: CorpusManifest) -> None:
    """Compare text and golden labels with their hashes, as far as their size or time has changed.

    Raises:
        DamagedError: naming the first shard that is gone, cut, changed or a link.
    """
    known, found = _read_index(workspace, corpus), dict(_files(workspace, corpus))
    doubtful = [path for path, state in found.items() if known.get(path) != state]
    with ThreadPoolExecutor(READERS) as pool:
        list(pool.map(workspace.check, doubtful))
    if doubtful:
        _publish_index(workspace, corpus, found)


def remember_files(workspace: Workspace, corpus: CorpusManifest) -> None:
    """Note the state of files that have just been published."""
    _publish_index(workspace, corpus, dict(_files(workspace, corpus)))


def _files(workspace: Workspace, corpus: CorpusManifest) -> Iterator[tuple[str, list[int]]]:
    for split in corpus.splits:
        golden = labels_folder(corpus.name, split, GOLDEN)
        judged = workspace.stats(golden)
        yield from _in_folder(workspace, corpus, split, corpus_folder(corpus.name, split), None)
        if judged or corpus.has_labels(split):
            yield from _in_folder(workspace, corpus, split, golden, judged)


def _in_folder(
    workspace: Workspace, corpus: CorpusManifest, split: str, folder: str, there: dict[str, Stat] | None
) -> Iterator[tuple[str, list[int]]]:
    there = workspace.stats(folder) if there is None else there
    for shard in corpus.shards(split):
        path = f"{folder}/{shard}"
        if shard not in there:
            raise MissingError(f"{workspace.show(path)}: is not there, though the manifest lists it; {remedy(path)}")
        yield path, [there[shard].size, there[shard].modified]


def _index_path(corpus: CorpusManifest) -> str:
    return f"runs/corpus_index/{corpus.name}.json"


def _read_index(workspace: Workspace, corpus: CorpusManifest) -> Index:
    if not workspace.exists(_index_path(corpus)):
        return {}
    try:
        return dict(workspace.read_json(_index_path(corpus)))
    except (ValueError, TypeError):  # damaged: it only saves reading the shards again
        return {}


def _publish_index(workspace: Workspace, corpus: CorpusManifest, index: Index) -> None:
    workspace.publish_json(_index_path(corpus), index)
