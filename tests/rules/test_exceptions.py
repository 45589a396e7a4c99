"""Exception files: what they hold, which rules it applies to, and every fault with its place."""

import json
from datetime import UTC, datetime

import pytest

from runner.query.entries import Entry, EntryType, Nested
from runner.rules.exceptions import digest
from runner.rules.issues import Code, IssueSeverity
from runner.rules.loader import load
from tests.rules.rule_text import RULE, with_line, written

ITEM = """\
[[exception]]
name = "Backups"
rules = ["evil"]
owner = "ops@example.com"
reason = "OPS-12: the nightly dump"

[[exception.entries]]
field = "host.name"
type = "match"
value = "db-01"
"""
ENTRY = 'field = "host.name"\ntype = "match"\nvalue = "db-01"\n'
OTHER_RULE = RULE.replace('"evil"\nseverity', '"other"\nseverity').replace('"Evil"', '"Other"')


def folder(tmp_path, exceptions=ITEM, rule=RULE, name="web.toml"):
    """A folder of one rule, with a file of exceptions beside it."""
    written(tmp_path, rule)
    (tmp_path / "exceptions").mkdir(exist_ok=True)
    written(tmp_path / "exceptions", exceptions, name)
    return tmp_path


def loaded(tmp_path, *args, **kwargs):
    return load([folder(tmp_path, *args, **kwargs)])


def entries(tmp_path, text):
    found = loaded(tmp_path, ITEM.replace(ENTRY, text))
    assert found.issues == ()
    return found.exceptions[0].exclusion.entries


def test_an_item_is_read_with_all_that_it_says(tmp_path):
    text = ITEM.replace(
        "[[exception.entries]]",
        'created = 2026-01-01\nexpires = 2026-06-30T18:00:00+02:00\nos_types = ["linux"]\n\n[[exception.entries]]',
    )
    found = loaded(tmp_path, text)
    (item,) = found.exceptions
    assert found.issues == ()
    assert (item.item_id, item.name, item.list_id, item.namespace_type) == ("web/Backups", "Backups", "web", "single")
    assert (item.owner, item.reason) == ("ops@example.com", "OPS-12: the nightly dump")
    assert item.created == datetime(2026, 1, 1, tzinfo=UTC)
    assert item.expires == datetime(2026, 6, 30, 16, tzinfo=UTC)
    assert item.exclusion.os_types == ("linux",)
    assert item.exclusion.entries == (Entry("host.name", EntryType.MATCH, ("db-01",)),)
    assert (item.path, item.line) == (tmp_path / "exceptions" / "web.toml", 1)


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ('field = "a"\ntype = "match"\nvalue = 5\n', Entry("a", EntryType.MATCH, ("5",))),
        ('field = "a"\ntype = "match"\nvalue = true\n', Entry("a", EntryType.MATCH, ("true",))),
        ('field = "a"\ntype = "match_any"\nvalue = ["x", 5]\n', Entry("a", EntryType.MATCH_ANY, ("x", "5"))),
        ('field = "a"\ntype = "wildcard"\nvalue = "x*"\n', Entry("a", EntryType.WILDCARD, ("x*",))),
        ('field = "a"\ntype = "wildcard"\nvalue = ["x*", "y*"]\n', Entry("a", EntryType.WILDCARD, ("x*", "y*"))),
        ('field = "a"\ntype = "exists"\n', Entry("a", EntryType.EXISTS)),
        ('field = "a"\ntype = "exists"\noperator = "excluded"\n', Entry("a", EntryType.EXISTS, included=False)),
        (
            'field = "a"\ntype = "nested"\nentries = [{ field = "b", type = "match", value = "x" }]\n',
            Nested("a", (Entry("b", EntryType.MATCH, ("x",)),)),
        ),
    ],
)
def test_entries_are_kibanas(tmp_path, text, entry):
    assert entries(tmp_path, text) == (entry,)


@pytest.mark.parametrize("name", ["hosts.txt", "hosts"])
def test_a_value_list_lies_beside_a_value_a_line(tmp_path, name):
    folder(tmp_path)
    written(tmp_path / "exceptions", "db-01\n\n  db-02  \ndb-01\n", "hosts.txt")
    (entry,) = entries(tmp_path, f'field = "host.name"\ntype = "list"\nlist = "{name}"\n')
    assert entry == Entry("host.name", EntryType.LIST, ("db-01", "db-02"))


@pytest.mark.parametrize(
    ("line", "applies"),
    [
        ('rules = ["evil"]', {"evil"}),
        ('rules = ["Other"]', {"other"}),
        ('rules = ["evil", "other"]', {"evil", "other"}),
        ('rule_tags = ["web"]', {"other"}),
        ("all_rules = true", {"evil", "other"}),
    ],
)
def test_an_item_names_the_rules_that_it_is_for(tmp_path, line, applies):
    folder(tmp_path, ITEM.replace('rules = ["evil"]', line))
    written(tmp_path, OTHER_RULE + 'tags = ["web"]\n', "other.toml")
    found = load([tmp_path])
    assert found.issues == ()
    assert {rule.rule_id for rule in found.rules if rule.exceptions} == applies


NAMED = 'exceptions_list = [{ id = "x", list_id = "trusted", type = "detection", namespace_type = "single" }]'


def test_a_rule_names_the_lists_that_it_obeys(tmp_path):
    found = loaded(
        tmp_path, ITEM.replace('rules = ["evil"]', 'list_id = "trusted"'), with_line("exceptions_list", NAMED)
    )
    assert found.issues == ()
    assert [item.name for item in found.rules[0].exceptions] == ["Backups"]


def test_a_list_of_another_namespace_is_another_list(tmp_path):
    item = ITEM.replace('rules = ["evil"]', 'list_id = "trusted"\nnamespace_type = "agnostic"')
    found = loaded(tmp_path, item, with_line("exceptions_list", NAMED))
    assert found.rules[0].exceptions == ()


def test_a_list_can_be_given_to_rules(tmp_path):
    given = '[[list]]\nlist_id = "trusted"\nrule_tags = ["web"]\n'
    found = loaded(tmp_path, ITEM.replace('rules = ["evil"]', 'list_id = "trusted"') + given, RULE + 'tags = ["web"]\n')
    assert found.issues == ()
    assert [item.name for item in found.rules[0].exceptions] == ["Backups"]


def test_items_can_stand_elsewhere(tmp_path):
    rule = written(tmp_path, RULE)
    elsewhere = written(tmp_path, ITEM, "some.toml")
    found = load([rule], elsewhere)
    assert [item.name for item in found.rules[0].exceptions] == ["Backups"]
    assert load([rule]).exceptions == ()


def test_the_folder_of_exceptions_holds_no_rules(tmp_path):
    assert [rule.rule_id for rule in loaded(tmp_path).rules] == ["evil"]
    (tmp_path / "exceptions" / "web.toml").rename(tmp_path / "exceptions" / "not-read.txt")
    assert load([tmp_path]).issues == ()


@pytest.mark.parametrize(
    ("old", "new", "code", "message", "line"),
    [
        ('name = "Backups"\n', "", Code.MISSING, "`name` is missing", 1),
        ("owner =", "ownr =", Code.UNKNOWN_KEY, "unknown key `ownr`", 4),
        ('rules = ["evil"]', 'rules = "evil"', Code.SHAPE, "`rules` is `evil`: expected a list of texts", 3),
        ("owner =", "expires = 'soon'\nowner =", Code.VALUE, "`expires` is `soon`: expected a date", 4),
        ("owner =", "os_types = ['bsd']\nowner =", Code.VALUE, "`os_types[0]` is `bsd`", 4),
        ("owner =", "namespace_type = 'x'\nowner =", Code.VALUE, "expected single or agnostic", 4),
        ("[[exception.entries]]\n" + ENTRY, "", Code.MISSING, "`entries` is missing or empty", 1),
        ('type = "match"', 'type = "equals"', Code.VALUE, "`entries[0].type` is `equals`", 9),
        ('type = "match"', 'type = "match"\noperator = "not"', Code.VALUE, "expected included or excluded", 10),
        ('type = "match"', 'type = "match"\nvalues = "a"', Code.UNKNOWN_KEY, "unknown key `values`", 10),
        ('value = "db-01"', 'value = ""', Code.VALUE, "a value that is not empty", 10),
        ('value = "db-01"\n', "", Code.VALUE, "`entries[0].value` is missing", 7),
        ('value = "db-01"', 'value = ["a"]', Code.VALUE, "match_any takes several", 10),
        ('type = "match"', 'type = "match_any"', Code.VALUE, "a list of values", 10),
        ('type = "match"', 'type = "exists"', Code.VALUE, "exists takes no value", 10),
        ('field = "host.name"', "field = 5", Code.SHAPE, "`entries[0].field` is `5`", 8),
        ('type = "match"', 'type = "nested"', Code.MISSING, "a nested entry needs `entries`", 7),
        (ENTRY, 'field = "a"\ntype = "list"\nlist = "no.txt"\n', Code.UNREADABLE, "the value list `no.txt`", 10),
        (ENTRY, 'field = "a"\ntype = "list"\n', Code.VALUE, "the name of a file", 7),
        ("[[exception]]", "[[exceptoin]]", Code.UNKNOWN_KEY, "unknown table `exceptoin`", 1),
        ("[[exception]]", "[exception]", Code.SHAPE, "`exception` is no list of tables", 1),
        ('name = "Backups"', "name = ", Code.SYNTAX, "not valid TOML", 2),
        ("[[exception]]", "[metadata]\n[[exception]]", Code.UNKNOWN_KEY, "unknown table `metadata`", 1),
    ],
)
def test_what_is_wrong_is_told_with_its_place_and_does_not_apply(tmp_path, old, new, code, message, line):
    assert old in ITEM
    found = loaded(tmp_path, ITEM.replace(old, new, 1))
    issue = next(issue for issue in found.issues if issue.is_error)
    assert (issue.code, issue.line) == (code, line)
    assert message in issue.message
    assert issue.path == tmp_path / "exceptions" / "web.toml"
    assert not found.ok
    assert [rule.rule_id for rule in found.rules] == ["evil"]


@pytest.mark.parametrize(
    ("old", "new", "message", "line"),
    [
        ('owner = "ops@example.com"\n', "", "`owner` is missing", 1),
        ('reason = "OPS-12: the nightly dump"\n', "", "`reason` is missing", 1),
        ('rules = ["evil"]', 'rules = ["evil", "Evli"]', "there is no rule `Evli` that can run", 3),
        ('rules = ["evil"]', 'rule_tags = ["none"]', "the exception applies to no rule", 1),
        ('rules = ["evil"]\n', "", "the exception list `web` applies to no rule", 1),
        ('value = "db-01"', 'value = "db-*"', "compared as it stands, with its star", 10),
        ('type = "match"\nvalue = "db-01"', 'type = "wildcard"\nvalue = "*"', "fits every value", 10),
    ],
)
def test_what_is_hardly_meant_is_a_warning(tmp_path, old, new, message, line):
    assert old in ITEM
    found = loaded(tmp_path, ITEM.replace(old, new, 1))
    issue = next(issue for issue in found.issues if message in issue.message)
    assert (issue.severity, issue.line) == (IssueSeverity.WARNING, line)
    assert found.ok


def test_a_file_without_exceptions_is_none(tmp_path):
    (issue,) = loaded(tmp_path, "[[exceptions]]\nname = 'a'\n").issues[:1]
    assert (issue.code, issue.message) == (Code.NOT_A_RULE, "there is no [[exception]] and no [[list]]")


def test_two_items_of_one_name_are_told_apart(tmp_path):
    found = loaded(tmp_path, ITEM + ITEM)
    (issue,) = found.issues
    assert (issue.code, issue.line) == (Code.DUPLICATE, 12)
    assert "exceptions/web.toml:1" in issue.message
    assert len(found.exceptions) == 1


@pytest.mark.parametrize(
    ("now", "applies"),
    [(datetime(2026, 6, 30, tzinfo=UTC), True), (datetime(2026, 7, 1, 0, 0, 1, tzinfo=UTC), False)],
)
def test_an_item_ends_when_it_expires(tmp_path, now, applies):
    (item,) = loaded(tmp_path, ITEM.replace("owner =", "expires = 2026-07-01\nowner =")).exceptions
    assert item.in_force(now) is applies


def test_the_digest_tells_what_is_taken_away_and_nothing_else(tmp_path):
    def of(text):
        return digest(loaded(tmp_path, text).exceptions)

    same = of(ITEM)
    assert of(ITEM.replace("ops@example.com", "dev@example.com")) == same
    assert of(ITEM.replace("db-01", "db-02")) != same
    assert of(ITEM.replace('type = "match"', 'type = "match"\noperator = "excluded"')) != same


def test_exceptions_change_the_hash_of_the_rules_but_not_of_a_query(tmp_path):
    one, other = loaded(tmp_path), loaded(tmp_path, ITEM.replace("db-01", "db-02"))
    assert one.hash != other.hash
    assert one.rules[0].query_hash == other.rules[0].query_hash


KIBANA_LIST = {"list_id": "trusted", "type": "detection", "namespace_type": "single", "name": "Trusted", "id": "x"}
KIBANA_ITEM = {
    "_version": "WzEsMV0=",
    "comments": [],
    "created_at": "2026-01-01T00:00:00.000Z",
    "created_by": "elastic",
    "description": "the nightly dump",
    "entries": [
        {"field": "host.name", "operator": "included", "type": "match_any", "value": ["db-01", "db-02"]},
        {"field": "user.name", "operator": "excluded", "type": "match", "value": "root"},
        {"field": "dll", "type": "nested", "entries": [{"field": "a", "operator": "included", "type": "exists"}]},
    ],
    "expire_time": "2026-07-01T00:00:00.000Z",
    "id": "y",
    "item_id": "item-1",
    "list_id": "trusted",
    "name": "Backups",
    "namespace_type": "single",
    "os_types": ["linux", "macos"],
    "tags": [],
    "tie_breaker_id": "z",
    "type": "simple",
    "updated_at": "2026-01-01T00:00:00.000Z",
    "updated_by": "elastic",
}
KIBANA_SUMMARY = {"exported_exception_list_count": 1, "exported_exception_list_item_count": 1}


def ndjson(*objects):
    return "".join(json.dumps(one) + "\n" for one in objects)


def test_kibanas_export_is_read_as_it_is(tmp_path):
    text = ndjson(KIBANA_LIST, KIBANA_ITEM, KIBANA_SUMMARY)
    found = loaded(tmp_path, text, with_line("exceptions_list", NAMED), "trusted.ndjson")
    (item,) = found.rules[0].exceptions
    assert found.issues == ()
    assert (item.item_id, item.owner, item.reason) == ("item-1", "elastic", "the nightly dump")
    assert item.expires == datetime(2026, 7, 1, tzinfo=UTC)
    assert item.exclusion.os_types == ("linux", "macos")
    assert item.exclusion.entries == (
        Entry("host.name", EntryType.MATCH_ANY, ("db-01", "db-02")),
        Entry("user.name", EntryType.MATCH, ("root",), included=False),
        Nested("dll", (Entry("a", EntryType.EXISTS),)),
    )


def test_the_items_in_an_export_of_rules_come_with_them(tmp_path):
    from tests.rules.test_kibana_export import EXPORTED

    rule = EXPORTED | {"exceptions_list": [{"id": "x", "list_id": "trusted", "namespace_type": "single"}]}
    summary = {"exported_count": 3, "exported_rules_count": 1, **KIBANA_SUMMARY}
    found = load([written(tmp_path, ndjson(rule, KIBANA_LIST, KIBANA_ITEM, summary), "rules.ndjson")])
    assert found.issues == ()
    assert [item.item_id for item in found.rules[0].exceptions] == ["item-1"]


def test_a_list_without_items_is_here_too(tmp_path):
    text = ndjson(KIBANA_LIST, KIBANA_SUMMARY | {"exported_exception_list_item_count": 0})
    assert loaded(tmp_path, text, with_line("exceptions_list", NAMED), "trusted.ndjson").issues == ()


def test_an_export_that_ends_early_is_a_warning(tmp_path):
    text = ndjson(KIBANA_LIST, KIBANA_SUMMARY)
    (issue,) = loaded(tmp_path, text, name="trusted.ndjson").issues
    assert (issue.severity, issue.code) == (IssueSeverity.WARNING, Code.INCOMPLETE)


def test_the_endpoint_list_is_not_ours_to_apply(tmp_path):
    named = NAMED.replace("trusted", "endpoint_list")
    found = loaded(tmp_path, rule=with_line("exceptions_list", named))
    (issue,) = found.issues
    assert (issue.severity, issue.code) == (IssueSeverity.INFO, Code.NO_EFFECT)


@pytest.mark.parametrize("name", ["none.toml", "rule.txt"])
def test_a_path_that_holds_no_exceptions_is_told(tmp_path, name):
    rule = written(tmp_path, RULE)
    path = tmp_path / name
    if path.suffix == ".txt":
        path.write_text("x")
    (issue,) = load([rule], path).issues
    assert (issue.code, issue.path) == (Code.UNREADABLE, path)
