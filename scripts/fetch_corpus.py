"""Copy the files of a corpus to a folder: the sample in this repository, or CrossNER with CoNLL-2003.

CrossNER is read from the folder in LOWNER_DATA, or else fetched by git from its public repository. Its checksums are
compared with those of our experiments.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from wasabi import msg

from spacy_lowner.corpus.files import atomic_path
from spacy_lowner.errors import Errors, LownerError
from spacy_lowner.models.hf.encoder import verify_packaged_encoder

REPOSITORY = "https://github.com/zliucr/CrossNER"
COMMIT = "2e7ba2a"
SPLITS = ("train", "dev", "test")
MD5 = {
    "conll2003/train.txt": "cba73e728c814487d9fe3e650f3ee5bd",
    "conll2003/dev.txt": "2f725bc66fb2b271358f7d5217b141b3",
    "conll2003/test.txt": "b3e9e3a503d68b8a5fd4f225f7c6bec7",
    "crossner/ai/train.txt": "c6ff7695176fa98482e23e9bc4d56f79",
    "crossner/ai/dev.txt": "510e5a0818636f360344807ebd88161b",
    "crossner/ai/test.txt": "7ac104b77b3f76cfaba29148894b2c3c",
    "crossner/literature/train.txt": "48f7eb43ff9a3c25e784ce85d1fad115",
    "crossner/literature/dev.txt": "dc4fe4c5fb621064cf3d62f4c5ca5b9d",
    "crossner/literature/test.txt": "56f3826a706112f892e5cbbfc9d2ff02",
    "crossner/music/train.txt": "4556a35e4b111f0b0bd4e3898c2d7def",
    "crossner/music/dev.txt": "1213fa682e3b264c24772de155a79076",
    "crossner/music/test.txt": "7f91b73b437880b4f55062525bd2e3c2",
    "crossner/politics/train.txt": "715df86f740defc95a7dc9e01023afb5",
    "crossner/politics/dev.txt": "98f4c2874959e58ddb163800a395a0c3",
    "crossner/politics/test.txt": "b604f7a8d253296e4ed71dd18b571b5f",
    "crossner/science/train.txt": "7970df439d5f934e8bb6e83dcc5fb3ba",
    "crossner/science/dev.txt": "844a4bd73a551d783d899043c10e11ca",
    "crossner/science/test.txt": "1ddf12f28ef1bb67ac9cf62803ed0172",
}


def main() -> None:
    """Parse the arguments and fetch the corpus."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="sample-ai, or crossner and a domain, such as crossner-ai")
    parser.add_argument(
        "output",
        type=Path,
        help="output folder for target/ with train.txt, dev.txt and test.txt, and source/ of CrossNER",
    )
    arguments = parser.parse_args()
    corpus, _, domain = arguments.name.partition("-")
    try:
        if corpus not in ("sample", "crossner"):
            raise LownerError(
                Errors.LN014.format(what="corpus", value=arguments.name, options="sample-ai, crossner-ai, …")
            )
        fetch = fetch_sample if corpus == "sample" else fetch_crossner
        fetch(domain, arguments.output)
        weights = verify_packaged_encoder()
    except LownerError as error:
        msg.fail(str(error), exits=1)
    msg.good(f"The packaged encoder is the tested one: {weights.name}")
    msg.good(f"{arguments.name} is in {arguments.output}")


def fetch_sample(domain: str, output: Path) -> None:
    """Copy the sample in this repository."""
    root = Path(__file__).resolve().parent.parent / "assets" / "sample"
    if domain != "ai":
        raise LownerError(Errors.LN014.format(what="domain of the sample", value=domain, options="ai"))
    for split in SPLITS:
        copy(root / domain / f"{split}.txt", output / "target" / f"{split}.txt")


def fetch_crossner(domain: str, output: Path) -> None:
    """Copy or download one domain of CrossNER, and CoNLL-2003 as its source."""
    if f"crossner/{domain}/train.txt" not in MD5:
        domains = ", ".join(
            sorted(name.split("/")[1] for name in MD5 if name.endswith("/train.txt") and "cross" in name)
        )
        raise LownerError(Errors.LN014.format(what="domain of CrossNER", value=domain, options=domains))
    corpora = {"source": "conll2003", "target": f"crossner/{domain}"}
    local = os.environ.get("LOWNER_DATA")
    with tempfile.TemporaryDirectory() as folder:
        if local and all((Path(local) / name / f"{s}.txt").is_file() for name in corpora.values() for s in SPLITS):
            root, rename = Path(local), {}
        else:
            root, rename = clone(Path(folder), local, domain)
        for role, name in corpora.items():
            for split in SPLITS:
                path = root / rename.get(name, name) / f"{split}.txt"
                check(path, MD5[f"{name}/{split}.txt"])
                copy(path, output / role / f"{split}.txt")


def clone(folder: Path, local: str, domain: str) -> tuple:
    """RETURNS (Tuple[Path, Dict[str, str]]): The data folder of the repository, and its names of our folders."""
    try:
        git = ["git", "-C", str(folder), "-c", "advice.detachedHead=false"]
        subprocess.run(
            ["git", "clone", "--quiet", "--no-checkout", REPOSITORY, str(folder)], check=True, capture_output=True
        )
        subprocess.run([*git, "checkout", "--quiet", COMMIT], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        output = error.stderr if isinstance(error, subprocess.CalledProcessError) else b""
        reason = output.decode(errors="replace").strip() or str(error)
        where = local or "the folder in LOWNER_DATA (it is not set)"
        raise LownerError(Errors.LN030.format(name="crossner", folder=where, url=REPOSITORY, reason=reason)) from None
    return folder / "ner_data", {f"crossner/{domain}": domain}


def check(path: Path, expected: str) -> None:
    """RAISES (LownerError): If the file is missing, or is not the file of our experiments."""
    if not path.is_file():
        raise LownerError(Errors.LN010.format(path=path))
    found = hashlib.md5(path.read_bytes()).hexdigest()
    if found != expected:
        raise LownerError(Errors.LN031.format(path=path, found=found, expected=expected))


def copy(path: Path, target: Path) -> None:
    """Copy a file completely or not at all."""
    with atomic_path(target) as draft:
        shutil.copyfile(path, draft)


if __name__ == "__main__":
    sys.exit(main())
