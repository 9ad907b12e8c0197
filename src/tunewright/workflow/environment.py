"""What a result was measured with: machine, system, package versions."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGES = (
    "tunewright",
    "torch",
    "transformers",
    "tokenizers",
    "peft",
    "accelerate",
    "scikit-learn",
    "numpy",
    "scipy",
    "optuna",
    "cleanlab",
    "rensa",
)


def describe_environment() -> dict[str, Any]:
    """Plain values; imports none of the packages it names."""
    return {
        "python": platform.python_version(),
        "system": platform.platform(terse=True),
        "processor": processor_name(),
        "cores": os.cpu_count(),
        "memory_bytes": memory_bytes(),
        "packages": {name: found for name in _PACKAGES if (found := installed(name))},
    }


def installed(package: str) -> str | None:
    """The installed version of a package, or None."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def processor_name() -> str:
    """The processor as the system calls it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def memory_bytes() -> int:
    """Main memory of the machine."""
    import psutil

    return int(psutil.virtual_memory().total)
