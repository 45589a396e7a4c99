"""From matches to alerts: what is new, what groups, what has room; then built and written."""

from collections.abc import Sequence
from dataclasses import replace

from runner.execution import alerts, matching, suppression
from runner.execution.absorbing import Absorber, Suppressed
from runner.execution.model import Match, Written
from runner.execution.seams import AlertSink, EventSource
from runner.execution.suppression import Candidate
from runner.execution.tally import Tally
from runner.rules.model import Rule


class Delivery:
    """One execution's: takes matches page by page, oldest first, and has room for so many new alerts in all."""

    def __init__(
        self, rule: Rule, source: EventSource, sink: AlertSink, occasion: alerts.Occasion, *, room: int
    ) -> None:
        self._rule = rule
        self._source = source
        self._sink = sink
        self._occasion = occasion
        self._room = room
        self._own: list[Absorber] = []

    def take(self, matches: Sequence[Match], tally: Tally) -> Tally:
        """Alert those of the matches that are new, as far as there is room, or have them absorbed; the rest waits."""
        by_id = {alerts.identity(self._rule, match): match for match in matches}
        if not by_id:
            return tally
        known = self._sink.known(list(by_id))
        tally = tally.delivered(Written(duplicates=tuple(sorted(known)), requests=1))
        found = [
            suppression.candidate(self._rule, alert_id, match)
            for alert_id, match in by_id.items()
            if alert_id not in known and not alerts.is_its_own_ancestor(self._rule, match)
        ]
        absorbers, requests = self._absorbers(found)
        there = self._sorted_out(found, absorbers, tally)
        tally, written = self._alerted(there.new, tally.asked(requests).left([one.match for one in there.left]))
        if self._rule.suppression is None:
            return tally
        self._own += [absorber for one in there.new if one.id in written and (absorber := suppression.as_absorber(one))]
        # A match whose alert was refused is not absorbed by it: it stays open, with the window.
        taking = {*written, *(absorber.alert_id for absorber in absorbers)}
        absorbed = [self._suppressed(one, into) for one, into in there.absorbed if into.alert_id in taking]
        again = (*sorted(known), *sorted(written))
        return tally.absorbed(self._sink.absorb(absorbed, again)) if absorbed or again else tally

    def _sorted_out(
        self, found: Sequence[Candidate], absorbers: Sequence[Absorber], tally: Tally
    ) -> suppression.Sorted:
        suppressing = self._rule.suppression
        return suppression.sort_out(
            found,
            absorbers,
            suppressing.duration if suppressing else None,
            # Once one match waits no later one becomes an alert, so that alerts are a prefix of what was found.
            room=0 if tally.waiting else self._room - len(tally.written.created),
            room_to_absorb=suppression.MOST_ABSORBED * self._rule.max_signals - tally.suppressed,
        )

    def _absorbers(self, found: Sequence[Candidate]) -> tuple[Sequence[Absorber], int]:
        """Return the open alerts that may absorb the candidates, and how many requests it took."""
        suppressing = self._rule.suppression
        if suppressing is None or suppressing.duration is None:
            return tuple(self._own), 0
        if not any(one.group for one in found):
            return (), 0
        return self._sink.open_for(*suppression.reach(found, suppressing.duration)), 1

    def _suppressed(self, one: Candidate, into: Absorber) -> Suppressed:
        return Suppressed(
            id=one.id,
            alert_id=into.alert_id,
            rule_id=self._rule.rule_id,
            instance_id=into.instance_id,
            time=one.time,
            events=tuple((hit.index, hit.id) for hit in one.match.events),
            execution_id=self._occasion.execution_id,
            noted=self._occasion.now,
        )

    def _alerted(self, taken: Sequence[Candidate], tally: Tally) -> tuple[Tally, frozenset[str]]:
        """Write the alerts of the candidates; return the tally, and the ids of those that are there now."""
        if not taken:
            return tally, frozenset()
        page = self._source.documents(self._rule, [hit for one in taken for hit in one.match.events])
        whole = matching.whole([one.match for one in taken], page.hits)
        pairs = [
            replace(one, match=match)
            for one, match in zip(taken, whole, strict=True)
            if not alerts.is_its_own_ancestor(self._rule, match)
        ]
        written = self._written(pairs)
        return tally.fetched(page).delivered(written), frozenset((*written.created, *written.duplicates))

    def _written(self, taken: Sequence[Candidate]) -> Written:
        """Build and write the alerts; building blocks first, so that a shell is never without them."""
        built = [alerts.build(self._rule, one.match, self._occasion, one.group, one.time) for one in taken]
        blocks = [block for documents in built for block in documents[:-1]]
        if not blocks:
            return self._sink.write([documents[-1] for documents in built])
        # A run that ended between the two writes left its blocks, perhaps in an index that the alias has gone on from.
        there = self._sink.known([block.id for block in blocks])
        of_blocks = self._sink.write([block for block in blocks if block.id not in there])
        refused = {item.id for item in of_blocks.rejected}
        whole = [documents[-1] for documents in built if not refused.intersection(block.id for block in documents)]
        of_shells = self._sink.write(whole)
        return replace(of_shells, rejected=of_blocks.rejected, requests=of_blocks.requests) + Written(
            rejected=of_shells.rejected, requests=of_shells.requests
        )
