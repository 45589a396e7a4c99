"""Settings: from RUNNER_* variables, a `.env` file, files that hold one secret each, and /run/secrets.

`load_settings` reads them all, in this order of precedence:

    the environment     RUNNER_API_KEY=…, or RUNNER_API_KEY_FILE=/path for what may be a secret
    .env                the same names, in the working directory
    /run/secrets        a file for each setting, named runner_api_key or RUNNER_API_KEY

An empty value counts as not given. What is wrong is reported all at once, in one SettingsError. Secrets are SecretStr:
no repr, error or `public()` view shows them.
"""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from runner.environment import PREFIX, variable, variables
from runner.errors import SettingsError
from runner.rules.datemath import format_duration
from runner.setting_types import (
    AnyCase,
    CloudId,
    Duration,
    Fingerprint,
    IndexName,
    Overrides,
    Patterns,
    PresentPath,
    ReadableFile,
    Size,
    Space,
    Token,
    Url,
    Urls,
    Wait,
    wrong,
)


class Settings(BaseSettings):
    """All settings, checked. Built directly it takes only what it is given; `load_settings` reads the surroundings."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True)

    elasticsearch_url: Urls = Field(
        default=("http://localhost:9200",), min_length=1, description="Elasticsearch: one URL or several, with commas."
    )
    cloud_id: CloudId | None = Field(
        default=None, description="Elastic Cloud: the deployment's Cloud ID, instead of the URL."
    )
    api_key: Token | None = Field(default=None, description="API key, encoded as Kibana shows it, or as id:key.")
    username: str | None = Field(default=None, description="User name, with the password, instead of an API key.")
    password: SecretStr | None = Field(default=None, description="The user's password.")
    bearer_token: Token | None = Field(default=None, description="Bearer token, instead of an API key or a user.")
    ca_file: ReadableFile | None = Field(
        default=None, description="PEM file of the authority that signed the cluster's certificate."
    )
    ca_fingerprint: Fingerprint | None = Field(
        default=None, description="SHA-256 fingerprint of that authority's certificate, instead of its file."
    )
    client_cert_file: ReadableFile | None = Field(
        default=None, description="PEM file of our own certificate, where the cluster asks for one."
    )
    client_key_file: ReadableFile | None = Field(default=None, description="PEM file of our certificate's key.")
    verify_certs: bool = Field(default=True, description="Check the cluster's certificate; turn off only for a trial.")
    request_timeout: Wait = Field(
        default=timedelta(seconds=30), description="Longest wait for one answer that is not a search."
    )
    search_timeout: Wait = Field(default=timedelta(minutes=4), description="Longest wait for one search.")
    retry_deadline: Wait = Field(
        default=timedelta(minutes=1), description="How long a request that failed in passing is tried again."
    )
    rules_path: PresentPath | None = Field(
        default=None, description="Folder or file of rules (TOML, or Kibana's NDJSON export); unset: those shipped."
    )
    watch_rules: bool = Field(
        default=True,
        description="Read rules, exceptions and notifications again when a file of theirs changes; SIGHUP does so too.",
    )
    exceptions_path: PresentPath | None = Field(
        default=None,
        description="Folder or file of exceptions (docs/exceptions.md); unset: folders named exceptions among the rules.",
    )
    strict: bool = Field(
        default=False, description="Refuse to start when any rule is bad, instead of running the good ones."
    )
    index_override: Patterns = Field(
        default=(), description="Index patterns that all rules search, instead of their own; with commas."
    )
    index_overrides: Overrides = Field(
        default={}, description="The same for single rules: a JSON object of rule id to a list of patterns."
    )
    backend: Literal["auto", "eql", "dsl"] = Field(
        default="auto", description="How to search: eql (EQL search API), dsl (Query DSL and our matcher), or auto."
    )
    alerts_index: IndexName = Field(default="eql-runner-alerts", description="Alias that alerts are written to.")
    executions_index: IndexName = Field(
        default="eql-runner-executions", description="Alias that the history of executions is written to."
    )
    state_index: IndexName = Field(
        default="eql-runner-state", description="Index of what is proven searched, a document a rule."
    )
    suppressed_index: IndexName = Field(
        default="eql-runner-suppressed", description="Index of matches that alerts have absorbed, a document a match."
    )
    outbox_index: IndexName = Field(
        default="eql-runner-outbox", description="Index of notifications to send, made only where there are any."
    )
    space: Space = Field(default="default", description="Kibana space that the alerts name.")
    kibana_url: Url | None = Field(
        default=None, description="Kibana, for `eql-runner setup --kibana`: its URL, with its base path if it has one."
    )
    kibana_api_key: Token | None = Field(
        default=None, description="API key for Kibana; unset: the cluster's login (RUNNER_API_KEY or another)."
    )
    kibana_space: Space | None = Field(
        default=None, description="Space that dashboards and data views go to; unset: RUNNER_SPACE."
    )
    kibana_ca_file: ReadableFile | None = Field(
        default=None, description="PEM file of the authority that signed Kibana's certificate; unset: RUNNER_CA_FILE."
    )
    setup: bool = Field(default=True, description="Make index templates and indices at the start where they lack.")
    notifications_path: ReadableFile | None = Field(
        default=None, description="TOML file of channels and routes (docs/notifications.md); unset: nobody is told."
    )
    notify_give_up: Duration = Field(
        default=timedelta(hours=24), description="How long a notification that fails is tried again."
    )
    rollover: bool = Field(
        default=True, description="Roll alerts and history over by ourselves; false: a lifecycle policy of yours does."
    )
    rollover_age: Duration = Field(
        default=timedelta(days=30), description="Alerts and history go on in a new index once the newest is so old."
    )
    rollover_size: Size = Field(default="25gb", description="The same, once its primary shard is so large.")
    rollover_docs: int = Field(default=50_000_000, ge=1, description="The same, once it holds so many documents.")
    alerts_retention: Duration | None = Field(
        default=None, description="Delete whole indices of alerts that took none for so long; unset: never."
    )
    executions_retention: Duration | None = Field(
        default=None, description="The same for the history of executions; unset: never."
    )
    workers: int = Field(default=4, ge=1, le=256, description="Rules that run at the same time.")
    max_catchup: Duration = Field(
        default=timedelta(hours=24), description="How far back a range missed by downtime is searched by itself."
    )
    late_sweep: Duration | None = Field(
        default=None,
        description="Look for events so late that their range was searched before they came in, up to so old; unset: don't.",
    )
    max_clock_drift: Duration = Field(
        default=timedelta(seconds=5), description="Warn when the cluster's clock and ours differ by more."
    )
    shutdown_timeout: Wait = Field(
        default=timedelta(seconds=30), description="How long running executions may take to end on SIGTERM."
    )
    page_size: int = Field(default=5000, ge=1, le=10_000, description="Events fetched by one request.")
    log_format: Annotated[Literal["auto", "console", "ecs"], AnyCase] = Field(
        default="auto", description="console (for people), ecs (JSON), or auto: console on a terminal, else ecs."
    )
    log_level: Annotated[Literal["debug", "info", "warning", "error"], AnyCase] = Field(
        default="info", description="Least severe level that is logged."
    )
    http_host: str = Field(default="127.0.0.1", description="Address that health and metrics are served on.")
    http_port: int = Field(default=9464, ge=0, le=65_535, description="Port of health and metrics; 0: not served.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the library's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library's signature
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if conflicts := self._conflicts():
            raise wrong("\n".join(conflicts))
        return self

    def _conflicts(self) -> list[str]:
        found: list[str] = []
        if self.cloud_id is not None and "elasticsearch_url" in self.model_fields_set:
            found.append("RUNNER_ELASTICSEARCH_URL and RUNNER_CLOUD_ID are both set: keep one")
        logins = [variable(name) for name in ("api_key", "username", "bearer_token") if getattr(self, name) is not None]
        if len(logins) > 1:
            found.append(f"{' and '.join(logins)} are set together: keep one way to log in")
        for name, other in (
            ("username", "password"),
            ("password", "username"),
            ("client_cert_file", "client_key_file"),
            ("client_key_file", "client_cert_file"),
        ):
            if getattr(self, name) is not None and getattr(self, other) is None:
                found.append(f"{variable(name)} is set without {variable(other)}: set both or none")
        if self.ca_file and self.ca_fingerprint:
            found.append("RUNNER_CA_FILE and RUNNER_CA_FINGERPRINT are both set: keep one")
        if not self.verify_certs and (self.ca_file or self.ca_fingerprint):
            found.append("RUNNER_VERIFY_CERTS is false although an authority is named: drop one of the two")
        tls = [name for name in ("ca_file", "ca_fingerprint", "client_cert_file") if getattr(self, name) is not None]
        if tls and not self.cloud_id and any(url.startswith("http:") for url in self.elasticsearch_url):
            found.append(f"{variable(tls[0])} is set, but RUNNER_ELASTICSEARCH_URL does not begin with https:")
        names = ("alerts_index", "executions_index", "state_index", "suppressed_index", "outbox_index")
        if len({getattr(self, name) for name in names}) < len(names):
            *most, last = map(variable, names)
            found.append(f"{', '.join(most)} and {last} must differ")
        return found

    def public(self) -> dict[str, Any]:
        """Return all settings as plain values to print: durations as text, secrets as `(set)`."""
        return {name: _printable(getattr(self, name)) for name in type(self).model_fields}


def load_settings(
    environ: Mapping[str, str] | None = None,
    *,
    env_file: Path | None = Path(".env"),
    secrets: Path | None = Path("/run/secrets"),
) -> Settings:
    """Read the settings (`environ` None means the process's own environment).

    Raises SettingsError, which names all that is wrong, a line each.
    """
    given, faults = variables(tuple(Settings.model_fields), environ, env_file=env_file, secrets=secrets)
    settings, told = _checked(given)
    if told and "" not in told:  # Conflicts are looked for only where each value by itself is right.
        _, more = _checked({name: value for name, value in given.items() if name not in told})
        told[""] = [line for line in more.get("", []) if not any(variable(name) in line for name in told if name)]
    faults += [line for lines in told.values() for line in lines]
    if settings and not faults:
        return settings
    title = "" if len(faults) == 1 else f"{len(faults)} settings are wrong:\n  "
    raise SettingsError(title + "\n  ".join(faults), "Each setting is described in .env.example.")


def _checked(given: Mapping[str, Any]) -> tuple[Settings | None, dict[str, list[str]]]:
    """Return the settings, or the faults by setting (a conflict of several under the empty name)."""
    told: dict[str, list[str]] = {}
    try:
        return Settings(**given), told
    except ValidationError as error:
        for detail in error.errors():
            told.setdefault(str(detail["loc"][0]) if detail["loc"] else "", _told(detail))
    return None, told


_EXPECTED: Mapping[str, str] = {
    "expected": "{expected}",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "literal_error": "{expected}",
    "greater_than_equal": "a number of at least {ge}",
    "less_than_equal": "a number of at most {le}",
    "too_short": "at least one",
}


def _told(detail: ErrorDetails) -> list[str]:
    """Return one line on each fault; a conflict between settings (which has no place) tells its own."""
    expected = _EXPECTED.get(detail["type"], detail["msg"]).format_map(detail.get("ctx", {}))
    if not detail["loc"]:
        return expected.split("\n")
    name = str(detail["loc"][0])
    hidden = name in SECRETS or "credentials" in expected
    shown = "is wrong" if hidden else f"is `{_text(detail['input'])}`"
    return [f"{variable(name)} {shown}: expected {expected}"]


def _printable(value: object) -> Any:
    match value:
        case SecretStr():
            return "(set)"
        case timedelta():
            return format_duration(value)
        case Path():
            return str(value)
        case tuple():
            return list(value)
        case Mapping():
            return {key: _printable(one) for key, one in value.items()}
        case _:
            return value


def _text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


SECRETS = frozenset(name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation))
