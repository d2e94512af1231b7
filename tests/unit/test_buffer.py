"""The output queue against the bytes that it stands for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymosn.buffer import OutputQueue

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.binary(max_size=6)),
        st.tuples(st.just("part"), st.binary(max_size=12), st.integers(0, 12), st.integers(0, 12)),
        st.tuples(st.just("drop"), st.integers(0, 100)),
    ),
    max_size=200,
)


@given(STEPS)
def test_it_holds_what_was_added_and_not_dropped(steps):
    queue = OutputQueue()
    expected = b""
    for step, *values in steps:
        if step == "add":
            queue.add(values[0])
            expected += values[0]
        elif step == "part":
            data, start, end = values
            end = min(end, len(data))
            queue.add_part(data, start, end)
            expected += data[start:end]
        else:
            count = values[0] * len(expected) // 100
            queue.drop(count)
            expected = expected[count:]
        assert (queue.joined(), queue.size) == (expected, len(expected))
        assert queue.count == len(queue.sources())
        assert (queue.count == 0) == (not expected)


def test_parts_are_not_copied():
    whole = bytes(range(100))
    queue = OutputQueue()
    queue.add_part(whole, 10, 20)
    queue.add_part(whole, 90, 100)
    assert all(source is whole for source in queue.sources())
    assert queue.joined() == whole[10:20] + whole[90:]


def test_it_grows_and_shrinks():
    queue = OutputQueue()
    for round_ in range(3):
        for number in range(10000):
            queue.add(b"%d," % number)
            if number % 3 == round_:
                queue.drop(1)
        dropped = 10000 // 3 + (round_ == 0)
        assert queue.joined() == b"".join(b"%d," % n for n in range(10000))[dropped:]
        queue.clear()
        assert (queue.size, queue.count, queue.joined()) == (0, 0, b"")


def test_a_closed_queue_keeps_what_it_has():
    queue = OutputQueue()
    queue.add(b"a")
    queue.close()
    queue.add(b"b")
    queue.add_part(b"bc", 0, 2)
    assert queue.closed
    assert queue.joined() == b"a"
    queue.clear()
    assert queue.size == 0


@pytest.mark.parametrize(("start", "end"), [(-1, 1), (0, 4), (2, 4), (-2, -1)])
def test_a_part_outside_of_its_bytes(start, end):
    queue = OutputQueue()
    with pytest.raises(IndexError):
        queue.add_part(b"abc", start, end)
    assert queue.count == 0


@pytest.mark.parametrize("count", [-1, 4])
def test_dropping_what_is_not_there(count):
    queue = OutputQueue()
    queue.add(b"abc")
    with pytest.raises(IndexError):
        queue.drop(count)
    assert queue.joined() == b"abc"


def test_sources_live_as_long_as_their_parts():
    queue = OutputQueue()
    for number in range(1000):
        queue.add(b"x" * number)
    queue.drop(1234)
    expected = b"x" * (sum(range(1000)) - 1234)
    assert queue.joined() == expected
    del queue
