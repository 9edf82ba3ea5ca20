from math import inf

from ip2a.database.reading import UNKNOWN_POSITION
from ip2a.observability.tracing import span_id_of, trace_id_of, traceparent_for
from ip2a.web.freshness import NO_MARKER, PRIMARY_SECONDS, Marker, seal, unseal

KEY = b"k" * 32
NOW = 1_800_000_000.5


def test_a_position_comes_back_to_its_own_account_only() -> None:
    value = seal(Marker(0x1_6B37_4D48), 7, KEY, NOW)
    assert unseal(value, 7, KEY) == Marker(0x1_6B37_4D48, inf)
    assert unseal(value, 8, KEY) == NO_MARKER
    assert unseal(value, 7, b"o" * 32) == NO_MARKER
    position, _, mac = value.partition(".")
    for forged in (f"{int(position, 16) + 1:x}.{mac}", f"{position}-0.{mac}", position, "", "zz.zz", "é.é", "-1.x"):
        assert unseal(forged, 7, KEY) == NO_MARKER


def test_where_the_position_is_not_known_the_primary_is_asked_for_a_while() -> None:
    marker = unseal(seal(Marker(UNKNOWN_POSITION), 7, KEY, NOW), 7, KEY)
    assert marker.at(NOW) == marker.at(NOW + PRIMARY_SECONDS - 2) == UNKNOWN_POSITION
    assert marker.at(NOW + PRIMARY_SECONDS) == 0
    assert Marker(5).at(NOW + 10**9) == 5


def test_what_only_one_read_shows_makes_no_other_too_old() -> None:
    marker = Marker(5).after(9, "dues").after(12, "profile").after(10, "dues")
    marker = unseal(seal(marker, 7, KEY, NOW), 7, KEY)
    assert [marker.at(NOW, name) for name in ("dues", "profile", "employments", "")] == [10, 12, 5, 12]
    later = marker.after(20)
    assert [later.at(NOW, name) for name in ("dues", "employments", "")] == [20, 20, 20]
    assert later.after(19) == later


def test_a_write_that_cannot_be_placed_counts_for_all_until_one_that_can() -> None:
    unknown = Marker(5).after(9, "dues").after(UNKNOWN_POSITION, "dues")
    assert unknown.at(NOW, "profile") == UNKNOWN_POSITION
    sealed = unseal(seal(unknown, 7, KEY, NOW), 7, KEY)
    assert unseal(seal(sealed, 7, KEY, NOW + 500), 7, KEY).until == sealed.until, "not 500 s longer"
    for later in (sealed.after(30, "dues"), sealed.after(30)):
        assert [later.at(NOW, name) for name in ("profile", "dues", "")] == [30, 30, 30]


def test_a_trace_goes_on_and_a_wrong_one_begins_anew() -> None:
    trace_id, caller = "4bf92f3577b34da6a3ce929d0e0e4736", b"00f067aa0ba902b7"
    for flags in (b"00", b"01"):
        ours = traceparent_for(b"00-" + trace_id.encode() + b"-" + caller + b"-" + flags)
        assert trace_id_of(ours) == trace_id
        assert len(span_id_of(ours)) == len(caller)
        assert span_id_of(ours) != caller
        assert ours.endswith(b"-" + flags)
    for wrong in (b"", b"00-" + b"0" * 32 + b"-00f067aa0ba902b7-01", b"x" * 55):
        fresh = traceparent_for(wrong)
        assert span_id_of(fresh)
        assert trace_id_of(fresh) != trace_id
