"""`merge`: an adapter put into a copy of its base model, as a plain Hugging Face folder."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

from tunewright.cli.console import console, errors, print_json
from tunewright.cli.tuned import find_tuned
from tunewright.core.errors import ConfigError
from tunewright.core.files import refuse_place

_ELSEWHERE = "name another folder with --out"


def run(
    path: Path,
    out: Path,
    *,
    candidate: str | None,
    dtype: str | None,
    allow_network: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Merge and write, and say what was done."""
    tuned = find_tuned(path, candidate, allow_network)
    _refuse_target(out, tuned.folder, force)
    from tunewright.models.merging import DTYPES, merged_release
    from tunewright.models.released import replacing, save_around, save_whole
    from tunewright.serve.texts import renderer_of
    from tunewright.train.writing.release import ends_of, shipped_template

    if dtype is not None and dtype not in DTYPES:
        raise ConfigError(
            "weights are not written in this form",
            field="--dtype",
            found=dtype,
            expected=", ".join(DTYPES),
        )
    with errors.status("merging") if errors.is_terminal else nullcontext():
        merged = merged_release(
            tuned.folder, tuned.project_folder, dtype=dtype, allow_network=tuned.allow_network
        )
        release = merged.release
        renderer = renderer_of(release, tuned.folder, two_sequences=_two(merged.model))
        with replacing(out, _ELSEWHERE) as draft:
            ends = ends_of(merged.model, merged.tokenizer, renderer)
            save_whole(merged.model, draft, merged.source, ends)
            save_around(draft, tuned.folder, release, shipped_template(renderer))
    size = sum(file.stat().st_size for file in out.glob("*.safetensors"))
    told = {
        "folder": str(out),
        "parameters": sum(p.numel() for p in merged.model.parameters()),
        "dtype": merged.dtype,
        "bytes": size,
        "base_model": release.base_model,
        "largest_difference": merged.difference,
        "quantization": release.quantization,
    }
    if as_json:
        print_json(told)
        return
    console.print(
        f"{out}: {told['parameters']:,} parameters in {merged.dtype}, {size / 1e6:,.1f} MB"
    )
    console.print(
        f"Logits before and after differ by {merged.difference:.1e} at most. It loads with "
        "transformers, without PEFT and without Tunewright."
    )
    if release.quantization is not None:
        console.print(
            f"It was trained on its base in {release.quantization}, and merged into the whole "
            "weights: answers may differ a little.",
            style="yellow",
        )


def _two(model: object) -> bool:
    return bool(model.config.is_encoder_decoder)  # type: ignore[attr-defined]


def _refuse_target(out: Path, source: Path, force: bool) -> None:
    refuse_place(out)
    place, tuned = out.resolve(), source.resolve()
    if place == tuned or place in tuned.parents or tuned in place.parents:
        raise ConfigError(
            "this folder holds what is merged, or lies in it",
            file=out,
            field="--out",
            fix=_ELSEWHERE,
        )
    if out.is_file():
        raise ConfigError("this is a file", file=out, field="--out", fix=_ELSEWHERE)
    if not out.is_dir() or not any(out.iterdir()):
        return
    ours = (out / "tunewright.json").is_file() and (out / "config.json").is_file()
    if not force or not ours:
        raise ConfigError(
            "this folder is not empty",
            file=out,
            field="--out",
            fix="add --force to replace it, or " + _ELSEWHERE if ours else _ELSEWHERE,
        )
