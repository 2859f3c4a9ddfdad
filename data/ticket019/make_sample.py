"""Make the sample rows and images of the ticket019 campaign: a few small bar charts and notices, drawn from numbers.

Run from the project's root: `python data/ticket019/make_sample.py`. The sample shows the expected format and makes
`specs/ticket019.yaml` valid as it is shipped; it is far too small to judge anything.
"""

import json
from pathlib import Path

from PIL import Image, ImageDraw

HERE = Path(__file__).parent
SPLITS = {"train": 4, "valid": 2, "test": 2}
COLOURS = {"빨간": "#c62828", "파란": "#1565c0", "초록": "#2e7d32"}
NOTICES = (
    (
        "도서관 냉방 설비 점검이 6월 3일에 시작된다. 점검은 이틀 동안 이어지고, "
        "그동안 2층 열람실은 열지 않는다. 책은 1층에서 빌릴 수 있다.",
        "6월 3일부터 이틀간 냉방 점검으로 도서관 2층 열람실이 닫힌다.",
        ("6월 3일", "이틀", "2층 열람실"),
    ),
    (
        "올해 사내 마라톤에는 214명이 신청했다. 지난해보다 38명 늘었다. 출발은 한강공원이고, 비가 오면 한 주 미룬다.",
        "사내 마라톤 신청자는 지난해보다 38명 늘어난 214명이다.",
        ("214명", "38명"),
    ),
    (
        "서버 이전 작업으로 토요일 새벽 1시부터 5시까지 메일이 멈춘다. 받은 메일은 작업이 끝난 뒤 차례로 도착한다.",
        "서버 이전으로 토요일 새벽 1시부터 5시까지 메일을 쓸 수 없다.",
        ("토요일", "새벽 1시", "5시"),
    ),
    (
        "신입 교육 자료가 세 권으로 나뉘었다. 첫 권은 보안, 둘째 권은 "
        "개발 환경, 셋째 권은 배포를 다룬다. 순서대로 읽기를 권한다.",
        "신입 교육 자료는 보안, 개발 환경, 배포의 세 권으로 나뉘었다.",
        ("세 권", "보안", "개발 환경", "배포"),
    ),
    (
        "구내식당 점심값이 오는 달부터 6천 원에서 6천5백 원으로 오른다. "
        "쌀과 채소 값이 오른 까닭이다. 식권은 그대로 쓸 수 있다.",
        "재료값이 올라 구내식당 점심값이 6천5백 원이 된다.",
        ("6천5백 원",),
    ),
    (
        "주차장 북문 공사가 열흘 늦어진다. 비 때문에 바닥 포장이 밀렸다. "
        "그동안은 남문으로만 드나들 수 있고 밤 11시에 닫는다.",
        "비로 북문 공사가 열흘 늦어져 남문으로만 드나들 수 있다.",
        ("열흘", "남문"),
    ),
    (
        "고객 설문에 1,120명이 답했다. 응답이 빨라졌다는 의견이 62%로 가장 많았고, 화면 글씨가 작다는 의견이 17%였다.",
        "설문에 답한 1,120명 가운데 62%가 응답이 빨라졌다고 했다.",
        ("1,120명", "62%"),
    ),
    (
        "전시 '빛의 방'이 가을까지 연장된다. 관람객이 예상의 두 배를 "
        "넘었기 때문이다. 월요일은 쉬고 예약은 누리집에서만 받는다.",
        "관람객이 예상의 두 배를 넘어 전시 '빛의 방'이 가을까지 연장된다.",
        ("두 배", "가을", "빛의 방"),
    ),
)


def figures(seed: int) -> dict[str, int]:
    """Three numbers below 100."""
    return {name: 5 + (seed * 37 + i * 23 + seed * i * 11) % 90 for i, name in enumerate(COLOURS)}


def draw(path: Path, values: dict[str, int]) -> None:
    """A bar chart with its numbers, 160 × 96 pixels, at most 16 colours."""
    image = Image.new("RGB", (160, 96), "white")
    pen = ImageDraw.Draw(image)
    for i, (name, value) in enumerate(values.items()):
        left = 16 + i * 48
        pen.rectangle((left, 88 - value * 0.7, left + 28, 88), fill=COLOURS[name])
        pen.text((left + 8, 74 - value * 0.7), str(value), fill="black")
    pen.line((8, 88, 152, 88), fill="black")
    path.parent.mkdir(parents=True, exist_ok=True)
    image.quantize(16).save(path, optimize=True)


def said(values: dict[str, int]) -> str:
    """The chart in words."""
    return ", ".join(f"{name} 막대는 {value}" for name, value in values.items())


def image_row(split: str, i: int, seed: int) -> dict[str, object]:
    """Image analysis: one question and answer about one image."""
    values = figures(seed)
    draw(HERE / "images" / "images" / f"{split}-{i}.png", values)
    return {
        "id": f"image-{split}-{i}",
        "document": f"chart-{seed}",
        "image": f"images/{split}-{i}.png",
        "question": "그래프의 막대마다 색과 값을 읽어라.",
        "analysis": f"막대그래프다. {said(values)}이다.",
        "facts": [
            {"fact": f"{name} 막대는 {value}", "aliases": [f"{name} 막대 {value}"]} for name, value in values.items()
        ],
    }


def summary_row(split: str, i: int, seed: int) -> dict[str, object]:
    """Summaries: a text and its summary."""
    text, summary, facts = NOTICES[seed - 1]
    return {
        "id": f"summary-{split}-{i}",
        "document": f"notice-{seed}",
        "text": text,
        "summary": summary,
        "facts": list(facts),
    }


def document_row(split: str, i: int, seed: int) -> dict[str, object]:
    """The chain: an image and the summary of what it shows."""
    values = figures(seed)
    draw(HERE / "documents" / "images" / f"{split}-{i}.png", values)
    top = max(values, key=lambda name: values[name])
    return {
        "id": f"document-{split}-{i}",
        "document": f"report-{seed}",
        "image": f"images/{split}-{i}.png",
        "summary": f"가장 높은 것은 {top} 막대이고 값은 {values[top]}이다.",
        "facts": [f"{top} 막대", str(values[top])],
    }


def write(folder: str, make, offset: int) -> None:
    """The three splits of one data set; no document is in two of them."""
    seed = offset
    for split, count in SPLITS.items():
        rows = []
        for i in range(count):
            seed += 1
            rows.append(json.dumps(make(split, i, seed), ensure_ascii=False))
        (HERE / folder).mkdir(exist_ok=True)
        (HERE / folder / f"{split}.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write("images", image_row, 0)
    write("summaries", summary_row, 0)
    write("documents", document_row, 20)
