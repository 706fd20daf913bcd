"""Every reader of something that crosses a boundary, fed with the corpus and with what becomes of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS, Target

KEPT = [(name, path) for name, target in TARGETS.items() for path in target.corpus]


@st.composite
def spoilt(draw: st.DrawFn, target: Target, seeds: list[bytes]) -> bytes:
    """One of the corpus, with pieces taken out, put in and repeated."""
    content: bytes = draw(st.sampled_from(seeds) | st.binary(max_size=40))
    for _ in range(draw(st.integers(0, 5))):
        start = draw(st.integers(0, len(content)))
        end = start + draw(st.integers(0, 12))
        piece = draw(st.sampled_from(target.words) | st.binary(max_size=6) | st.just(content[start:end]))
        content = content[:start] + piece * draw(st.integers(0, 2)) + content[end:]
    return content


@pytest.mark.parametrize(("name", "path"), KEPT, ids=[f"{name}-{path.name}" for name, path in KEPT])
def test_what_is_kept_in_the_corpus_keeps_the_promise(name: str, path: Path) -> None:
    TARGETS[name].feed(path.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
@given(st.data())
def test_what_becomes_of_it_keeps_the_promise(name: str, data: st.DataObject) -> None:
    target = TARGETS[name]
    target.feed(data.draw(spoilt(target, [path.read_bytes() for path in target.corpus])))


def test_no_corpus_lies_about_for_nothing() -> None:
    folders = {path.name for path in next(iter(TARGETS.values())).corpus[0].parents[1].iterdir()}
    assert folders == set(TARGETS)
