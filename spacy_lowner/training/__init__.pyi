from .averaging import average_pipelines
from .callbacks import create_fast_training, create_start_from
from .optimizer import GroupedAdam, create_grouped_adam

__all__ = [
    "average_pipelines",
    "GroupedAdam",
    "create_fast_training",
    "create_grouped_adam",
    "create_start_from",
]
