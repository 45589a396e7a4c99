"""The same trouble on a real node, and trouble on the wire besides: at the end the alerts are those of a run in memory.

`make test` plays a few seeds, `make chaos` more (CHAOS_LIVE_SEEDS, CHAOS_FIRST), and kills the node too (CHAOS_RESTART).
"""

import os
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest
from elasticsearch import Elasticsearch

from tests.chaos.live_world import live_world, play_live
from tests.chaos.outcome import assert_nothing_missed_nothing_twice, replay_line
from tests.chaos.world import SMALL, play
from tests.elastic.forwarding import Forwarding

pytestmark = pytest.mark.live

FIRST = int(os.environ.get("CHAOS_FIRST", "0"))
SEEDS = range(FIRST, FIRST + int(os.environ.get("CHAOS_LIVE_SEEDS", "3")))


@pytest.mark.parametrize("seed", SEEDS)
def test_trouble_on_a_real_node_changes_nothing_in_the_end(node, elasticsearch_url, index_prefix, seed):
    troubled = play_live(seed, 0.06, node, elasticsearch_url, index_prefix)

    undisturbed = play(seed, 0.0, SMALL)
    assert_nothing_missed_nothing_twice(troubled, undisturbed, replay=replay_line(seed, __file__))
    assert any(kind.startswith("on the wire") for kind in troubled.trouble)


@pytest.mark.skipif(not os.environ.get("CHAOS_RESTART"), reason="CHAOS_RESTART is not set; `make chaos` sets it")
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the script leaves a node's process to who has its number
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_node_that_is_killed_and_started_again_changes_nothing_in_the_end():
    script = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[2] / "scripts" / "elasticsearch.py")))
    running = [script.from_maven()]
    try:
        with (
            Forwarding(running[0].url) as aside,
            Elasticsearch(aside.url, request_timeout=60) as node,
            live_world(FIRST, 0.06, node, running[0].url, "t-restarted") as world,
        ):

            def restart():
                running.append(script.restarted(running[-1]))
                for proxy in (aside, world.proxy):
                    proxy.lead_to(running[-1].url)

            world.restart = restart
            troubled = world.play()
    finally:
        running[-1].stop()
    assert len(running) == 3
    assert_nothing_missed_nothing_twice(
        troubled, play(FIRST, 0.0, SMALL), replay=f"CHAOS_RESTART=1 {replay_line(FIRST, __file__)}"
    )
