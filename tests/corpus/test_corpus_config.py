from __future__ import annotations

import pytest
from corpus_helpers import config_of

from tmkd.config import apply_overrides, parse
from tmkd.corpus.config import CorpusConfig
from tmkd.errors import UserError


def test_defaults_are_the_documentation_of_installed_packages():
    config = CorpusConfig()
    assert config.source_kind == "docs"
    assert (config.docs.unlabeled_questions, config.docs.golden_questions) == (3000, 300)


def test_a_path_alone_makes_it_a_file_source():
    tree = apply_overrides(
        {}, {"path": "pairs.tsv", "shard_rows": "2000", "columns.question": "0", "delimiter": "tab"}, CorpusConfig
    )
    config = parse(CorpusConfig, tree, "command line")
    assert (config.source_kind, config.shard_rows, config.columns.question) == ("files", 2000, 0)
    assert config.delimiter == "\t"


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"pathh": "x"}, "did you mean 'path'"),
        ({"kind": "docs", "path": "x.tsv"}, "kind is 'docs'"),
        ({"kind": "files"}, "either path"),
        ({"path": "x.tsv", "paths": {"train": "y.tsv"}}, "either path"),
        ({"kind": "hub"}, "needs path"),
        ({"name": "a/b"}, "no folder name"),
        ({"classes": ["one"]}, "two or more"),
        ({"classes": ["a", "a"]}, "two or more"),
        ({"kind": "docs", "classes": ["a", "b", "c"]}, "two classes"),
        ({"split": {"validation": 0.6, "test": 0.5}}, "below 1"),
        ({"path": "x.tsv", "split": {"by": "package"}}, "'package' is for kind 'docs'"),
        ({"path": "x.tsv", "header": False}, "must be positions"),
        ({"encoding": "cp037"}, "extends ASCII"),
        ({"encoding": "klingon"}, "extends ASCII"),
        ({"delimiter": "ab"}, "not one character"),
        ({"docs": {"negatives": {"far": [50, 10]}}}, "no window of ranks"),
        ({"docs": {"negatives": {"labelled": []}}}, "at least 1"),
        ({"path": "x.tsv", "columns": {"grade": "g"}, "classes": ["a", "b", "c"]}, "two classes only"),
        ({"mining": {"enabled": "sometimes"}}, "mining.enabled"),
    ],
)
def test_a_wrong_config_is_refused_with_what_would_be_right(tree, message):
    with pytest.raises(UserError, match=message):
        config_of(**tree)


def test_a_column_called_no_must_stand_in_quotes() -> None:
    with pytest.raises(UserError, match=r"columns\.label: .*put the name in quotes"):
        config_of(path="x.tsv", columns={"label": False})
