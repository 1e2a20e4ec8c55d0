"""Compare the band head with a dense head with the same weights: time, memory and operations, forward and backward.

    python benchmarks/head.py

Times are medians of runs in one process. Peak memory is measured in a fresh process for each, above the memory before.
"""

import argparse
import ctypes
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch
from dense_head import DenseHead
from report_page import publish
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from spacy_lowner.nn.knowfree import KnowFREEHead

DIM, WIDTH, LABELS = 384, 32, 14
SHAPES = ((4, 64), (4, 128), (1, 256))
AIMS = (2, 4, 8)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9, help="number of timed runs")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--output", type=Path, help="write the table to this page (Markdown)")
    parser.add_argument("--memory-of", nargs=3, metavar=("KIND", "BATCH", "SEQ"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory_of:
        kind, batch, seq = arguments.memory_of
        sys.stdout.write(f"{peak_memory(kind, int(batch), int(seq), arguments.device)}\n")
        return
    rows = []
    for (batch, seq), aim in zip(SHAPES, AIMS):
        band, dense = modules(arguments.device)
        check_same(band, dense, batch, seq, arguments.device)
        seconds = [median_seconds(m, batch, seq, arguments.runs, arguments.device) for m in (band, dense)]
        memory = [memory_in_process(kind, batch, seq, arguments.device) for kind in ("band", "dense")]
        flops = [count_flops(m, batch, seq, arguments.device) for m in (band, dense)]
        rows.append(
            (
                f"{batch} x {seq}",
                *(f"{1e3 * s:.0f} ms" for s in seconds),
                f"{seconds[1] / seconds[0]:.1f}x",
                *(f"{m / 2**20:.0f} MB" for m in memory),
                f"{memory[1] / memory[0]:.1f}x",
                *(f"{f / 1e9:.1f} G" for f in flops),
                f"{flops[1] / flops[0]:.1f}x",
                f"{flops[0] / seconds[0] / 1e9:.0f}",
                f"{aim}x",
            )
        )
    header = ("Words", "band", "dense", "time", "band", "dense", "memory", "band", "dense", "FLOP", "GFLOP/s", "aim")
    band, _ = modules(arguments.device)
    # Alternate between both lengths, so that a slow moment of the machine affects both.
    times = {seq: [] for seq in (256, 1024)}
    for _ in range(arguments.runs):
        for seq, seconds in times.items():
            seconds.append(median_seconds(band, 1, seq, 1, arguments.device))
    ratio = statistics.median(times[1024]) / statistics.median(times[256])
    plain = matmul_gflops(arguments.device)
    on_gpu = arguments.device == "cuda"
    bound = (
        "The GPU is mostly idle at these sizes: starting its kernels takes most of the time, in both heads (a plain "
        f"matrix product reaches {plain:,.0f} GFLOP/s)."
        if on_gpu
        else "Both heads are limited by arithmetic if the band's GFLOP/s are near those of a plain matrix product "
        f"({plain:.0f} here), else by memory traffic."
    )
    notes = (
        f"Forward and backward on {arguments.device}{f' ({torch.cuda.get_device_name()})' if on_gpu else ''}, width "
        f"{WIDTH}, {DIM} dimensions, medians of {arguments.runs} runs. Time for 1 x 1024 words divided by that for 1 "
        f"x 256: {ratio:.2f} (aim: at most 4.5).\n{bound}"
    )
    publish("The band head against a dense one", header, rows, notes, arguments.output)


def modules(device: str) -> tuple:
    """RETURNS (Tuple[KnowFREEHead, DenseHead]): Both heads, with the same weights."""
    torch.manual_seed(0)
    head = KnowFREEHead(DIM, n_target=LABELS, n_extension=0, width=WIDTH, dropout=0.0).to(device)
    return head, DenseHead(head)


def inputs(batch: int, seq: int, device: str) -> tuple:
    """RETURNS (Tuple[Tensor, Tensor]): Word states and lengths."""
    torch.manual_seed(1)
    words = torch.randn(batch, seq, DIM, device=device, requires_grad=True)
    return words, torch.full((batch,), seq, device=device)


def step(module: torch.nn.Module, words: torch.Tensor, lengths: torch.Tensor) -> None:
    """Run one forward and backward pass."""
    module(words, lengths).sum().backward()


def median_seconds(module: torch.nn.Module, batch: int, seq: int, runs: int, device: str) -> float:
    """RETURNS (float): The median of `runs`, after two runs to warm up."""
    words, lengths = inputs(batch, seq, device)
    seconds = []
    for _ in range(runs + 2):
        started = time.perf_counter()
        step(module, words, lengths)
        if device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[2:])


def matmul_gflops(device: str) -> float:
    """RETURNS (float): Speed of a matrix product of the head's size, in 1e9 operations per second."""
    left, right = torch.randn(8192, 200, device=device), torch.randn(200, 200, device=device)
    seconds = []
    for _ in range(20):
        started = time.perf_counter()
        left @ right
        if device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    return 2 * left.numel() * 200 / statistics.median(seconds) / 1e9


def count_flops(module: torch.nn.Module, batch: int, seq: int, device: str) -> int:
    """RETURNS (int): Floating point operations of the matrix products of one forward and backward pass."""
    # The counter does not see the fused kernel. The plain kernel does the same products.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        step(module, *inputs(batch, seq, device))
    return counter.get_total_flops()


def peak_memory(kind: str, batch: int, seq: int, device: str) -> int:
    """RETURNS (int): Bytes of one pass, without weights and inputs."""
    module = modules(device)[kind == "dense"]
    words, lengths = inputs(batch, seq, device)
    step(module, words[:, :2], lengths.clamp(max=2))
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        step(module, words, lengths)
        return torch.cuda.max_memory_allocated() - before
    ctypes.CDLL(None).malloc_trim(0)
    # On Linux this resets the peak to the current size.
    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    step(module, words, lengths)
    return resident("VmHWM") - before


def resident(field: str) -> int:
    """RETURNS (int): Bytes of this process, now (VmRSS) or at its peak (VmHWM)."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return 1024 * int(line.split()[1])


def memory_in_process(kind: str, batch: int, seq: int, device: str) -> int:
    """RETURNS (int): `peak_memory`, measured in a fresh process."""
    command = [sys.executable, __file__, "--device", device, "--memory-of", kind, str(batch), str(seq)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def check_same(band: torch.nn.Module, dense: torch.nn.Module, batch: int, seq: int, device: str) -> None:
    """Compare the spans whose neighbours are all in the band. RAISES (AssertionError): If they differ."""
    words, lengths = inputs(batch, seq, device)
    with torch.no_grad():
        ours, theirs = band(words, lengths), dense(words, lengths)
    for extra in range(WIDTH - band.interaction.window):
        diagonal = theirs.diagonal(extra, 1, 2).transpose(1, 2)
        torch.testing.assert_close(ours[:, : seq - extra, extra], diagonal, rtol=1e-3, atol=1e-3)


if __name__ == "__main__":
    main()
