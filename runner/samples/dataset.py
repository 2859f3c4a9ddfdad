"""`DatasetSpec`: a data set as a spec names it. It lives here because reading data comes before specs in the layers."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class DatasetSpec:
    id: str
    path: str  # folder
    format: str = "auto"  # auto | jsonl | csv | parquet | images
    revision: str = ""
    source: str = ""  # how to get the data, for people
    splits: dict[str, str] = field(default_factory=dict)  # train, valid, test → file name in the folder
    prompt: str = ""  # template: `{column}` is replaced; "" where rows bring `prompt` or `messages`
    system: str = ""
    id_column: str = "id"
    image: str = ""  # column of the image path(s); "" for text
    reference: str = "reference"
    facts: str = ""
    cluster_by: str = ""
    allow_overlap: str = ""  # the reason; "" means overlap of splits is an error
