"""Send many requests to a service at once, with slow, broken and oversized ones among them, and check every answer.

    python scripts/load_test.py training/crossner/model-best corpus/crossner/ai/test.spacy --requests 10000 --clients 32

Starts `spacy lowner serve` and compares its answers with those of the pipeline in this process. Needs the extra serve.
"""

import argparse
import json
import random
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import spacy
from wasabi import msg

from spacy_lowner.corpus.convert import load_corpus
from spacy_lowner.serving.predictor import spans_of

# Of a hundred requests, this many are of each kind. The others are ordinary.
KINDS = {"slow": 2, "broken": 3, "oversized": 1, "gone": 2}
START = 120
# Most difference of scores: batches of other sizes have other last digits.
TOLERANCE = 2e-3


def main() -> None:
    """Run the test."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="a trained pipeline")
    parser.add_argument("texts", type=Path, help="texts to send")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    texts = [doc.text for doc in load_corpus(arguments.texts)]
    nlp = spacy.load(arguments.model)
    expected = {doc.text: [span._asdict() for span in spans_of(doc)] for doc in nlp.pipe(texts)}
    with Service(arguments.model, arguments.workers) as service:
        report = LoadTest(service.port, expected, arguments.seed).run(arguments.requests, arguments.clients)
    for line in report.lines():
        msg.info(line)
    if report.wrong:
        msg.fail(f"{len(report.wrong)} wrong answers, such as {report.wrong[0]}", exits=1)
    msg.good("No answer is lost or wrong, and the service ended by itself")


class Service:
    """A running service, as a context.

    model (Path): The pipeline.
    workers (int): Number of processes.
    """

    def __init__(self, model: Path, workers: int = 1):
        self.command = [sys.executable, "-W", "ignore", "-m", "spacy", "lowner", "serve", str(model)]
        self.port = free_port()
        self.command += ["--port", str(self.port), "--workers", str(workers)]

    def __enter__(self) -> "Service":
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(START * 5):
            if self.process.poll() is not None:
                raise RuntimeError(self.process.stdout.read())
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5)
                return self
            except OSError:
                time.sleep(0.2)
        raise RuntimeError("the service does not answer")

    def __exit__(self, *_: Any) -> None:
        self.process.terminate()
        self.output, _ = self.process.communicate(timeout=60)
        if self.process.returncode:
            raise RuntimeError(f"the service ended with the status {self.process.returncode}: {self.output}")


class Report:
    """Answers and times, as the clients saw them.

    kinds (Counter): Number of requests of each kind.
    wrong (List[str]): Answers that are not as expected.
    seconds (List[float]): Time of each ordinary request.
    refused (int): Requests that were refused because too many waited, and sent again.
    total (float): Seconds of the test.
    """

    def __init__(self) -> None:
        self.kinds: Counter = Counter()
        self.wrong: List[str] = []
        self.seconds: List[float] = []
        self.refused = 0
        self.total = 0.0

    def lines(self) -> List[str]:
        """RETURNS (List[str]): The report."""
        ranked = sorted(self.seconds)
        p99 = ranked[int(0.99 * (len(ranked) - 1))]
        return [
            f"{sum(self.kinds.values())} requests in {self.total:.0f} s: {dict(self.kinds)}",
            f"{len(ranked) / self.total:.0f} answers per second, {self.refused} were refused (429) and sent again",
            f"seconds of a request: median {statistics.median(ranked):.3f}, p99 {p99:.3f}, longest {ranked[-1]:.3f}",
        ]


class LoadTest:
    """Clients that send requests at the same time.

    port (int): The port of the service on this machine.
    expected (Dict[str, List[dict]]): The right spans of each text.
    seed (int): Seed of the order and the kinds of requests.
    """

    def __init__(self, port: int, expected: Dict[str, List[dict]], seed: int = 0):
        self.port = port
        self.expected = expected
        self.seed = seed
        self.report = Report()

    def run(self, requests: int, clients: int) -> Report:
        """Send requests.

        requests (int): Number of requests.
        clients (int): Number of clients.
        RETURNS (Report): What they saw.
        """
        started = time.perf_counter()
        counts = [requests // clients + (number < requests % clients) for number in range(clients)]
        threads = [threading.Thread(target=self._client, args=(n, count)) for n, count in enumerate(counts)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.report.total = time.perf_counter() - started
        return self.report

    def _client(self, number: int, count: int) -> None:
        draw = random.Random(f"{self.seed}:{number}")
        texts = list(self.expected)
        for _ in range(count):
            point = draw.randrange(100)
            kind = "ordinary"
            for name, share in KINDS.items():
                if point < share:
                    kind = name
                    break
                point -= share
            self.report.kinds[kind] += 1
            chosen = draw.sample(texts, min(len(texts), draw.choice([1, 1, 1, 2, 8])))
            try:
                getattr(self, f"_{kind}")(chosen)
            except Exception as error:
                self.report.wrong.append(f"{kind}: {type(error).__name__} {error}")

    def _ordinary(self, texts: List[str]) -> None:
        body = json.dumps({"texts": texts}).encode()
        started = time.perf_counter()
        status, answer = self._post(body)
        while status == 429:
            self.report.refused += 1
            time.sleep(0.05)
            status, answer = self._post(body)
        self.report.seconds.append(time.perf_counter() - started)
        self._check(status, answer, texts)

    def _slow(self, texts: List[str]) -> None:
        """Send the body in pieces."""
        body = json.dumps({"texts": texts}).encode()
        with socket.create_connection(("127.0.0.1", self.port), timeout=120) as connection:
            connection.sendall(self._head(len(body)))
            for start in range(0, len(body), max(1, len(body) // 4)):
                connection.sendall(body[start : start + max(1, len(body) // 4)])
                time.sleep(0.05)
            data = b"".join(iter(lambda: connection.recv(65536), b""))
        head, _, answer = data.partition(b"\r\n\r\n")
        self._check(int(head.split()[1]), json.loads(answer), texts)

    def _gone(self, texts: List[str]) -> None:
        """Send a request, and go away before the answer."""
        body = json.dumps({"texts": texts}).encode()
        with socket.create_connection(("127.0.0.1", self.port), timeout=120) as connection:
            connection.sendall(self._head(len(body)) + body)

    def _broken(self, texts: List[str]) -> None:
        status, _ = self._post(b'{"texts": ["' + texts[0].encode("utf8")[:20])
        if status != 422:
            self.report.wrong.append(f"broken: status {status}")

    def _oversized(self, texts: List[str]) -> None:
        status, _ = self._post(json.dumps({"texts": ["a" * 200_000]}).encode())
        if status != 413:
            self.report.wrong.append(f"oversized: status {status}")

    def _head(self, length: int) -> bytes:
        return (
            f"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {length}\r\nConnection: close\r\n\r\n"
        ).encode()

    def _post(self, body: bytes) -> Tuple[int, Optional[dict]]:
        url = f"http://127.0.0.1:{self.port}/predict"
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, None

    def _check(self, status: int, answer: Optional[dict], texts: List[str]) -> None:
        if status != 200 or answer is None:
            self.report.wrong.append(f"status {status}")
            return
        predictions = [one["spans"] for one in answer["predictions"]]
        if len(predictions) != len(texts) or not all(same(p, self.expected[t]) for p, t in zip(predictions, texts)):
            self.report.wrong.append(f"other spans of {texts[0][:40]!r}")


def same(found: List[dict], expected: List[dict]) -> bool:
    """RETURNS (bool): Whether two lists have the same spans, and scores that are nearly the same."""

    def names(spans: List[dict]) -> List[dict]:
        return [{**span, "score": None} for span in spans]

    pairs = [(one["score"], other["score"]) for one, other in zip(found, expected)]
    return names(found) == names(expected) and all(abs((a or 0) - (b or 0)) <= TOLERANCE for a, b in pairs)


def free_port() -> int:
    """RETURNS (int): A port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
