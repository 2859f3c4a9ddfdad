"""`lorarun export adapters` on a finished campaign: folders that the packages and the hub's own reader take."""

import json
from pathlib import Path

import pytest

from runner.errors import InvalidError
from runner.scaffold.export import judged
from tests.e2e.small_campaign import lorarun


def test_adapters_come_out_with_cards_that_the_hub_reads(finished: Path) -> None:
    from huggingface_hub import ModelCard

    done = lorarun(finished, "export", "adapters", "out/모델")
    assert done.returncode == 0, done.stderr
    [record] = [json.loads(p.read_text()) for p in (finished / "ssot" / "records").glob("*.json")]
    judged_by = {
        "qwen-lora": ("tickets", "image_analysis"),
        "llama-lora": ("reports", "summary"),
        "chain-lora": ("documents", "chain"),
    }
    for tune, (dataset, evaluation) in judged_by.items():
        folder = finished / "out" / "모델" / tune
        assert {p.name for p in folder.iterdir()} == {"README.md", "adapter_config.json", "adapters.safetensors"}
        made = next((finished / "artifacts" / "tune" / tune).glob("*/adapters.safetensors"))
        assert (folder / "adapters.safetensors").read_bytes() == made.read_bytes()
        card = ModelCard.load(folder / "README.md")
        results = {(r.dataset_name, r.metric_type): r.metric_value for r in card.data.eval_results}
        assert results[dataset, "fact_recall"] == record["measures"][f"{evaluation}.fact_recall"]["after"]["value"]
        assert record["verdict"]["status"] in card.text
        assert record["data"][dataset]["splits"]["test"]["digest"] in card.text
    assert lorarun(finished, "export", "adapters", "out/모델").returncode == 3


def test_fused_and_peft_folders_are_compared_while_they_are_made(finished: Path) -> None:
    done = lorarun(finished, "export", "adapters", "out/f", "--tune", "llama-lora", "--fuse")
    assert done.returncode == 0, done.stderr
    assert "0.00% of the tuning's own effect away" in done.stderr
    assert (finished / "out" / "f" / "llama-lora-fused" / "model.safetensors").stat().st_size > 3_000_000
    done = lorarun(finished, "export", "adapters", "out/p", "--format", "peft")
    assert sorted(p.name for p in (finished / "out" / "p").iterdir()) == ["chain-lora-peft", "llama-lora-peft"]
    assert (
        "image models as mlx"
        in lorarun(finished, "export", "adapters", "q", "--tune", "qwen-lora", "--format", "peft").stderr
    )
    assert lorarun(finished, "export", "adapters", "q", "--tune", "nobody").returncode == 2


def test_a_fused_model_that_lost_its_tuning_is_refused_with_the_way_out() -> None:
    found = {"positions": 40, "change": 1.0, "difference": 0.6, "agreement": 0.9, "quantized": True}
    with pytest.raises(InvalidError, match=r"would undo the tuning: over 40 answer tokens.*60\.00%") as caught:
        judged("t", found)
    assert "--dequantize" in caught.value.help
    with pytest.raises(InvalidError, match="rounded away"):
        judged("t", found | {"change": 0.0, "quantized": False})
    assert "5.00%" in judged("t", found | {"difference": 0.05})
