"""Predict parts on a cluster. Each engine sends parts to workers, which load the pipeline once and write the parts."""

import logging
import os
import sys
from itertools import islice
from typing import Any, Dict, Iterator, List, Sequence, Tuple

from ..errors import Errors, LownerError
from .parts import EngineT, Part
from .predictor import PartPredictor

# Parts per worker that Spark gets at a time. It says nothing before all of them are done.
WAVE = 4


def run_on_ray(predictor: PartPredictor, parts: Sequence[Part], workers: int) -> Iterator[int]:
    """Predict parts with Ray Data: `map_batches` with actors.

    A cluster that the environment variable RAY_ADDRESS names is used; otherwise Ray starts on this machine.

    predictor (PartPredictor): Predicts a part. Each actor gets a copy.
    parts (Sequence[Part]): The parts, whose texts are staged in a folder that all machines share.
    workers (int): Number of actors, of one core each.
    YIELDS (int): The number of predicted texts of each part that is done.
    RAISES (LownerError): If Ray is not installed.
    """
    try:
        import ray
        import ray.data
    except ImportError:
        raise LownerError(Errors.LN225.format(engine="ray", package="ray[data]")) from None
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    ray.init(ignore_reinit_error=True, log_to_driver=False, logging_level="WARNING")
    ray.data.DataContext.get_current().enable_progress_bars = False

    class Worker:
        """An actor, which keeps the pipeline."""

        def __init__(self) -> None:
            self.predictor = predictor

        def __call__(self, batch: Dict[str, Any]) -> Dict[str, List[int]]:
            return {"predicted": [part.predict(self.predictor) for part in _parts(batch)]}

    # One block per part, so that each actor gets the next part when it is ready.
    rows = ray.data.from_items([part._asdict() for part in parts], override_num_blocks=len(parts))
    pool = ray.data.ActorPoolStrategy(size=min(workers, len(parts)))
    for row in rows.map_batches(Worker, batch_size=1, compute=pool, num_cpus=1).iter_rows():
        yield int(row["predicted"])


def run_on_spark(predictor: PartPredictor, parts: Sequence[Part], workers: int) -> Iterator[int]:
    """Predict parts with Spark: `mapInPandas` in Python workers that stay.

    The session is that of `spark-submit`, or one on this machine.

    predictor (PartPredictor): Predicts a part. Each Python worker gets a copy.
    parts (Sequence[Part]): The parts, whose texts are staged in a folder that all machines share.
    workers (int): Number of parts at a time; of a session on this machine also the number of Python workers.
    YIELDS (int): The number of predicted texts of each part that is done.
    RAISES (LownerError): If Spark is not installed.
    """
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        raise LownerError(Errors.LN225.format(engine="spark", package="pyspark pandas")) from None
    builder = SparkSession.builder.appName("spacy-lowner").config("spark.ui.showConsoleProgress", "false")
    # Set by spark-submit, which also knows the cluster and the Python of its machines.
    if "PYSPARK_GATEWAY_PORT" not in os.environ and SparkSession.getActiveSession() is None:
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        builder = builder.config("spark.master", f"local[{workers}]")
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")

    def predict(frames: Iterator[Any]) -> Iterator[Any]:
        import pandas

        worker = _kept_in_process(predictor)
        for frame in frames:
            yield pandas.DataFrame({"predicted": [part.predict(worker) for part in _parts(frame.to_dict("list"))]})

    waiting = iter(parts)
    while wave := list(islice(waiting, WAVE * workers)):
        # One partition per part: with fewer, a worker could have several parts where another one has none.
        rows = session.sparkContext.parallelize([tuple(part) for part in wave], len(wave))
        frame = session.createDataFrame(rows, "path string, first long, texts long, digest string")
        for row in frame.mapInPandas(predict, "predicted long").collect():
            yield row.predicted


# Spark starts a function anew for each task, in Python workers that stay. So the pipeline is kept in the process.
_kept: Dict[Tuple[str, bool, str, int, int], PartPredictor] = {}


def _kept_in_process(predictor: PartPredictor) -> PartPredictor:
    """RETURNS (PartPredictor): The predictor of the first task of this process, which has loaded the pipeline."""
    return _kept.setdefault(predictor.settings, predictor)


def _parts(columns: Dict[str, Any]) -> Iterator[Part]:
    """YIELDS (Part): The parts in a table, by column."""
    for path, first, texts, digest in zip(*(columns[name] for name in Part._fields)):
        yield Part(str(path), int(first), int(texts), str(digest))


ENGINES: Dict[str, EngineT] = {"ray": run_on_ray, "spark": run_on_spark}
