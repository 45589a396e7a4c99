"""What the process is given: the time, the settings, the person at the keyboard."""

import getpass
import os
from datetime import UTC, datetime

from pydantic import SecretStr

from runner.errors import OperatorError
from runner.settings import Settings, load_settings
from runner.telemetry import logs


def debugging() -> bool:
    """Tell whether stack traces are wanted, even where the settings cannot be read."""
    return os.environ.get("RUNNER_LOG_LEVEL", "").lower() == "debug"


def now() -> datetime:
    """Return the time. Below this module and `cli`, time is an argument."""
    return datetime.now(UTC)


def settings(*, quiet: bool = True) -> Settings:
    """Read the settings and set up logging after them; `quiet` commands log only what is wrong."""
    found = load_settings()
    level = found.log_level
    if quiet and level == "info":
        level = "warning"
    logs.configure(found.log_format, level, _secrets(found))
    return found


def user() -> str:
    """Return the name of who is at the keyboard. Raises OperatorError where the system knows none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without an entry in passwd
        raise OperatorError("this system does not say who you are", "Say it by --by.") from None


def _secrets(found: Settings) -> list[str]:
    values = (getattr(found, name) for name in type(found).model_fields)
    return [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
