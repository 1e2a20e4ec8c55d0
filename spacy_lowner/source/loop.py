"""The loop that trains a source: learning rates, checkpoints and progress."""

import io
import time
from itertools import islice
from pathlib import Path
from typing import Any, Callable, Iterable, List, Tuple

import torch
from torch import Tensor, nn
from tqdm import tqdm

from ..corpus.files import atomic_path
from ..errors import Errors, LownerError
from .settings import SourceSettings

SAVE_EVERY = 100
WEIGHT_DECAY = 0.01


class TrainingLoop:
    """Trains a module. An interrupted training continues from its checkpoint.

    module (nn.Module): The module, on its device.
    groups (List[Tuple[List[nn.Parameter], float]]): Trained parameters, with the peaks of their learning rates.
    settings (SourceSettings): Number of updates, and how the rates rise and fall.
    draw (torch.Generator): The source of randomness of the loss.
    checkpoint (Path): File of the state of the training.
    digest (str): Checksum of all that determines the result.
    """

    def __init__(
        self,
        module: nn.Module,
        groups: List[Tuple[List[nn.Parameter], float]],
        settings: SourceSettings,
        *,
        draw: torch.Generator,
        checkpoint: Path,
        digest: str,
    ):
        self.module, self.settings, self.draw = module, settings, draw
        self.checkpoint, self.digest = checkpoint, digest
        trained = [{"params": [p for p in one if p.requires_grad], "peak": rate} for one, rate in groups]
        self.optimizer = torch.optim.AdamW(trained, weight_decay=WEIGHT_DECAY)
        self.step, self.seconds = 0, 0.0

    def run(self, batches: Iterable[Any], loss_of: Callable[[Any], Tensor]) -> None:
        """Train from the last checkpoint to the end.

        batches (Iterable[Any]): Batches without end, the same ones in every run.
        loss_of (Callable[[Any], Tensor]): Computes the loss of a batch.
        RAISES (LownerError): If the checkpoint is of other corpora or settings, or cannot be written.
        """
        if self.checkpoint.exists():
            self._load()
        stream = islice(batches, self.step, None)
        started = time.time() - self.seconds
        bar = tqdm(total=self.settings.steps, initial=self.step, unit="update", desc="source", mininterval=5)
        average = 0.0
        self.module.train()
        while self.step < self.settings.steps:
            loss = self._update(loss_of, next(stream))
            average = loss if not average else 0.98 * average + 0.02 * loss
            self.step += 1
            bar.update()
            bar.set_postfix(loss=f"{average:.3f}")
            if self.step % SAVE_EVERY == 0 or self.step == self.settings.steps:
                self.seconds = time.time() - started
                self._save()
        bar.close()

    def _update(self, loss_of: Callable[[Any], Tensor], batch: Any) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * self.settings.rate_at(self.step)
        loss = loss_of(batch)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_([p for group in self.optimizer.param_groups for p in group["params"]], 1.0)
        self.optimizer.step()
        return loss.item()

    def _save(self) -> None:
        state = {
            "digest": self.digest,
            "weights": {name: p for name, p in self.module.named_parameters() if p.requires_grad},
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "draw": self.draw.get_state(),
            "random": torch.get_rng_state(),
        }
        buffer = io.BytesIO()
        torch.save(state, buffer)
        with atomic_path(self.checkpoint) as draft:
            draft.write_bytes(buffer.getbuffer())

    def _load(self) -> None:
        state = torch.load(self.checkpoint, map_location="cpu", weights_only=True)
        if state["digest"] != self.digest:
            raise LownerError(Errors.LN193.format(path=self.checkpoint))
        self.module.load_state_dict(state["weights"], strict=False)
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds = state["step"], state["seconds"]
        self.draw.set_state(state["draw"])
        torch.set_rng_state(state["random"])
