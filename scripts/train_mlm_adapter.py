"""Train the adapter that makes a masked language model of the packaged MiniLM, from a folder of plain text.

    python scripts/train_mlm_adapter.py TEXT_FOLDER spacy_lowner/assets/minilm_mlm.safetensors --report corpus/crossner/*/test.spacy

A line is a paragraph. One paragraph in a hundred is held out for a report. Lines that share eight words in a row with the texts of
`--report` are left out. A run that was stopped goes on from the checkpoint next to OUTPUT, which a finished one deletes. Two runs
cannot write the same OUTPUT.
"""

import argparse
import hashlib
import io
import random
import re
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List, Set, Tuple

import torch
from safetensors import safe_open
from torch.nn import functional as F
from tqdm import tqdm
from wasabi import msg

from spacy_lowner.corpus.convert import load_corpus
from spacy_lowner.corpus.files import atomic_path, output_lock
from spacy_lowner.errors import LownerError
from spacy_lowner.models.hf.encoder import SHA256, encoder_path
from spacy_lowner.models.hf.masked_lm import read_adapter, save_adapter, with_adapter
from spacy_lowner.models.hf.pieces import load_tokenizer
from spacy_lowner.training.bfloat16 import computes_in_bfloat16

ROW, MASKED, HELD_OUT, SHINGLE = 128, 0.15, 100, 8
SAVE_EVERY = 50


def main() -> None:
    """Train, report, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="text files, a paragraph a line")
    parser.add_argument("output", type=Path, help="the adapter")
    parser.add_argument("--report", type=Path, nargs="*", default=[], help="corpora on whose text to report too")
    parser.add_argument("--start", type=Path, help="adapter to go on from")
    parser.add_argument("--seed", type=int, default=0, help="of the masks and of the order of the texts")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--tokens", type=int, default=3072, help=f"of a batch, {ROW} at least")
    parser.add_argument("--rank", type=int, default=32)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--license", default="Wikipedia (CC BY-SA)", help="of the texts, for the adapter's metadata")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()
    if arguments.tokens < ROW:
        parser.error(f"--tokens must be at least {ROW}")
    checkpoint = arguments.output.with_name(f"{arguments.output.name}.checkpoint")
    try:
        # The checkpoint is locked too, so that its unfinished drafts are deleted.
        with output_lock(arguments.output), output_lock(checkpoint):
            make_adapter(arguments, checkpoint)
    except LownerError as error:
        raise SystemExit(str(error)) from None


def make_adapter(arguments: argparse.Namespace, checkpoint: Path) -> None:
    """Train and write the adapter, and what it was made from.

    arguments (argparse.Namespace): Of the command.
    checkpoint (Path): Where the state of the training is kept.
    """
    torch.manual_seed(arguments.seed)
    reported = [" ".join(token.text for token in doc) for path in arguments.report for doc in load_corpus(path)]
    files = sorted(arguments.folder.rglob("*.txt"))
    left_out = shingles(reported)
    lines, digest = read_lines(files, left_out)
    if len(lines) < HELD_OUT:
        raise SystemExit(
            f"{arguments.folder}: {len(lines)} paragraphs in {len(files)} .txt files are too few. Name a folder with more."
        )
    held_out, training = lines[: len(lines) // HELD_OUT], lines[len(lines) // HELD_OUT :]
    random.Random(arguments.seed).shuffle(training)
    msg.info(f"{len(training)} paragraphs to learn from, {len(held_out)} held out")
    tokenizer = load_tokenizer(encoder_path("minilm"))
    # Each text is read once or less: dropout would only cost.
    model = with_adapter(arguments.rank, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0).to(arguments.device)
    if arguments.start is not None:
        model.load_state_dict(read_adapter(arguments.start), strict=False)
    asked = {name: str(getattr(arguments, name)) for name in ("rank", "rate", "tokens", "steps", "seed", "start")} | {
        "texts": digest,
        "left out": len(left_out),
    }
    step, seconds = train(model, tokenizer, training, arguments, checkpoint, asked)
    accuracy = {"held out": masked_accuracy(model, tokenizer, held_out, arguments.device)}
    if reported:
        accuracy["reported texts"] = masked_accuracy(model, tokenizer, reported, arguments.device)
    for name, share in accuracy.items():
        msg.good(f"Masked words guessed, {name}: {100 * share:.1f}%")
    before = f"{_provenance(arguments.start)}, then " if arguments.start else ""
    provenance = {
        "base": f"all-MiniLM-L6-v2, safetensors sha256 {SHA256}",
        "texts": f"{len(training)} paragraphs of {', '.join(path.name for path in files)}; sha256 {digest}",
        "training": before
        + f"{step} steps of {arguments.tokens} tokens, rank {arguments.rank}, rate {arguments.rate}, {seconds:.0f} s on {arguments.device}",
        "masked top-1": ", ".join(f"{name} {100 * share:.1f}%" for name, share in accuracy.items()),
        "license": f"of the texts: {arguments.license}; the adapter holds none of them",
    }
    save_adapter(model, arguments.output, provenance)
    checkpoint.unlink(missing_ok=True)
    msg.good(f"{arguments.output}: {arguments.output.stat().st_size / 1e6:.1f} MB")


def _provenance(path: Path) -> str:
    with safe_open(path, "pt") as file:
        return file.metadata()["training"]


def read_lines(files: List[Path], left_out: Set[Tuple[str, ...]]) -> Tuple[List[str], str]:
    """RETURNS (Tuple[List[str], str]): Paragraphs of all files, shuffled, and a digest of the files."""
    digest, lines = hashlib.sha256(), []
    for path in files:
        digest.update(path.read_bytes())
        lines += path.read_text(encoding="utf8").splitlines()
    kept = [line for line in lines if len(line) > 40 and not shingles([line]) & left_out]
    random.Random(0).shuffle(kept)
    return kept, digest.hexdigest()[:16]


def shingles(texts: List[str]) -> Set[Tuple[str, ...]]:
    """RETURNS (Set[Tuple[str, ...]]): Every run of eight words."""
    found = set()
    for text in texts:
        words = re.findall(r"\w+", text.lower())
        found.update(zip(*(words[i:] for i in range(SHINGLE))))
    return found


def train(
    model, tokenizer, lines: List[str], arguments: argparse.Namespace, checkpoint: Path, asked: Dict[str, Any]
) -> Tuple[int, float]:
    """RETURNS (Tuple[int, float]): Steps and seconds of all runs together."""
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=arguments.rate, weight_decay=0.01)
    first, seconds = 0, 0.0
    if checkpoint.exists():
        saved = torch.load(checkpoint, map_location="cpu")
        if saved["asked"] != asked:
            raise SystemExit(
                f"{checkpoint} is of other texts or settings: {saved['asked']}. Delete it, or name another output."
            )
        model.load_state_dict(saved["model"], strict=False)
        optimizer.load_state_dict(saved["optimizer"])
        first, seconds = saved["step"], saved["seconds"]
        torch.set_rng_state(saved["random"])
        msg.info(f"Going on from step {first}")
    started = time.time() - seconds
    batches = read_batches(tokenizer, lines, arguments.tokens // ROW, skip=first)
    bar = tqdm(range(first, arguments.steps), initial=first, total=arguments.steps, unit="step")
    for step in bar:
        rate = arguments.rate * min((step + 1) / 50, 1 - step / arguments.steps)
        for group in optimizer.param_groups:
            group["lr"] = rate
        ids, labels = mask(next(batches), tokenizer)
        loss, _ = predict(model.train(), ids.to(arguments.device), labels.to(arguments.device))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        bar.set_postfix(loss=f"{loss.item():.2f}")
        if (step + 1) % SAVE_EVERY == 0:
            learned = {name: w for name, w in model.named_parameters() if w.requires_grad}
            state = {
                "asked": asked,
                "model": learned,
                "optimizer": optimizer.state_dict(),
                "step": step + 1,
                "seconds": time.time() - started,
                "random": torch.get_rng_state(),
            }
            save_state(state, checkpoint)
    return arguments.steps, time.time() - started


def save_state(state: Dict[str, Any], checkpoint: Path) -> None:
    """Write a checkpoint whole or not at all."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    with atomic_path(checkpoint) as draft:
        draft.write_bytes(buffer.getbuffer())


def read_batches(tokenizer, lines: List[str], rows: int, skip: int = 0) -> Iterator[torch.Tensor]:
    """YIELDS (torch.Tensor): Rows of consecutive pieces, over and over, each row between [CLS] and [SEP]. Shape: (rows, ROW)"""
    pieces: List[int] = []
    size = rows * (ROW - 2)
    while True:
        for start in range(0, len(lines), 256):
            encoded = tokenizer(lines[start : start + 256], add_special_tokens=False, verbose=False)["input_ids"]
            pieces += [piece for line in encoded for piece in line]
            while len(pieces) >= size:
                batch, pieces = torch.tensor(pieces[:size]).view(rows, ROW - 2), pieces[size:]
                if skip:
                    skip -= 1
                    continue
                edge = torch.ones(rows, 1, dtype=torch.long)
                yield torch.cat([edge * tokenizer.cls_token_id, batch, edge * tokenizer.sep_token_id], dim=1)


def mask(ids: torch.Tensor, tokenizer, share: float = MASKED) -> Tuple[torch.Tensor, torch.Tensor]:
    """BERT's masking: of the chosen pieces four in five become [MASK], one in ten another piece.

    RETURNS (Tuple[torch.Tensor, torch.Tensor]): Pieces, and what they were where they were chosen, else -100.
    """
    special = (ids == tokenizer.cls_token_id) | (ids == tokenizer.sep_token_id) | (ids == tokenizer.pad_token_id)
    chosen = (torch.rand(ids.shape) < share) & ~special
    labels = ids.masked_fill(~chosen, -100)
    draw = torch.rand(ids.shape)
    ids = ids.masked_fill(chosen & (draw < 0.8), tokenizer.mask_token_id)
    other = torch.randint(len(tokenizer), ids.shape)
    return torch.where(chosen & (draw >= 0.9), other, ids), labels


def predict(model, ids: torch.Tensor, labels: torch.Tensor) -> Tuple[torch.Tensor, float]:
    """RETURNS (Tuple[torch.Tensor, float]): Loss and accuracy over the chosen pieces, which alone are decoded."""
    half = ids.device.type == "cuda" or computes_in_bfloat16()
    attention = (ids != model.config.pad_token_id).long()
    with torch.autocast(ids.device.type, dtype=torch.bfloat16, enabled=half):
        states = model.bert(ids, attention_mask=attention).last_hidden_state
        chosen = labels != -100
        logits = model.cls(states[chosen])
    loss = F.cross_entropy(logits.float(), labels[chosen])
    return loss, (logits.argmax(-1) == labels[chosen]).float().mean().item()


@torch.no_grad()
def masked_accuracy(model, tokenizer, texts: List[str], device: str) -> float:
    """RETURNS (float): Share of [MASK] pieces that are guessed, 15% of the pieces being masked at once."""
    torch.manual_seed(1)
    hits = count = 0
    for start in range(0, min(len(texts), 2000), 16):
        encoded = tokenizer(
            texts[start : start + 16], padding=True, truncation=True, max_length=ROW, return_tensors="pt", verbose=False
        )["input_ids"]
        _, labels = mask(encoded, tokenizer)
        chosen = labels != -100
        if chosen.any():
            ids = encoded.masked_fill(chosen, tokenizer.mask_token_id)
            _, share = predict(model.eval(), ids.to(device), labels.to(device))
            hits += share * int(chosen.sum())
            count += int(chosen.sum())
    return hits / max(1, count)


if __name__ == "__main__":
    main()
