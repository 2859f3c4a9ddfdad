"""Data sets on disk, right and wrong."""

from __future__ import annotations

import dataclasses
import json
import unicodedata

import pytest
from PIL import Image

from runner.errors import InvalidError
from runner.samples import Fact
from runner.samples.dataset import DatasetSpec
from runner.samples.prepare import prepare

TEXTS = [
    "오늘 아침 부산항에서 화물선 두 척이 출항했다",
    "서울시는 다음 달부터 버스 요금을 올리기로 했다",
    "The committee approved the annual budget on Friday",
    "강원도 산간에 밤사이 눈이 이십 센티미터 쌓였다",
    "연구진은 새로운 배터리 소재를 공개했다고 밝혔다",
    "Heavy rain closed two bridges across the river",
]


ANSWER = {"role": "assistant", "content": "x"}
KEY = "hf_" + "a1B2" * 9 + " 열쇠"


def rows(texts, **more):
    return [{"text": t, "reference": f"요약 {t[:6]}", **more} for t in texts]


class Folder:
    """A data set being made below a project's root."""

    def __init__(self, root):
        self.root, self.folder, self.splits = root, root / "data" / "뉴스", {}
        self.folder.mkdir(parents=True)

    def write(self, split, lines, name=None):
        self.splits[split] = name or f"{split}.jsonl"
        text = "".join(
            (line if isinstance(line, str) else json.dumps(line, ensure_ascii=False)) + "\n" for line in lines
        )
        (self.folder / self.splits[split]).write_text(text)
        return self

    def image(self, name, colour=0, size=(24, 16), step=9, **save):
        image = Image.new("RGB", size)
        image.putdata(
            [
                ((x * step + colour) % 256, (y * 7 * colour) % 256, colour)
                for y in range(size[1])
                for x in range(size[0])
            ]
        )
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        image.save(self.folder / name, **save)
        return self

    def spec(self, **more):
        return DatasetSpec("news", "data/뉴스", splits=self.splits, **{"prompt": "요약: {text}", **more})

    def prepare(self, **more):
        return prepare(self.spec(**more), self.root)

    def errors(self, **more):
        with pytest.raises(InvalidError) as caught:
            self.prepare(**more)
        return [str(d) for d in caught.value.diagnostics if d.severity == "error"]


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def test_rows_become_samples_with_prompt_source_and_id(folder):
    folder.write("train", rows(TEXTS[:3])).write("test", [{"id": 7, **rows(TEXTS[3:4])[0]}])
    prepared = folder.prepare(system="짧게")
    first = prepared.samples["train"][0]
    assert list(prepared.samples) == ["train", "test"]
    assert (first.id, first.source, first.system) == ("train-1", "data/뉴스/train.jsonl:1", "짧게")
    assert first.prompt == f"요약: {TEXTS[0]}"
    assert first.fields["text"] == TEXTS[0]
    assert prepared.samples["test"][0].id == "7"
    assert prepared.report["splits"]["train"]["rows"] == 3


def test_texts_are_composed_whatever_form_they_come_in(folder):
    folder.write(
        "test", [{"text": unicodedata.normalize("NFD", TEXTS[0]), "reference": unicodedata.normalize("NFD", "부산")}]
    )
    sample = folder.prepare().samples["test"][0]
    assert sample.prompt == f"요약: {TEXTS[0]}"
    assert sample.reference == "부산"


def test_prompt_completion_and_messages_rows_are_understood(folder):
    chat = [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "질문"},
        {"role": "assistant", "content": "답"},
    ]
    folder.write("train", [{"prompt": "p", "completion": "c"}, {"messages": chat}])
    first, second = folder.prepare(prompt="").samples["train"]
    assert (first.prompt, first.reference) == ("p", "c")
    assert (second.system, second.prompt, second.reference) == ("s", "질문", "답")


def test_facts_are_texts_or_texts_with_aliases_and_forbidden_forms(folder):
    facts = ["부산항", 2, {"fact": "두 척", "aliases": ["2척"], "forbid": ["세 척"]}]
    folder.write("test", rows(TEXTS[:1], facts=facts))
    assert folder.prepare(facts="facts").samples["test"][0].facts == (
        Fact("부산항"),
        Fact("2"),
        Fact("두 척", ("2척",), ("세 척",)),
    )


def test_every_wrong_row_is_named_with_its_line_and_all_at_once(folder):
    good = rows(TEXTS[:1])[0]
    lines = [
        "{",
        "[]",
        {"text": "x"},
        {"reference": "x"},
        {**good, "reference": " "},
        {**good, "facts": [{"aliases": []}]},
    ]
    errors = folder.write("test", [good, *lines, '{"text": "a", "text": "b"}']).errors(facts="facts")
    wanted = ["2:1: error[E702]", "3:1: error[E702]", "4:1: error[E711]", "5:1: error[E710]", "6:1: error[E712]"]
    wanted += ["7:1: error[E714]", "8:1: error[E702]"]
    assert [e.split(": not")[0].split(": the")[0].split(": a ")[0] for e in errors] == [
        f"data/뉴스/test.jsonl:{w}" for w in wanted
    ]


def test_an_empty_split_and_a_missing_file_are_errors(folder):
    assert "no rows" in folder.write("test", []).errors()[0]
    (folder.folder / "test.jsonl").unlink()
    assert folder.errors() == ["data/뉴스/test.jsonl: error[E700]: is not there"]


def test_the_same_input_in_two_splits_is_an_error_that_names_both_rows(folder):
    folder.write("train", rows(TEXTS[:3])).write("test", rows([TEXTS[4], TEXTS[1]]))
    (error,) = folder.errors()
    assert error.startswith("data/뉴스/train.jsonl:2:1: error[E731]: the same input as data/뉴스/test.jsonl:2")


def test_case_spaces_and_punctuation_do_not_hide_an_overlap(folder):
    folder.write("train", rows(["서울시는 다음달부터, 버스요금을 올리기로 했다!"])).write("test", rows(TEXTS[1:2]))
    assert "E732" in folder.errors()[0]


def test_an_overlap_that_the_spec_allows_is_a_warning_with_its_reason(folder):
    folder.write("train", rows(TEXTS[:1])).write("test", rows(TEXTS[:1]))
    prepared = folder.prepare(allow_overlap="시연용")
    assert [(d.code, d.severity, d.note) for d in prepared.findings] == [
        ("E731", "warning", "allowed by the spec: 시연용")
    ]
    assert prepared.report["overlap"] == {"E731": 1}
    assert prepared.report["overlap_allowed"] == "시연용"


def test_the_answer_alone_may_be_the_same_in_two_splits(folder):
    folder.write("train", [{"text": TEXTS[0], "reference": "고양이"}]).write(
        "test", [{"text": TEXTS[1], "reference": "고양이"}]
    )
    assert folder.prepare().report["overlap"] == {}


def test_a_cluster_on_both_sides_is_an_error(folder):
    folder.write("train", rows(TEXTS[:2], doc="d1")).write("test", rows(TEXTS[2:4], doc="d1"))
    (error,) = folder.errors(cluster_by="doc")
    assert "E735" in error
    assert "the cluster `d1` is also in `test`" in error


def test_duplicates_and_contradictions_within_a_split_are_warnings(folder):
    folder.write("train", [*rows(TEXTS[:1]), *rows(TEXTS[:1]), {"text": TEXTS[0], "reference": "다른 답"}])
    assert [d.code for d in folder.prepare().findings] == ["W737", "W738"]


def test_an_id_given_twice_is_an_error_across_splits_too(folder):
    folder.write("train", rows(TEXTS[:1], id="x")).write("test", rows(TEXTS[1:2], id="x"))
    assert "the id `x` is that of data/뉴스/test.jsonl:1 as well" in folder.errors()[0]


def test_images_are_digested_and_measured(folder):
    folder.image("그림/가.png", 3).write("test", [{"image": "그림/가.png", "reference": "빨강"}])
    (ref,) = folder.prepare(prompt="무엇?", image="image").samples["test"][0].images
    assert (ref.path, ref.width, ref.height) == ("data/뉴스/그림/가.png", 24, 16)
    assert ref.digest.startswith("sha256:")


def test_an_image_name_in_another_normal_form_is_found(folder):
    folder.image(unicodedata.normalize("NFD", "사진.png"), 3).write(
        "test", [{"image": "사진.png", "reference": "빨강"}]
    )
    assert folder.prepare(prompt="무엇?", image="image").samples["test"][0].images[0].width == 24


def test_the_same_pixels_under_another_name_and_format_are_an_overlap(folder):
    folder.image("a.png", 5).image("b.bmp", 5).image("c.png", 90, step=31)
    folder.write("train", [{"image": "c.png", "reference": "1"}, {"image": "b.bmp", "reference": "2"}])
    folder.write("test", [{"image": "a.png", "reference": "2"}])
    errors = folder.errors(prompt="무엇?", image="image")
    assert any("E734" in e and "train.jsonl:2" in e and "the same image as data/뉴스/test.jsonl:1" in e for e in errors)


def test_an_image_that_only_looks_the_same_is_a_warning(folder):
    folder.image("a.png", 5, size=(64, 64), step=3).image("b.jpg", 5, size=(64, 64), step=3, quality=80)
    folder.write("train", [{"image": "a.png", "reference": "1"}]).write("test", [{"image": "b.jpg", "reference": "1"}])
    assert "W736" in [d.code for d in folder.prepare(prompt="무엇?", image="image").findings]


def test_broken_missing_tiny_and_outside_images_are_named(folder):
    (folder.folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nxxxx")
    folder.image("tiny.png", 1, size=(2, 2)).image("ok.png", 1)
    data = (folder.folder / "ok.png").read_bytes()
    (folder.folder / "cut.png").write_bytes(data[: len(data) // 2])
    (folder.folder / "link.png").symlink_to(folder.folder / "ok.png")
    names = ["broken.png", "none.png", "tiny.png", "cut.png", "link.png", "../x.png", "/etc/passwd", "a\0b"]
    folder.write("test", [{"image": n, "reference": "x"} for n in names])
    errors = folder.errors(prompt="무엇?", image="image")
    reasons = [
        "not an image",
        "is not there",
        "tiny image: 2 × 2",
        "broken image",
        "symbolic link",
        "not a relative path",
    ]
    assert len(errors) == len(names)
    assert all(reason in error for reason, error in zip(reasons, errors, strict=False))


def test_a_turned_photo_is_reported_and_taken_as_stored(folder):
    exif = Image.Exif()
    exif[0x0112] = 6
    folder.image("a.jpg", 9, exif=exif).write("test", [{"image": "a.jpg", "reference": "x"}])
    prepared = folder.prepare(prompt="무엇?", image="image")
    assert prepared.samples["test"][0].images[0].width == 24
    assert any(d.code == "W721" and "orientation 6" in d.message for d in prepared.findings)


def test_a_picture_stored_turned_is_the_same_as_its_upright_copy(folder):
    exif = Image.Exif()
    exif[0x0112] = 6
    folder.image("a.png", 5)
    with Image.open(folder.folder / "a.png") as upright:
        upright.transpose(Image.Transpose.ROTATE_90).save(folder.folder / "turned.png", exif=exif)
    folder.write("train", [{"image": "a.png", "reference": "1"}])
    folder.write("test", [{"image": "turned.png", "reference": "2"}])
    assert any("E734" in error for error in folder.errors(prompt="무엇?", image="image"))


def test_long_answers_that_are_nearly_equal_to_other_images_are_a_warning(folder):
    scene = "비 내리는 시장 골목에서 노란 우산을 쓴 아이가 과일 가게 앞의 강아지를 바라보고 있고 뒤로 자전거가 서 있다"
    folder.image("a.png", 5).image("b.png", 90, step=31)
    folder.write("train", [{"image": "a.png", "reference": scene.replace("강아지", "고양이")}])
    folder.write("test", [{"image": "b.png", "reference": scene}])
    prepared = folder.prepare(prompt="무엇?", image="image")
    (finding,) = [d for d in prepared.findings if d.code == "W733"]
    assert (finding.path, finding.line) == ("data/뉴스/train.jsonl", 1)
    assert "data/뉴스/test.jsonl:1" in finding.message
    assert prepared.report["overlap"] == {"W733": 1}


def test_an_image_folder_with_metadata_and_one_with_label_folders_are_read(folder):
    folder.image("test/고양이/1.png", 3).image("test/개/2.png", 60)
    (folder.folder / "test" / "개" / "._2.png").write_bytes(b"what the Finder leaves")
    folder.splits["test"] = "test"
    assert {s.reference for s in folder.prepare(prompt="무엇?").samples["test"]} == {"고양이", "개"}
    (folder.folder / "test" / "metadata.csv").write_text("file_name,reference\n개/2.png,멍멍이\n")
    (sample,) = folder.prepare(prompt="무엇?").samples["test"]
    assert (sample.reference, sample.source) == ("멍멍이", "data/뉴스/test/metadata.csv:2")


def test_secrets_majority_answers_and_language_shifts_are_warnings(folder):
    folder.write("train", [{"text": f"{t} {i}", "reference": "예"} for i in range(4) for t in [*TEXTS[:3], KEY]])
    folder.write("test", [{"text": t, "reference": "yes"} for t in TEXTS[3:5]])
    findings = {d.code: d for d in folder.prepare().findings}
    assert set(findings) == {"W741", "W742", "W745"}
    assert "a Hugging Face token" in findings["W741"].message
    assert "a1B2" not in str(findings["W741"])


def test_prompts_that_begin_otherwise_than_in_train_are_a_warning(folder):
    folder.write("train", [{"prompt": f"Summarize this article please: {t}", "completion": t[:5]} for t in TEXTS[:3]])
    folder.write(
        "test",
        [{"prompt": f"다음 글을 한 문장으로 짧게 요약해 주세요 제발: {t}", "completion": t[:5]} for t in TEXTS[3:]],
    )
    assert "W744" in [d.code for d in folder.prepare(prompt="").findings]


def test_a_hub_data_set_says_what_to_do(folder):
    with pytest.raises(InvalidError, match="on the hub"):
        prepare(dataclasses.replace(folder.spec(), path="HuggingFaceH4/no_robots"), folder.root)


def test_findings_of_one_kind_are_counted_not_repeated(folder):
    errors = folder.write("test", ["{"] * 50).errors()
    assert len(errors) == 20
    assert "and 30 more of this kind" in errors[-1]


def test_a_nearly_equal_text_in_another_split_is_an_error(folder):
    folder.write(
        "train", rows(["전혀 다른 이야기가 여기에 적혀 있다", "오늘 아침 부산항에서 화물선 두 척이 출항하였다"])
    )
    folder.write("valid", rows(["서울시가 다음 달부터 버스 요금을 올리기로 했다"])).write("test", rows(TEXTS[:2]))
    errors = folder.errors()
    assert [e.split(":")[0] for e in errors] == ["data/뉴스/valid.jsonl", "data/뉴스/train.jsonl"]
    assert "% like data/뉴스/test.jsonl:1, which is in `test`" in errors[1]
    assert all("E733" in e for e in errors)


def test_rows_that_share_one_template_are_said_not_to_be_compared(folder):
    texts = [f"계기판의 바늘은 {n}을 가리키고 있으며 붉은 등이 켜져 있습니다" for n in range(100, 140)]
    folder.write("train", rows(texts[:20])).write("test", rows(texts[20:]))
    assert folder.prepare().report["findings"] == {"W739": 1, "W742": 2}


def test_a_template_without_columns_leaves_nothing_to_compare_texts_by(folder):
    folder.write("train", rows(TEXTS[:2])).write("test", rows(TEXTS[:2]))
    assert folder.prepare(prompt="무엇이든 쓰라").report["overlap"] == {}


def test_the_report_counts_what_there_is(folder):
    first = {"text": TEXTS[0], "reference": "예", "doc": "d", "facts": ["a", "b"]}
    folder.write("test", [first, {"text": TEXTS[1], "reference": "no!", "doc": "d", "facts": []}])
    report = folder.prepare(facts="facts", cluster_by="doc").report
    assert report["splits"]["test"] == {
        "rows": 2,
        "prompt_characters": {"p50": 29, "p95": 30, "most": 30},
        "reference_characters": {"p50": 1, "p95": 3, "most": 3},
        "languages": {"en": 1, "ko": 1},
        "distinct_references": 2,
        "majority_rate": 0.5,
        "majority_reference": "예",
        "facts": 2,
        "rows_with_facts": 1,
        "facts_not_in_reference": 2,
        "images": 0,
        "clusters": 1,
        "secrets": 0,
    }
    assert report["findings"] == {"W743": 1, "W746": 1}


def test_a_fact_that_the_right_answer_lacks_is_a_warning_with_its_row(folder):
    facts = ["1234", {"fact": "청색", "aliases": ["푸른"]}]
    row = {"text": "q", "reference": "푸른 등, 1234", "facts": facts}
    folder.write("test", [row, {**row, "text": "p", "facts": ["붉은"]}])
    (finding,) = folder.prepare(facts="facts").findings
    assert (finding.code, finding.line) == ("W746", 2)
    assert "`붉은`" in finding.message
    assert finding.note.startswith("1 of 3 facts")


def test_chat_turns_may_hold_images(folder):
    folder.image("a.png", 3)
    user = [{"type": "image", "image": "a.png"}, {"type": "text", "text": "무엇?"}, {"type": "text", "text": "짧게"}]
    folder.write("test", [{"messages": [{"role": "user", "content": user}, {"role": "assistant", "content": "점"}]}])
    (sample,) = folder.prepare(prompt="").samples["test"]
    assert (sample.prompt, sample.reference, len(sample.images)) == ("무엇?\n짧게", "점", 1)


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"messages": [{"role": "user", "content": "x"}]}, "E716"),
        (
            {"messages": [{"role": "user", "content": [{"type": "video"}]}, {"role": "assistant", "content": "x"}]},
            "E716",
        ),
        ({"messages": "no"}, "E716"),
        ({"prompt": "p", "completion": ["a", 1]}, "E711"),
        ({"prompt": " ", "completion": "c"}, "E713"),
        ({"prompt": "p", "completion": "c", "id": True}, "E717"),
        ({"prompt": "p", "completion": "c", "id": " "}, "E717"),
        ({"prompt": "p", "completion": "c", "doc": " "}, "E718"),
        ({"prompt": "p", "completion": "c", "facts": {"fact": "x"}}, "E714"),
        ({"prompt": "p", "completion": "c", "facts": [{"fact": "x", "aliases": "y"}]}, "E714"),
        ({"prompt": "p", "completion": "c", "facts": [{"fact": "x", "more": []}]}, "E714"),
    ],
)
def test_a_row_of_the_wrong_form_says_which(folder, row, code):
    folder.write("test", [{"doc": "d", **row}])
    (error,) = folder.errors(prompt="", facts="facts", cluster_by="doc")
    assert f"error[{code}]" in error


def test_a_list_of_right_answers_becomes_lines(folder):
    folder.write("test", [{"text": "q", "reference": ["두 개", "2"]}])
    assert folder.prepare().samples["test"][0].reference == "두 개\n2"


def test_facts_of_a_table_are_json_or_parted_by_semicolons(folder):
    (folder.folder / "test.csv").write_text('text,reference,facts\nq,r,가; 나\np,r,"[""다"", {""fact"": ""라""}]"\n')
    folder.splits["test"] = "test.csv"
    samples = folder.prepare(facts="facts").samples["test"]
    assert [[f.text for f in s.facts] for s in samples] == [["가", "나"], ["다", "라"]]


def test_some_rows_without_an_id_are_an_error(folder):
    folder.write("test", [{"id": "a", **rows(TEXTS)[0]}, rows(TEXTS)[1]])
    assert "1 of 2 rows have no `id`" in folder.errors()[0]


def test_animated_and_giant_images_are_told(folder, monkeypatch):
    frames = [Image.new("RGB", (8, 8), c) for c in ("red", "blue")]
    frames[0].save(folder.folder / "a.gif", save_all=True, append_images=frames[1:])
    folder.write("test", [{"image": "a.gif", "reference": "x"}])
    (finding,) = folder.prepare(prompt="?", image="image").findings
    assert (finding.code, finding.path) == ("W722", "data/뉴스/a.gif")
    assert "2 frames" in finding.message
    monkeypatch.setattr("runner.samples.images.MAX_PIXELS", 63)
    assert "a giant image: 8 × 8 is over 63 pixels" in folder.errors(prompt="?", image="image")[0]


def test_a_split_outside_of_the_project_is_refused(folder):
    folder.splits["test"] = "../../../etc/passwd"
    assert "is not inside the project" in folder.errors()[0]
    folder.splits = {}
    with pytest.raises(InvalidError, match="names no splits"):
        folder.prepare()


def test_looks_are_compared_also_where_one_split_has_only_plain_pictures(folder):
    Image.new("RGB", (16, 16), "red").save(folder.folder / "plain.png")
    folder.image("a.png", 5).write("train", [{"image": "a.png", "reference": "1"}])
    folder.write("test", [{"image": "plain.png", "reference": "2"}])
    assert folder.prepare(prompt="?", image="image").report["overlap"] == {}
