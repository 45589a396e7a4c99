"""Who is alive, with a cluster that is not: leaving keeps no process from ending."""

import time
from datetime import timedelta

import pytest

from runner.elastic.presence import StatePresence
from runner.errors import ClusterError
from tests.elastic.forwarding import Answered, Cut, Silent, always
from tests.made import minute

pytestmark = pytest.mark.live

AWAY = {"no connection": Cut(), "too busy": Answered(429, ""), "no answer": Silent()}


@pytest.mark.parametrize("happening", AWAY.values(), ids=AWAY)
def test_leaving_is_tried_once_and_briefly(proxy, proxied, names, happening):
    presence = StatePresence(proxied, names.state, leaving_ends_in=timedelta(milliseconds=100))
    presence.announce("a", minute(0), minute(1))
    proxy.faults.append(always("runner:a", happening))
    proxy.seen.clear()
    began = time.monotonic()
    with pytest.raises(ClusterError):
        presence.leave("a")
    assert time.monotonic() - began < 10  # without bounds of its own: the client's 30 s, again and again
    assert len(proxy.seen) == 1
