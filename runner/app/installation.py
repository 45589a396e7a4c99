"""What is made in Elasticsearch and in Kibana."""

from pathlib import Path

from runner.app.files import writing
from runner.app.rulesets import rules
from runner.elastic.client import Client
from runner.elastic.privileges import must_suffice
from runner.elastic.setup import Names, install
from runner.kibana.importer import Kibana
from runner.kibana.objects import dashboard_id, prepared
from runner.settings import Settings


def setup(found: Settings) -> list[str]:
    """Make what lacks in the cluster; return a line for each thing done."""
    client, names = Client.connect(found), Names.of(found)
    try:
        must_suffice(client, names.all, making=True)
        return list(install(client, names))
    finally:
        client.close()


def setup_kibana(found: Settings) -> list[str]:
    """Import data views, searches and the dashboard into Kibana; return a line for each, and where to look."""
    kibana = Kibana.connect(found)
    imported = kibana.load(_objects(found))
    return [*map(str, imported), f"look at {kibana.address(dashboard_id(kibana.space))}"]


def export_kibana(found: Settings, output: Path) -> list[str]:
    """Write what `setup_kibana` would import into a file; return how to import it by hand."""
    with writing(output):
        output.write_bytes(_objects(found))
    return [f"wrote {output}: import it in Kibana, Stack Management, Saved Objects, Import"]


def _objects(found: Settings) -> bytes:
    """Return Kibana's objects for this installation, with links to the indices that the rules search."""
    patterns = {pattern for rule in rules(found).rules for pattern in rule.index}
    return prepared(found, sorted(patterns))
