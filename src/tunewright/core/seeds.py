"""Seeds derived by name, so that no random stream depends on the order of the work.

A run that was killed and continued draws the same numbers as one that was not, because each
stream is named (`derive_seed(seed, "batches", epoch)`) instead of being one long sequence whose
position would have to be saved.
"""

from __future__ import annotations

import hashlib


def derive_seed(root: int, *names: str | int) -> int:
    """A 63-bit seed for the stream called `names` under `root`."""
    text = "/".join([str(root), *map(str, names)])
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1
