"""Secrets without our prefix: found as settings are, and never in an error."""

from pathlib import Path

import pytest

from runner.environment import secret


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    """A `.env` file, a folder of secrets, and a file to be named."""
    (tmp_path / "secrets").mkdir()
    (tmp_path / "named").write_text("from a file\n", encoding="utf-8")
    return {"env_file": tmp_path / ".env", "secrets": tmp_path / "secrets", "named": tmp_path / "named"}


@pytest.mark.parametrize(
    ("environ", "dotenv", "mounted", "expected"),
    [
        ({}, "", "", ""),
        ({"SOC_URL": "from the environment"}, "SOC_URL=x", "x", "from the environment"),
        ({"SOC_URL": ""}, "SOC_URL='from .env'", "x", "from .env"),
        ({"SOC_URL_FILE": "{named}"}, "SOC_URL=x", "x", "from a file"),
        ({}, "SOC_URL_FILE={named}", "x", "from a file"),
        ({}, "", "mounted\n", "mounted"),
    ],
)
def test_a_secret_is_found(
    places: dict[str, Path], environ: dict[str, str], dotenv: str, mounted: str, expected: str
) -> None:
    environ = {name: value.format(named=places["named"]) for name, value in environ.items()}
    places["env_file"].write_text(dotenv.format(named=places["named"]), encoding="utf-8")
    if mounted:
        (places["secrets"] / "soc_url").write_text(mounted, encoding="utf-8")
    assert secret("SOC_URL", environ, env_file=places["env_file"], secrets=places["secrets"]) == expected


def test_a_file_that_cannot_be_read_is_an_error_that_names_the_variable(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="SOC_URL_FILE is `/no/such/file`"):
        secret("SOC_URL", {"SOC_URL_FILE": "/no/such/file"}, env_file=None, secrets=None)
    empty = tmp_path / "empty"
    empty.touch()
    with pytest.raises(ValueError, match="not empty"):
        secret("SOC_URL", {"SOC_URL_FILE": str(empty)}, env_file=None, secrets=None)
