"""Sentences in JSON lines, as peers read and write them. Needs the standard library only."""

import argparse
import json
from pathlib import Path
from typing import Any, Dict, Iterable, List, Sequence, Tuple

SpanT = Tuple[int, int, str]


def arguments_of(description: str) -> argparse.Namespace:
    """Parse the command line that all peers share.

    description (str): The docstring of the peer.
    RETURNS (argparse.Namespace): The arguments.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path, help="gold sentences")
    parser.add_argument("output", type=Path, help="folder for the predictions")
    parser.add_argument("predict", type=Path, nargs="*", help="sentences to predict; the outputs have the same names")
    parser.add_argument("--encoder", required=True, help="folder or name of the pretrained encoder")
    parser.add_argument("--start", help="folder of a trained model of this peer, in place of the encoder")
    parser.add_argument("--rate", type=float, required=True, help="learning rate")
    parser.add_argument("--steps", type=int, required=True, help="updates, of 16 sentences each")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", type=Path, help="folder for the trained model")
    return parser.parse_args()


def computes_in_bfloat16() -> bool:
    """RETURNS (bool): Whether the processor has instructions for bfloat16, with which our pipes train, too."""
    about = Path("/proc/cpuinfo")
    return about.is_file() and "avx512_bf16" in about.read_text(encoding="utf8")


def read(path: Path) -> List[Dict[str, Any]]:
    """Read sentences: {"tokens": ["Ada", "sang"], "spans": [[0, 1, "PER"]]}, with the end exclusive.

    path (Path): The file.
    RETURNS (List[Dict[str, Any]]): The sentences.
    """
    return [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]


def write(path: Path, sentences: Iterable[Dict[str, Any]]) -> None:
    """Write sentences.

    path (Path): The file.
    sentences (Iterable[Dict[str, Any]]): The sentences.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{json.dumps(one)}\n" for one in sentences), encoding="utf8")


def labels_of(sentences: Sequence[Dict[str, Any]]) -> List[str]:
    """RETURNS (List[str]): All labels, sorted."""
    return sorted({label for one in sentences for *_, label in one["spans"]})


def to_bio(tokens: Sequence[str], spans: Sequence[SpanT]) -> List[str]:
    """Convert spans to tags. Of spans that overlap, the longest is kept.

    >>> to_bio(["Ada", "Byron", "sang"], [(0, 2, "PER")])
    ['B-PER', 'I-PER', 'O']
    """
    tags = ["O"] * len(tokens)
    for start, end, label in sorted(spans, key=lambda span: span[0] - span[1]):
        if all(tag == "O" for tag in tags[start:end]):
            tags[start:end] = [f"B-{label}"] + [f"I-{label}"] * (end - start - 1)
    return tags


def from_bio(tags: Sequence[str]) -> List[SpanT]:
    """Convert tags to spans. An inside tag after another label starts a span.

    >>> from_bio(["B-PER", "I-PER", "O", "I-LOC"])
    [(0, 2, 'PER'), (3, 4, 'LOC')]
    """
    spans: List[SpanT] = []
    for position, tag in enumerate(tags):
        prefix, _, label = tag.partition("-")
        if prefix == "I" and spans and spans[-1][1:] == (position, label):
            spans[-1] = (spans[-1][0], position + 1, label)
        elif prefix != "O":
            spans.append((position, position + 1, label))
    return spans
