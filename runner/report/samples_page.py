"""Rows of a data set as a model reads them, as one HTML file: no network, no script, everything escaped."""

from __future__ import annotations

import base64
from pathlib import Path

from runner.files import read_bytes
from runner.report import templates
from runner.report.html import asset, digest
from runner.run.showing import Shown
from runner.samples.shown import Picture

MAX_PICTURE_BYTES = 16 * 2**20
LANGUAGES = {
    "en": {
        "title": "As the model sees it",
        "counts": "{shown} of {of} rows of {dataset}, split {split}, read by {model}",
        "legend": "Each box is one token or, where several make one character, so many. Blue is what the model is "
        "trained to write; the rest it only reads.",
        "tokens": "{prompt} tokens of prompt, {answer} of answer",
        "file": "the file",
        "seen": "what the model gets",
        "undrawn": "what the model gets of it cannot be drawn for this family",
        "picture": "picture {number}, {tokens} tokens",
    },
    "ko": {
        "title": "모델이 보는 그대로",
        "counts": "{dataset}의 {split} {of}행 가운데 {shown}행, 모델 {model} 기준",
        "legend": "상자 하나가 토큰 하나다. 여러 토큰이 한 글자를 이루면 그 수를 적었다. 파란 것은 모델이 "
        "쓰도록 배우는 부분이고, 나머지는 읽기만 한다.",
        "tokens": "질문 {prompt}토큰, 답 {answer}토큰",
        "file": "파일",
        "seen": "모델이 받는 것",
        "undrawn": "이 모델 계열이 받는 것은 그려 보일 수 없다",
        "picture": "그림 {number}, {tokens}토큰",
    },
}


def samples_page(shown: Shown, root: Path, *, language: str) -> str:
    """One self-contained document."""
    words = LANGUAGES.get(language, LANGUAGES["en"])
    style = asset("samples.css")
    policy = f"default-src 'none'; style-src '{digest(style)}'; img-src data:; base-uri 'none'; form-action 'none'"

    def picture(one: Picture) -> dict[str, str]:
        return {"file": _data_url(root / one.path, root), "seen": _data_url(shown.folder / one.file, shown.folder)}

    pictures = [[picture(p) for p in row.pictures] for row in shown.rows]
    return (
        templates.html()
        .get_template("samples.html.j2")
        .render(shown=shown, words=words, language=language, style=style, policy=policy, pictures=pictures)
    )


def _data_url(path: Path, root: Path) -> str:
    """A picture for embedding, "" for what is no file of a kind that browsers show."""
    kinds = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp", ".gif": "gif", ".bmp": "bmp"}
    kind = kinds.get(path.suffix.lower())
    if kind is None or not path.is_file():
        return ""
    data = base64.b64encode(read_bytes(path, max_bytes=MAX_PICTURE_BYTES, root=root)).decode()
    return f"data:image/{kind};base64,{data}"
