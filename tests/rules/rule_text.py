"""A small right rule file, line by line, for tests that make one thing wrong or another in it."""

import json
from pathlib import Path

RULE = """\
[metadata]
maturity = "production"

[rule]
author = ["Elastic"]
description = "Finds evil."
from = "now-9m"
index = ["logs-*", "auditbeat-*"]
interval = "5m"
language = "eql"
name = "Evil"
risk_score = 47
rule_id = "evil"
severity = "medium"
type = "eql"
query = '''
process where process.name == "evil"
'''
"""


def with_values(**values: str | int | list[str]) -> str:
    """The rule with these values of some keys."""
    text = RULE
    for key, value in values.items():
        text = with_line(key, f"{key} = {json.dumps(value)}", text)
    return text


def with_line(key: str, line: str, text: str = RULE) -> str:
    """The rule with the line of a key replaced; an empty line takes it away; an unknown key adds it at the end."""
    lines = text.splitlines()
    places = [number for number, text in enumerate(lines) if text.startswith(f"{key} =")]
    if places:
        lines[places[0]] = line
    else:
        lines.append(line)
    return "\n".join(lines) + "\n"


def written(folder: Path, text: str | bytes, name: str = "rule.toml") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path
