"""Settings: read from the surroundings, checked all at once, and never showing a secret."""

import os
import runpy
from datetime import timedelta
from pathlib import Path

import pytest

from runner.errors import SettingsError
from runner.settings import SECRETS, Settings, load_settings

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / ".env.example"
CLOUD_ID = "trial:dXMtZWFzdC0xLmF3cy5mb3VuZC5pbyRhYmMkZGVm"


def loaded(environ=None, *, env_file=None, secrets=None):
    return load_settings(environ or {}, env_file=env_file, secrets=secrets)


def fault(environ, **more):
    with pytest.raises(SettingsError) as caught:
        loaded(environ, **more)
    return str(caught.value)


def test_without_any_variable_every_setting_has_its_default():
    assert loaded() == Settings()
    assert loaded().elasticsearch_url == ("http://localhost:9200",)


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        (
            "RUNNER_ELASTICSEARCH_URL",
            "https://a:9200, https://b/es",
            "elasticsearch_url",
            ("https://a:9200", "https://b/es"),
        ),
        ("RUNNER_CLOUD_ID", CLOUD_ID, "cloud_id", CLOUD_ID),
        ("RUNNER_SEARCH_TIMEOUT", "90s", "search_timeout", timedelta(seconds=90)),
        ("RUNNER_MAX_CATCHUP", "7d", "max_catchup", timedelta(days=7)),
        ("RUNNER_STRICT", "yes", "strict", True),
        ("RUNNER_VERIFY_CERTS", "False", "verify_certs", False),
        ("RUNNER_INDEX_OVERRIDE", "logs-*, -logs-old*", "index_override", ("logs-*", "-logs-old*")),
        (
            "RUNNER_INDEX_OVERRIDES",
            '{"a": ["x-*", "y"], "b": "z,w"}',
            "index_overrides",
            {"a": ("x-*", "y"), "b": ("z", "w")},
        ),
        ("RUNNER_LOG_LEVEL", "WARNING", "log_level", "warning"),
        ("RUNNER_LOG_FORMAT", "ecs", "log_format", "ecs"),
        ("RUNNER_BACKEND", "dsl", "backend", "dsl"),
        ("RUNNER_HTTP_PORT", "0", "http_port", 0),
        ("RUNNER_WORKERS", " 8 ", "workers", 8),
        ("runner_space", "soc-2", "space", "soc-2"),
        ("RUNNER_WORKERS", "", "workers", 4),
    ],
)
def test_a_variable_sets_its_field(name, text, field, value):
    assert getattr(loaded({name: text}), field) == value


def test_the_environment_goes_before_the_env_file_and_that_before_the_folder_of_secrets(tmp_path):
    env_file, secrets = tmp_path / ".env", tmp_path / "secrets"
    secrets.mkdir()
    env_file.write_text("RUNNER_SPACE=from-file\nexport RUNNER_WORKERS=2  # two\nOTHER=1\nRUNNER_USERNAME='the user'\n")
    (secrets / "runner_password").write_text("in folder\n")
    (secrets / "RUNNER_SPACE").write_text("from-folder")
    (secrets / "another_service").write_text("not ours")
    settings = loaded({"RUNNER_SPACE": "from-env"}, env_file=env_file, secrets=secrets)
    assert (settings.space, settings.workers, settings.username) == ("from-env", 2, "the user")
    assert settings.password is not None
    assert settings.password.get_secret_value() == "in folder"
    assert loaded(env_file=env_file, secrets=secrets).space == "from-file"


@pytest.mark.parametrize("name", ["api_key", "password", "bearer_token"])
@pytest.mark.parametrize(
    ("content", "secret"), [("s3cret\n", "s3cret"), ("s3cret", "s3cret"), ("s3cret\r\n", "s3cret")]
)
def test_a_secret_can_stand_in_a_file_whose_line_end_is_no_part_of_it(tmp_path, name, content, secret):
    path = tmp_path / "secret"
    path.write_bytes(content.encode())
    environ = {f"RUNNER_{name.upper()}_FILE": str(path)}
    settings = loaded(environ | ({"RUNNER_USERNAME": "u"} if name == "password" else {}))
    assert getattr(settings, name).get_secret_value() == secret


URLS = "expected one or several URLs such as https://host:9200, separated by commas"
INDEX = 'expected a lower-case index name without \\ / * ? " < > | , # : or blanks'
OVERRIDES = "expected a JSON object of rule id to index patterns"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("WORKERS", "many", "is `many`: expected a whole number"),
        ("WORKERS", "0", "is `0`: expected a number of at least 1"),
        ("PAGE_SIZE", "10001", "is `10001`: expected a number of at most 10000"),
        ("HTTP_PORT", "70000", "is `70000`: expected a number of at most 65535"),
        ("STRICT", "si", "is `si`: expected true or false"),
        ("BACKEND", "esql", "is `esql`: expected 'auto', 'eql' or 'dsl'"),
        ("LOG_LEVEL", "loud", "is `loud`: expected 'debug', 'info', 'warning' or 'error'"),
        ("SEARCH_TIMEOUT", "4 minutes", "is `4 minutes`: expected a duration such as 30s, 5m or 24h"),
        ("SEARCH_TIMEOUT", "240", "is `240`: expected a duration"),
        ("MAX_CATCHUP", "99999999999999d", "expected a duration"),
        ("LATE_SWEEP", "999999d", "expected a duration such as 30s, 5m or 24h, of 400 years at most"),
        ("ALERTS_RETENTION", "999999d", "of 400 years at most"),
        ("SEARCH_TIMEOUT", "999999d", "expected a duration such as 30s, 5m or 24h, of a day at most"),
        ("REQUEST_TIMEOUT", "25h", "of a day at most"),
        ("RETRY_DEADLINE", "2d", "of a day at most"),
        ("SHUTDOWN_TIMEOUT", "2d", "of a day at most"),
        ("ELASTICSEARCH_URL", "localhost:9200", f"is `localhost:9200`: {URLS}"),
        ("ELASTICSEARCH_URL", "https://a,ftp://b", f"is `https://a,ftp://b`: {URLS}"),
        ("ELASTICSEARCH_URL", "http://a:port", URLS),
        ("ELASTICSEARCH_URL", "http://[::1", URLS),
        ("ELASTICSEARCH_URL", ",", "expected at least one"),
        ("ELASTICSEARCH_URL", "https://me:hunter2@a", "is wrong: expected URLs without credentials"),
        ("CLOUD_ID", "trial", "is `trial`: expected a Cloud ID"),
        ("CA_FINGERPRINT", "12:34", "is `12:34`: expected a SHA-256 fingerprint"),
        ("CA_FILE", "/nowhere/ca.pem", "is `/nowhere/ca.pem`: expected a file that can be read (No such file"),
        ("CA_FILE", "/", "is `/`: expected a file that can be read (Is a directory)"),
        ("RULES_PATH", "/nowhere", "is `/nowhere`: expected a file or folder that exists"),
        ("ALERTS_INDEX", "Alerts", f"is `Alerts`: {INDEX}"),
        ("STATE_INDEX", "a,b", INDEX),
        ("SPACE", "Team A", "is `Team A`: expected a space's id"),
        ("INDEX_OVERRIDES", "{", OVERRIDES),
        ("INDEX_OVERRIDES", '["logs-*"]', OVERRIDES),
        ("INDEX_OVERRIDES", '{"a": []}', OVERRIDES),
        ("INDEX_OVERRIDES", '{"a": [1]}', OVERRIDES),
        ("API_KEY", "hunter2 hunter2", "is wrong: expected printable characters without blanks"),
        ("API_KEY_FILE", "/nowhere/key", "is `/nowhere/key`: expected a text file that can be read (No such file"),
    ],
)
def test_a_wrong_value_gives_one_line_that_names_variable_value_and_what_is_expected(name, text, expected):
    message = fault({f"RUNNER_{name}": text})
    assert message.startswith(f"RUNNER_{name} is ")
    assert expected in message
    assert "\n" not in message
    assert "hunter2" not in message


FILE = str(Path(__file__))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"ELASTICSEARCH_URL": "https://a", "CLOUD_ID": CLOUD_ID}, "_URL and RUNNER_CLOUD_ID are both set: keep one"),
        (
            {"API_KEY": "k", "USERNAME": "u", "PASSWORD": "p"},
            "RUNNER_API_KEY and RUNNER_USERNAME are set together: keep one way to log in",
        ),
        ({"API_KEY": "k", "BEARER_TOKEN": "t"}, "RUNNER_API_KEY and RUNNER_BEARER_TOKEN are set together"),
        ({"API_KEY": "k", "PASSWORD": "p"}, "RUNNER_PASSWORD is set without RUNNER_USERNAME"),
        ({"USERNAME": "u"}, "RUNNER_USERNAME is set without RUNNER_PASSWORD: set both or none"),
        ({"API_KEY": "k", "API_KEY_FILE": "/x"}, "RUNNER_API_KEY and RUNNER_API_KEY_FILE are both set: keep one"),
        (
            {"ELASTICSEARCH_URL": "https://a", "CLIENT_CERT_FILE": FILE},
            "RUNNER_CLIENT_CERT_FILE is set without RUNNER_CLIENT_KEY_FILE",
        ),
        (
            {"ELASTICSEARCH_URL": "https://a", "CA_FILE": FILE, "CA_FINGERPRINT": "ab" * 32},
            "RUNNER_CA_FILE and RUNNER_CA_FINGERPRINT are both set",
        ),
        ({"ELASTICSEARCH_URL": "https://a", "CA_FILE": FILE, "VERIFY_CERTS": "no"}, "RUNNER_VERIFY_CERTS is false"),
        ({"CA_FILE": FILE}, "RUNNER_CA_FILE is set, but RUNNER_ELASTICSEARCH_URL does not begin with https:"),
        ({"STATE_INDEX": "eql-runner-alerts"}, "must differ"),
    ],
)
def test_settings_that_contradict_each_other_are_named(given, expected):
    message = fault({f"RUNNER_{name}": text for name, text in given.items()})
    assert expected in message
    assert "\n" not in message


def test_all_that_is_wrong_is_told_at_once():
    message = fault(
        {
            "RUNNER_WORKERS": "many",
            "RUNNER_WORKRES": "4",
            "RUNNER_STRICT": "si",
            "RUNNER_USERNAME": "u",
            "RUNNER_API_KEY_FILE": "/nowhere",
        }
    )
    title, *lines = message.splitlines()
    assert title == "5 settings are wrong:"
    assert {line.split()[0].removeprefix("RUNNER_") for line in lines} == {
        "API_KEY_FILE",
        "WORKRES",
        "WORKERS",
        "STRICT",
        "USERNAME",
    }


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("RUNNER_APIKEY", "RUNNER_API_KEY"),
        ("RUNNER_PASWORD_FILE", "RUNNER_PASSWORD_FILE"),
        ("RUNNER_RULE_PATH", "RUNNER_RULES_PATH"),
    ],
)
def test_an_unknown_variable_is_an_error_that_suggests_the_nearest(name, near):
    assert fault({name: "hunter2"}) == f"{name} is no setting: did you mean {near}?"


def test_an_unknown_variable_in_the_env_file_is_an_error_too(tmp_path):
    (tmp_path / ".env").write_text("RUNNER_QUUX=1\n")
    assert fault({}, env_file=tmp_path / ".env") == "RUNNER_QUUX is no setting"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("RUNNER_TEST_ELASTICSEARCH_URL", "http://localhost:9200"),
        ("RUNNER_OS", "Linux"),  # GitHub Actions sets these
        ("RUNNER_TEMP", "/tmp"),
        ("RUNNER_SERVICE_HOST", "10.0.0.1"),  # Kubernetes, where a service is named `runner`
        ("RUNNER_PORT", "tcp://10.0.0.1:9464"),
        ("RUNNER_PORT_9464_TCP_ADDR", "10.0.0.1"),
        ("RUNNER_METRICS_SERVICE_PORT_HTTP", "9464"),
        ("PATH", "/bin"),
    ],
)
def test_variables_that_others_set_with_our_prefix_are_left_alone(name, text):
    assert loaded({name: text}) == Settings()


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe"])
def test_a_secret_file_without_a_usable_secret_is_an_error(tmp_path, content):
    path = tmp_path / "key"
    path.write_bytes(content)
    assert fault({"RUNNER_API_KEY_FILE": str(path)}).startswith(f"RUNNER_API_KEY_FILE is `{path}`: expected a ")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission_is_an_error(tmp_path):
    path = tmp_path / "ca.pem"
    path.touch(mode=0o000)
    assert "(Permission denied)" in fault({"RUNNER_CA_FILE": str(path)})


def test_no_secret_is_ever_shown():
    given = {"RUNNER_USERNAME": "me", "RUNNER_PASSWORD": "hunter2"}
    settings = loaded(given)
    shown = [repr(settings), str(settings), str(settings.public()), str(settings.model_dump())]
    shown += [settings.model_dump_json(), fault(given | {"RUNNER_WORKERS": "x", "RUNNER_PASWORD": "hunter2"})]
    shown += [repr(loaded({f"RUNNER_{name}": "hunter2"})) for name in ("API_KEY", "BEARER_TOKEN", "KIBANA_API_KEY")]
    assert not [text for text in shown if "hunter2" in text]
    assert settings.public()["password"] == "(set)"
    assert {"api_key", "password", "bearer_token", "kibana_api_key"} == SECRETS


def test_the_public_view_is_plain_values():
    assert {name: Settings().public()[name] for name in ("search_timeout", "elasticsearch_url", "api_key")} == {
        "search_timeout": "4m",
        "elasticsearch_url": ["http://localhost:9200"],
        "api_key": None,
    }


def test_settings_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        Settings().workers = 2  # type: ignore[misc]


def test_each_setting_is_described_in_one_line():
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name
        assert len(field.description) < 110, name


def test_the_example_file_is_what_the_settings_say():
    assert EXAMPLE.read_text() == runpy.run_path(str(ROOT / "scripts/env_example.py"))["env_example"](), (
        "renew it: .venv/bin/python scripts/env_example.py > .env.example"
    )


def test_the_example_file_with_everything_commented_in_gives_the_defaults(tmp_path):
    lines = [
        line.removeprefix("#") if line.startswith("#RUNNER_") else line for line in EXAMPLE.read_text().split("\n")
    ]
    (tmp_path / ".env").write_text("\n".join(lines))
    assert loaded(env_file=tmp_path / ".env") == Settings()
