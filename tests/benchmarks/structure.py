"""How simple the code is: figures that later work must not make worse.

    python tests/benchmarks/structure.py            # counted in the files
    python tests/benchmarks/structure.py --run      # and on the stacks of a miniature: about two minutes

With ``--run`` every Python process of a miniature (driver, actors, workers) notes the frames of tmkd's functions:
 - files from row to loss: modules with a frame on the stack while a teacher's actor scores a shard, or while a worker
   takes a training step; both together;
 - frames from jobs/ to the loss: those of tmkd and jobs/ on the driver's stack when Ray Train is called, and on the
   worker's when a loss is computed.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "platform" / "tmkd"
TASK_LITERAL = re.compile(r"""task\s*[!=]=|["'](?:pair|span)["']""")
KIND_LITERAL = re.compile(r"""["'](?:bi_lstm|encoder)["']""")
HOOK = """
import atexit, json, os, sys, threading
ROOTS = {roots!r}
OUT = {out!r}
seen = {{"scoring": set(), "step": set(), "loss": [], "fit": []}}
inside = threading.local()

def stack(frame):
    found = []
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(ROOTS):
            found.append(name + ":" + frame.f_code.co_name)
        frame = frame.f_back
    return found

def keep():
    text = json.dumps({{key: sorted(value) if isinstance(value, set) else value for key, value in seen.items()}})
    path = os.path.join(OUT, str(os.getpid()) + ".json")
    with open(path + ".tmp", "w") as file:
        file.write(text)
    os.replace(path + ".tmp", path)

def profile(frame, event, arg):
    name = frame.f_code.co_filename
    if event == "call" and name.endswith("data_parallel_trainer.py") and frame.f_code.co_name == "fit":
        found = stack(frame)
        if len(found) > len(seen["fit"]):
            seen["fit"] = found
            keep()
        return
    if not name.startswith(ROOTS):
        return
    called = name.rpartition("/tmkd/")[2] + ":" + frame.f_code.co_name
    part = {{"labelling/score.py:__call__": "scoring", "training/loop.py:_step": "step"}}.get(called)
    if event == "call":
        if part:
            inside.part = part
        if getattr(inside, "part", None):
            seen[inside.part].update(entry.rpartition(":")[0] for entry in stack(frame))
            if inside.part == "step" and "/objectives/" in name:
                found = stack(frame)
                if len(found) > len(seen["loss"]):
                    seen["loss"] = found
    elif event == "return" and part:
        inside.part = None
        keep()

sys.setprofile(profile)
threading.setprofile(profile)
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", action="store_true", help="run the miniature of docs, too")
    asked = parser.parse_args()
    found = {**literals(), **sizes(), **stage_fields(), **circles(), **(stacks() if asked.run else {})}
    for name, value in found.items():
        print(f"{name:60} {value}")
    return 0


def sources() -> Iterator[tuple[str, str]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path.relative_to(PACKAGE).as_posix(), path.read_text(encoding="utf-8")


def literals() -> dict[str, int]:
    """Count the lines that ask which task or student kind it is, where they should not have to."""
    found = {"lines that ask for the task outside tasks/": 0, "lines that name a student kind outside students/": 0}
    tasks, kinds = found
    for path, text in sources():
        for line in code_lines(text):
            found[tasks] += not path.startswith("tasks/") and bool(TASK_LITERAL.search(line))
            found[kinds] += not path.startswith("students/") and bool(KIND_LITERAL.search(line))
    return found


def code_lines(text: str) -> list[str]:
    """Return the lines without docstrings and comments."""
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            for number in range(node.lineno - 1, node.end_lineno or node.lineno):
                lines[number] = ""
    return [line.split("  #")[0] for line in lines]


def sizes() -> dict[str, str | int]:
    files = {path: len(text.splitlines()) for path, text in sources()}
    packages: dict[str, int] = {}
    for path, lines in files.items():
        room = path.split("/")[0] if "/" in path else "(top level)"
        packages[room] = packages.get(room, 0) + lines
    functions = [
        (node.end_lineno or node.lineno) - node.lineno + 1
        for _, text in sources()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    total, largest = sum(files.values()), max(packages, key=lambda name: packages[name])
    return {
        "files": len(files), "lines": total,
        "largest package": f"{largest} {packages[largest] / total:.1%}",
        "lines a file, p90": round(statistics.quantiles(files.values(), n=10)[-1]),
        "lines a function, p90": round(statistics.quantiles(functions, n=10)[-1]),
        "lines a function, most": max(functions),
    }  # fmt: skip


def stage_fields() -> dict[str, int]:
    """Count the fields of the stage's specification at its top level."""
    for node in ast.walk(ast.parse((PACKAGE / "training" / "stage.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef) and node.name == "StageSpec":
            return {"fields of StageSpec": sum(isinstance(part, ast.AnnAssign) for part in node.body)}
    return {}


def circles() -> dict[str, int]:
    """Count groups of modules that import each other in a loop, be it inside a function or for types alone."""
    import grimp
    import networkx

    found = grimp.build_graph("tmkd")
    graph = networkx.DiGraph(
        (one, other) for one in found.modules for other in found.find_modules_directly_imported_by(one)
    )
    return {"circles of imports": sum(len(group) > 1 for group in networkx.strongly_connected_components(graph))}


def stacks() -> dict[str, int]:
    """Run the miniature of docs with a hook in every process, and count frames and modules."""
    with tempfile.TemporaryDirectory(prefix="tmkd-structure-") as name:
        place = Path(name)
        (place / "out").mkdir()
        roots = (str(PACKAGE), str(ROOT / "jobs"))
        (place / "sitecustomize.py").write_text(HOOK.format(roots=roots, out=str(place / "out")))
        paths = [str(place), str(ROOT / "platform"), os.environ.get("PYTHONPATH", "")]
        command = [
            sys.executable,
            str(ROOT / "jobs" / "tmkd_pretrain.py"),
            "--fixture",
            "--workspace",
            str(place / "w"),
        ]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"exit status {done.returncode}\n{done.stderr[-3000:]}")
        notes = [json.loads(path.read_text()) for path in (place / "out").glob("*.json")]
    modules = {part: {file for note in notes for file in note[part]} for part in ("scoring", "step")}
    loss, fit = (max((note[part] for note in notes), key=len) for part in ("loss", "fit"))
    return {
        "files on the stack while a shard is scored": len(modules["scoring"]),
        "files on the stack during a training step": len(modules["step"]),
        "files from row to loss": len(modules["scoring"] | modules["step"]),
        "frames from jobs/ to the loss": len(loss) + len(fit),
    }


if __name__ == "__main__":
    sys.exit(main())
