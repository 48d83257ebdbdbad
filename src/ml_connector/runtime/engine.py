"""The engine: runs that outlive the process that began them.

DBOS keeps, for each run, the journey that its last stride ended in; so a run whose process was killed is taken up by
another process, there. It keeps nothing else: what became of documents stands in the ledger, and the engine's own store
may be deleted at any time. Every stride has the same name and hands on the whole journey, so that a newer version of this
program goes on with a run that an older one began.

Each process is a worker with a name of its own and a lease on it. Whoever finds a run of a worker whose lease has ended
puts it back in the queue. A worker that finds its own lease lost has been thought dead: it stops, and the fence of the
tenant's lease keeps what it still does from being stored.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec
from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetEnqueueOptions, SetWorkflowID, WorkflowStatus

from ml_connector.findings import Interrupted
from ml_connector.pipeline.road import Journey, Phase, Road
from ml_connector.runtime import metrics
from ml_connector.runtime.heartbeat import Heartbeat
from ml_connector.runtime.logs import bound
from ml_connector.runtime.run import FINISHED, busy, may_begin, road_of, tenant_of
from ml_connector.runtime.settings import Settings, from_ledger
from ml_connector.runtime.wiring import Wired
from ml_connector.store.database import Database
from ml_connector.store.lease import Lease

QUEUE = "runs"
RUN, STRIDE = "run", "stride"  # their names in DBOS, for good
VERSION = "1"  # of the form of what DBOS keeps, not of this program: runs in flight survive a new version
PASSES = (
    "store.unreachable",
    "store.locked",
    "store.cut_off",
)  # a database that restarts; a stride is walked again when it is back
_CHUNK = 200
TAKEN_UP = 10  # times that a run is taken up again before it is left alone: it may be what kills the workers

log = logging.getLogger(__name__)


class Abandoned(BaseException):
    """This process walks no further, and the run goes on elsewhere or later. No Exception, so that DBOS records nothing."""


class Stretch(msgspec.Struct, frozen=True):
    """What one stride hands to the next."""

    run_id: int
    fence: int  # of the lease that the run began under
    journey: Journey | None = None
    outcome: str = ""  # of a run that has only to be ended
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds."""

    worker: float = 20.0  # after which a silent worker's runs are taken over
    database: float = 300.0  # that a stride waits for a database that is away
    look: float = 5.0  # between two looks for runs that nobody walks


class Engine:
    """One worker. `opened` wires a connection, in the name of what asked for the run; `after_run` is told of each end."""

    def __init__(
        self,
        database: Database,
        url: str,
        opened: Callable[[str, str], Wired],
        *,
        concurrency: int = 16,
        patience: Patience = Patience(),
        after_run: Callable[[Wired], None] = lambda _: None,
    ) -> None:
        self.worker = f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"
        self._database, self._opened = database, opened
        self._concurrency, self._patience, self._after_run = concurrency, patience, after_run
        self._stopping = threading.Event()
        self.lost = threading.Event()  # set where another worker has taken our runs over
        self._walking: set[str] = set()
        self._adrift: set[str] = set()
        self._changing = threading.Lock()
        config = DBOSConfig(
            name="ml-connector",
            system_database_url=url,
            application_version=VERSION,
            executor_id=self.worker,
            serializer=DBOSPortableJSONSerializer(),
            sys_db_pool_size=max(5, concurrency // 2),
            log_level="WARNING",
            use_listen_notify=False,
        )
        DBOS(config=config)

        @DBOS.workflow(name=RUN)
        def run(connection: str, why: str) -> str:
            return self._walk(connection, why)

        self._run = run

    # The life of a worker

    def start(self) -> None:
        """Begin to take runs. Raises Interrupted where the ledger cannot be reached."""
        lease = self._database.hold(_worker(self.worker), self.worker, self._patience.worker)
        assert lease is not None, "a new worker's name is nobody else's"
        self._lease = lease
        self._heartbeat = Heartbeat(lease, self._lose)
        self._heartbeat.__enter__()
        DBOS.launch()
        DBOS.register_queue(
            QUEUE, partition_concurrency=1, worker_concurrency=self._concurrency, polling_interval_sec=1.0
        )
        self._watch = threading.Thread(target=self._keep_looking, name="runs that nobody walks", daemon=True)
        self._watch.start()

    def stop(self, patience: float) -> bool:
        """Finish the document in hand and walk no further. False where that took too long: then only the process's end
        ends it, and whatever it was doing is settled by the next run. `patience` in seconds."""
        self._stopping.set()
        until = time.monotonic() + patience
        while self._walking and time.monotonic() < until:
            time.sleep(0.05)
        all_ended = not self._walking
        DBOS.destroy()
        self._heartbeat.__exit__(None, None, None)
        if not self.lost.is_set():
            self._lease.forget()
        return all_ended

    @property
    def walking(self) -> int:
        """Runs under way in this process."""
        return len(self._walking)

    # Asking for a run

    def ask(self, connection: str, why: str, key: str) -> bool:
        """Ask for a run, once for each key, whoever asks and however often. False where one waits in the queue already,
        which will see all that there is to see. Raises Interrupted `connection.unknown`."""
        settings = self._settings(connection)
        prefix = f"{connection}:"
        if DBOS.list_workflows(
            workflow_id_prefix=prefix, status="ENQUEUED", limit=1, load_input=False, load_output=False
        ):
            return False
        with SetWorkflowID(prefix + key), SetEnqueueOptions(queue_partition_key=tenant_of(settings)):
            DBOS.enqueue_workflow(QUEUE, self._run, connection, why)
        return True

    def forget_ended(self, before: datetime) -> int:
        """Delete what the engine keeps of runs that ended before then; the ledger's record of them stays. How many."""
        count = 0
        while ended := DBOS.list_workflows(
            status=["SUCCESS", "ERROR", "CANCELLED"],
            completed_before=before.isoformat(),
            queue_name=QUEUE,
            limit=_CHUNK,
            load_input=False,
            load_output=False,
        ):
            DBOS.delete_workflows([it.workflow_id for it in ended])
            count += len(ended)
        return count

    # Walking

    def _walk(self, connection: str, why: str) -> str:
        """One run, from wherever it has come to."""
        key = DBOS.workflow_id or ""
        with self._walked(key), bound(connection=connection, key=key):
            try:
                settings = self._settings(connection)
                lease = self._hold(settings)
            except Interrupted as fault:
                log.warning("run not begun", extra={"code": fault.finding.code, "says": fault.finding.says})
                return fault.finding.code
            with Heartbeat(lease):
                return self._strides(_Walker(self._database, self._opened, connection, why, lease, self._is_stopping))

    def _strides(self, walker: _Walker) -> str:
        stretch: Stretch | None = None
        try:
            while stretch is None or not stretch.ended:
                if self._is_stopping():
                    raise Abandoned
                said: str = DBOS.run_step({"name": STRIDE}, self._stride, walker, stretch)
                stretch = msgspec.json.decode(said, type=Stretch)
            if walker.wired is not None:
                self._after_run(walker.wired)
            return stretch.outcome or FINISHED
        finally:
            walker.close()

    def _stride(self, walker: _Walker, stretch: Stretch | None) -> str:
        """One stride, walked again while the database is away."""
        until = time.monotonic() + self._patience.database
        while True:
            try:
                return msgspec.json.encode(walker.stride(stretch)).decode()
            except Interrupted as fault:
                if fault.finding.code == "run.lease_lost":
                    log.warning("run taken over by another worker")
                    raise Abandoned from None
                if fault.finding.code not in PASSES:
                    raise
                log.warning("the ledger is away", extra={"code": fault.finding.code})
                if time.monotonic() > until:
                    raise Abandoned from None
                walker.close()
                if self._stopping.wait(2.0):
                    raise Abandoned from None

    def _hold(self, settings: Settings) -> Lease:
        """The tenant's lease; one that a dead worker held ends by itself. Raises Interrupted `run.busy`."""
        until = time.monotonic() + 1.5 * settings.lease
        while True:
            lease = self._database.hold(tenant_of(settings), self.worker, settings.lease)
            if lease is not None:
                return lease
            if time.monotonic() > until:
                raise Interrupted(busy(settings.name))
            if self._stopping.wait(1.0):
                raise Abandoned

    @contextmanager
    def _walked(self, key: str) -> Iterator[None]:
        with self._changing:
            self._walking.add(key)
        try:
            yield
        finally:
            with self._changing:
                self._walking.discard(key)

    def _is_stopping(self) -> bool:
        return self._stopping.is_set()

    def _settings(self, connection: str) -> Settings:
        record = self._database.connections(self.worker).get(connection)
        return from_ledger(record.definition, connection)

    # Runs that nobody walks

    def _lose(self) -> None:
        log.error("this worker was thought dead, and another took its runs over")
        self.lost.set()
        self._stopping.set()

    def _keep_looking(self) -> None:
        while not self._stopping.wait(self._patience.look):
            try:
                self.take_up()
            except Exception as error:  # the database may be away: the next look will see
                log.warning("no look for runs that nobody walks", extra={"error": type(error).__name__})

    def take_up(self) -> int:
        """Put back in the queue the runs of workers whose lease has ended, and our own that we no longer walk; how many."""
        count = 0
        pending = {(it.workflow_id, it.executor_id or "") for it in _pending()}
        for worker in {executor for _, executor in pending} - {self.worker}:
            lease = self._database.hold(_worker(worker), self.worker, self._patience.worker)
            if lease is None:
                continue  # it lives
            for it in _pending(worker):  # once more, now that nobody else does
                log.warning("a worker died; its run goes on", extra={"worker": worker, "key": it.workflow_id})
                DBOS.resume_workflow(it.workflow_id, queue_name=QUEUE)
                count += 1
            lease.forget()
        with self._changing:
            mine = {key for key, executor in pending if executor == self.worker} - self._walking
        for key in mine & self._adrift:  # seen twice: not one that is about to be walked
            DBOS.resume_workflow(key, queue_name=QUEUE)
            count += 1
        self._adrift = mine
        return count


class _Walker:
    """One run in this process: what its strides need, made when the first of them needs it."""

    def __init__(
        self,
        database: Database,
        opened: Callable[[str, str], Wired],
        connection: str,
        why: str,
        lease: Lease,
        stopping: Callable[[], bool],
    ) -> None:
        self._database, self._opened = database, opened
        self._connection, self._why = connection, why
        self._lease, self._stopping = lease, stopping
        self._ledger = database.ledger(connection, why).with_lease(lease)
        self._began = time.monotonic()
        self.wired: Wired | None = None
        self._road: Road | None = None

    def stride(self, stretch: Stretch | None) -> Stretch:
        """Raises Interrupted only where the ledger is away, or belongs to somebody else by now."""
        if stretch is None:
            return Stretch(self._ledger.start_run(False, self._why), self._lease.fence)
        if stretch.outcome or (stretch.journey and stretch.journey.phase is Phase.DONE):
            return self._end(stretch)
        if self._lease.fence - stretch.fence > TAKEN_UP:
            return msgspec.structs.replace(stretch, outcome=f"given up: taken up {TAKEN_UP} times")
        try:
            if stretch.journey is None:
                return msgspec.structs.replace(stretch, journey=self._start(stretch))
            road = self._road or self._on_the_way(stretch, stretch.journey.result.rulebook_version)
            with bound(run=stretch.run_id):
                return msgspec.structs.replace(stretch, journey=road.stride(stretch.journey, _unseen))
        except Interrupted as fault:
            if fault.finding.code in (*PASSES, "run.lease_lost"):
                raise
            told = {"code": fault.finding.code, "where": fault.finding.where, "says": fault.finding.says}
            log.warning("run interrupted", extra=told)
            return msgspec.structs.replace(stretch, outcome=f"interrupted: {fault.finding.code}")
        except Exception as error:
            log.exception("a run failed")
            return msgspec.structs.replace(stretch, outcome=f"failed: {type(error).__name__}")

    def close(self) -> None:
        if self.wired is not None:
            self.wired.hang_up()
        self.wired = self._road = None

    def _start(self, stretch: Stretch) -> Journey:
        road = self._on_the_way(stretch, None)
        assert self.wired is not None
        may_begin(self.wired, road.rulebook, dry=False)
        return road.start()

    def _on_the_way(self, stretch: Stretch, version: int | None) -> Road:
        wired = self._opened(self._connection, self._why)
        self.wired = wired.under(self._lease)
        version, rulebook = wired.rulebook(version)
        road = road_of(self.wired, version, rulebook, stretch.run_id)
        self._road = replace(road, stopping=self._stopping)
        return self._road

    def _end(self, stretch: Stretch) -> Stretch:
        outcome = stretch.outcome or FINISHED
        counts = msgspec.to_builtins(stretch.journey.result) if stretch.journey else {}
        self._ledger.end_run(stretch.run_id, outcome, counts)
        metrics.run_ended(self._connection, outcome, time.monotonic() - self._began)
        log.info("run ended", extra={"run": stretch.run_id, "outcome": outcome})
        return msgspec.structs.replace(stretch, outcome=outcome, ended=True)


def _pending(worker: str | None = None) -> list[WorkflowStatus]:
    return DBOS.list_workflows(
        status="PENDING", queue_name=QUEUE, executor_id=worker, load_input=False, load_output=False
    )


def _worker(name: str) -> str:
    return f"worker {name}"


def _unseen(step: str, done: int, of: int | None) -> None:
    log.debug("progress", extra={"step": step, "done": done, "of": of})
