"""Print `.env.example`: each setting with its default and one line of what it is. Renew: `… > .env.example`."""

from runner.settings import Settings

HEADINGS = {
    "elasticsearch_url": "The cluster, and how to log in. On an existing stack the URL, an API key and, where its\n"
    "# certificate is signed privately, the authority's file are enough.",
    "rules_path": "What to look for, and where",
    "alerts_index": "Where alerts, history and state go",
    "notifications_path": "Who is told",
    "rollover": "How the indices grow, and what is deleted",
    "workers": "How it runs",
    "log_format": "What it shows",
}
INTRODUCTION = """\
# Settings of eql-runner. Copy this file to .env and change what you need; what is commented out shows the default.
# Secrets can come from files instead: RUNNER_API_KEY_FILE, RUNNER_PASSWORD_FILE, RUNNER_USERNAME_FILE,
# RUNNER_BEARER_TOKEN_FILE and RUNNER_KIBANA_API_KEY_FILE name a file each; files in /run/secrets named like a setting
# are read by themselves.
# Durations are numbers with a unit: 30s, 5m, 24h.
"""


def env_example() -> str:
    """Return the text of `.env.example`."""
    lines = [INTRODUCTION]
    for name, default in Settings().public().items():
        if name in HEADINGS:
            lines.append(f"\n# --- {HEADINGS[name]}\n")
        lines.append(f"# {Settings.model_fields[name].description}\n#RUNNER_{name.upper()}={written(default)}\n")
    return "\n".join(lines).replace("\n\n\n", "\n\n")


def written(default: object) -> str:
    """Return a default as one writes it in the environment; empty where there is none."""
    match default:
        case None | {}:
            return ""
        case bool():
            return str(default).lower()
        case list():
            return ",".join(default)
        case _:
            return str(default)


if __name__ == "__main__":
    print(env_example(), end="")
