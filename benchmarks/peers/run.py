"""Train other systems on the corpora and samples of our grids, each in an environment of its own.

    python benchmarks/peers/run.py SpanMarker lines.jsonl corpus/crossner/* --size 25 --title "CrossNER, 25 sentences"

`peers.json` has the script, the requirements and three learning rates of each peer. The one with the best mean dev F1
over the corpora, or those named by `--tune-on` (first seed), is used for all seeds and corpora. Results are lines as of
`spacy lowner experiment`, so that `spacy lowner report` compares them with ours. An interrupted run continues.
"""

import argparse
import hashlib
import json
import os
import platform
import subprocess
import tempfile
import time
import venv
from pathlib import Path
from statistics import fmean
from typing import Any, Dict, List

import srsly
from spacy.tokens import Doc
from wasabi import msg

from spacy_lowner.corpus.convert import load_corpus
from spacy_lowner.corpus.docs import from_doc, to_docs
from spacy_lowner.corpus.sampling import sample_size
from spacy_lowner.corpus.sentence import LabeledSpan
from spacy_lowner.models.hf.encoder import encoder_path
from spacy_lowner.report.evaluation import score_docs
from spacy_lowner.report.grid import append_line

HERE = Path(__file__).parent
PEERS = srsly.read_json(HERE / "peers.json")


def main() -> None:
    """Choose a learning rate on dev, then train with all seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", choices=list(PEERS))
    parser.add_argument("lines", type=Path, help="file of results, which is continued")
    parser.add_argument("corpora", type=Path, nargs="+", help="folders with train, dev and test.spacy")
    parser.add_argument("--title", required=True, help="title of the grid that the results belong to")
    parser.add_argument("--size", type=int, help="number of training sentences; all without it")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--tune-on", nargs="+", help="corpora that choose the learning rate; all without it")
    parser.add_argument("--encoder", default="minilm")
    parser.add_argument("--start", help="trained model of the peer to start from, such as GLiNER of the open corpora")
    parser.add_argument("--python", type=Path, help="Python of an environment that has the peer; made without it")
    arguments = parser.parse_args()
    python = arguments.python or environment(arguments.peer)
    league = League(arguments, python)
    rates = PEERS[arguments.peer]["rates"]
    tuned = [corpus for corpus in arguments.corpora if corpus.name in (arguments.tune_on or [corpus.name])]
    means = {rate: fmean(league.dev_score(corpus, rate) for corpus in tuned) for rate in rates}
    best = max(rates, key=lambda rate: means[rate])
    msg.info(f"Mean dev F1 by rate: {', '.join(f'{rate:g}: {100 * mean:.1f}' for rate, mean in means.items())}")
    for seed in arguments.seeds:
        for corpus in arguments.corpora:
            line = league.line(corpus, seed, best)
            msg.good(f"{corpus.name}, seed {seed}: test F1 {100 * line['scores']['test']['f']:.1f}")


def environment(peer: str) -> Path:
    """RETURNS (Path): The Python of the peer's environment, which is made if it is not there."""
    folder = HERE / ".environments" / PEERS[peer]["script"].removesuffix(".py")
    python = folder / "bin" / "python"
    if not (folder / "done").is_file():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PEERS[peer]["requirements"]], check=True)
        (folder / "done").touch()
    return python


class League:
    """Trains a peer and keeps all results.

    arguments (argparse.Namespace): The arguments of the command.
    python (Path): Python of the peer's environment.
    """

    def __init__(self, arguments: argparse.Namespace, python: Path):
        self.arguments, self.python, self.peer = arguments, python, PEERS[arguments.peer]
        self.tries = arguments.lines.with_suffix(".tries.jsonl")

    def dev_score(self, corpus: Path, rate: float) -> float:
        """RETURNS (float): F1 on dev, with the first seed."""
        return self._known(self.tries, corpus, self.arguments.seeds[0], rate)["scores"]["dev"]["f"]

    def line(self, corpus: Path, seed: int, rate: float) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): The result of a training, which is in the file of results."""
        tried = self._known(self.tries, corpus, seed, rate)
        known = srsly.read_jsonl(self.arguments.lines) if self.arguments.lines.is_file() else []
        if tried["key"] not in {line["key"] for line in known}:
            append_line(tried, self.arguments.lines)
        return tried

    def _known(self, path: Path, corpus: Path, seed: int, rate: float) -> Dict[str, Any]:
        about = self._about(corpus, seed, rate)
        for line in srsly.read_jsonl(path) if path.is_file() else []:
            if line["key"] == about["key"]:
                return line
        line = {**about, **self._train(corpus, seed, rate)}
        append_line(line, path)
        return line

    def _about(self, corpus: Path, seed: int, rate: float) -> Dict[str, Any]:
        about = {
            "grid": self.arguments.title,
            "system": self.arguments.peer,
            "corpus": corpus.name,
            "sample": "full" if self.arguments.size is None else f"n{self.arguments.size}",
            "seed": seed,
            "config": f"benchmarks/peers/{self.peer['script']}",
            "overrides": {"rate": rate, "steps": self.peer["steps"]},
            "splits": {split: str(corpus / f"{split}.spacy") for split in ("train", "dev", "test")},
            "encoder": self.arguments.encoder,
        }
        if self.arguments.start:
            about["overrides"]["start"] = self.arguments.start
        digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
        return {"key": digest[:16], **about}

    def _train(self, corpus: Path, seed: int, rate: float) -> Dict[str, Any]:
        splits = {split: load_corpus(corpus / f"{split}.spacy") for split in ("train", "dev", "test")}
        if self.arguments.size is not None:
            splits["train"] = sample_size(splits["train"], self.arguments.size, seed)
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            for split, docs in splits.items():
                srsly.write_jsonl(folder / f"{split}.jsonl", [record(doc) for doc in docs])
            command = [self.python, HERE / self.peer["script"], folder / "train.jsonl", folder / "predicted"]
            command += [folder / "dev.jsonl", folder / "test.jsonl", "--encoder", encoder_path(self.arguments.encoder)]
            command += ["--start", self.arguments.start] if self.arguments.start else []
            command += ["--rate", rate, "--steps", self.peer["steps"], "--seed", seed]
            started = time.time()
            done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if done.returncode:
                msg.fail(done.stdout[-3000:], exits=1)
            seconds = time.time() - started
            scores = {
                split: score(list(srsly.read_jsonl(folder / "predicted" / f"{split}.jsonl")), splits[split])
                for split in ("dev", "test")
            }
        return {
            "scores": scores,
            "train_seconds": round(seconds, 1),
            "date": time.strftime("%Y-%m-%d"),
            "machine": {"processor": platform.machine(), "threads": os.environ.get("OMP_NUM_THREADS"), "gpu": False},
            "versions": {"python": platform.python_version(), **dict(r.split("==") for r in self.peer["requirements"])},
        }


def record(doc: Doc) -> Dict[str, Any]:
    """RETURNS (Dict[str, Any]): The words and spans of a gold Doc."""
    sentence = from_doc(doc)
    return {"tokens": sentence.words, "spans": [list(span) for span in sentence.spans]}


def score(records: List[Dict[str, Any]], gold: List[Doc]) -> Dict[str, Any]:
    """RETURNS (Dict[str, Any]): The scores of predicted records."""
    sentences = [from_doc(doc) for doc in gold]
    for sentence, predicted in zip(sentences, records):
        sentence.spans = [LabeledSpan(*span) for span in predicted["spans"]]
    scores = score_docs(list(to_docs(sentences)), gold).as_dict()
    # The time is that of the training, too.
    return {name: value for name, value in scores.items() if name != "words_per_second"}


if __name__ == "__main__":
    main()
