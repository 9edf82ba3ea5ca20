from ip2a.observability.tracing import trace_id_of, traceparent
from ip2a.web.freshness import seal, unseal

KEY = b"k" * 32


def test_a_position_comes_back_to_its_own_account_only() -> None:
    value = seal(0x1_6B37_4D48, 7, KEY)
    assert unseal(value, 7, KEY) == 0x1_6B37_4D48
    assert unseal(value, 8, KEY) == 0
    assert unseal(value, 7, b"o" * 32) == 0
    position, _, mac = value.partition(".")
    for forged in (f"{int(position, 16) + 1:x}.{mac}", position, "", "zz.zz", "é.é", "-1.x"):
        assert unseal(forged, 7, KEY) == 0


def test_a_trace_goes_on_and_a_wrong_one_begins_anew() -> None:
    trace_id = b"4bf92f3577b34da6a3ce929d0e0e4736"
    assert trace_id_of(b"00-" + trace_id + b"-00f067aa0ba902b7-01") == trace_id
    for wrong in (b"", b"00-" + b"0" * 32 + b"-00f067aa0ba902b7-01", b"x" * 55):
        fresh = trace_id_of(wrong)
        assert len(fresh) == 32
        assert fresh != trace_id
    assert traceparent(trace_id).startswith(b"00-" + trace_id + b"-")
