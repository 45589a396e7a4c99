"""Templates, indices and aliases: made once, brought up to date, and never another's."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from runner.elastic import templates
from runner.elastic.setup import Names, install
from runner.errors import SetupError

pytestmark = pytest.mark.live


@pytest.fixture
def wanted(index_prefix):
    """The names of indices that are not made yet."""
    return Names(f"{index_prefix}-alerts", f"{index_prefix}-executions", f"{index_prefix}-state")


def test_what_lacks_is_made_and_a_second_time_there_is_nothing_to_do(client, node, wanted):
    assert len(install(client, wanted)) == 7
    assert install(client, wanted) == ()
    alias = node.indices.get_alias(name=wanted.alerts)
    assert alias[f"{wanted.alerts}-000001"]["aliases"][wanted.alerts] == {"is_write_index": True}
    assert node.indices.exists(index=wanted.state)


def test_many_at_once_do_each_other_no_harm(client, wanted):
    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(lambda _: install(client, wanted), range(6)))
    created = [line for lines in done for line in lines if line.startswith("created")]
    assert len(created) == 3


def test_rollover_makes_the_next_index_by_the_template(client, node, wanted):
    install(client, wanted)
    node.indices.rollover(alias=wanted.alerts)
    assert install(client, wanted) == ()
    mapping = node.indices.get_mapping(index=f"{wanted.alerts}-000002")[f"{wanted.alerts}-000002"]["mappings"]
    assert mapping["_meta"]["owner"] == "eql-runner"


def test_an_older_version_is_brought_up_to_date_in_place(client, node, wanted):
    install(client, wanted)
    first = f"{wanted.alerts}-000001"
    older = {**templates.alerts_component(keep_overflow=True), "version": 2}
    put(
        node, f"/_index_template/{wanted.alerts}", {"index_patterns": [f"{wanted.alerts}-0*"], "priority": 500, **older}
    )
    node.cluster.delete_component_template(name=f"{wanted.alerts}@package")
    node.indices.put_mapping(index=first, meta={"owner": "eql-runner", "version": 0})
    assert install(client, wanted) == (
        f"wrote the component template {wanted.alerts}@package",
        f"wrote the index template {wanted.alerts}",
        f"brought the mapping of {first} up to date",
    )
    assert install(client, wanted) == ()


def put(node, path, body):
    headers = {"content-type": "application/json", "accept": "application/json"}
    node.perform_request("PUT", path, headers=headers, body=body)


def test_a_component_of_the_operators_has_the_last_word_in_new_indices(client, node, wanted):
    install(client, wanted)
    replicas = {"index": {"auto_expand_replicas": "false", "number_of_replicas": 0, "refresh_interval": "7s"}}
    put(node, f"/_component_template/{wanted.alerts}@custom", {"template": {"settings": replicas}})
    assert install(client, wanted) == ()
    node.indices.rollover(alias=wanted.alerts)
    second = f"{wanted.alerts}-000002"
    assert node.indices.get_settings(index=second)[second]["settings"]["index"]["refresh_interval"] == "7s"


@pytest.mark.parametrize(
    ("meta", "version", "told"),
    [
        ({"owner": "someone"}, 1, "is not ours"),
        (None, 1, "is not ours"),
        ({"owner": "eql-runner"}, 99, "newer version"),
    ],
    ids=["of someone", "of nobody", "newer"],
)
def test_a_template_of_another_or_of_a_newer_version_is_left_alone(client, node, wanted, meta, version, told):
    node.indices.put_index_template(
        name=wanted.alerts, index_patterns=[f"{wanted.alerts}-0*"], version=version, meta=meta
    )
    with pytest.raises(SetupError, match=told) as caught:
        install(client, wanted)
    assert caught.value.hint
    kept = node.indices.get_index_template(name=wanted.alerts)["index_templates"][0]["index_template"]
    assert kept["version"] == version


def test_a_component_of_another_is_left_alone(client, node, wanted):
    put(node, f"/_component_template/{wanted.alerts}@package", {"template": {}})
    with pytest.raises(SetupError, match=f"component template {wanted.alerts}@package is not ours"):
        install(client, wanted)


def test_an_index_in_the_place_of_the_alias_is_named(client, node, wanted):
    node.indices.create(index=wanted.alerts)
    with pytest.raises(SetupError, match=f"{wanted.alerts} is an index, and must be an alias"):
        install(client, wanted)


def test_an_index_of_another_is_named_before_anything_is_made(client, node, wanted):
    node.indices.create(index=wanted.state)
    with pytest.raises(SetupError, match=f"index {wanted.state} is not ours"):
        install(client, wanted)
    assert not node.indices.exists(index=wanted.alerts)
    assert not node.indices.exists_index_template(name=wanted.alerts)


# Index templates of someone else's, and what is told of them; `P` is the test's own name.
RIVALS = {
    "before ours": ({"index_patterns": ["P-*"], "priority": 9000}, "would shape P-alerts-000001 in place of ours"),
    "as early as ours": ({"index_patterns": ["Q-*", "P-al*s-*"], "priority": 500}, "would shape P-alerts-000001"),
    "before one of ours": (
        {"index_patterns": ["P-exec*"], "priority": 501, "template": {"mappings": {"_meta": {"owner": "someone"}}}},
        "would shape P-executions-000001",
    ),
    "data streams in place of an alias": (
        {"index_patterns": ["P-alerts-*"], "priority": 501, "data_stream": {}},
        "would shape P-alerts-000001",
    ),
    "data streams in place of an index": (
        {"index_patterns": ["P-st*te"], "priority": 1, "data_stream": {}},
        "makes data streams, and P-state must be an index",
    ),
}


@pytest.mark.parametrize(("rival", "told"), RIVALS.values(), ids=RIVALS)
def test_a_template_that_would_come_before_ours_is_named_before_anything_is_made(
    client, node, index_prefix, wanted, rival, told
):
    put(node, f"/_index_template/{index_prefix}-rival", named(rival, index_prefix))
    with pytest.raises(SetupError) as caught:
        install(client, wanted)
    patterns = ", ".join(rival["index_patterns"]).replace("P", index_prefix)
    what = f"the index template {index_prefix}-rival (priority {rival['priority']}, for {patterns})"
    assert str(caught.value).startswith(f"{what} {told.replace('P', index_prefix)}")
    assert "patterns that do not match" in caught.value.hint
    assert node.indices.get(index=f"{index_prefix}*").body == {}
    assert not node.indices.exists_index_template(name=wanted.alerts)
    assert not node.cluster.exists_component_template(name=f"{wanted.alerts}@package")


HARMLESS = {
    "after ours": {"index_patterns": ["P-*"], "priority": 499},
    "without a priority": {"index_patterns": ["P-*"]},
    "for other names": {"index_patterns": ["P-alerts", "P-alerts-x-*", "-alerts-0*"], "priority": 9000},
    "for an index that has its own mapping": {"index_patterns": ["P-state"], "priority": 9000},
}


@pytest.mark.parametrize("other", HARMLESS.values(), ids=HARMLESS)
def test_a_template_that_takes_nothing_from_ours_is_let_alone(client, node, index_prefix, wanted, other):
    put(node, f"/_index_template/{index_prefix}-other", named(other, index_prefix))
    assert len(install(client, wanted)) == 7
    assert install(client, wanted) == ()


def test_a_template_before_ours_that_is_composed_of_ours_is_let_alone(client, node, index_prefix, wanted):
    install(client, wanted)
    node.indices.delete(index=f"{wanted.alerts}-000001")
    composed = {"index_patterns": ["P-alerts-0*"], "priority": 9000, "composed_of": [f"{wanted.alerts}@package"]}
    put(node, f"/_index_template/{index_prefix}-composed", named(composed, index_prefix))
    assert len(install(client, wanted)) == 1


def test_a_template_that_comes_before_ours_later_stops_nothing_that_is_there(client, node, index_prefix, wanted):
    install(client, wanted)
    put(
        node,
        f"/_index_template/{index_prefix}-rival",
        {"index_patterns": [f"{index_prefix}-alerts-*"], "priority": 9000},
    )
    assert install(client, wanted) == ()


def named(template, prefix):
    return {**template, "index_patterns": [pattern.replace("P", prefix) for pattern in template["index_patterns"]]}


def test_an_alias_without_a_write_index_is_named(client, node, wanted):
    install(client, wanted)
    second = f"{wanted.alerts}-000002"
    node.indices.create(index=second, aliases={wanted.alerts: {}})
    node.indices.put_alias(index=f"{wanted.alerts}-000001", name=wanted.alerts, is_write_index=False)
    with pytest.raises(SetupError, match="none of them is its write index"):
        install(client, wanted)
