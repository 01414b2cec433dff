"""The rules of RFC 9110 for one file of 1000 bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.responses import Answer, FileFacts, answer_for, best_coding

FACTS = FileFacts(1000, "ab" * 32, "video/mp4", "public, max-age=5")
TAG = FACTS.etag()


def header(answer: Answer, name: str) -> str | None:
    return dict(answer.headers).get(name.encode(), b"").decode() or None


def ask(method: str = "GET", **headers: str) -> Answer:
    return answer_for(FACTS, method, {name.replace("_", "-"): value for name, value in headers.items()})


def test_a_plain_get_is_the_whole_file_with_a_strong_tag() -> None:
    answer = ask()
    assert (answer.status, answer.start, answer.length) == (200, 0, 1000)
    assert header(answer, "etag") == '"' + "ab" * 32 + '"'
    assert header(answer, "content-length") == "1000"
    assert header(answer, "accept-ranges") == "bytes"
    assert header(answer, "access-control-allow-origin") == "*"
    assert header(answer, "x-content-type-options") == "nosniff"
    assert "Content-Range" in (header(answer, "access-control-expose-headers") or "")


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-999", 0, 999),
        ("bytes=100-", 100, 999),
        ("bytes=999-5000", 999, 999),
        ("bytes=-1", 999, 999),
        ("bytes=-5000", 0, 999),
        ("BYTES = 10-19 ", 10, 19),
        ("bytes=0-" + "9" * 5000, 0, 999),
        ("bytes=-" + "9" * 5000, 0, 999),
    ],
)
def test_one_range_is_206(asked: str, first: int, last: int) -> None:
    answer = ask(range=asked)
    assert (answer.status, answer.start, answer.length) == (206, first, last - first + 1)
    assert header(answer, "content-range") == f"bytes {first}-{last}/1000"
    assert header(answer, "content-length") == str(last - first + 1)


@pytest.mark.parametrize("asked", ["bytes=1000-", "bytes=1000-2000", "bytes=-0", "bytes=" + "9" * 5000 + "-"])
def test_a_range_behind_the_end_is_416_and_tells_the_size(asked: str) -> None:
    answer = ask(range=asked)
    assert (answer.status, answer.length) == (416, 0)
    assert header(answer, "content-range") == "bytes */1000"


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=0-1,5-6",
        "bytes=" + "0-1," * 9999 + "0-1",
        "seconds=1-2",
        "bytes=5-1",
        "bytes=-",
        "bytes=a-b",
        "bytes",
        "",
        "bytes=²-3",
    ],
)
def test_what_is_not_one_range_of_bytes_gets_the_whole_file(asked: str) -> None:
    assert (ask(range=asked).status, ask(range=asked).length) == (200, 1000)


def test_head_ignores_a_range() -> None:
    answer = ask("HEAD", range="bytes=0-9")
    assert (answer.status, header(answer, "content-length")) == (200, "1000")


@pytest.mark.parametrize(
    ("condition", "status"),
    [(TAG, 206), ("W/" + TAG, 200), ('"other"', 200), ("Sat, 01 Jan 2022 00:00:00 GMT", 200)],
)
def test_if_range_keeps_the_range_for_the_same_strong_tag_only(condition: str, status: int) -> None:
    assert ask(range="bytes=0-9", if_range=condition).status == status


@pytest.mark.parametrize("condition", [TAG, "W/" + TAG, f'"x", {TAG}', "*"])
def test_if_none_match_is_304_without_a_length(condition: str) -> None:
    answer = ask(if_none_match=condition, range="bytes=0-9")
    assert answer.status == 304
    assert header(answer, "etag") == TAG
    assert header(answer, "content-length") is None


def test_if_none_match_of_another_version_sends_the_file() -> None:
    assert ask(if_none_match='"other"').status == 200


@pytest.mark.parametrize(
    ("condition", "status"),
    [(TAG, 200), ("*", 200), (f'"x", {TAG}', 200), ('"x"', 412), ("W/" + TAG, 412), ("", 412)],
)
def test_if_match_sends_the_known_version_only(condition: str, status: int) -> None:
    answer = ask(**{"if-match": condition, "if-none-match": '"y"'})
    assert answer.status == status
    assert answer.length == (0 if status == 412 else 1000)
    assert header(answer, "etag") == TAG


def test_if_match_comes_before_a_range_and_before_if_none_match() -> None:
    assert ask(**{"if-match": '"x"', "range": "bytes=0-1"}).status == 412
    assert ask(**{"if-match": '"x"', "if-none-match": TAG}).status == 412
    assert ask(**{"if-match": TAG, "range": "bytes=0-1"}).status == 206


@pytest.mark.parametrize(
    ("date", "status"),
    [
        ("Sat, 01 Jan 2000 00:00:00 GMT", 412),
        ("Fri, 13 Feb 2009 23:31:29 GMT", 412),
        ("Fri, 13 Feb 2009 23:31:30 GMT", 200),
        ("Friday, 13-Feb-09 23:31:30 GMT", 200),
        ("Fri Feb 13 23:31:29 2009", 412),
        ("yesterday", 200),
        ("", 200),
        ("Fri, 13 Feb 99999999999 23:31:30 GMT", 200),
    ],
)
def test_if_unmodified_since_sends_what_has_not_changed_since(date: str, status: int) -> None:
    facts = FileFacts(1000, "ab" * 32, "video/mp4", "public, max-age=5", modified_s=1234567890)
    assert answer_for(facts, "GET", {"if-unmodified-since": date}).status == status
    # An entity tag says more than a date (RFC 9110, 13.2.2).
    assert answer_for(facts, "GET", {"if-unmodified-since": date, "if-match": TAG}).status == 200
    assert answer_for(facts, "GET", {"if-unmodified-since": date, "range": "bytes=0-1"}).status == (
        412 if status == 412 else 206
    )


@given(st.text(max_size=40))
def test_no_text_for_a_date_ends_in_an_error(date: str) -> None:
    facts = FileFacts(1000, "ab" * 32, "video/mp4", "public, max-age=5", modified_s=1234567890)
    assert answer_for(facts, "GET", {"if-unmodified-since": date}).status in (200, 412)


def test_an_empty_file_has_no_range_at_all() -> None:
    empty = FileFacts(0, "cd" * 32, "video/mp4", "no-store")
    assert answer_for(empty, "GET", {}).status == 200
    assert answer_for(empty, "GET", {"range": "bytes=0-"}).status == 416
    assert answer_for(empty, "GET", {"range": "bytes=-5"}).status == 416


PACKABLE = FileFacts(1000, "ab" * 32, "application/dash+xml", "public, max-age=5", packed={"br": 200, "gzip": 300})


def ask_packable(method: str = "GET", **headers: str) -> Answer:
    return answer_for(PACKABLE, method, {name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_gzip_form_is_another_representation_of_the_file(method: str) -> None:
    packed, plain = ask_packable(method, accept_encoding="gzip"), ask_packable(method)
    assert (packed.status, packed.coding, packed.length) == (200, "gzip", 300)
    assert (plain.status, plain.coding, plain.length) == (200, None, 1000)
    assert header(packed, "content-encoding") == "gzip"
    assert header(plain, "content-encoding") is None
    assert header(packed, "content-length") == "300"
    assert header(packed, "vary") == header(plain, "vary") == "Accept-Encoding"
    assert header(packed, "etag") != header(plain, "etag")


def test_each_form_is_known_by_its_own_tag() -> None:
    assert ask_packable(accept_encoding="gzip", if_none_match=PACKABLE.etag("gzip")).status == 304
    assert ask_packable(accept_encoding="gzip", if_none_match=PACKABLE.etag()).status == 200
    assert ask_packable(if_none_match=PACKABLE.etag()).status == 304
    assert ask_packable(if_none_match=PACKABLE.etag("gzip")).status == 200


def test_a_range_is_one_of_the_file_as_it_is() -> None:
    answer = ask_packable(accept_encoding="gzip", range="bytes=0-9")
    assert (answer.status, answer.coding, answer.length) == (206, None, 10)


def test_what_has_no_gzip_form_does_not_vary() -> None:
    answer = ask(accept_encoding="gzip")
    assert (answer.coding, header(answer, "vary"), answer.length) == (None, None, 1000)


@pytest.mark.parametrize(
    ("asked", "coding"),
    [
        ("gzip", "gzip"),
        ("gzip, deflate, br, zstd", "br"),
        ("br;q=0.4, GZIP;q=0.5", "gzip"),
        ("deflate, x-gzip", "gzip"),
        ("*", "br"),
        ("br;q=0, *", "gzip"),
        ("gzip;q=1.000, identity;q=0.5", "gzip"),
        ("gzip; q = 0.5, identity;q=0.9", None),
        ("gzip;q=0", None),
        ("gzip;q=2", None),
        ("gzip;q=a", None),
        ("identity", None),
        ("", None),
        (None, None),
    ],
)
def test_a_packed_form_is_for_who_accepts_it(asked: str | None, coding: str | None) -> None:
    assert best_coding(asked, ("br", "gzip")) == coding


@given(st.text(max_size=200))
def test_any_accept_encoding_has_an_answer(asked: str) -> None:
    assert best_coding(asked, ("br", "gzip")) in ("br", "gzip", None)
    assert best_coding(asked, ()) is None
