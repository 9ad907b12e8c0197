"""The worker job that turns trained trials into a model folder that others can load."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

from tunewright import __version__
from tunewright.core.usage import reset_peak_memory
from tunewright.data.content import ASSISTANT, USER, Completion, Content, Conversation, Message
from tunewright.models.adapters import is_adapter, save_adapter
from tunewright.models.generation.config import GenerationConfig
from tunewright.models.generation.ends import end_tokens
from tunewright.models.released import Release, replacing, save_around, save_whole
from tunewright.models.writer import Writer
from tunewright.tasks.generate.rendered import Rendered
from tunewright.tasks.generate.renderer import Renderer
from tunewright.tasks.generate.template import UnrenderableError
from tunewright.train.recipe import Trial
from tunewright.train.writing.jobs import average
from tunewright.train.writing.workspace import WritingSpec, WritingWorkspace
from tunewright.workers.base import Context, JobHandler

_OF_THE_HUB = ("hub", "hub cache")


class ReleaseWriter(JobHandler):
    """Payload: `workspace`, `trials` (one, or several seeds to average) and `folder`, in the study;
    and, where they are known, `generation` (resolved), `reading` (of `data:`) and `metric`.

    The folder is replaced as a whole. A training that moved nothing but adapters leaves an adapter,
    any other a whole model. The mean of several adapters is an adapter of their ranks together.

    Returns `parameters` that were trained, and `all_parameters` of the model with them.
    """

    def run(self, context: Context, payload: dict[str, Any]) -> dict[str, Any]:
        reset_peak_memory()
        workspace = WritingWorkspace.of(context, WritingSpec(**payload["workspace"]))
        trials = [Trial(**values) for values in payload["trials"]]
        member, _, _ = average(workspace, trials)
        writer = member.model
        assert isinstance(writer, Writer)
        trained = sum(p.numel() for p in writer.parameters() if p.requires_grad)
        adapter = is_adapter(writer)
        release = _release(workspace, trials, payload, "adapter" if adapter else "whole")
        folder = workspace.layout.root / payload["folder"]
        folder.parent.mkdir(parents=True, exist_ok=True)
        base = workspace.resolved.path
        with replacing(folder) as draft:
            if adapter:
                save_adapter(writer, draft, release.base_model_path or release.base_model)
            else:
                member.finish()
                ends = ends_of(workspace.model, workspace.tokenizer, workspace.renderer)
                save_whole(writer.plain_model(), draft, base, ends)
            save_around(draft, base, release, shipped_template(workspace.renderer))
        frozen = sum(p.numel() for p in workspace.model.parameters())
        return {
            "parameters": trained,
            "all_parameters": frozen + trained if adapter else frozen,
        }


def _release(
    workspace: WritingWorkspace,
    trials: Sequence[Trial],
    payload: dict[str, Any],
    form: Literal["adapter", "whole"],
) -> Release:
    spec, resolved = workspace.spec, workspace.resolved
    strategy = trials[0].recipe.phase.strategy
    return Release(
        form=form,
        renderer=workspace.renderer.renderer,
        rendering=spec.rendering.model_dump(mode="json"),
        templates=workspace.chat.templates,
        template_source=spec.template_source,
        content=main_kind(workspace.dataset.fit.contents),
        base_model=resolved.name,
        base_model_path=None if resolved.source in _OF_THE_HUB else str(resolved.path.resolve()),
        base_model_hash=resolved.content_hash,
        max_length=workspace.max_length,
        generation=GenerationConfig(**payload.get("generation") or {}),
        reading=payload.get("reading") or {},
        metric=payload.get("metric"),
        strategy=strategy.model_dump(mode="json"),
        seeds=tuple(trial.seed for trial in trials),
        trials=tuple(trial.id for trial in trials),
        soup=len(trials) > 1,
        quantization=spec.quantization,
        tunewright=__version__,
    )


def main_kind(contents: Sequence[Content]) -> Literal["conversation", "completion", "document"]:
    """The kind of most rows: how a question is put to a model that has learned from them."""
    counts = Counter(content.kind for content in contents)
    kinds: tuple[Literal["conversation", "completion", "document"], ...] = (
        "conversation",
        "completion",
        "document",
    )
    return max(kinds, key=lambda kind: counts[kind])


def shipped_template(renderer: Renderer) -> str | None:
    """The chat template for other tools; None where single questions are put without one."""
    if renderer.two_sequences and renderer.asks_plainly:
        return None
    return renderer.template().source


def ends_of(model: Any, tokenizer: Any, renderer: Renderer) -> frozenset[int]:
    """Every token that ends an answer: those that the model names, and those by which the renderer
    ends a turn and a text."""
    turns = (Message(role=USER, content="a"), Message(role=ASSISTANT, content="a"))
    rows: list[Rendered] = []
    for content in (Conversation(messages=turns), Completion(prompt="a", completion="a")):
        try:
            rows += renderer.render(content)
        except UnrenderableError:
            continue
    return end_tokens(model, tokenizer, rows)
