"""The page as Chromium shows it: filters, order, details, all from the address, from a file, without a network."""

import re
from pathlib import Path
from typing import Any

import pytest

from runner.report.page import page
from tests.report.alerts import MADE, alert, sequence
from tests.report.conftest import Opened, run

FOUR = [
    alert(1, at=0, **{"kibana.alert.severity": "low", "kibana.alert.risk_score": 21, "host": {"name": "web-02"}}),
    alert(2, at=10, process={"name": "cat", "command_line": 'cat "/etc/My Shadow"'}),
    alert(
        3,
        at=20,
        **{
            "kibana.alert.severity": "critical",
            "kibana.alert.risk_score": 99,
            "kibana.alert.rule.name": "Another Rule",
            "kibana.alert.rule.rule_id": "rule-2",
            "kibana.alert.rule.threat": [],
            "kibana.alert.workflow_status": "closed",
        },
    ),
    alert(4, at=30, **{"user": {"name": "alice"}, "kibana.alert.building_block_type": "default"}),
]


def rows(dom: str) -> list[int]:
    """The alerts in the list, in order."""
    return [int(number) for number in re.findall(r'<tr class="[^"]*" data-id="alert-(\d+)"', dom)]


def text_of(dom: str, id: str) -> str:
    found = re.search(rf'id="{id}"[^>]*>(.*?)</', dom, re.DOTALL)
    assert found, id
    return found[1]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("", [3, 2, 1]),
        ("#severity=low,critical", [3, 1]),
        ("#rule=rule-2", [3]),
        ("#host=web-02", [1]),
        ("#user=alice", []),
        ("#user=alice&blocks=1", [4]),
        ("#status=closed", [3]),
        ("#tactic=TA0002", [2, 1]),
        ("#q=shadow", [2]),
        ("#q=cat%20etc", [2]),
        ("#q=%22my%20shadow%22", [2]),
        ("#q=%22/etc/My%20Shadow%22%20-sh", []),
        ("#q=-cat", [3, 1]),
        ("#from=2026-01-01T12:10:00Z&to=2026-01-01T12:20:00Z", [2]),
        ("#sort=time", [1, 2, 3]),
        ("#sort=-risk", [3, 2, 1]),
        ("#sort=severity", [1, 2, 3]),
        ("#sort=rule", [3, 2, 1]),
        ("#sort=nonsense", [3, 2, 1]),
        ("#host=nowhere&severity=low", []),
    ],
)
def test_the_address_chooses_what_is_listed_and_how(opened: Opened, address: str, expected: list[int]) -> None:
    dom = opened(FOUR, address)
    assert rows(dom) == expected
    assert text_of(dom, "count") == (
        "3 alerts" if len(expected) == 3 else f"{len(expected)} of {4 if 'blocks' in address else 3} alerts"
    )


def test_details_show_the_event_the_guide_and_the_way_to_att_ck(opened: Opened) -> None:
    dom = opened(FOUR, "#alert=alert-2")
    details = dom[dom.index("<dialog") : dom.index("</dialog>")]
    assert '<dialog id="details" aria-labelledby="details-title" open=""' in details
    assert 'cat "/etc/My Shadow"' in details
    assert "Look at <em>who</em> ran it." in details
    assert 'href="https://attack.mitre.org/techniques/T1053/003/"' in details
    assert "logs-test / event-2" in details
    assert "2026-01-01 12:11:00.000 UTC (1 min later)" in details
    assert text_of(details, "position") == "2 of 3"


def test_a_sequence_opens_with_its_events_in_order(opened: Opened) -> None:
    details = opened(sequence(), "#alert=seq").split("<dialog")[1]
    assert "Matched sequence of 2 events" in details
    assert details.index("1. <code>sh -c 100</code>") < details.index("2. <code>sh -c 101</code>")


def test_an_alert_says_what_it_has_absorbed(opened: Opened) -> None:
    absorbed = {
        "docs_count": 1234,
        "start": "2026-01-01T12:00:00.000Z",
        "end": "2026-01-01T13:00:00.000Z",
        "terms": [{"field": "host.name", "value": ["a", "b"]}, {"field": "user.name", "value": None}],
    }
    dom = opened(
        [alert(1, **{f"kibana.alert.suppression.{name}": value for name, value in absorbed.items()})], "#alert=alert-1"
    )
    assert "+1,234 suppressed" in dom
    assert (
        "1,234 further, 2026-01-01 12:00:00.000 to 2026-01-01 13:00:00.000 UTC\nhost.name: a, b\nuser.name: none" in dom
    )


def test_a_sample_is_called_one(opened: Opened) -> None:
    query = {"query": "sample by host.name [any where true] [any where true]"}
    dom = opened(sequence(**{"kibana.alert.rule.parameters": query}), "#alert=seq")
    assert "sample of 2" in dom


def test_what_an_alert_brings_along_stays_text(opened: Opened) -> None:
    evil = "<img src=x onerror=\"document.title='owned'\">"
    dom = opened(
        [
            alert(
                1,
                process={"command_line": evil, evil: evil},
                **{
                    "kibana.alert.reason": evil,
                    "kibana.alert.rule.name": evil,
                    "kibana.alert.rule.note": evil,
                    "kibana.alert.rule.references": [f"javascript:{evil}"],
                    "kibana.alert.rule.threat": [
                        {"tactic": {"id": evil, "name": evil, "reference": "javascript:alert(1)"}}
                    ],
                },
            )
        ],
        "#alert=alert-1&q=img",
    )
    assert "<title>Alerts</title>" in dom
    assert "<img" not in dom
    assert 'href="javascript' not in dom
    assert "<mark>img</mark>" in dom


def test_the_timeline_counts_by_severity(opened: Opened) -> None:
    dom = opened(FOUR)
    label = re.search(r'<svg[^>]*role="img"[^>]*aria-label="([^"]*)"', dom)
    assert label
    assert label[1].startswith("3 alerts from 2026-01-01 12:00:00 to ")
    assert label[1].endswith("UTC: 1 critical, 1 medium, 1 low")
    assert dom.count('<rect class="bar ') == 3


def test_a_chart_is_told_which_column_sorts(opened: Opened) -> None:
    assert 'class="risk" aria-sort="descending"' in opened(FOUR, "#sort=-risk")


@pytest.mark.parametrize(("scheme", "theme"), [("0", "dark"), ("1", "light")])
def test_the_page_takes_the_colours_that_the_system_prefers(opened: Opened, scheme: str, theme: str) -> None:
    assert f'data-theme="{theme}"' in opened(FOUR, "", f"--blink-settings=preferredColorScheme={scheme}")


def test_no_alerts_are_said_to_be_none(opened: Opened) -> None:
    dom = opened([])
    assert text_of(dom, "nothing") == "There are no alerts in this report."
    assert 'data-ready=""' in dom


def test_five_thousand_alerts_are_filtered_and_only_the_first_rows_made(opened: Opened) -> None:
    dom = opened([alert(number, at=number / 60) for number in range(5000)], "#q=%22sh%20-c%204%22&sort=time")
    assert text_of(dom, "count") == "1,111 of 5,000 alerts"
    assert 150 <= len(rows(dom)) < 1111
    assert rows(dom)[0] == 4


@pytest.mark.parametrize("width", [360, 1440], ids=["phone", "desk"])
def test_nothing_is_wider_than_the_screen(browser: str, tmp_path: Path, width: int) -> None:
    long: dict[str, Any] = {"process": {"command_line": "x" * 4000}, "host": {"name": "h" * 300}}
    probe = "<script>document.title = `${document.documentElement.scrollWidth} of ${innerWidth}`</script>"
    text = page([alert(1, **long, **{"kibana.alert.rule.name": "n" * 300})], MADE)
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text).replace("</body>", f"{probe}</body>")
    file = tmp_path / "wide.html"
    file.write_text(text, encoding="utf-8")
    dom = run(browser, tmp_path, f"--window-size={width},800", "--hide-scrollbars", "--dump-dom", f"file://{file}")
    shown = re.search(r"<title>(\d+) of (\d+)</title>", dom)
    assert shown
    assert int(shown[1]) <= int(shown[2])
