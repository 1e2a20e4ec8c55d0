"""The files of an exported model, and the sessions that run its two graphs."""

import hashlib
import json
import os
import threading
from dataclasses import asdict, dataclass, field
from typing import Any, Dict, List, Optional

import numpy
from onnxruntime import GraphOptimizationLevel, InferenceSession, SessionOptions
from tokenizers import Tokenizer

from .errors import Errors, ExportError

# The number of the file format. An older runtime refuses newer files.
FORMAT = 1
FILES = ("encoder.onnx", "head.onnx", "tokenizer.json")
# The file of `Settings`.
SETTINGS = "settings.json"


@dataclass(frozen=True)
class Settings:
    """Settings that are fixed by the export.

    labels (List[str]): The labels, in the order of the logits.
    width (int): Longest span that the head scores, in words.
    max_pieces (int): Longest window, in word pieces without special tokens.
    overlap (float): Fraction of a window's words that the next one repeats.
    limit (int): Longest text that the encoder reads, in word pieces with special tokens.
    calibration (List[float]): Slope and bias of the probabilities; empty for none.
    checksums (Dict[str, str]): SHA-256 of each file.
    format (int): Number of the file format.
    """

    labels: List[str]
    width: int
    max_pieces: int
    overlap: float
    limit: int
    calibration: List[float]
    checksums: Dict[str, str] = field(default_factory=dict)
    format: int = FORMAT


class ExportedModel:
    """An encoder and a span head as ONNX graphs, with the tokenizer.

    The graphs compute one text at a time. In eight bits, the range of all numbers of a product is divided into 256
    steps, so in a batch the scores of a text would depend on the others. A batch would save 20% of the time and lose
    half of that by padding.

    The graphs are compiled at first use, once per process: the threads of a session do not survive a fork.

    settings (Settings): Settings that are fixed by the export.
    files (Dict[str, bytes]): The content of `FILES`.
    threads (Optional[int]): Number of threads of a session. None leaves it to ONNX Runtime, which takes all cores.
    """

    def __init__(self, settings: Settings, files: Dict[str, bytes], threads: Optional[int] = None):
        self.settings = settings
        self.files = files
        self.threads = threads
        self.tokenizer = Tokenizer.from_str(files["tokenizer.json"].decode("utf8"))
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        self._sessions: Dict[str, InferenceSession] = {}
        self._inherited: Dict[str, InferenceSession] = {}
        self._process = os.getpid()
        self._lock = threading.Lock()

    def set_threads(self, threads: Optional[int]) -> None:
        """Set the number of threads. Graphs that are compiled already are compiled again.

        threads (Optional[int]): The number; None for all cores.
        """
        with self._lock:
            self._leave_parent()
            if threads != self.threads:
                self.threads, self._sessions = threads, {}

    def encode(self, ids: List[int]) -> numpy.ndarray:
        """Compute the states of the word pieces of a text.

        ids (List[int]): The pieces.
        RETURNS (numpy.ndarray): Shape: (pieces, dim), float32
        """
        return self._run("encoder.onnx", {"ids": numpy.asarray(ids, dtype="int64")})

    def score(self, words: numpy.ndarray, shapes: numpy.ndarray) -> numpy.ndarray:
        """Compute the logits of the spans of a text.

        words (numpy.ndarray): Word states. Shape: (words, dim), float32
        shapes (numpy.ndarray): Word shapes. Shape: (words,)
        RETURNS (numpy.ndarray): Logits. Those of cells past the end of the text have no meaning.
            Shape: (words, width, labels)
        """
        return self._run("head.onnx", {"words": words, "shapes": shapes.astype("int64")})

    def _run(self, name: str, inputs: Dict[str, numpy.ndarray]) -> numpy.ndarray:
        session = self._session(name)
        # A graph has no input that it does not use, such as shapes.
        used = {one.name: inputs[one.name] for one in session.get_inputs()}
        output: numpy.ndarray = session.run(None, used)[0]
        return output

    def _session(self, name: str) -> InferenceSession:
        with self._lock:
            self._leave_parent()
            if name not in self._sessions:
                options = SessionOptions()
                options.graph_optimization_level = GraphOptimizationLevel.ORT_ENABLE_ALL
                # Threads that wait for work would take the cores of other processes.
                options.add_session_config_entry("session.intra_op.allow_spinning", "0")
                # Reused memory grows with the largest batch so far and is never given back.
                options.enable_cpu_mem_arena = False
                if self.threads is not None:
                    options.intra_op_num_threads = self.threads
                self._sessions[name] = InferenceSession(self.files[name], options, providers=["CPUExecutionProvider"])
            return self._sessions[name]

    def _leave_parent(self) -> None:
        """Make new sessions after a fork. Those of the parent are kept: deleting one waits for its threads."""
        if self._process != os.getpid():
            self._inherited, self._sessions, self._process = self._sessions, {}, os.getpid()

    def __getstate__(self) -> Dict[str, Any]:
        return {"settings": self.settings, "files": self.files, "threads": self.threads}

    def __setstate__(self, state: Dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def to_parts(self) -> Dict[str, bytes]:
        """RETURNS (Dict[str, bytes]): The content of all files, by name."""
        checksums = {name: hashlib.sha256(data).hexdigest() for name, data in self.files.items()}
        settings = json.dumps({**asdict(self.settings), "checksums": checksums}, indent=2, ensure_ascii=False)
        return {**self.files, SETTINGS: settings.encode("utf8")}

    @classmethod
    def from_parts(cls, parts: Dict[str, bytes]) -> "ExportedModel":
        """Make a model of the content of its files.

        parts (Dict[str, bytes]): The output of `to_parts`.
        RETURNS (ExportedModel): The model.
        RAISES (ExportError): If a file is missing or damaged, or the format is not that of this version.
        """
        try:
            values = json.loads(parts[SETTINGS])
            if values["format"] != FORMAT:
                raise ValueError(f"it has the format {values['format']}, and this version reads {FORMAT}")
            settings = Settings(**values)
            for name in FILES:
                if hashlib.sha256(parts[name]).hexdigest() != settings.checksums[name]:
                    raise ValueError(f"{name} is damaged or was replaced")
            return cls(settings, {name: parts[name] for name in FILES})
        except KeyError as error:
            raise ExportError(Errors.R002.format(reason=f"{error} is missing")) from error
        except (ValueError, TypeError) as error:
            raise ExportError(Errors.R002.format(reason=error)) from error
