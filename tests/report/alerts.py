"""Alert documents for the tests of the report, as `runner.execution.alerts` writes them."""

from datetime import timedelta
from typing import Any

from tests.made import NOON, iso, minute

THREAT = [
    {
        "framework": "MITRE ATT&CK",
        "tactic": {
            "id": "TA0003",
            "name": "Persistence",
            "reference": "https://attack.mitre.org/tactics/TA0003/",
        },
        "technique": [
            {
                "id": "T1053",
                "name": "Scheduled Task/Job",
                "reference": "https://attack.mitre.org/techniques/T1053/",
                "subtechnique": [
                    {"id": "T1053.003", "name": "Cron", "reference": "https://attack.mitre.org/techniques/T1053/003/"}
                ],
            }
        ],
    },
    {
        "framework": "MITRE ATT&CK",
        "tactic": {"id": "TA0002", "name": "Execution", "reference": "https://attack.mitre.org/tactics/TA0002/"},
    },
]


def alert(number: int, *, at: float = 0, **fields: Any) -> dict[str, Any]:
    """An alert on an event so many minutes after noon, found a minute later; `fields` by their dotted names."""
    process = {"name": "sh", "command_line": f"sh -c {number}"}
    document = {
        "_id": f"alert-{number}",
        "@timestamp": iso(minute(at) + timedelta(minutes=1)),
        "event": {"kind": "signal", "category": ["process"], "action": "exec"},
        "host": {"name": "web-01"},
        "user": {"name": "root"},
        "process": process,
        "kibana.alert.uuid": f"alert-{number}",
        "kibana.alert.original_time": iso(minute(at)),
        "kibana.alert.original_event.kind": "event",
        "kibana.alert.severity": "medium",
        "kibana.alert.risk_score": 47,
        "kibana.alert.workflow_status": "open",
        "kibana.alert.reason": "process event with process sh created medium alert Evil Process.",
        "kibana.alert.ancestors": [{"id": f"event-{number}", "type": "event", "index": "logs-test", "depth": 0}],
        "kibana.alert.rule.rule_id": "rule-1",
        "kibana.alert.rule.name": "Evil Process",
        "kibana.alert.rule.version": "1",
        "kibana.alert.rule.description": "Finds evil.",
        "kibana.alert.rule.note": "## Triage\n\nLook at *who* ran it.",
        "kibana.alert.rule.threat": THREAT,
        "threat.tactic.id": ["TA0003", "TA0002"],
        "kibana.alert.rule.parameters": {"query": "process where true", "language": "eql"},
        "eql_runner.run_type": "standard",
    }
    return document | fields


def sequence(*, at: float = 0, **fields: Any) -> list[dict[str, Any]]:
    """The two building blocks and the shell of a sequence alert, the blocks out of order."""
    group = {"kibana.alert.group.id": "seq", "kibana.alert.building_block_type": "default"}
    blocks = [
        alert(100 + index, at=at + index, **group, **{"kibana.alert.group.index": index, "_id": f"block-{index}"})
        for index in (1, 0)
    ]
    shell = alert(100, at=at, **{"kibana.alert.group.id": "seq", "kibana.alert.uuid": "seq", "_id": "seq"}, **fields)
    del shell["process"]
    return [*blocks, shell]


MADE = NOON + timedelta(hours=1)
