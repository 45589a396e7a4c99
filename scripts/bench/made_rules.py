"""Rule files in the manner of Elastic's: as long, with queries as long and as various, and made up from start to end.

Of Elastic's own rules for Linux and Windows half have a query of more than 540 characters, one in ten of more than
1,600, and a file of 9 kB in the middle.
"""

import random
import uuid
from pathlib import Path

_INDEX = ("logs-endpoint.events.*", "logs-made.up-*", "auditbeat-*", "winlogbeat-*", "endgame-*")
_CATEGORIES = ("process", "file", "network", "registry", "library", "any")
_NAMES = ("sh", "bash", "python3", "curl", "svchost", "rundll32", "powershell", "java", "sshd", "crond", "perl", "nc")
_ENDINGS = ("", ".exe", "-7", ".bin", "64")
_FOLDERS = (
    "/tmp",  # noqa: S108  words of a query, as the next two
    "/dev/shm",  # noqa: S108
    "/var/tmp",  # noqa: S108
    "/usr/lib",
    "/opt/app",
    "?:\\\\Users\\\\*\\\\Downloads",
    "?:\\\\ProgramData",
)
_TEXT_FIELDS = (
    "process.name",
    "process.executable",
    "process.parent.name",
    "process.parent.executable",
    "process.command_line",
    "process.parent.command_line",
    "process.args",
    "file.path",
    "file.extension",
    "registry.path",
    "dll.name",
    "user.name",
    "process.code_signature.subject_name",
)
_WORDS = (
    "observed activity suggests that an account or a program does what it seldom does, so compare with other hosts, "
    "review parent, children, arguments, owner and time, then decide whether it was planned and by whom"
)


def write_rules(folder: Path, number: int, seed: int = 0) -> None:
    """Write so many rule files into the folder."""
    chance = random.Random(seed)  # noqa: S311  the same rules every time is the point
    for position in range(number):
        (folder / f"made_{position:04}.toml").write_text(_file(chance, position), encoding="utf-8")


def _file(chance: random.Random, position: int) -> str:
    rule_id = uuid.UUID(int=chance.getrandbits(128), version=4)
    index = ", ".join(f'"{pattern}"' for pattern in chance.sample(_INDEX, chance.randint(1, 4)))
    severity, risk = chance.choice((("low", 21), ("medium", 47), ("high", 73)))
    return f'''[metadata]
creation_date = "2025/01/01"
integration = ["endpoint"]
maturity = "production"
updated_date = "2026/01/01"

[rule]
author = ["A Benchmark"]
description = """
{_prose(chance, 45)}
"""
from = "now-9m"
index = [{index}]
language = "eql"
license = "Apache-2.0"
name = "Made Rule {position}"
note = """## Triage

{_chapters(chance)}
"""
references = ["https://example.invalid/{position}"]
risk_score = {risk}
rule_id = "{rule_id}"
setup = """## Setup

{_prose(chance, 150)}
"""
severity = "{severity}"
tags = ["Domain: Endpoint", "Use Case: Benchmark", "Data Source: Made Up"]
timestamp_override = "event.ingested"
type = "eql"
query = \'\'\'
{_query(chance)}
\'\'\'

[[rule.threat]]
framework = "MITRE ATT&CK"

[[rule.threat.technique]]
id = "T1059"
name = "Command and Scripting Interpreter"
reference = "https://attack.mitre.org/techniques/T1059/"

[rule.threat.tactic]
id = "TA0002"
name = "Execution"
reference = "https://attack.mitre.org/tactics/TA0002/"
'''


def _prose(chance: random.Random, words: int) -> str:
    return " ".join(chance.choices(_WORDS.split(), k=words)) + "."


def _chapters(chance: random.Random) -> str:
    return "\n\n".join(
        f"### Chapter {number}\n\n" + "\n".join(f"- {_prose(chance, 30)}" for _ in range(5)) for number in range(1, 6)
    )


def _query(chance: random.Random) -> str:
    if chance.random() < 0.12:
        keys = chance.choice(("host.id", "host.id, process.entity_id", "host.id, user.id"))
        stages = "\n".join(f"  [{_event(chance, chance.randint(1, 4))}]" for _ in range(chance.randint(2, 3)))
        return f"sequence by {keys} with maxspan={chance.choice(('5s', '1m', '30m'))}\n{stages}"
    return _event(chance, min(20, 2 + round(chance.expovariate(0.22))))


def _event(chance: random.Random, size: int) -> str:
    """Return `category where …` with so many conditions beyond the first ones."""
    system, started = chance.choice(("linux", "windows")), chance.choice(("start", "creation", "change"))
    first = [f'host.os.type == "{system}"', f'event.type == "{started}"']
    conditions = first + [_condition(chance, depth=2) for _ in range(size)]
    return f"{chance.choice(_CATEGORIES)} where {' and '.join(conditions[:2])} and\n  " + " and\n  ".join(
        conditions[2:]
    )


def _condition(chance: random.Random, depth: int) -> str:
    kind = chance.random()
    if depth and kind < 0.2:
        parts = [_condition(chance, depth - 1) for _ in range(chance.randint(2, 4))]
        return "(" + chance.choice((" or ", " or\n    ", " and ")).join(parts) + ")"
    if depth and kind < 0.4:
        return f"not {_condition(chance, 0)}"
    return chance.choice(_FORMS)(chance)


def _path(chance: random.Random) -> str:
    name = chance.choice(_NAMES) + chance.choice(_ENDINGS)
    return f"{chance.choice(_FOLDERS)}{chance.choice(('/', '/*/', '*'))}{name}{chance.choice(('', '*'))}"


def _list(chance: random.Random, values: int) -> str:
    texts = (
        _path(chance) if chance.random() < 0.6 else chance.choice(_NAMES) + chance.choice(_ENDINGS)
        for _ in range(values)
    )
    return ", ".join(f'"{text}"' for text in texts)


def _field(chance: random.Random) -> str:
    return ("?" if chance.random() < 0.08 else "") + chance.choice(_TEXT_FIELDS)


_FORMS = (
    lambda c: f'{_field(c)} == "{c.choice(_NAMES)}"',
    lambda c: f"{_field(c)} : ({_list(c, c.randint(1, 12))})",
    lambda c: f"{_field(c)} : ({_list(c, c.randint(1, 4))})",
    lambda c: f"{_field(c)} like~ ({_list(c, c.randint(1, 6))})",
    lambda c: f"{_field(c)} in ({_list(c, c.randint(2, 10))})",
    lambda c: f'startsWith~({c.choice(_TEXT_FIELDS)}, "{c.choice(_NAMES)}")',
    lambda c: f'stringContains({c.choice(_TEXT_FIELDS)}, "{c.choice(_NAMES)}")',
    lambda c: f"length({c.choice(_TEXT_FIELDS)}) > {c.randint(1, 400)}",
    lambda c: f"process.args_count >= {c.randint(1, 9)}",
    lambda c: f'{_field(c)} regex~ """.*{c.choice(_NAMES)}[0-9a-f]{{{c.randint(2, 8)}}}\\\\.(dll|exe|so)"""',
    lambda c: f'cidrMatch(destination.ip, "10.{c.randint(0, 255)}.0.0/16", "127.0.0.0/8", "fe80::/10")',
    lambda c: f"{c.choice(_TEXT_FIELDS)} != null",
)
