"""What a piece of work costs: seconds, processor seconds, peak memory."""

from __future__ import annotations

import ctypes
import gc
import sys
import time
from collections.abc import Callable
from pathlib import Path

_CLEAR_REFS = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


class Meter:
    """Started when it is made; read with `usage`."""

    def __init__(self) -> None:
        reset_peak_memory()
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def usage(self) -> dict[str, float]:
        """`wall_seconds`, `cpu_seconds`, and `peak_memory_bytes` of this process since the start.

        Where the system cannot reset its peak (macOS, Windows) the peak is that of the process.
        """
        return {
            "wall_seconds": time.perf_counter() - self._wall,
            "cpu_seconds": time.process_time() - self._cpu,
            "peak_memory_bytes": peak_memory_bytes(),
        }


def release_memory() -> None:
    """Give freed memory back to the system.

    Batches of ever other shapes leave the C library's heap full of holes, which it keeps: on the
    order of a gigabyte after a few epochs. Only glibc has to be asked.
    """
    gc.collect()  # models hold themselves in cycles
    if _trim is not None:
        _trim(0)


def _find_trim() -> Callable[[int], int] | None:
    if not sys.platform.startswith("linux"):
        return None
    try:
        found: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):  # another C library
        return None
    return found


_trim = _find_trim()


def reset_peak_memory() -> None:
    """Let `peak_memory_bytes` start anew, where the system can (Linux)."""
    try:
        _CLEAR_REFS.write_text("5")
    except OSError:
        return


def peak_memory_bytes() -> float:
    """Peak of this process since it was last reset."""
    return float(_peak())


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
