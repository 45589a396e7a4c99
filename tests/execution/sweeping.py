"""An executor that sweeps, over memory, and events that come in late."""

from dataclasses import replace
from datetime import timedelta

from runner.execution.executor import Executor
from runner.execution.late import INGESTED
from runner.offline.memory import MemoryLedger, MemorySink
from runner.schedule.plan import Limits
from tests.made import LateSource, event, iso, minute, rule

HOUR = timedelta(hours=1)


class Source(LateSource):
    """A source whose sweeps fail, by an error or a fault, while `trouble` is set."""

    trouble = None

    def __init__(self):
        super().__init__()
        self.asked = []

    def search(self, rule, window, after=None):
        self.asked.append(window)
        troubled = self.trouble if rule.timestamp_override == INGESTED else None
        if isinstance(troubled, BaseException):
            raise troubled
        for page in super().search(rule, window, after):
            yield replace(page, faults=(troubled,)) if troubled else page


class Bench:
    def __init__(self, back=HOUR, ledger=None, source=None):
        self.source, self.sink, self.ledger = source or Source(), MemorySink(), ledger or MemoryLedger()
        self.turn(back)

    def turn(self, back):
        """Sweep so far back from now on."""
        self.executor = Executor(self.source, self.sink, self.ledger, limits=Limits(late_sweep=back))

    def come_in(self, at, happened, number=0, name="evil"):
        """An event that comes in now, and happened before."""
        made = event(happened, name, id=f"{happened}-{number}")
        made.source["event"]["ingested"] = iso(minute(at))
        self.source.add([made])

    def run(self, at, by=None):
        return self.executor.run(by or rule(), minute(at))

    def swept(self, of=None):
        return self.ledger.read(of or rule()).swept

    def found(self):
        return {alert.document["kibana.alert.ancestors"][0]["id"] for alert in self.sink.alerts}
