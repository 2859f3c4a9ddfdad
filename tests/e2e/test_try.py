"""`lorarun try` on a finished campaign: real tiny models, before and after."""

import json
from pathlib import Path

from PIL import Image

from tests.e2e.small_campaign import ROOT, lorarun


def test_a_picture_goes_through_the_chain_before_and_after(finished: Path, tmp_path: Path) -> None:
    turned = tmp_path / "사진.jpg"
    with Image.open(ROOT / "data" / "demo" / "test" / "0003.png") as image:
        exif = Image.Exif()
        exif[0x0112] = 6  # stored a quarter turn to the left
        image.convert("RGB").transpose(Image.Transpose.ROTATE_90).save(turned, quality=95, exif=exif)
    done = lorarun(finished, "try", "analyse-then-file", str(turned), "--json")
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)["answers"]
    assert [(a["stage"], a["arm"], a["adapter"]) for a in answers] == [
        ("reading", "before", ""),
        ("reading", "after", "qwen-lora"),
        ("filing", "before", ""),
        ("filing", "after", "chain-lora"),
    ]
    assert "light green, mark circle" in answers[0]["text"]
    assert answers[2]["prompt"] == f"Summarise: {answers[0]['text']}"
    assert answers[3]["prompt"] == f"Summarise: {answers[1]['text']}"
    assert [p.name for p in (finished / "artifacts" / ".try").iterdir()] == ["worker.log"]


def test_what_is_asked_of_a_subject_that_cannot_answer_it_is_said(finished: Path) -> None:
    def said(*arguments: str) -> tuple[int, str]:
        done = lorarun(finished, "try", *arguments)
        return done.returncode, done.stderr

    assert said("nobody", "x")[0] == 2
    assert "`qwen-lora` looks at pictures, and none is given" in said("qwen-lora")[1]
    assert "the prompt asks for `analysis`" in said("llama-lora")[1]
    assert "looks at no picture" in said("llama-lora", str(ROOT / "data" / "demo" / "test" / "0003.png"), "x")[1]


def test_an_adapter_that_was_changed_is_not_tried(finished: Path) -> None:
    [adapter] = (finished / "artifacts" / "tune" / "llama-lora").glob("*/adapters.safetensors")
    data = bytearray(adapter.read_bytes())
    data[-1] ^= 1
    adapter.write_bytes(bytes(data))
    done = lorarun(finished, "try", "llama-lora", "reading 085, lamp red, stamp circle")
    assert done.returncode == 8
    assert "has changed" in done.stderr
    assert lorarun(finished, "try", "llama", "--prompt", "Summarise: reading 085").returncode == 0
