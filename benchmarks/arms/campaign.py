"""The peer of the demo's campaign: the script that a careful person writes around the packages' own commands.

campaign.py one|batch PROJECT FOLDER — three tunings, the data of the chain's last stage made of the tuned reader's
answers, and the answers before and after of all three evaluations. One process a command, each starting with nothing
but files; every answer is made once (the chain's first stage is the image evaluation's answers). Scoring, repeats for
consistency and determinism, attribution, rehearsal and record are left out: ours has them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from runner.spec.load import load_spec
from runner.spec.model import Spec, TuneSpec

COMMANDS = Path(__file__).parent / "commands.py"
SPLITS = ("train", "valid", "test")
LOOK, SUMMARISE = "Describe the picture.", "Summarise: {}"


def command(*arguments: object) -> None:
    subprocess.run([sys.executable, str(COMMANDS), *map(str, arguments)], check=True)


def write_lines(path: Path, rows: list[dict]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


class Script:
    def __init__(self, how: str, project: Path, folder: Path):
        self.how, self.project, self.folder = how, project, folder
        self.spec: Spec = load_spec(project / "specs" / "demo.yaml", project)
        self.models = {name: project / model.path for name, model in self.spec.models.items()}
        home = project / self.spec.datasets["tickets"].path
        self.rows = {
            split: [json.loads(line) for line in (home / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()]
            for split in SPLITS
        }
        for rows in self.rows.values():
            for row in rows:
                row["image"] = str(home / row["image"])

    def updates(self, tune: TuneSpec) -> tuple[int, int]:
        """(all updates, those of an epoch); the packages drop an incomplete last batch."""
        epoch = len(self.rows["train"]) // tune.train.batch_size
        return round(tune.train.epochs * epoch), epoch

    def tune_images(self, name: str) -> Path:
        tune = self.spec.tunes[name]
        for split in ("train", "valid"):
            rows = [
                {
                    "messages": [
                        {"role": "user", "content": LOOK},
                        {"role": "assistant", "content": row["analysis"]},
                    ],
                    "image": row["image"],
                }
                for row in self.rows[split]
            ]
            write_lines(self.folder / "tickets" / f"{split}.jsonl", rows)
        updates, epoch = self.updates(tune)
        out = self.folder / name
        options = {
            "model": self.models["qwen"],
            "data": self.folder / "tickets",
            "output-path": out,
            "iters": updates,
            "batch-size": tune.train.batch_size,
            "max-seq-length": tune.train.max_seq_length,
            "learning-rate": tune.train.learning_rate,
            "optimizer": tune.train.optimizer,
            "lora-rank": tune.lora.rank,
            "lora-alpha": tune.lora.alpha,
            "lora-dropout": tune.lora.dropout,
            "steps-per-eval": epoch,
            "val-batches": -1,
            "steps-per-save": tune.train.save_every,
            "cache-size": "none",  # by default rows past the 32nd are processed anew every epoch
            "seed": self.spec.seed,
        }
        flags = [part for key, value in options.items() for part in (f"--{key}", value)]
        command("image-tune", *flags, "--train-on-completions", "--target-modules", *tune.lora.target_modules)
        return out

    def tune_text(self, name: str, data: dict[str, list[dict]], start: Path | None) -> Path:
        tune = self.spec.tunes[name]
        for split, rows in data.items():
            write_lines(self.folder / f"{name}-data" / f"{split}.jsonl", rows)
        updates, epoch = self.updates(tune)
        lora = asdict(tune.lora)
        config = {
            "model": str(self.models["llama"]),
            "data": str(self.folder / f"{name}-data"),
            "adapter_path": str(self.folder / name),
            "train": True,
            "iters": updates,
            "batch_size": tune.train.batch_size,
            "max_seq_length": tune.train.max_seq_length,
            "learning_rate": tune.train.learning_rate,
            "optimizer": tune.train.optimizer,
            "optimizer_config": {tune.train.optimizer: {"bias_correction": tune.train.bias_correction}},
            "num_layers": -1,
            "mask_prompt": True,
            "lora_parameters": {
                "rank": lora["rank"],
                "scale": tune.lora.scale,
                "dropout": lora["dropout"],
                "keys": [f"self_attn.{target}" for target in tune.lora.target_modules],
            },
            "steps_per_eval": epoch,
            "val_batches": -1,
            "save_every": tune.train.save_every,
            "seed": self.spec.seed,
        }
        if start is not None:
            config["resume_adapter_file"] = str(start / "adapters.safetensors")
        path = self.folder / f"{name}.yaml"
        path.write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML
        command("text-tune", "-c", path)
        return self.folder / name

    def look(self, adapter: Path | None, split: str) -> list[str]:
        rows = [{"prompt": LOOK, "image": row["image"]} for row in self.rows[split]]
        most = self.spec.evaluations["image_analysis"].generate.max_tokens
        return self.answers("image-answers", "qwen", adapter, rows, f"look-{split}", most)

    def summarise(self, adapter: Path | None, texts: list[str], name: str) -> list[str]:
        rows = [{"prompt": SUMMARISE.format(text)} for text in texts]
        most = self.spec.evaluations["summary"].generate.max_tokens
        return self.answers("text-answers", "llama", adapter, rows, name, most)

    def answers(self, kind: str, model: str, adapter: Path | None, rows: list[dict], name: str, most: int) -> list[str]:
        name = f"{name}-{adapter.name if adapter else 'base'}"
        prompts = write_lines(self.folder / f"{name}.jsonl", rows)
        out = self.folder / f"{name}.json"
        command(kind, self.how, self.models[model], adapter or "-", prompts, out, most)
        return json.loads(out.read_text(encoding="utf-8"))

    def run(self) -> dict[str, dict[str, list[str]]]:
        """Both models' answers of every evaluation, before and after."""
        reader = self.tune_images("qwen-lora")
        gold = {split: [row["analysis"] for row in rows] for split, rows in self.rows.items()}
        writer = self.tune_text("llama-lora", self.filing(gold, "summary"), None)
        read = {split: self.look(reader, split) for split in SPLITS}
        filer = self.tune_text("chain-lora", self.filing(read, "filing"), writer)
        base = self.look(None, "test")
        return {
            "image_analysis": {"before": base, "after": read["test"]},
            "summary": {
                "before": self.summarise(None, gold["test"], "summary"),
                "after": self.summarise(writer, gold["test"], "summary"),
            },
            "chain": {
                "before": self.summarise(None, base, "chain"),
                "after": self.summarise(filer, read["test"], "chain"),
            },
        }

    def filing(self, texts: dict[str, list[str]], column: str) -> dict[str, list[dict]]:
        return {
            split: [
                {"prompt": SUMMARISE.format(text), "completion": row[column]}
                for text, row in zip(texts[split], self.rows[split], strict=True)
            ]
            for split in ("train", "valid")
        }


def main(how: str, project: str, folder: str) -> None:
    answers = Script(how, Path(project), Path(folder)).run()
    (Path(folder) / "answers.json").write_text(json.dumps(answers, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:4])
