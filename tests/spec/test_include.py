"""`runner/spec/include.py`: sections of other files, one level deep, inside the project."""

import pytest

from tests.spec.specs import SMALL, findings, read

MODELS = "models:\n  llama: {family: llama, path: data/models/llama}\n"


@pytest.fixture
def root(tmp_path):
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "모델.yaml").write_text(MODELS)
    return tmp_path


def including(path: str) -> str:
    return SMALL.replace(MODELS, f"include: [{path}]\n")


def test_an_included_section_is_as_if_written_here_and_keeps_its_place(root):
    spec = read(including("shared/모델.yaml"), root=root)
    assert spec.models["llama"].path == "data/models/llama"
    place = spec.positions[("models", "llama", "path")]
    assert (place.path, place.line, place.column) == ("shared/모델.yaml", 2, 32)


def test_an_id_in_two_files_is_refused_with_both_places(root):
    text = SMALL + "include: [shared/모델.yaml]\n"
    assert findings(text, root=root) == ["2:3 E304"]


@pytest.mark.parametrize("path", ["../other.yaml", "/etc/hostname", "shared/missing.yaml", "shared", "'a\\0b'"])
def test_what_is_missing_or_outside_the_project_is_refused(root, path):
    assert any(f.endswith(("E304", "E015")) for f in findings(including(path), root=root))


def test_a_link_out_of_the_project_is_refused(root, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "models.yaml"
    outside.write_text(MODELS)
    (root / "shared" / "link.yaml").symlink_to(outside)
    assert "E304" in findings(including("shared/link.yaml"), root=root)[0]


def test_an_included_file_cannot_include_another(root):
    (root / "shared" / "deep.yaml").write_text("include: [shared/모델.yaml]\n" + MODELS)
    assert findings(including("shared/deep.yaml"), root=root) == ["1:1 E304"]


def test_an_included_file_has_no_policy(root):
    (root / "shared" / "policy.yaml").write_text("acceptance: {targets: []}\n" + MODELS)
    assert findings(including("shared/policy.yaml"), root=root) == ["1:1 E304"]
