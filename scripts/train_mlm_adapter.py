r"""Train the adapter that turns the packaged MiniLM into a masked language model, from a folder of plain text.

    python scripts/train_mlm_adapter.py TEXT_FOLDER spacy_lowner/assets/minilm_mlm.safetensors \
        --report corpus/crossner/*/test.spacy

A line is a paragraph. One paragraph per hundred is held out for a report. Lines with eight words in a row that are in
the texts of `--report` too are skipped. An interrupted run continues from the checkpoint next to OUTPUT, which a
finished run deletes. Two runs cannot write the same OUTPUT.
"""

import argparse
import hashlib
import io
import random
import re
import time
from pathlib import Path
from typing import Any, Dict, List, Set, Tuple

import torch
from safetensors import safe_open
from tqdm import tqdm
from wasabi import msg

from spacy_lowner.corpus.convert import load_corpus
from spacy_lowner.corpus.files import atomic_path, output_lock
from spacy_lowner.errors import LownerError
from spacy_lowner.models.hf.bfloat16 import computes_in_bfloat16
from spacy_lowner.models.hf.encoder import SHA256, encoder_path
from spacy_lowner.models.hf.masked_lm import read_adapter, save_adapter, with_adapter
from spacy_lowner.models.hf.masked_training import ROW, mask, predict, read_batches
from spacy_lowner.models.hf.pieces import load_tokenizer

# Paragraphs per held-out one, words per shingle, steps per checkpoint.
HELD_OUT, SHINGLE, SAVE_EVERY = 100, 8, 50


def main() -> None:
    """Train, report, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of text files with one paragraph per line")
    parser.add_argument("output", type=Path, help="the adapter")
    parser.add_argument(
        "--report", type=Path, nargs="*", default=[], help="corpora on whose texts to report the accuracy too"
    )
    parser.add_argument("--start", type=Path, help="adapter to start from")
    parser.add_argument("--seed", type=int, default=0, help="seed of the masks and of the order of the texts")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--tokens", type=int, default=3072, help=f"pieces per batch, at least {ROW}")
    parser.add_argument("--rank", type=int, default=32)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument(
        "--license", default="Wikipedia (CC BY-SA)", help="licence of the texts, for the metadata of the adapter"
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()
    if arguments.tokens < ROW:
        parser.error(f"--tokens must be at least {ROW}")
    checkpoint = arguments.output.with_name(f"{arguments.output.name}.checkpoint")
    try:
        # Locking the checkpoint too deletes its unfinished drafts.
        with output_lock(arguments.output), output_lock(checkpoint):
            make_adapter(arguments, checkpoint)
    except LownerError as error:
        raise SystemExit(str(error)) from None


def make_adapter(arguments: argparse.Namespace, checkpoint: Path) -> None:
    """Train the adapter and write it, with a description of its training in the metadata.

    arguments (argparse.Namespace): The arguments of the command.
    checkpoint (Path): The file for the state of the training.
    """
    torch.manual_seed(arguments.seed)
    reported = [" ".join(token.text for token in doc) for path in arguments.report for doc in load_corpus(path)]
    files = sorted(arguments.folder.rglob("*.txt"))
    excluded = shingles(reported)
    lines, digest = read_lines(files, excluded)
    if len(lines) < HELD_OUT:
        raise SystemExit(
            f"{arguments.folder}: {len(lines)} paragraphs in {len(files)} .txt files are too few. Name a larger folder."
        )
    held_out, training = lines[: len(lines) // HELD_OUT], lines[len(lines) // HELD_OUT :]
    random.Random(arguments.seed).shuffle(training)
    msg.info(f"{len(training)} paragraphs to learn from, {len(held_out)} held out")
    tokenizer = load_tokenizer(encoder_path("minilm"))
    # Each text is read at most once, so the model cannot overfit, and dropout would only slow down training.
    model = with_adapter(arguments.rank, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0).to(arguments.device)
    if arguments.start is not None:
        model.load_state_dict(read_adapter(arguments.start), strict=False)
    run_settings = {
        name: str(getattr(arguments, name)) for name in ("rank", "rate", "tokens", "steps", "seed", "start")
    } | {
        "texts": digest,
        "excluded shingles": len(excluded),
    }
    step, seconds = train(model, tokenizer, training, arguments, checkpoint, run_settings)
    accuracy = {"held out": masked_accuracy(model, tokenizer, held_out, arguments.device)}
    if reported:
        accuracy["reported texts"] = masked_accuracy(model, tokenizer, reported, arguments.device)
    for name, fraction in accuracy.items():
        msg.good(f"Masked pieces predicted correctly, {name}: {100 * fraction:.1f}%")
    texts = f"{len(training)} paragraphs of {', '.join(path.name for path in files)}; sha256 {digest}"
    save_adapter(model, arguments.output, _describe(arguments, texts, step, seconds, accuracy))
    checkpoint.unlink(missing_ok=True)
    msg.good(f"{arguments.output}: {arguments.output.stat().st_size / 1e6:.1f} MB")


def _describe(
    arguments: argparse.Namespace, texts: str, step: int, seconds: float, accuracy: Dict[str, float]
) -> Dict[str, str]:
    """RETURNS (Dict[str, str]): The metadata of the adapter."""
    before = f"{_provenance(arguments.start)}, then " if arguments.start else ""
    settings = f"{step} steps of {arguments.tokens} tokens, rank {arguments.rank}, rate {arguments.rate}"
    return {
        "base": f"all-MiniLM-L6-v2, safetensors sha256 {SHA256}",
        "texts": texts,
        "training": f"{before}{settings}, {seconds:.0f} s on {arguments.device}",
        "masked top-1": ", ".join(f"{name} {100 * fraction:.1f}%" for name, fraction in accuracy.items()),
        "license": f"of the texts: {arguments.license}; the adapter contains none of them",
    }


def _provenance(path: Path) -> str:
    with safe_open(path, "pt") as file:
        return file.metadata()["training"]


def read_lines(files: List[Path], excluded: Set[Tuple[str, ...]]) -> Tuple[List[str], str]:
    """RETURNS (Tuple[List[str], str]): The paragraphs of all files, shuffled, and a digest of the files."""
    digest, lines = hashlib.sha256(), []
    for path in files:
        digest.update(path.read_bytes())
        lines += path.read_text(encoding="utf8").splitlines()
    kept = [line for line in lines if len(line) > 40 and not shingles([line]) & excluded]
    random.Random(0).shuffle(kept)
    return kept, digest.hexdigest()[:16]


def shingles(texts: List[str]) -> Set[Tuple[str, ...]]:
    """RETURNS (Set[Tuple[str, ...]]): All sequences of eight words."""
    sequences = set()
    for text in texts:
        words = re.findall(r"\w+", text.lower())
        sequences.update(zip(*(words[i:] for i in range(SHINGLE))))
    return sequences


def train(
    model, tokenizer, lines: List[str], arguments: argparse.Namespace, checkpoint: Path, run_settings: Dict[str, Any]
) -> Tuple[int, float]:
    """RETURNS (Tuple[int, float]): The steps and seconds, including those before an interruption."""
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=arguments.rate, weight_decay=0.01)
    first, seconds = 0, 0.0
    if checkpoint.exists():
        saved = torch.load(checkpoint, map_location="cpu")
        if saved["run_settings"] != run_settings:
            raise SystemExit(
                f"{checkpoint} has other texts or settings: {saved['run_settings']}. Delete it, or name another output."
            )
        model.load_state_dict(saved["model"], strict=False)
        optimizer.load_state_dict(saved["optimizer"])
        first, seconds = saved["step"], saved["seconds"]
        torch.set_rng_state(saved["random"])
        msg.info(f"Continuing from step {first}")
    started = time.time() - seconds
    batches = read_batches(tokenizer, lines, arguments.tokens // ROW, skip=first)
    bar = tqdm(range(first, arguments.steps), initial=first, total=arguments.steps, unit="step")
    for step in bar:
        rate = arguments.rate * min((step + 1) / 50, 1 - step / arguments.steps)
        for group in optimizer.param_groups:
            group["lr"] = rate
        ids, labels = mask(next(batches), tokenizer)
        loss, _ = predict(model.train(), ids.to(arguments.device), labels.to(arguments.device), half(arguments.device))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        bar.set_postfix(loss=f"{loss.item():.2f}")
        if (step + 1) % SAVE_EVERY == 0:
            learned = {name: w for name, w in model.named_parameters() if w.requires_grad}
            state = {
                "run_settings": run_settings,
                "model": learned,
                "optimizer": optimizer.state_dict(),
                "step": step + 1,
                "seconds": time.time() - started,
                "random": torch.get_rng_state(),
            }
            save_state(state, checkpoint)
    return arguments.steps, time.time() - started


def save_state(state: Dict[str, Any], checkpoint: Path) -> None:
    """Write a checkpoint completely or not at all."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    with atomic_path(checkpoint) as draft:
        draft.write_bytes(buffer.getbuffer())


def half(device: str) -> bool:
    """RETURNS (bool): Whether the device computes faster in bfloat16."""
    return device.startswith("cuda") or computes_in_bfloat16()


@torch.no_grad()
def masked_accuracy(model, tokenizer, texts: List[str], device: str) -> float:
    """RETURNS (float): The fraction of [MASK] pieces that are predicted correctly, with 15% of the pieces masked."""
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
            _, accuracy = predict(model.eval(), ids.to(device), labels.to(device), half(device))
            hits += accuracy * int(chosen.sum())
            count += int(chosen.sum())
    return hits / max(1, count)


if __name__ == "__main__":
    main()
