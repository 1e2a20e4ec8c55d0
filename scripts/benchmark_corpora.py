"""Lay out the corpora of benchmarks/grids: CoNLL-2003, the five domains of CrossNER, and GENIA where LOWNER_DATA has it."""

import os
import sys
import tempfile
from pathlib import Path

from fetch_corpus import MD5, SPLITS, fetch_crossner
from wasabi import msg

from spacy_lowner.corpus.convert import load_corpus
from spacy_lowner.corpus.docs import write_docs
from spacy_lowner.corpus.sampling import split_docs
from spacy_lowner.errors import LownerError

DOMAINS = sorted({name.split("/")[1] for name in MD5 if name.startswith("crossner/")})


def main(output: Path) -> None:
    """output (Path): The folder for the converted corpora."""
    try:
        for domain in DOMAINS:
            with tempfile.TemporaryDirectory() as folder:
                fetch_crossner(domain, Path(folder))
                for role, name in (("source", "conll2003"), ("target", f"crossner/{domain}")):
                    for split in SPLITS:
                        write_docs(load_corpus(Path(folder) / role / f"{split}.txt"), output / name / f"{split}.spacy")
            msg.good(f"{output}/crossner/{domain}")
    except LownerError as error:
        msg.fail(str(error), exits=1)
    genia = Path(os.environ.get("LOWNER_DATA", "")) / "genia_nested" / "dev.jsonlines"
    if genia.is_file():
        rest, test = split_docs(load_corpus(genia), 0.2)
        for split, docs in zip(SPLITS, (*split_docs(rest, 0.2), test)):
            write_docs(docs, output / "genia" / f"{split}.spacy")
        msg.good(f"{output}/genia")
    else:
        msg.warn("GENIA is left out: LOWNER_DATA names no folder with genia_nested/dev.jsonlines")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
