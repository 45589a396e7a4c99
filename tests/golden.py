"""Golden files: expected documents, renewed by `make golden` and reviewed as a diff."""

import json
import os
from pathlib import Path
from typing import Any

RENEW = "RENEW_GOLDEN"


def same_as_golden(path: Path, document: Any) -> None:
    """Compare a JSON value with its golden file; with RENEW_GOLDEN set, write the file instead."""
    text = json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    if os.environ.get(RENEW):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert json.loads(path.read_text(encoding="utf-8")) == json.loads(text)
