"""Convert the corpora of benchmarks/grids: CoNLL-2003 and the five domains of CrossNER.

GENIA, TechNews, Weibo and the few-shot corpora are converted too if they are in the folder in LOWNER_DATA.
"""

import os
import sys
import tempfile
from collections import Counter
from itertools import product
from pathlib import Path

from fetch_corpus import MD5, SPLITS, fetch_crossner
from spacy.tokens import Span, SpanGroup
from wasabi import msg

from spacy_lowner.corpus.convert import load_corpus
from spacy_lowner.corpus.docs import write_docs
from spacy_lowner.corpus.sampling import sample_shots, sample_size, split_docs
from spacy_lowner.errors import LownerError

DOMAINS = sorted({name.split("/")[1] for name in MD5 if name.startswith("crossner/")})
FEW_SHOT = {
    "mit_movie": ("trivia10k13train.bio.txt", "trivia10k13test.bio.txt"),
    "mit_restaurant": ("train.txt", "test.txt"),
    "atis": ("atis-2.train.w-intent.iob", "atis.test.w-intent.iob"),
}
# Dev is a sample of a tenth of the training sentences, of this size. Test is a sample of the test sentences.
DEV_SENTENCES, TEST_SENTENCES = 100, 500
# Mentions per type in section V.C of ContrastNER: two types have all, two have 100.
LOW = {"person": 3836, "organisation": 1924, "misc": 100, "location": 100}
# Sections 5 and 6 of FactMix: samples of CoNLL-2003 by mentions of each type. The tests are texts of other domains.
SHOTS, SAMPLES = (5, 100, 300, 500), range(3)
TECHNEWS = {"PER": "person", "ORG": "organisation", "LOC": "location", "MISC": "misc"}


def main(output: Path) -> None:
    """Convert all corpora.

    output (Path): The folder for the converted corpora.
    """
    for domain in DOMAINS:
        with tempfile.TemporaryDirectory() as folder:
            fetch_crossner(domain, Path(folder))
            convert(Path(folder) / "target", output / "crossner" / domain)
            # All domains have the same source.
            if domain == DOMAINS[0]:
                convert(Path(folder) / "source", output / "conll2003")
                write_low_resource(Path(folder) / "source", output / "conll2003_low")
                write_samples(Path(folder) / "source", output / "factmix")
            write_unseen(load_corpus(Path(folder) / "target" / "test.txt"), output / "factmix" / f"{domain}.spacy")
    data = Path(os.environ.get("LOWNER_DATA", ""))
    genia = data / "genia_nested" / "dev.jsonlines"
    if genia.is_file():
        rest, test = split_docs(load_corpus(genia), 0.2)
        write(output / "genia", *split_docs(rest, 0.2), test)
    else:
        msg.warn("GENIA is skipped: the folder in LOWNER_DATA has no genia_nested/dev.jsonlines")
    technews = data / "technews" / "test.txt"
    if technews.is_file():
        write_unseen(load_corpus(technews), output / "factmix" / "technews.spacy")
    else:
        msg.warn("TechNews is skipped: the folder in LOWNER_DATA has no technews/test.txt")
    weibo = data / "weibo_bmes"
    if weibo.is_dir():
        write(output / "weibo", *(load_corpus(weibo / f"{split}.char.bmes") for split in SPLITS))
    else:
        msg.warn("Weibo is skipped: the folder in LOWNER_DATA has no weibo_bmes")
    for name, (train_file, test_file) in FEW_SHOT.items():
        if (data / name / train_file).is_file():
            train, rest = split_docs(load_corpus(data / name / train_file), 0.1)
            test = load_corpus(data / name / test_file)
            write(output / name, train, sample_size(rest, DEV_SENTENCES, 0), sample_size(test, TEST_SENTENCES, 0))
        else:
            msg.warn(f"{name} is skipped: the folder in LOWNER_DATA has no {name}/{train_file}")


def convert(folder: Path, output: Path) -> None:
    """Convert the three splits in a folder."""
    write(output, *(load_corpus(folder / f"{split}.txt") for split in SPLITS))


def write_low_resource(folder: Path, output: Path) -> None:
    """Write CoNLL-2003 with few mentions of two types. Sentences without entities are skipped, as in the paper."""
    train, dev, test = (load_corpus(folder / f"{split}.txt") for split in SPLITS)
    chosen, counts = [], Counter()
    for doc in sample_size(train, len(train), 0):
        more = Counter(span.label_ for span in doc.spans["sc"])
        if more and all(counts[label] + n <= LOW[label] for label, n in more.items()):
            chosen.append(doc)
            counts += more
    write(output, chosen, sample_size(dev, TEST_SENTENCES, 0), test)


def write_samples(folder: Path, output: Path) -> None:
    """Write few-shot samples of CoNLL-2003, all with the same dev."""
    train, dev = (load_corpus(folder / f"{split}.txt") for split in SPLITS[:2])
    for shots, seed in product(SHOTS, SAMPLES):
        write(output / f"k{shots}_{seed}", sample_shots(train, shots, seed)[0], sample_size(dev, TEST_SENTENCES, 0))


def write_unseen(docs: list, path: Path) -> None:
    """Write texts of another domain, without entities of types that CoNLL-2003 does not have."""
    for doc in docs:
        labelled = [(span, TECHNEWS.get(span.label_, span.label_)) for span in doc.spans["sc"]]
        spans = [Span(doc, span.start, span.end, label=label) for span, label in labelled if label in TECHNEWS.values()]
        doc.spans["sc"] = SpanGroup(doc, name="sc", spans=spans)
        doc.set_ents(spans, default="outside")
    write_docs(docs, path)
    msg.good(f"{path}: {len(docs)} sentences")


def write(output: Path, *splits: list) -> None:
    """Write train, dev and test."""
    for name, docs in zip(SPLITS, splits):
        write_docs(docs, output / f"{name}.spacy")
    msg.good(f"{output}: {', '.join(str(len(docs)) for docs in splits)} sentences")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except LownerError as error:
        msg.fail(str(error), exits=1)
