"""`spacy lowner serve`: a pipeline as a web service."""

import os
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Optional, Union

import torch
import typer
from spacy.language import Language
from wasabi import msg

from ..annotations import SPANS_KEY
from ..errors import Errors, LownerError
from ..loading import check_writes, load_pipeline
from ..models.hf.inference import predict_in_bfloat16
from ._app import lowner
from ._util import exclusive, friendly, use_gpu

if TYPE_CHECKING:
    from fastapi import FastAPI

    from ..serving.trainer import TrainerSettings

# The key is not an option: other users of the machine can read command lines.
KEY = "LOWNER_API_KEY"
# The name in the meta data of a pipeline that nobody has named, and the folders that `spacy train` writes.
UNNAMED = "pipeline"
TRAINED = ("model-best", "model-last")


@lowner.command("serve")
@friendly
@exclusive("train_folder")
def serve_cli(
    model_path: str = typer.Argument(..., help="Trained pipeline: a folder, or the name of a package"),
    host: str = typer.Option("127.0.0.1", help="Address; 0.0.0.0 for requests from other machines"),
    port: int = typer.Option(8080, min=0, max=65535, help="Port; 0 chooses a free one"),
    workers: int = typer.Option(1, min=1, help="Number of processes, which share the memory of the weights"),
    threads: Optional[int] = typer.Option(None, min=1, help="Threads per process; by default all cores together"),
    bfloat16: bool = typer.Option(False, "--bfloat16", help="Compute in bfloat16, on a CPU that can"),
    batch: int = typer.Option(64, min=1, help="Texts that are predicted together"),
    waiting: int = typer.Option(2048, min=1, help="Texts that wait at the same time; more are refused (429)"),
    seconds: float = typer.Option(30.0, min=0.1, help="Time after which a waiting request is given up (503)"),
    spans_key: str = typer.Option(SPANS_KEY, help="Key of the predicted spans in doc.spans"),
    gpu_id: int = typer.Option(-1, "--gpu-id", help="GPU, or -1 for CPU"),
    train_config: Optional[Path] = typer.Option(
        None, help="Train on annotation that Label Studio submits, with this config, and serve the result"
    ),
    train_folder: Optional[Path] = typer.Option(None, help="Folder for submitted texts and trainings"),
    train_every: int = typer.Option(20, min=1, help="Submitted annotations after which a training starts"),
    train_gold: Optional[Path] = typer.Option(None, help="Labelled texts to train on, too"),
    train_dev: Optional[Path] = typer.Option(None, help="Labelled texts for the scores during training"),
):
    """Serve a pipeline over HTTP, until interrupted. The page /docs describes the requests.

    If the environment variable LOWNER_API_KEY is set, requests must send this key. Texts are not logged.
    """
    for package in ("fastapi", "fastapi_offline", "prometheus_client", "uvicorn"):
        # They are not imported yet: prometheus_client reads an environment variable then, which is set below.
        if find_spec(package) is None:
            raise LownerError(Errors.LN221.format(package=package))
    key = os.environ.get(KEY)
    if key is not None and not (key.strip() and key.isascii()):
        raise LownerError(Errors.LN224.format(variable=KEY))
    if workers > 1 and gpu_id >= 0:
        raise LownerError(Errors.LN022.format(what="--workers", expected="1 on a GPU", value=workers))
    settings = _trainer_settings(train_config, train_folder, train_every, train_gold, train_dev, gpu_id)
    if workers > 1 and settings is not None:
        raise LownerError(Errors.LN022.format(what="--workers", expected="1 with --train-config", value=workers))
    use_gpu(gpu_id)
    # A process in which torch has used more threads must not fork.
    torch.set_num_threads(1)

    def load(path: Union[str, Path]) -> Language:
        nlp = load_pipeline(path)
        if bfloat16 and not predict_in_bfloat16(nlp):
            msg.warn("This processor does not compute in bfloat16. The service uses float32")
        return nlp

    with tempfile.TemporaryDirectory() as folder:
        if workers > 1:
            # prometheus_client reads this when it is imported the first time, in the module of the service.
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        from ..serving.app import create_app
        from ..serving.predictor import Limits
        from ..serving.trainer import Trainer
        from ..serving.workers import listen, serve

        trainer = None if settings is None else Trainer(settings)
        if trainer is not None and trainer.newest is not None:
            msg.info(f"{trainer.settings.folder} has a trained pipeline, which is served in place of {model_path}")
            model_path = str(trainer.newest)
        nlp = load(model_path)
        check_writes(nlp, spans_key)
        limits = Limits(batch=batch, waiting=waiting, seconds=seconds)
        opened = listen(host, port)
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{opened.getsockname()[1]}"
        if key is None and host not in ("127.0.0.1", "localhost", "::1"):
            msg.warn(f"Everybody who reaches {host} can use this service. Set {KEY} to ask for a key")
        msg.good(f"Serving {Path(model_path).absolute().name} at {address}. Requests are described at {address}/docs")
        msg.info("Ctrl+C ends the service")
        sys.stdout.flush()

        def make() -> "FastAPI":
            set_threads(nlp, threads or max(1, (os.cpu_count() or 1) // workers))
            return create_app(
                nlp,
                name=shown_name(nlp, Path(model_path)),
                limits=limits,
                key=key,
                spans_key=spans_key,
                gpu_id=gpu_id,
                trainer=trainer,
                load=load,
            )

        status = serve(make, opened, workers)
    msg.good("Stopped")
    raise typer.Exit(status)


def _trainer_settings(
    config: Optional[Path], folder: Optional[Path], every: int, gold: Optional[Path], dev: Optional[Path], gpu_id: int
) -> Optional["TrainerSettings"]:
    """RETURNS (Optional[TrainerSettings]): The settings of trainings. RAISES (LownerError): If files are missing."""
    if config is None and folder is None:
        return None
    if config is None or folder is None:
        raise LownerError(Errors.LN182)
    for path in (config, gold, dev):
        if path is not None and not path.exists():
            raise LownerError(Errors.LN010.format(path=path))
    from ..serving.trainer import TrainerSettings

    return TrainerSettings(folder, config, every, gold, dev, gpu_id)


def shown_name(nlp: Language, path: Path) -> Optional[str]:
    """RETURNS (Optional[str]): The name of the folder if `spacy train` has named the pipeline; None if a person has."""
    if nlp.meta["name"] != UNNAMED or not path.is_dir():
        return None
    # A symbolic link has the name that a person has given it.
    folder = path.absolute()
    folder = folder.resolve() if folder.name in ("", "..") else folder
    return f"{folder.parent.name}/{folder.name}" if folder.name in TRAINED else folder.name


def set_threads(nlp: Language, threads: int) -> None:
    """Set the number of threads of predictions.

    nlp (Language): A pipeline of this package, or an exported one, whose pipe has a setting for it.
    threads (int): The number.
    """
    torch.set_num_threads(threads)
    for _, pipe in nlp.pipeline:
        if hasattr(pipe, "set_threads"):
            pipe.set_threads(threads)
