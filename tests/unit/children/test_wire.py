from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

import pytest

from reportd.children.wire import PAYLOAD_BYTES_MAX, Decoder, Endpoint, Frame, Kind, WireError, pack

Ends = tuple[Endpoint, Endpoint]


@pytest.fixture
def ends() -> Iterator[Ends]:
    near, far = socket.socketpair()
    with near, far:
        yield Endpoint(near), Endpoint(far)


def test_a_frame_survives_the_way() -> None:
    [frame] = Decoder().feed(pack(Kind.MESSAGE, 7, {"step": "generating-file", "word": "Übung\n"}))
    assert (frame.kind, frame.task) == (Kind.MESSAGE, 7)
    assert frame.message() == {"step": "generating-file", "word": "Übung\n"}


def test_frames_are_found_however_the_bytes_are_cut() -> None:
    data = pack(Kind.STARTED, 1, {"pid": 5}) + pack(Kind.KILL, 2) + pack(Kind.MESSAGE, 3, b"x" * 300)
    decoder = Decoder()
    frames = [frame for byte in data for frame in decoder.feed(bytes([byte]))]
    assert [(frame.kind, frame.task) for frame in frames] == [(Kind.STARTED, 1), (Kind.KILL, 2), (Kind.MESSAGE, 3)]
    assert Decoder().feed(data) == frames


def test_a_message_past_the_cap_is_not_packed() -> None:
    with pytest.raises(WireError, match="at most"):
        pack(Kind.MESSAGE, 1, b"x" * (PAYLOAD_BYTES_MAX + 1))


@pytest.mark.parametrize(
    "header", [struct.pack("!BIQ", Kind.MESSAGE, PAYLOAD_BYTES_MAX + 1, 1), struct.pack("!BIQ", 99, 1, 1)]
)
def test_a_length_past_the_cap_or_an_unknown_kind_is_refused_before_the_payload_is_read(header: bytes) -> None:
    with pytest.raises(WireError):
        Decoder().feed(header)


@pytest.mark.parametrize("payload", [b"{", b"[1]", b"\xff", b"[" * 100_000])
def test_a_payload_that_is_no_json_object_is_refused(payload: bytes) -> None:
    with pytest.raises(WireError):
        Frame(Kind.MESSAGE, 1, payload).message()


def test_an_endpoint_keeps_what_a_slow_reader_does_not_take(ends: Ends) -> None:
    near, far = ends
    sent = [pack(Kind.MESSAGE, task, b"x" * 100_000) for task in range(40)]
    for data in sent:
        near.send(data)
    assert near.unsent_bytes > 0

    frames: list[Frame] = []
    while len(frames) < len(sent):
        frames += far.receive() or []
        near.flush()
    assert [frame.task for frame in frames] == list(range(40))
    assert near.unsent_bytes == 0


def test_an_endpoint_sees_the_other_side_close_and_drops_what_it_can_not_deliver(ends: Ends) -> None:
    near, far = ends
    far.send(pack(Kind.KILL, 9))
    far.connection.close()
    near.send(pack(Kind.RUN, 1))
    assert near.unsent_bytes == 0
    assert [frame.task for frame in near.receive() or ()] == [9]
    assert near.receive() == []
    assert near.at_end


def test_an_endpoint_with_nothing_to_read_returns_at_once(ends: Ends) -> None:
    near, _ = ends
    assert near.receive() is None
    assert not near.at_end
