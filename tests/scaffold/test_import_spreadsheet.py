"""A spreadsheet and phone photos, as an owner has them: guessed, turned, split by document, checked."""

from __future__ import annotations

import io
import json
import shlex
import unicodedata
import zipfile

import openpyxl
import pytest
from PIL import Image

from runner.cli.main import main
from runner.errors import InvalidError
from runner.samples.dataset import DatasetSpec
from runner.samples.prepare import prepare
from runner.scaffold.importing.data_import import ImportOptions, import_data
from runner.scaffold.importing.grouping import Shares

NFD = unicodedata.normalize("NFD", "사진")


def photo(path, number, *, orientation=1, size=(40, 24)):
    """A picture of its own whose upper left corner is red."""
    image = Image.new("RGB", size, (0, 0, 40 + number))
    image.paste((255, 0, 0), (0, 0, 10, 10))
    image.paste((0, 200, 0), (20 + number % 16, 14, 22 + number % 16, 20))
    exif = Image.Exif()
    exif[0x0112] = orientation
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, "JPEG", quality=95, exif=exif)


def sheet(path, rows, header=("번호", "문서번호", "사진", "질문", "정답", "비고")):
    book = openpyxl.Workbook()
    book.active.append(header)
    for row in rows:
        book.active.append(row)
    book.save(path)


@pytest.fixture
def owner(tmp_path, monkeypatch):
    """검수.xlsx and a folder with an NFD name, 24 photos of 12 documents, each stored turned."""
    monkeypatch.chdir(tmp_path)
    rows = []
    for i in range(24):
        name = f"{NFD}_{i:02}.jpg"
        photo(tmp_path / NFD / name, i, orientation=6)
        rows.append((i, f"D{i // 2}", unicodedata.normalize("NFC", name), "무엇이 보이나?", f"빨간 점 {i}", None))
    sheet(tmp_path / "검수.xlsx", rows)
    return tmp_path


def lines_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def rows_of(folder):
    return {split: lines_of(folder / f"{split}.jsonl") for split in ("train", "valid", "test")}


def test_a_sheet_and_photos_become_a_data_set_split_by_document(owner):
    made = import_data(["검수.xlsx", NFD], owner / "data" / "검수", ImportOptions())
    rows = rows_of(owner / "data" / "검수")
    documents = {split: {r["document"] for r in own} for split, own in rows.items()}
    assert sum(map(len, rows.values())) == 24
    assert not documents["train"] & documents["test"] | documents["train"] & documents["valid"]
    assert {c.name: c.field for c in made.columns if c.why} == {
        "번호": "id",
        "문서번호": "document",
        "사진": "image",
        "질문": "question",
        "정답": "answer",
    }
    splits = {split: f"{split}.jsonl" for split in rows}
    dataset = DatasetSpec("검수", "data/검수", splits=splits, prompt="{question}", image="image", reference="answer")
    assert not [f for f in prepare(dataset, owner).findings if f.severity == "error"]


def test_photos_are_turned_upright_and_their_originals_kept_byte_for_byte(owner):
    import_data(["검수.xlsx", NFD], owner / "data" / "x", ImportOptions())
    told = lines_of(owner / "data" / "x" / "provenance.jsonl")
    pictures = [t for t in told if "picture" in t]
    assert len(pictures) == 24
    for about in pictures:
        with Image.open(owner / "data" / "x" / about["picture"]) as image:
            assert image.size == (24, 40)
            assert not image.getexif()
            red, _, blue = image.getpixel((20, 4))  # orientation 6: the stored left upper corner is the right upper
        assert red > 200 > blue
        source = owner / NFD / unicodedata.normalize("NFD", about["from"])
        assert (owner / "data" / "x" / about["original"]).read_bytes() == source.read_bytes()
        assert about["changes"] == ["turned upright", "metadata taken off"]


def test_a_folder_that_is_typed_in_the_other_normal_form_is_found(owner):
    made = import_data(["검수.xlsx", unicodedata.normalize("NFC", NFD)], None, ImportOptions())
    assert made.pictures == 24


def test_an_import_is_the_same_every_time_and_another_seed_splits_otherwise(owner):
    def digests(name, **options):
        import_data(["검수.xlsx", NFD], owner / name, ImportOptions(**options))
        return json.loads((owner / name / "source.json").read_text())["digests"]

    assert digests("a") == digests("b") != digests("c", seed=20)


def test_the_command_to_type_next_can_be_copied_whatever_the_names(owner, capsys):
    (owner / "검수.xlsx").rename(owner / "검수 결과's.xlsx")
    main(["data", "import", "검수 결과's.xlsx", NFD])
    shown = capsys.readouterr().err.rpartition("`lorarun data import ")[2].partition(" --out")[0]
    assert shlex.split(shown) == ["검수 결과's.xlsx", NFD]


def test_the_command_shows_columns_and_five_rows_and_writes_only_when_told_where(owner, capsys):
    assert main(["data", "import", "검수.xlsx", NFD]) == 0
    err = capsys.readouterr().err
    assert "정답      → answer (by its name)" in err
    assert err.count("40 × 24 → 24 × 40 (turned upright, metadata taken off)") == 5
    assert "nothing was written" in err
    assert {p.name for p in owner.iterdir()} == {"검수.xlsx", NFD}
    assert main(["data", "import", "검수.xlsx", NFD, "--map", "비고=-", "--map", "질문=asked", "--out", "data/y"]) == 0
    assert {"id", "document", "image", "asked", "answer"} == set(rows_of(owner / "data" / "y")["train"][0])


def test_a_name_without_its_ending_is_found_and_one_of_two_pictures_is_asked_about(owner):
    photo(owner / "else" / "a" / "1.jpg", 1)
    photo(owner / "else" / "b" / "1.JPG", 2)
    sheet(owner / "s.xlsx", [(1, "D", "A/1", "q", "a")], header=("id", "document", "image", "question", "answer"))
    assert import_data(["s.xlsx", "else"], owner / "z", ImportOptions()).rows == {"train": 1}
    sheet(owner / "t.xlsx", [(1, "D", "1", "q", "a")], header=("id", "document", "image", "question", "answer"))
    with pytest.raises(InvalidError) as caught:
        import_data(["t.xlsx", "else"], owner / "w", ImportOptions())
    assert "`1` is 2 pictures" in caught.value.diagnostics[0].message


@pytest.mark.parametrize("name", ["../비밀.jpg", "/etc/passwd.jpg", "없음.jpg", "a/../../비밀.jpg"])
def test_a_cell_reaches_no_picture_outside_of_the_folders(owner, name):
    photo(owner / "비밀.jpg", 1)
    sheet(owner / "s.xlsx", [(1, "D", name, "q", "a")], header=("id", "document", "image", "question", "answer"))
    with pytest.raises(InvalidError) as caught:
        import_data(["s.xlsx", NFD], owner / "z", ImportOptions())
    assert "no picture is called" in caught.value.diagnostics[0].message
    assert not (owner / "z").exists()


def test_a_formula_is_its_own_text_and_said_so(tmp_path):
    sheet(tmp_path / "f.xlsx", [("=CMD()", "a"), ("plain", "b")], header=("text", "answer"))
    made = import_data([str(tmp_path / "f.xlsx")], tmp_path / "x", ImportOptions())
    assert [f.message for f in made.findings if f.code == "W762"] == [
        "cell A2 is a formula, and its text is taken: `=CMD()`"
    ]
    assert lines_of(tmp_path / "x" / "train.jsonl")[0]["text"] == "=CMD()"


def test_a_zip_bomb_is_not_opened(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"\0" * (40 * 2**20))
    with pytest.raises(InvalidError, match="like a zip bomb; it was not opened"):
        import_data([str(tmp_path / "bomb.xlsx")], tmp_path / "x", ImportOptions())


@pytest.mark.parametrize("data", [b"", b"no zip", b"PK\3\4" + b"\0" * 40])
def test_a_broken_spreadsheet_is_an_error_of_the_user(tmp_path, data):
    (tmp_path / "b.xlsx").write_bytes(data)
    with pytest.raises(InvalidError, match=r"b\.xlsx` is (no|a broken)"):
        import_data([str(tmp_path / "b.xlsx")], tmp_path / "x", ImportOptions())


def test_a_giant_picture_and_a_heic_picture_say_what_to_do(tmp_path, monkeypatch):
    out = io.BytesIO()
    Image.new("1", (13_200, 13_200)).save(out, "PNG")
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "big.png").write_bytes(out.getvalue())
    (tmp_path / "cat" / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic" + b"\0" * 40)
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    with pytest.raises(InvalidError) as caught:
        import_data([str(tmp_path)], tmp_path / "x", ImportOptions())
    giant, heic = caught.value.diagnostics
    assert "giant picture" in giant.message
    assert "pip install pillow-heif" in heic.help
    assert "sips" in heic.help


def test_folders_named_for_what_they_show_are_the_answers(tmp_path):
    for split, n in (("train", 3), ("test", 2)):
        for label in ("고양이", "개"):
            for i in range(n):
                photo(tmp_path / "p" / split / label / f"{i}.jpg", i + 7 * len(label) + 40 * n)
    made = import_data([str(tmp_path / "p")], tmp_path / "x", ImportOptions())
    assert made.rows == {"train": 6, "test": 4}
    assert {row["answer"] for row in lines_of(tmp_path / "x" / "test.jsonl")} == {"고양이", "개"}


def test_a_cp949_table_is_split_so_that_nearly_equal_texts_stay_together(tmp_path):
    body = "회의실 {} 예약은 {}월에 시작하며 담당자는 {} 팀이고 문의는 내선 {}번으로 한다"
    texts = [body.format(chr(0xAC00 + 97 * i) * 6, i, chr(0xB098 + 31 * i) * 5, 1000 + 77 * i) for i in range(40)]
    lines = ["본문,요약", *(f"{t},답 {i}" for i, t in enumerate(texts)), *(f"{t}.,답 {i}" for i, t in enumerate(texts))]
    (tmp_path / "글.csv").write_bytes("\r\n".join(lines).encode("cp949"))
    made = import_data([str(tmp_path / "글.csv")], tmp_path / "x", ImportOptions(shares=Shares(60, 20, 20)))
    assert made.groups == 40
    assert made.rows == {"train": 48, "valid": 16, "test": 16}
    assert not [f for f in made.findings if f.severity == "error"]
    assert "W701" in {f.code for f in made.findings}


def test_leaks_of_splits_that_a_source_brings_are_named_and_can_be_split_anew(tmp_path):
    rows = [
        {"text": f"글 하나 {i % 6} 번째 이야기", "answer": str(i), "split": s}
        for i, s in enumerate(["train", "test"] * 6)
    ]
    rows += [{"text": "글 하나 0 번째 이야기", "answer": "0", "split": "test"}]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    made = import_data([str(tmp_path / "a.jsonl")], tmp_path / "x", ImportOptions())
    assert made.rows == {"train": 6, "test": 7}
    assert [(f.path, f.line) for f in made.findings if f.code == "E731"] == [("train.jsonl", 1), ("train.jsonl", 4)]
    anew = import_data([str(tmp_path / "a.jsonl")], tmp_path / "y", ImportOptions(resplit=True))
    assert not [f for f in anew.findings if f.severity == "error"]


def test_a_path_whose_parts_are_stored_in_different_normal_forms_is_found(owner):
    (owner / "받은 것").mkdir()  # NFC, and below it NFD
    (owner / NFD).rename(owner / "받은 것" / NFD)
    sheet_name = unicodedata.normalize("NFD", "표.xlsx")
    (owner / "검수.xlsx").rename(owner / "받은 것" / sheet_name)
    typed = [f"받은 것/{name}" for name in ("표.xlsx", "사진")]
    assert import_data(typed, None, ImportOptions()).pictures == 24


@pytest.mark.parametrize(
    ("cell", "facts"),
    [
        ("빨강; 1,200원", ["빨강", "1,200원"]),
        ("빨강, 파랑", ["빨강", "파랑"]),
        ("1,200원", ["1,200원"]),
        ("빨강\n파랑; 초록\n", ["빨강", "파랑; 초록"]),
        ('["빨강", {"fact": "파랑", "aliases": ["청색"]}]', ["빨강", {"fact": "파랑", "aliases": ["청색"]}]),
        (365, ["365"]),
        (None, []),
    ],
)
def test_a_cell_of_facts_becomes_a_list(tmp_path, cell, facts):
    sheet(tmp_path / "f.xlsx", [("글", "답", cell), ("또", "답", "x")], header=("본문", "정답", "핵심어"))
    import_data([str(tmp_path / "f.xlsx")], tmp_path / "x", ImportOptions())
    rows = [r for split in (tmp_path / "x").glob("t*.jsonl") for r in lines_of(split)]
    assert next(r for r in rows if r["text"] == "글")["facts"] == facts
