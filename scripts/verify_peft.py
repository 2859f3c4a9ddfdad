"""Loads an exported text adapter in PEFT itself and compares its logits with MLX's. Not part of the tests: it needs
torch, which the project does not depend on.

    python3 -m venv /tmp/peft && /tmp/peft/bin/pip install torch peft transformers
    python scripts/verify_peft.py /tmp/peft/bin/python                          the embedded tiny Llama, tuned for it
    python scripts/verify_peft.py /tmp/peft/bin/python --project DIR --tune ID  a tuning of a project that was run

Exit code 0 where both agree. The base model has to be unquantized, as PEFT needs it anyway.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
PROMPTS = 16
TOLERANCE = 1e-4  # of the greatest logit: both compute in float32, in another order


def main() -> int:
    """Make or take an adapter, ask both packages for logits, and say how far they are apart."""
    arguments = _arguments()
    if arguments.load:
        return _in_peft(*map(Path, arguments.load))
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        project = arguments.project or _tuned(scratch / "project")
        model, adapter = _exported(project, arguments.tune, scratch)
        _in_mlx(model, adapter / "mlx", _rows(project), scratch / "mlx.npz")
        command = [arguments.python, __file__, "--load", model, adapter / "peft", scratch / "mlx.npz"]
        return subprocess.run(list(map(str, command)), check=False).returncode


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("python", nargs="?", help="an interpreter that has torch, peft and transformers")
    parser.add_argument("--project", type=Path, help="a project whose campaign was run")
    parser.add_argument("--tune", default="llama-lora", help="one of its text tunings")
    parser.add_argument("--load", nargs=3, help=argparse.SUPPRESS)
    found = parser.parse_args()
    if not (found.python or found.load):
        parser.error("name an interpreter that has torch and peft")
    return found


def _tuned(project: Path) -> Path:
    sys.path.insert(0, str(ROOT))
    mini = importlib.import_module("tests.run.mini")
    done = mini.lorarun(mini.make(project), "apply", mini.SPEC_PATH)
    if "RESULT: " not in done.stdout:
        sys.exit(done.stderr)
    return project


def _exported(project: Path, tune: str, scratch: Path) -> tuple[Path, Path]:
    """The base model's folder, and a folder with the tuning as `mlx` and as `peft`."""
    out = scratch / "out"
    for form, name in (("mlx", tune), ("peft", f"{tune}-peft")):
        command = [
            sys.executable,
            "-P",
            "-m",
            "runner.cli.main",
            "export",
            "adapters",
            str(out / f".{form}"),
            "--tune",
            tune,
        ]
        command += ["--format", form] if form == "peft" else []
        subprocess.run(command, cwd=project, env=_environment(), check=True)
        (out / f".{form}" / name).rename(out / form)
    records = [json.loads(p.read_text(encoding="utf-8")) for p in (project / "ssot" / "records").glob("*.json")]
    spec = next(r["spec"] for r in records if tune in r["spec"]["tunes"])
    return project / spec["models"][spec["tunes"][tune]["model"]]["path"], out


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def _rows(project: Path) -> list[str]:
    """Texts to ask for logits of: answers of the newest generate step, whole, with their prompts."""
    paths = sorted((project / "artifacts" / "prepare").glob("*/*/*.inputs.jsonl"))
    rows = [json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").splitlines()]
    return [str(row["prompt"]) for row in rows][:PROMPTS]


def _in_mlx(model: Path, adapter: Path, texts: list[str], out: Path) -> None:
    mx: Any = importlib.import_module("mlx.core")
    mlx_lm: Any = importlib.import_module("mlx_lm")
    found: dict[str, Any] = {}
    for kind, path in (("base", None), ("adapted", adapter)):
        loaded, tokenizer = mlx_lm.load(str(model), adapter_path=str(path) if path else None)
        loaded.set_dtype(mx.float32)
        for i, text in enumerate(texts):
            tokens = tokenizer.encode(text)
            found[f"tokens.{i}"] = np.array([tokens])
            found[f"{kind}.{i}"] = np.array(loaded(mx.array([tokens])).astype(mx.float32))
    np.savez(out, **found)


def _in_peft(model: Path, adapter: Path, from_mlx: Path) -> int:
    torch, peft, transformers = (importlib.import_module(name) for name in ("torch", "peft", "transformers"))
    expected = np.load(from_mlx)
    count = sum(name.startswith("tokens.") for name in expected.files)
    base = transformers.AutoModelForCausalLM.from_pretrained(str(model), dtype=torch.float32).eval()

    def logits(asked: Any) -> list[Any]:
        with torch.no_grad():
            return [asked(torch.tensor(expected[f"tokens.{i}"])).logits.numpy() for i in range(count)]

    def apart(kind: str, found: list[Any]) -> float:
        worst = max(float(np.abs(a - expected[f"{kind}.{i}"]).max()) for i, a in enumerate(found))
        return worst / max(float(np.abs(expected[f"{kind}.{i}"]).max()) for i in range(count))

    plain = logits(base)
    adapted = logits(loaded := peft.PeftModel.from_pretrained(base, str(adapter)).eval())
    merged = logits(loaded.merge_and_unload())
    effect = apart("base", adapted)
    figures = {"base": apart("base", plain), "adapter": apart("adapted", adapted), "merged": apart("adapted", merged)}
    same = sum(bool((a.argmax(-1) == expected[f"adapted.{i}"].argmax(-1)).all()) for i, a in enumerate(adapted))
    versions = ", ".join(f"{m.__name__} {m.__version__}" for m in (torch, peft, transformers))
    lines = [f"{versions}; {count} texts; greatest difference of a logit over the greatest logit"]
    lines += [f"  {name}: MLX against PEFT {value:.1e}" for name, value in figures.items()]
    lines += [f"  effect of the adapter {effect:.1e}; the same greedy tokens in {same} of {count} texts"]
    good = max(figures.values()) <= TOLERANCE and effect > 10 * TOLERANCE and same == count
    print("\n".join([*lines, "agree" if good else "DIFFER"]))  # noqa: T201 -- a script's answer
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
