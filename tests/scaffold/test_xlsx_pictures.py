"""Pictures inside a spreadsheet: pasted over rows, placed in cells, in doubt, hostile."""

import io
import json
import re
import zipfile

import openpyxl
import pytest
from openpyxl.drawing.image import Image as Pasted
from openpyxl.drawing.spreadsheet_drawing import AbsoluteAnchor, AnchorMarker, OneCellAnchor, TwoCellAnchor
from openpyxl.drawing.xdr import XDRPoint2D, XDRPositiveSize2D
from PIL import Image

from runner.errors import InvalidError
from runner.scaffold.importing.data_import import ImportOptions, import_data

POINT = 12_700  # EMU
HEADER = ("번호", "사진", "질문", "정답")


def png(number):
    out = io.BytesIO()
    Image.new("RGB", (40, 30), (number * 20, 90, 0)).save(out, "PNG")
    out.seek(0)
    return Pasted(out)


def book_of(count, *, height=40):
    """A sheet with rows of one height and no picture yet."""
    book = openpyxl.Workbook()
    book.active.title = "점검표"
    book.active.append(HEADER)
    for i in range(1, count + 1):
        book.active.append((i, None, "무엇이 보이나?", f"색 {i}"))
        book.active.row_dimensions[i + 1].height = height
    return book


def at(row, offset=0.0, column=1):
    """A place in points below the upper edge of a row, from 1."""
    return AnchorMarker(col=column, colOff=0, row=row - 1, rowOff=int(offset * POINT))


def size(width=30.0, height=30.0):
    return XDRPositiveSize2D(int(width * POINT), int(height * POINT))


def paste(book, number, anchor):
    picture = png(number)
    picture.anchor = anchor
    book.active.add_image(picture)


def colours(folder):
    """answer → the red of its pictures."""
    found = {}
    for path in folder.glob("*.jsonl"):
        if path.name == "provenance.jsonl":
            continue
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            names = row["image"] if isinstance(row["image"], list) else [row["image"]]
            found[row["answer"]] = [Image.open(folder / name).getpixel((0, 0))[0] for name in names]
    return found


def imported(book, folder):
    book.save(folder / "점검.xlsx")
    return import_data([str(folder / "점검.xlsx")], folder / "data", ImportOptions())


def test_pictures_pasted_over_rows_are_their_rows_pictures_however_they_are_anchored(tmp_path):
    book = book_of(4)
    paste(book, 1, OneCellAnchor(_from=at(2, 3), ext=size()))
    paste(book, 2, TwoCellAnchor(_from=at(2, 38), to=at(3, 38)))  # begins 2 points above its row
    paste(book, 3, AbsoluteAnchor(pos=XDRPoint2D(700_000, int((15 + 80 + 5) * POINT)), ext=size()))
    paste(book, 4, OneCellAnchor(_from=at(5, 1), ext=size()))
    made = imported(book, tmp_path)
    assert colours(tmp_path / "data") == {f"색 {i}": [20 * i] for i in (1, 2, 3, 4)}
    assert [c.why for c in made.columns if c.field == "image"] == ["it holds pictures"]
    assert not [f for f in made.findings if f.code == "W763"]
    told = (tmp_path / "data" / "provenance.jsonl").read_text(encoding="utf-8")
    assert '"from": "점검-B3.png"' in told


def test_several_pictures_of_a_row_are_a_list_from_top_to_bottom(tmp_path):
    book = book_of(2)
    paste(book, 2, OneCellAnchor(_from=at(2, 20), ext=size(height=15)))
    paste(book, 1, OneCellAnchor(_from=at(2, 2), ext=size(height=15)))
    paste(book, 3, OneCellAnchor(_from=at(3, 2), ext=size()))
    imported(book, tmp_path)
    assert colours(tmp_path / "data") == {"색 1": [20, 40], "색 2": [60]}


def test_a_picture_that_may_belong_to_two_rows_is_named_and_its_row_refused(tmp_path):
    book = book_of(2)
    paste(book, 1, OneCellAnchor(_from=at(2, 2), ext=size()))
    paste(book, 2, OneCellAnchor(_from=at(2, 25), ext=size()))  # half here, half there
    book.save(tmp_path / "a.xlsx")
    with pytest.raises(InvalidError) as caught:
        import_data([str(tmp_path / "a.xlsx")], tmp_path / "data", ImportOptions())
    said = {(d.code, d.line): d.message for d in caught.value.diagnostics}
    assert re.fullmatch(r"the picture `image2\.png` at B[23] lies over several rows; it is not read", said["W763", 2])
    assert said["E760", 3] == "the row names no picture"


def test_a_picture_over_text_or_under_no_header_is_left_out_and_said_so(tmp_path):
    book = book_of(2)
    for row in (2, 3):
        paste(book, row, OneCellAnchor(_from=at(row, 2), ext=size()))
    paste(book, 5, OneCellAnchor(_from=at(2, 2, column=3), ext=size()))
    paste(book, 6, OneCellAnchor(_from=at(3, 2, column=9), ext=size()))
    made = imported(book, tmp_path)
    assert sorted(f.message for f in made.findings if f.code == "W763") == [
        "the picture at D2 is left out: the cell under it holds text",
        "the picture at J3 is left out: there is no header above it",
    ]
    assert colours(tmp_path / "data") == {"색 1": [40], "색 2": [60]}


def rewritten(path, change, more=()):
    """The workbook with every part's bytes changed and some parts more."""
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        for name, data in {**{n: change(n, d) for n, d in parts.items()}, **dict(more)}.items():
            book.writestr(name, data)


METADATA = """<metadata xmlns="m" xmlns:xlrd="r">
<metadataTypes count="1"><metadataType name="XLRICHVALUE"/></metadataTypes>
<futureMetadata name="XLRICHVALUE" count="2"><bk><extLst><ext><xlrd:rvb i="0"/></ext></extLst></bk>
<bk><extLst><ext><xlrd:rvb i="1"/></ext></extLst></bk></futureMetadata>
<valueMetadata count="2"><bk><rc t="1" v="0"/></bk><bk><rc t="1" v="1"/></bk></valueMetadata></metadata>"""
STRUCTURES = """<rvStructures xmlns="x" count="1"><s t="_localImage"><k n="_rvRel:LocalImageIdentifier" t="i"/>
<k n="CalcOrigin" t="i"/></s></rvStructures>"""
VALUES = """<rvData xmlns="x" count="2"><rv s="0"><v>1</v><v>5</v></rv><rv s="0"><v>0</v><v>5</v></rv></rvData>"""
IDS = """<richValueRels xmlns="x" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">
<rel r:id="rId1"/><rel r:id="rId2"/></richValueRels>"""
RELATIONS = """<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
<Relationship Id="rId1" Type="http://x/image" Target="../media/one.png"/>
<Relationship Id="rId2" Type="http://x/image" Target="../media/two.png"/></Relationships>"""


def test_pictures_that_were_placed_in_cells_are_read(tmp_path):
    path = tmp_path / "in.xlsx"
    book_of(2).save(path)

    def change(name, data):
        if name == "xl/worksheets/sheet1.xml":
            for row, key in ((2, 1), (3, 2)):
                cell = f'<c r="B{row}" t="e" vm="{key}"><v>#VALUE!</v></c>'.encode()
                data = re.sub(rb'(<c r="A%d"[^>]*>.*?</c>)' % row, rb"\1" + cell, data, count=1)
        return data

    pictures = {f"xl/media/{name}.png": png(n).ref.getvalue() for n, name in ((7, "one"), (8, "two"))}
    folder = "xl/richData/"
    rich = {f"{folder}rdrichvaluestructure.xml": STRUCTURES, f"{folder}rdrichvalue.xml": VALUES}
    rich |= {f"{folder}richValueRel.xml": IDS, f"{folder}_rels/richValueRel.xml.rels": RELATIONS}
    rewritten(path, change, {**pictures, **rich, "xl/metadata.xml": METADATA}.items())
    made = import_data([str(path)], tmp_path / "data", ImportOptions())
    assert colours(tmp_path / "data") == {"색 1": [160], "색 2": [140]}
    assert not [f for f in made.findings if f.code == "W761"]


BOMB = b'<!DOCTYPE a [<!ENTITY b "bbbbbbbb"><!ENTITY c "&b;&b;&b;">]>'


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: BOMB + re.sub(rb"^<\?xml[^>]*>", b"", d), "it declares entities"),
        (lambda d: b"<a>" * 100, "nested too deeply"),
        (lambda d: d[: len(d) // 2], "is a broken spreadsheet"),
        (lambda d: b"\xff\xfe<", "is a broken spreadsheet"),
    ],
)
def test_a_hostile_drawing_is_an_error_of_the_user(tmp_path, change, said):
    book = book_of(1)
    paste(book, 1, OneCellAnchor(_from=at(2, 2), ext=size()))
    book.save(tmp_path / "h.xlsx")
    rewritten(tmp_path / "h.xlsx", lambda n, d: change(d) if n == "xl/drawings/drawing1.xml" else d)
    with pytest.raises(InvalidError, match=said):
        import_data([str(tmp_path / "h.xlsx")], tmp_path / "data", ImportOptions())


def test_anchors_far_outside_of_the_sheet_end_in_a_finding(tmp_path):
    book = book_of(1)
    paste(book, 1, OneCellAnchor(_from=at(2, 2), ext=size()))
    paste(book, 2, OneCellAnchor(_from=at(1_048_576, 0, column=16_000), ext=size(1e6, 1e6)))
    made = imported(book, tmp_path)
    assert [f.code for f in made.findings if f.code == "W763"] == ["W763"]
    assert colours(tmp_path / "data") == {"색 1": [20]}


def test_tabs_part_the_cells_of_a_tsv_file(tmp_path):
    (tmp_path / "글.tsv").write_bytes('본문\t요약\n"쉼표, 그리고\t탭"\t답\n'.encode("cp949"))
    import_data([str(tmp_path / "글.tsv")], tmp_path / "x", ImportOptions())
    [row] = [json.loads(line) for line in (tmp_path / "x" / "train.jsonl").read_text().splitlines()]
    assert (row["text"], row["answer"]) == ("쉼표, 그리고\t탭", "답")


@pytest.mark.parametrize("ending", [".xls", ".ods", ".numbers", ".cell", ".xlsb"])
def test_a_spreadsheet_of_another_kind_is_named_with_how_to_convert_it(tmp_path, ending):
    (tmp_path / f"표{ending}").write_bytes(b"\xd0\xcf\x11\xe0")
    with pytest.raises(InvalidError) as caught:
        import_data([str(tmp_path / f"표{ending}")], tmp_path / "x", ImportOptions())
    assert re.search(r"save it as \.xlsx|Export To > Excel", caught.value.help)
