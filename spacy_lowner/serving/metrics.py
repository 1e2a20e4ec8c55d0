"""Numbers for Prometheus."""

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

# Names the folder through which several processes share their numbers. prometheus_client reads it when it is imported.
SHARED = "PROMETHEUS_MULTIPROC_DIR"


class Metrics:
    """Counts requests and texts. With `SHARED`, the numbers are those of all processes.

    >>> metrics = Metrics()
    >>> metrics.texts.inc(3)
    >>> "lowner_texts_total 3.0" in metrics.text().decode()
    True
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter("lowner_requests", "Requests", ["path", "status"], registry=self._registry)
        self.texts = Counter("lowner_texts", "Predicted texts", registry=self._registry)
        self.seconds = Histogram("lowner_request_seconds", "Seconds of a request", ["path"], registry=self._registry)
        self.waiting = Gauge(
            "lowner_waiting_texts", "Texts that wait", multiprocess_mode="livesum", registry=self._registry
        )

    def text(self) -> bytes:
        """RETURNS (bytes): The numbers in the format of Prometheus."""
        if SHARED not in os.environ:
            return generate_latest(self._registry)
        shared = CollectorRegistry()
        MultiProcessCollector(shared)
        return generate_latest(shared)
