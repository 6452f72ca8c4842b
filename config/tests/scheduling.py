"""Which files of tests begin first, and which stay together, when several processes share the suite."""

from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

# They look at one running system, which takes longer to start than all of them to look.
OF_THE_DEMO = tuple(f"config/tests/test_{name}.py" for name in ("demo", "documents", "outages", "request_ids"))
# The longest first: begun last, it would keep one process at work while the others have nothing left to do. Those that
# mostly wait stand apart, so that somebody works meanwhile.
LONGEST = (
    *OF_THE_DEMO,
    "config/console/tests/test_browser.py",
    "config/tests/test_openapi.py",
    "config/lib/tests/test_devservices.py",
    "config/tests/test_sockets_server.py",
    "config/tests/test_access_matrix.py",
    "config/tests/test_demo_processes.py",
    "config/console/tests/test_links.py",
    "webhooks/tests/test_shifts.py",
)


class Scheduling(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """A file stays together, for what its tests share; so do the files of the demo."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return OF_THE_DEMO[0] if file in OF_THE_DEMO else file

    def _assign_work_unit(self, node: WorkerController) -> None:
        file = min(self.workqueue, key=lambda file: LONGEST.index(file) if file in LONGEST else len(LONGEST))
        self.workqueue.move_to_end(file, last=False)
        super()._assign_work_unit(node)
