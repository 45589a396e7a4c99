"""Which of the rules' indices an account may not read."""

import pytest

from runner.elastic.privileges import unreadable
from tests.elastic.conftest import client_of
from tests.elastic.forwarding import Answered, Forwarding, always

YES = {"read": True, "view_index_metadata": True}
NO = {"read": True, "view_index_metadata": False}
HELD = {"has_all_requested": False, "index": {"logs-*": YES, "auditbeat-*": NO}}
NO_SECURITY = {"error": "no handler found for uri [/_security/user/_has_privileges] and method [POST]"}

ANSWERS = {
    "one of two lacks a privilege": (Answered(200, HELD), ("auditbeat-*",)),
    "security is off": (Answered(400, NO_SECURITY), ()),
}


@pytest.mark.parametrize(("answer", "expected"), ANSWERS.values(), ids=ANSWERS)
def test_patterns_that_may_not_be_read_are_named(answer, expected):
    with Forwarding("http://nowhere") as proxy:
        proxy.faults.append(always("/", answer))
        assert unreadable(client_of(proxy.url), ["logs-*", "auditbeat-*", "-logs-old", "other:logs-*"]) == expected
        (sent,) = proxy.seen
    assert sent.body == {"index": [{"names": ["auditbeat-*", "logs-*"], "privileges": ["read", "view_index_metadata"]}]}


def test_nothing_is_asked_for_nothing():
    with Forwarding("http://nowhere") as proxy:
        assert unreadable(client_of(proxy.url), ["other:logs-*"]) == ()
        assert proxy.seen == []


@pytest.mark.live
def test_a_node_without_security_has_nothing_that_may_not_be_read(client):
    assert unreadable(client, ["logs-*"]) == ()
