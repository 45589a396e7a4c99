"""The keys of a rule's table, and the shape of their values.

Source: Kibana's rule schema (`common/api/detection_engine/model/rule_schema` of its security solution), which the
TOML files of Elastic's detection-rules repository and the rule export share.
"""

from collections.abc import Mapping
from enum import StrEnum


class Shape(StrEnum):
    """What a value may look like; the text is how a message says it."""

    TEXT = "a text"
    TEXTS = "a list of texts"
    INTEGER = "a whole number"
    NUMBER = "a number"
    FLAG = "true or false"
    TABLE = "a table"
    TABLES = "a list of tables"
    ANY = "anything"

    def fits(self, value: object) -> bool:
        """Tell whether the value has this shape."""
        match self:
            case Shape.TEXT:
                return isinstance(value, str)
            case Shape.TEXTS:
                return isinstance(value, list) and all(isinstance(one, str) for one in value)
            case Shape.INTEGER:
                return isinstance(value, int) and not isinstance(value, bool)
            case Shape.NUMBER:
                return isinstance(value, int | float) and not isinstance(value, bool)
            case Shape.FLAG:
                return isinstance(value, bool)
            case Shape.TABLE:
                return isinstance(value, dict)
            case Shape.TABLES:
                return isinstance(value, list) and all(isinstance(one, dict) for one in value)
            case Shape.ANY:
                return True


# The keys that a rule cannot do without (beside its type), with what to write there.
REQUIRED: Mapping[str, str] = {
    "rule_id": "a text that never changes, such as a UUID; alerts are known again by it",
    "name": "what people call the rule",
    "description": "what the rule finds",
    "severity": "low, medium, high or critical",
    "risk_score": "a number from 0 to 100",
    "index": 'index patterns to search, such as ["logs-*"]; what Kibana has for a default is not known here',
    "query": "an EQL query, such as process where …",
}

# Every key that an eql rule may have.
FIELDS: Mapping[str, Shape] = {
    "actions": Shape.TABLES,
    "alert_suppression": Shape.TABLE,
    "alias_purpose": Shape.TEXT,
    "alias_target_id": Shape.TEXT,
    "author": Shape.TEXTS,
    "building_block_type": Shape.TEXT,
    "created_at": Shape.TEXT,
    "created_by": Shape.TEXT,
    "data_view_id": Shape.TEXT,
    "description": Shape.TEXT,
    "enabled": Shape.FLAG,
    "event_category_override": Shape.TEXT,
    "exceptions_list": Shape.TABLES,
    "execution_summary": Shape.TABLE,
    "false_positives": Shape.TEXTS,
    "filters": Shape.TABLES,
    "from": Shape.TEXT,
    "id": Shape.TEXT,
    "immutable": Shape.FLAG,
    "index": Shape.TEXTS,
    "interval": Shape.TEXT,
    "investigation_fields": Shape.TABLE,
    "language": Shape.TEXT,
    "license": Shape.TEXT,
    "max_signals": Shape.INTEGER,
    "meta": Shape.TABLE,
    "name": Shape.TEXT,
    "namespace": Shape.TEXT,
    "note": Shape.TEXT,
    "outcome": Shape.TEXT,
    "output_index": Shape.TEXT,
    "query": Shape.TEXT,
    "references": Shape.TEXTS,
    "related_integrations": Shape.TABLES,
    "required_fields": Shape.TABLES,
    "response_actions": Shape.TABLES,
    "revision": Shape.INTEGER,
    "risk_score": Shape.NUMBER,
    "risk_score_mapping": Shape.TABLES,
    "rule_id": Shape.TEXT,
    "rule_name_override": Shape.TEXT,
    "rule_source": Shape.TABLE,
    "setup": Shape.TEXT,
    "severity": Shape.TEXT,
    "severity_mapping": Shape.TABLES,
    "tags": Shape.TEXTS,
    "threat": Shape.TABLES,
    "throttle": Shape.ANY,
    "tiebreaker_field": Shape.TEXT,
    "timeline_id": Shape.TEXT,
    "timeline_title": Shape.TEXT,
    "timestamp_field": Shape.TEXT,
    "timestamp_override": Shape.TEXT,
    "timestamp_override_fallback_disabled": Shape.FLAG,
    "to": Shape.TEXT,
    "type": Shape.TEXT,
    "updated_at": Shape.TEXT,
    "updated_by": Shape.TEXT,
    "version": Shape.INTEGER,
}

# The types of rules that Elastic has; only the first runs here.
TYPES = ("eql", "query", "saved_query", "threshold", "new_terms", "esql", "threat_match", "machine_learning")

# Keys that mean something in Kibana and nothing here, with what to know about them.
WITHOUT_EFFECT: Mapping[str, str] = {
    "actions": "notifications of Kibana's connectors are not sent from here",
    "response_actions": "response actions are not taken from here",
    "output_index": "alerts go to the index that RUNNER_ALERTS_INDEX names",
    "namespace": "alerts go to the index that RUNNER_ALERTS_INDEX names",
}
