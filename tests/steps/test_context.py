"""`runner/steps/context.py`: what a step is given is the same on both sides of the pipe to its process."""

import json
from pathlib import Path

from runner.steps.context import StepRequest


def test_a_request_is_the_same_after_its_way_to_the_worker(tmp_path):
    request = StepRequest(
        id="tune/한글",
        kind="tune",
        params={"train": {"epochs": 1.5}, "images": False},
        inputs={"train": tmp_path / "자료" / "train.jsonl", "model": Path("models/m")},
        out=tmp_path / "out",
        checkpoint=tmp_path / "checkpoint",
        root=tmp_path,
    )
    assert StepRequest.from_message(json.loads(json.dumps(request.as_message()))) == request
