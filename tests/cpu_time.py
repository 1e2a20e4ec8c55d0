"""CPU time of a call, which other processes and garbage collection do not change."""

import gc
import statistics
import time


def seconds_of(run, repeats=3):
    """RETURNS (float): Median CPU seconds of `run()`."""
    times = []
    for _ in range(repeats):
        gc.collect()
        # A collection looks at all objects of the process.
        gc.disable()
        begun = time.process_time()
        run()
        times.append(time.process_time() - begun)
        gc.enable()
    return statistics.median(times)
