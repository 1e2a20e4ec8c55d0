"""Measure the client with a local server that answers after 200 ms.

It sends a thousand requests, 32 at a time, and the same again from the cache.

python benchmarks/llm.py
"""

import argparse
import multiprocessing
import sys
import tempfile
import time
from itertools import product
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

# The client imports openai at its first request. This takes as long as a hundred requests and must not be measured.
import openai  # noqa: F401
from report_page import publish

from spacy_lowner.llm.client import OpenAIClient
from spacy_lowner.llm.messages import Request

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from llm.server import serve  # noqa: E402

AIM, AIM_AGAIN = 1.2, 0.02


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--max-concurrency", type=int, default=32)
    parser.add_argument("--latency", type=float, default=0.2, help="seconds")
    parser.add_argument("--output", type=Path, help="write the table to this page (Markdown)")
    arguments = parser.parse_args()

    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=answer_slowly, args=(theirs, arguments.latency), daemon=True)
    server.start()
    url = ours.recv()
    requests = [Request.of(f"prompt {i}") for i in range(arguments.calls)]
    ideal = -(-arguments.calls // arguments.max_concurrency) * arguments.latency
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        for repeat, _ in product(range(arguments.repeats), range(2)):
            client = OpenAIClient(
                "m", url, cache=Path(folder) / f"{repeat}.sqlite", max_concurrency=arguments.max_concurrency
            )
            started = time.perf_counter()
            client.ask(requests)
            runs.append(time.perf_counter() - started)
            client.close()
    seconds = [median(runs[0::2]), median(runs[1::2])]
    ours.send("stop")
    calls = ours.recv()
    rows = [
        ("ideal", f"{ideal:.2f} s", "", ""),
        ("first run", f"{seconds[0]:.2f} s", f"{seconds[0] / ideal:.2f}", f"{arguments.calls}"),
        (
            "second run",
            f"{seconds[1]:.2f} s",
            f"{seconds[1] / ideal:.3f}",
            f"{calls // arguments.repeats - arguments.calls}",
        ),
    ]
    notes = (
        f"{arguments.calls} requests, {arguments.max_concurrency} at a time, {1e3 * arguments.latency:.0f} ms each, "
        f"medians of {arguments.repeats} runs. Client and server share the machine; openai is imported before. "
        f"Overhead {1e3 * (seconds[0] - ideal) / arguments.calls:.1f} ms per request. Second run divided by first: "
        f"{100 * seconds[1] / seconds[0]:.1f}%. "
        f"Aims: {AIM} of the ideal, and {100 * AIM_AGAIN:.0f}%."
    )
    publish("Calls of a language model", ("", "time", "of ideal", "calls"), rows, notes, arguments.output)


def answer_slowly(pipe: Connection, latency: float) -> None:
    """Serve in a separate process until a message arrives. Then send the number of requests."""

    def answer(prompt: str, attempt: int) -> str:
        time.sleep(latency)
        return f"re {prompt}"

    with serve(answer) as (url, server):
        pipe.send(url)
        pipe.recv()
        pipe.send(len(server.seen))


if __name__ == "__main__":
    main()
