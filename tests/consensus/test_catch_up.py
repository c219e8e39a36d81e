"""Catching up: B18, B20 (SmartBFT), B25 (CVE-2025-24371: lying heights)."""

from __future__ import annotations

from consensus.catch_up import PEERS_MAX, WINDOW, CatchUp
from consensus.messages import Block, Decided, Kind
from consensus.pacemaker import Timing
from consensus.quorum import MemberId
from tests.consensus.values import GENESIS, MEMBERS, block, certificate

A, B, C, D = MEMBERS
TIMING = Timing(status_ms=100, fetch_ms=1_000)


def chain(length: int) -> list[Block]:
    blocks = [GENESIS]
    for number in range(length):
        blocks.append(block(f"B{number + 1}", blocks[-1]))
    return blocks


def decided(of: Block) -> Decided:
    return Decided(of, certificate(Kind.COMMIT, of))


def test_far_behind_asks_at_once_for_a_window() -> None:
    book = CatchUp(TIMING)
    book.claim(A, 1_000, 0)
    request = book.next_request(0, 0)
    assert request is not None
    assert (request.peer, request.first, request.last) == (A, 1, WINDOW)
    assert book.next_request(0, 999) is None, "one request at a time"


def test_one_block_shown_takes_back_nothing_of_what_a_peer_has() -> None:
    book = CatchUp(TIMING)
    book.claim(A, 1_000, 0)
    book.claim(A, WINDOW, 0, urgent=True)
    request = book.next_request(WINDOW, 0)
    assert request is not None
    assert (request.first, request.last) == (WINDOW + 1, 2 * WINDOW)
    other = CatchUp(TIMING)
    other.claim(A, 1_000, 0)
    other.claim(A, WINDOW, 0)
    assert other.next_request(WINDOW, 0) is None, "a STATUS is the peer's own word"


def test_one_behind_waits_for_the_votes_that_are_on_their_way() -> None:
    book = CatchUp(TIMING)
    book.claim(A, 1, 0)
    assert book.next_request(0, 0) is None
    assert book.deadline_ms(0) == 100
    assert book.next_request(0, 100) is not None


def test_b25_a_liar_is_asked_in_turn_and_forgotten_until_it_claims_again() -> None:
    book = CatchUp(TIMING)
    book.claim(A, 10**15, 0)
    book.claim(B, 20, 0)
    asked = []
    for now in range(0, 5_000, 1_000):
        request = book.next_request(0, now)
        asked.append(request.peer if request else None)
    assert asked == [A, B, None, None, None]
    book.claim(A, 10**15, 5_000)
    book.claim(B, 20, 5_000)
    book.next_request(0, 5_000)
    book.answered(A, delivered=False, now_ms=5_000)
    again = book.next_request(0, 5_001)
    assert again is not None
    assert again.peer == B


def test_b18_b20_an_answer_without_news_is_no_answer() -> None:
    book = CatchUp(TIMING)
    book.claim(A, 20, 0)
    book.next_request(0, 0)
    book.answered(A, delivered=False, now_ms=0)
    assert book.next_request(0, 1) is None
    assert book.deadline_ms(0) is None


def test_whoever_delivers_goes_to_the_end_of_the_line() -> None:
    book = CatchUp(TIMING)
    for peer in (A, B):
        book.claim(peer, 500, 0)
    asked = []
    head = 0
    for _ in range(4):
        request = book.next_request(head, 0)
        assert request is not None
        asked.append(request.peer)
        book.answered(request.peer, delivered=True, now_ms=0)
        head = request.last
        book.committed(head)
    assert asked == [A, B, A, B]


def test_asks_above_what_is_here() -> None:
    book = CatchUp(TIMING)
    blocks = chain(3)
    book.keep(decided(blocks[1]), 0)
    book.keep(decided(blocks[2]), 0)
    book.claim(A, 9, 0)
    request = book.next_request(0, 0)
    assert request is not None
    assert (request.first, request.last) == (3, 9)


def test_a_full_window_is_worked_off_before_more_is_asked() -> None:
    book = CatchUp(TIMING)
    for of in chain(WINDOW)[1:]:
        book.keep(decided(of), 0)
    book.claim(A, 10**6, 0)
    assert book.next_request(0, 0) is None
    book.committed(WINDOW)
    assert book.next_request(WINDOW, 0) is not None


def test_i20_bounded() -> None:
    book = CatchUp(TIMING)
    for number in range(10 * PEERS_MAX):
        book.claim(MemberId(b"%d" % number), 10**6, 0)
    for of in chain(10 * WINDOW)[1:]:
        book.keep(decided(of), 0)
    assert book.size() == PEERS_MAX + WINDOW
    book.committed(5)
    assert 5 not in book.decided
    book.drop_decided()
    assert not book.decided


def test_who_failed_is_remembered_of_the_newest_only() -> None:
    """However many there are; and whoever fails again, has failed now."""
    book = CatchUp(TIMING)
    others = [MemberId(b"%d" % number) for number in range(PEERS_MAX)]
    for peer in (A, B, A, *others[1:]):
        book.claim(peer, 9, 0)
        book.answered(peer, delivered=False, now_ms=0)
    assert book.size() == PEERS_MAX
    book.claim(A, 9, 1)
    assert book.next_request(0, 1) is None, "it failed a moment ago"
    book.claim(B, 9, 1)
    request = book.next_request(0, 1)
    assert request is not None
    assert request.peer == B


def test_a_full_book_listens_to_whom_it_knows() -> None:
    book = CatchUp(TIMING)
    book.claim(A, 1, 0)
    for number in range(PEERS_MAX):
        book.claim(MemberId(b"%d" % number), 1, 0)
    book.claim(B, 50, 0)
    assert book.next_request(0, 0) is None, "no room for another, and one block may be on its way"
    book.claim(A, 50, 0)
    request = book.next_request(0, 0)
    assert request is not None
    assert (request.peer, request.last) == (A, 50)


def test_a_request_is_over_with_its_last_block_or_the_word_of_whom_it_went_to() -> None:
    book = CatchUp(TIMING)
    book.claim(A, 9, 0)
    book.claim(B, 9, 0)
    asked = book.next_request(0, 0)
    assert asked is not None
    assert asked.peer == A
    book.committed(8)
    book.answered(B, delivered=True, now_ms=0)
    assert book.request is asked
    book.committed(9)
    assert book.request is None
    book.claim(A, 99, 0)
    again = book.next_request(9, 0)
    book.answered(A, delivered=True, now_ms=0)
    assert (again is not None, book.request) == (True, None)


def test_nothing_is_asked_when_the_claims_are_reached() -> None:
    book = CatchUp(TIMING)
    book.claim(A, 2, 0)
    book.next_request(0, 0)
    book.committed(2)
    assert book.request is None
    assert book.deadline_ms(2) is None
    assert book.next_request(2, 10_000) is None
