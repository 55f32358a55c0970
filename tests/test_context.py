"""`headrig.bind()`: fields of a context, and the trace that a header brings."""

import asyncio
import contextvars

import pytest

import headrig
from headrig.service.context import bound_fields

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{SPAN}-01"


def test_fields_hold_inside():
    """
    Fields hold inside, inner ones win, and afterwards everything is as it was.
    """
    with headrig.bind(trace_id="a", shop="x", order=1):
        with headrig.bind(order=2):
            assert {"traceId": "a", "shop": "x", "order": 2} == bound_fields()
        assert {"traceId": "a", "shop": "x", "order": 1} == bound_fields()

    assert bound_fields() is None


def test_traceparent():
    """
    A W3C header gives trace and span; a trace given by itself comes first.
    """
    with headrig.bind(traceparent=TRACEPARENT):
        assert {"traceId": TRACE, "spanId": SPAN} == bound_fields()
    with headrig.bind(traceparent=f"01-{TRACE}-{SPAN}-00-later", trace_id="mine"):
        assert {"traceId": "mine", "spanId": SPAN} == bound_fields()


@pytest.mark.parametrize(
    "header",
    [
        "",
        "nonsense",
        TRACEPARENT.upper(),
        TRACEPARENT + "-more",
        TRACEPARENT + "\n",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
    ],
)
def test_malformed_traceparent(header):
    """
    A malformed header is ignored, what stands beside it is not.
    """
    with headrig.bind(traceparent=header, shop="x"):
        assert {"shop": "x"} == bound_fields()


def test_tasks_inherit():
    """
    A task started inside has the fields, one started outside does not.
    """

    async def main():
        async def seen():
            await asyncio.sleep(0)
            return bound_fields()

        with headrig.bind(shop="x"):
            inside = asyncio.create_task(seen())
        outside = asyncio.create_task(seen())
        return await inside, await outside

    assert ({"shop": "x"}, None) == asyncio.run(main())


def test_leaving_elsewhere():
    """
    Leaving in another context than it was entered in, as a closed generator may, raises nothing.
    """
    context = headrig.bind(shop="x")
    contextvars.copy_context().run(context.__enter__)
    context.__exit__(None, None, None)

    assert bound_fields() is None
