"""A cluster with security as an account without all privileges meets it, where it asks what it may do."""

import json
from collections.abc import Iterable

from tests.elastic.forwarding import Answered, Forwarding, Sent

PATH = "/_security/user/_has_privileges"


class Security(Forwarding):
    """Answers as Elasticsearch's has-privileges API does; what else is asked goes to the node.

    `lacking` are pairs of a place (an index or a pattern, or `cluster`) and a privilege; all others are held. What the
    API's parser refuses (`RoleDescriptor.parsePrivilegesToCheck`) is refused: unknown keys, and a part about indices
    without names or privileges.
    """

    def __init__(self, lacking: Iterable[tuple[str, str]] = (), upstream: str = "http://nowhere") -> None:
        super().__init__(upstream)
        self.lacking = set(lacking)

    def answer(self, sent: Sent) -> Answered | None:
        if sent.path != PATH:
            return None
        body = json.loads(sent.content)
        indices = body.get("index", [])
        if not _is_understood(body, indices):
            return Answered(400, {"error": {"type": "parse_exception", "reason": "failed to parse privileges check"}})
        by_index = {name: self._held(name, part["privileges"]) for part in indices for name in part["names"]}
        of_cluster = self._held("cluster", body.get("cluster", []))
        told = {
            "username": "runner",
            "has_all_requested": all(all(held.values()) for held in (of_cluster, *by_index.values())),
            "cluster": of_cluster,
            "index": by_index,
            "application": {},
        }
        return Answered(200, told)

    def _held(self, place: str, privileges: list[str]) -> dict[str, bool]:
        return {privilege: (place, privilege) not in self.lacking for privilege in sorted(privileges)}


def _is_understood(body: dict[str, object], indices: list[dict[str, object]]) -> bool:
    known = body.keys() <= {"cluster", "index", "application"} and bool(body)
    return known and all(
        part.keys() - {"allow_restricted_indices"} == {"names", "privileges"} and part["names"] for part in indices
    )
