"""A whole job in a workspace on S3, as a user runs it: credentials from the environment, and nowhere else.

It is the recipe with the most teachers, `docs_full`, less one: two cross-encoders are trained in one set of workers.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from s3_server import s3_bucket
from tmkd.corpus.manifest import CorpusManifest
from tmkd.labelling.verify import verify
from tmkd.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]


def test_docs_full_in_a_bucket(tmp_path) -> None:
    with s3_bucket() as (bucket, environment):
        place = ["--recipe", "docs_full", "--fixture", "--workspace", f"{bucket}/ws"]
        place += ["--teachers.cross_encoder_2e-5", "null"]
        command = [sys.executable, "jobs/tmkd_pretrain.py", *place, "--json"]
        done = subprocess.run(
            command, cwd=ROOT, env=os.environ | environment | {"XDG_CACHE_HOME": str(tmp_path)},
            capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        result = json.loads(done.stdout.strip().splitlines()[-1])
        workspace = Workspace(f"{bucket}/ws/fixture")
        assert "teacher · cross_encoder_3e-5 and cross_encoder_5e-5" in result["steps"]
        files = workspace.list(result["student"])
        assert "model.safetensors" in files and "config.json" in files
        for secret in (environment["AWS_SECRET_ACCESS_KEY"], environment["AWS_ACCESS_KEY_ID"]):
            assert secret not in done.stderr + done.stdout
        corpus = CorpusManifest.load(workspace, "docs_full")
        teachers = workspace.folders("soft_labels/docs_full/unlabeled")
        assert corpus is not None and len(teachers) == 4
        assert verify(workspace, corpus, ["unlabeled", "train"], teachers) == []
