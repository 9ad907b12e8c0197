"""What a piece of work costs: seconds, processor seconds, peak memory."""

from __future__ import annotations

import sys
import time
from pathlib import Path

_CLEAR_REFS = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


class Meter:
    """Started when it is made; read with `usage`."""

    def __init__(self) -> None:
        _reset_peak()
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def usage(self) -> dict[str, float]:
        """`wall_seconds`, `cpu_seconds`, and `peak_memory_bytes` of this process since the start.

        Where the system cannot reset its peak (macOS, Windows) the peak is that of the process.
        """
        return {
            "wall_seconds": time.perf_counter() - self._wall,
            "cpu_seconds": time.process_time() - self._cpu,
            "peak_memory_bytes": float(_peak()),
        }


def _reset_peak() -> None:
    try:
        _CLEAR_REFS.write_text("5")
    except OSError:
        return


def _peak() -> int:
    try:
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
