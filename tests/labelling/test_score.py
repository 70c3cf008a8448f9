"""What the scoring actor does with a mistake that a user has to mend."""

import pytest
from transformers import BertTokenizer

from tiny_teachers import WORDS, bert_classifier
from tmkd.errors import UserError


def test_a_model_that_fails_on_everything_is_named_by_its_recipe_key(bench, tmp_path) -> None:
    folder = bert_classifier(tmp_path / "m", num_labels=2, vocab_size=len(WORDS))
    vocabulary = tmp_path / "vocab.txt"  # the special tokens were added last, and the embeddings not resized
    vocabulary.write_text("\n".join([*WORDS, "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]))
    BertTokenizer(vocab=str(vocabulary)).save_pretrained(folder)
    with pytest.raises(
        UserError, match=r"^teachers\.t\.model: .*its tokenizer puts special tokens .* around every text, but it has"
    ):
        bench.label(folder, splits=("dev",))
    assert bench.workspace.list("soft_labels/tiny/dev/t", suffix=".parquet") == []
