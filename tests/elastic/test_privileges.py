"""What an account may not do: which of the rules' indices it may not read, and what it lacks to write to ours."""

import pytest

from runner.elastic.privileges import must_suffice, unreadable
from runner.errors import AccessDenied
from tests.elastic.conftest import client_of
from tests.elastic.forwarding import Answered, Forwarding
from tests.elastic.security import Security

NO_HANDLER = "no handler found for uri [/_security/user/_has_privileges] and method [POST]"

SILENT = {
    "security is off": Answered(400, {"error": NO_HANDLER}),
    "a proxy does not let it pass": Answered(403, "forbidden", "text/html"),
    "a proxy does not know it": Answered(404, "not found", "text/plain"),
    "a proxy knows only GET": Answered(405, {"error": "method not allowed"}),
    "something else answers": Answered(200, {"index": {"logs-*": {"read": False}}}),
}


READABLE = {
    "all": ([], ()),
    "the types of fields are hidden": ([("auditbeat-*", "view_index_metadata")], ("auditbeat-*",)),
    "neither": ([("auditbeat-*", "read"), ("logs-*", "read")], ("auditbeat-*", "logs-*")),
}


@pytest.mark.parametrize(("lacking", "expected"), READABLE.values(), ids=READABLE)
def test_patterns_that_may_not_be_read_are_named(lacking, expected):
    with Security(lacking) as cluster:
        patterns = ["logs-*", "auditbeat-*", "logs-*", "-logs-old", "other:logs-*"]
        assert unreadable(client_of(cluster.url), patterns) == expected
        (sent,) = cluster.seen
    assert sent.body == {"index": [{"names": ["auditbeat-*", "logs-*"], "privileges": ["read", "view_index_metadata"]}]}


def test_nothing_is_asked_for_nothing():
    with Security() as cluster:
        assert unreadable(client_of(cluster.url), ["other:logs-*"]) == ()
        assert cluster.seen == []


OURS = ("our-alerts", "our-executions", "our-state")
SUFFICIENT = {
    "all": ([], True),
    "no templates are to be made": ([("cluster", "manage_index_templates")], False),
    "what only other indices lack": ([("logs-*", "read")], True),
}


@pytest.mark.parametrize(("lacking", "making"), SUFFICIENT.values(), ids=SUFFICIENT)
def test_an_account_that_may_all_that_is_needed_hears_nothing(lacking, making):
    with Security(lacking) as cluster:
        must_suffice(client_of(cluster.url), OURS, making=making)
        (sent,) = cluster.seen
    assert sent.body == {
        "index": [{"names": list(OURS), "privileges": ["read", "write", "maintenance"]}],
        **({"cluster": ["manage_index_templates"]} if making else {}),
    }


INSUFFICIENT = {
    "one index may not be written": ([("our-alerts", "write")], "`write` on our-alerts"),
    "the same of some indices": (
        [("our-alerts", "write"), ("our-alerts", "maintenance"), ("our-state", "write"), ("our-state", "maintenance")],
        "`write`, `maintenance` on our-alerts, our-state",
    ),
    "one of each": ([("our-alerts", "write"), ("our-state", "read")], "`write` on our-alerts; `read` on our-state"),
    "no templates": ([("cluster", "manage_index_templates")], "`manage_index_templates` on the cluster"),
    "both": (
        [("our-state", "write"), ("cluster", "manage_index_templates")],
        "`write` on our-state; `manage_index_templates` on the cluster",
    ),
}


@pytest.mark.parametrize(("lacking", "told"), INSUFFICIENT.values(), ids=INSUFFICIENT)
def test_all_that_lacks_is_told_in_one_error(lacking, told):
    with Security(lacking) as cluster, pytest.raises(AccessDenied) as caught:
        must_suffice(client_of(cluster.url), OURS, making=True)
    assert str(caught.value) == f"this account lacks privileges at {cluster.url}: {told}"
    assert "deploy/role.json" in caught.value.hint
    assert ("RUNNER_SETUP=false" in caught.value.hint) == ("templates" in told)


@pytest.mark.parametrize("answer", SILENT.values(), ids=SILENT)
def test_where_the_cluster_does_not_say_nothing_is_said(answer):
    with Forwarding("http://nowhere") as proxy:
        proxy.faults.append(lambda _: answer)
        assert unreadable(client_of(proxy.url), ["logs-*"]) == ()
        must_suffice(client_of(proxy.url), OURS, making=True)


@pytest.mark.live
def test_a_node_without_security_allows_everything(client):
    assert unreadable(client, ["logs-*"]) == ()
    must_suffice(client, OURS, making=True)
