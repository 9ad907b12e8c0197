"""Groups of prompts by what they begin with."""

from __future__ import annotations

import random

from tunewright.models.generation.prefixes import groups_of, shared_prefix


def begins_alike(prompts: list[list[int]]) -> int:
    """The readable twin: token by token, and one left for each."""
    count = 0
    while all(count < len(p) - 1 and p[count] == prompts[0][count] for p in prompts):
        count += 1
    return count


def test_every_prompt_is_in_one_group_and_begins_like_it() -> None:
    rng = random.Random(1)
    starts = [[rng.randrange(4) for _ in range(n)] for n in (0, 3, 12, 40, 90)]
    for _ in range(60):
        prompts = [
            [*rng.choice(starts), *(rng.randrange(4) for _ in range(rng.randint(1, 20)))]
            for _ in range(rng.randint(1, 30))
        ]
        groups = groups_of(prompts)
        assert sorted(p for group in groups for p in group.places) == list(range(len(prompts)))
        for group in groups:
            several = [prompts[place] for place in group.places]
            assert group.shared <= begins_alike(several)
            assert group.shared in (0, begins_alike(several))
        assert shared_prefix(prompts) == begins_alike(prompts)


def test_families_of_prompts_are_kept_apart_where_that_saves() -> None:
    one, other = [1] * 50, [2] * 60
    prompts = [[*one, 5, n] for n in range(6)] + [[*other, 6, n] for n in range(5)] + [[9, 9]]
    found = {(len(group.places), group.shared) for group in groups_of(prompts)}
    assert found == {(6, 51), (5, 61), (1, 0)}


def test_a_branch_of_little_use_does_not_divide_a_group() -> None:
    start = list(range(100))
    prompts = [[*start, n % 3, 7, n] for n in range(12)]
    assert [(len(g.places), g.shared) for g in groups_of(prompts)] == [(12, 100)]


def test_equal_prompts_keep_a_token_of_their_own() -> None:
    assert [(g.places, g.shared) for g in groups_of([[3] * 20] * 5)] == [((0, 1, 2, 3, 4), 19)]
