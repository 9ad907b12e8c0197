"""Coverage-guided fuzzing of every reader: no crash, no hang, no row unaccounted for.

    pip install atheris
    python -m benchmarks.fuzz [--seconds 60] [--formats csv jsonl]

For each format the fuzzer (Atheris, libFuzzer for Python) mutates a small correct file of that
format and steers by which lines of the readers were reached. What is asserted is the same as in
`tests/fuzz`: a reader yields rows that are numbered without a gap, each used or rejected with a
reason, or refuses the file with an error that names it; anything else is a finding, and the input
is kept. An input that takes longer than five seconds is a hang.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.common import write_result

_HANG_SECONDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for each format")
    parser.add_argument("--formats", nargs="*", default=None)
    options = parser.parse_args()
    from tests.fuzz.seeds import COMPRESSED, SEEDS

    names = options.formats or [*SEEDS, *COMPRESSED]
    found = {name: _fuzz(name, options.seconds) for name in names}
    write_result("fuzz", {"seconds_each": options.seconds, "formats": found})


def _fuzz(name: str, seconds: int) -> dict[str, Any]:
    """Fuzz one format in a process of its own, since the fuzzer ends the process it runs in."""
    with tempfile.TemporaryDirectory() as folder:
        process = multiprocessing.get_context("spawn").Process(
            target=_run_fuzzer, args=(name, seconds, folder)
        )
        start = time.perf_counter()
        process.start()
        process.join()
        counts = json.loads((Path(folder) / "counts.json").read_text(encoding="utf-8"))
        crashes = [path.read_bytes().hex() for path in Path(folder).glob("crash-*")]
        slow = [path.read_bytes().hex() for path in Path(folder).glob("timeout-*")]
    return {
        **counts,
        "crashes": crashes,
        "hangs": slow,
        "exit_code": process.exitcode,
        "wall_seconds": round(time.perf_counter() - start, 1),
    }


def _run_fuzzer(name: str, seconds: int, folder: str) -> None:
    import atheris

    with atheris.instrument_imports(include=["tunewright.data"]):
        from tests.fuzz.reading import read_bytes
        from tests.fuzz.seeds import COMPRESSED, SEEDS

        from tunewright.data.readers import READERS

        for known in READERS.names():
            READERS.get(known)
    place = Path(folder)
    corpus = place / "corpus"
    corpus.mkdir()
    (corpus / "seed").write_bytes({**SEEDS, **COMPRESSED}[name]())
    counts = {"inputs": 0, "read": 0, "refused": 0, "rows_used": 0, "rows_rejected": 0}
    counts_file = place / "counts.json"
    counts_file.write_text(json.dumps(counts), encoding="utf-8")
    path = place / f"file.{name}"
    deadline = time.monotonic() + seconds

    def once(content: bytes) -> None:
        found = read_bytes(content, name.removesuffix(".gz"), path)
        counts["inputs"] += 1
        if isinstance(found, tuple):
            counts["read"] += 1
            counts["rows_used"] += found[0]
            counts["rows_rejected"] += found[1]
        else:
            counts["refused"] += 1
        if counts["inputs"] % 500 == 0 or time.monotonic() > deadline - 1:
            counts_file.write_text(json.dumps(counts), encoding="utf-8")

    arguments = [
        sys.argv[0],
        f"-max_total_time={seconds}",
        f"-timeout={_HANG_SECONDS}",
        f"-artifact_prefix={folder}/",
        "-max_len=2000",
        "-seed=1",
        "-print_final_stats=1",
        "-verbosity=0",
        str(corpus),
    ]
    atheris.Setup(arguments, once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
