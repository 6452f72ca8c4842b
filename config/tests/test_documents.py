"""What the documents tell a newcomer to type works: every block is run against the gateway as `make run` starts it."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from config.demo.addresses import free_ports
from config.lib.devservices.processes import until
from config.lib.environment import CHECKOUT
from config.lib.tests import store
from config.tests.demo import Demo
from config.tests.documents import Reader, blocks_of, missing_tools
from webhooks.signing import generate_secret, signature_headers

FOUND = [*CHECKOUT.glob("docs/*.md"), *CHECKOUT.glob("docs/operations/*.md"), CHECKOUT / "README.md"]
PAGES = sorted(str(page.relative_to(CHECKOUT)) for page in FOUND)
OPERATIONS = [f"docs/operations/{name}.md" for name in ("README", "logging", "deploying", "backup")]
PLAYED = ("README.md", "docs/partner-guide.md", "docs/live-updates.md", "docs/configuration.md", *OPERATIONS)
# A block with one of these in it is not run, and why.
LEFT_OUT = {
    "make run     #": "starts the whole system: this test does so itself, by the same command",
    "granian --interface": "a deployment's processes; the Procfile has them with all their options, and runs here",
    "MeInTwo": "lines for a maintainer to add; config/tests/urls_with_v2.py has them, and test_versions.py runs it",
    'namespace="v2"': "as above",
    "API_RETIREMENTS = {": "as above",
    "sha256sum": "writes into the checkout; test_migrations.py reads what it writes",
    "squawk-ignore": "a comment of a migration; test_migrations.py tells what it does",
    "gateway_restored": "as the drill on the same page, which is run",
    "pg_basebackup": "on the database's own server, into its archive",
}
# These go on in another terminal; the word that they are ready with.
RUNNING_ON = {"receiver.py": "listening", "receiver.mjs": "listening"}
# Left out where there is no node; the test of the JavaScript alone is then skipped, and says so.
JAVASCRIPT = {"node receiver.mjs": "needs node", "127.0.0.1:9001/hooks": "nobody listens there then"}
# SQL of the pages for operators is run by test_operations.py.
DATA = {"json", "text", "http", "mermaid", "nginx", "sql", "yaml", ""}

SECRET, BODY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"text": "\xc3\xbc"}'
STANDARD = ("webhook-id", "webhook-timestamp", "webhook-signature")
ASK_NODE = """
import { readFileSync } from "node:fs";
import { verify } from "./receiver.mjs";
const passes = ([secret, headers, body]) => {
  try { verify(secret, headers, Buffer.from(body)); return true; } catch { return false; }
};
console.log(JSON.stringify(JSON.parse(readFileSync(0)).map(passes)));
process.exit(0);
"""


@pytest.fixture
def addresses(demo: Demo) -> dict[str, str]:
    """Of this run, for those that the documents name."""
    return {"http://127.0.0.1:8000": demo.base_url, "wss://gateway.example": demo.sockets}


def need(*names: str) -> None:
    if missing := missing_tools(*names):
        pytest.skip(f"The document uses what is not here: {', '.join(missing)}")


def receivers() -> dict[str, str]:
    """The ports of the guide's receivers, as they are named in addresses and in programs, and free ones instead."""
    python, node = free_ports(19_000, 2)
    return {
        "127.0.0.1:9000": f"127.0.0.1:{python}",
        "127.0.0.1:9001": f"127.0.0.1:{node}",
        '("127.0.0.1", 9000)': f'("127.0.0.1", {python})',
        ".listen(9001": f".listen({node}",
    }


class Said:
    """What the blocks of a document printed."""

    def __init__(self, reader: Reader, document: str, left_out: Mapping[str, str] = MappingProxyType({})) -> None:
        self.blocks = list(reader.follow(document, {**LEFT_OUT, **left_out}, RUNNING_ON))

    def place(self, text: str) -> str:
        (place,) = [block.place for block, _ in self.blocks if text in block.text]
        return place

    def to(self, text: str) -> str:
        """The output of the one block that has this in it."""
        (output,) = [output for block, output in self.blocks if text in block.text]
        return output

    def replies(self, text: str) -> list[Any]:
        return [json.loads(line) for line in self.to(text).splitlines() if line.strip()]

    def refusals(self) -> list[str]:
        return [block.place for block, output in self.blocks if '"success":false,"message"' in output]


def test_the_readme_can_be_followed(demo: Demo, addresses: dict[str, str], tmp_path: Path) -> None:
    need("bash", "curl")
    with Reader(tmp_path, addresses | receivers(), shown=demo.told) as reader:
        said = Said(reader, "README.md")
    assert said.refusals() == []
    assert said.replies("/integrations/me")[0]["name"] == "Demo order desk"
    (webhook,) = said.replies("127.0.0.1:9000/hooks")
    (submitted,) = said.replies('"orders": [')
    assert submitted["summary"]["errors"][0]["index"] == 1
    batch, results = said.replies("?wait=20")
    assert (batch["batchId"], batch["total"]) == (submitted["batchId"], 2)
    assert [row["clientRef"] for row in results] in (["a-1", "a-2"], [])
    (deliveries,) = said.replies("/deliveries?limit=5")
    assert {delivery["webhookId"] for delivery in deliveries} <= {webhook["id"]}


def test_the_partner_guide_can_be_followed(demo: Demo, addresses: dict[str, str], tmp_path: Path) -> None:
    need("bash", "curl", "openssl", "awk", "od")
    shutil.copy(CHECKOUT / "webhooks/signing.py", tmp_path / "gateway_signing.py")
    with Reader(tmp_path, addresses | receivers()) as reader:
        said = Said(reader, "docs/partner-guide.md", {} if shutil.which("node") else JAVASCRIPT)
        heard = {program: Path(said.to(program)) for program in RUNNING_ON if program in str(said.blocks)}
        texts = heard.values()
        assert until(lambda: all("new: webhook.test" in text.read_text() for text in texts), seconds=20)
        last = [*heard.values()][-1]  # the one whose address the webhook has had since
        assert until(lambda: "new: bulk_order.completed" in last.read_text(), seconds=20), last.read_text()
        python = heard["receiver.py"].read_text()
    assert said.refusals() == [said.place("BATCH-20260101")]
    assert "new: order.created evt_by_hand" in python
    assert "refused: No signature matches" in python
    assert "again: webhook.test" in last.read_text()
    assert said.to("python3 signed.py").splitlines() == ["200", "Orders array is required and cannot be empty"]
    assert said.to("sign()") == "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert [line.split()[0] for line in said.to("python3 client.py").splitlines()] == ["py-0", "py-1", "py-2"]
    counted, queued = said.replies("dryRun")[-2:]
    assert counted == queued
    assert queued["count"] >= 5


def test_the_javascript_of_the_guide_verifies_what_it_should(tmp_path: Path) -> None:
    need("node")
    (program,) = [block.text for block in blocks_of("docs/partner-guide.md") if block.file_name == "receiver.mjs"]
    (tmp_path / "receiver.mjs").write_text(program.replace(".listen(9001", ".listen(0"))
    now, custom = int(time.time()), "sixteen letters! ü"
    good = signature_headers([SECRET], "evt_1", now, BODY)
    cases = [
        (True, SECRET, good, BODY),
        (True, SECRET, signature_headers([generate_secret(), SECRET], "evt_1", now, BODY), BODY),
        (True, custom, signature_headers([custom], "evt_1", now, BODY), BODY),
        (True, SECRET, signature_headers([SECRET], "evt_1", now - 240, BODY), BODY),
        (False, SECRET, signature_headers([SECRET], "evt_1", now - 310, BODY), BODY),
        (False, generate_secret(), good, BODY),
        (False, SECRET, good, BODY + b" "),
        *((False, SECRET, good | {name: text}, BODY) for name in STANDARD for text in ("", "v1,", "1", "v1a,x é")),
        *((False, SECRET, {name: good[name] for name in set(good) - {missing}}, BODY) for missing in STANDARD),
    ]
    asked = [[secret, headers, body.decode()] for _, secret, headers, body in cases]
    ran = subprocess.run(
        ["node", "--input-type=module", "-e", ASK_NODE],
        cwd=tmp_path, env={"PATH": os.environ["PATH"]}, input=json.dumps(asked),
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert json.loads(ran.stdout.splitlines()[-1]) == [expected for expected, *_ in cases]


def test_the_verifier_is_one_file_without_django(tmp_path: Path) -> None:
    """`-I` and an empty folder: what it imports comes with Python."""
    shutil.copy(CHECKOUT / "webhooks/signing.py", tmp_path / "gateway_signing.py")
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import gateway_signing; print('django' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"


@pytest.mark.parametrize("document", ["docs/live-updates.md", "docs/configuration.md"])
def test_a_short_document_can_be_followed(demo: Demo, addresses: dict[str, str], tmp_path: Path, document: str) -> None:
    with Reader(tmp_path, addresses, shown=demo.told) as reader:
        said = Said(reader, document)
    assert said.blocks
    assert all(output.strip() and "Traceback" not in output for _, output in said.blocks)


def test_the_pages_for_operators_can_be_followed(demo: Demo, addresses: dict[str, str], tmp_path: Path) -> None:
    """A drill: a backup of the running system is copied to a bucket, brought back, and every row is counted."""
    need("bash", "curl", "grep")
    for name in ("manage.py", "docs"):
        (tmp_path / name).symlink_to(CHECKOUT / name)
    (tmp_path / "worker.log").touch()
    (line,) = [block.text for block in blocks_of("docs/operations/logging.md") if block.language == "json"]
    (tmp_path / "web.log").write_text(line)
    postgres = demo.services.postgres
    terminal = demo.services.env() | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), str(postgres.bin), os.environ["PATH"]]),
        "PGHOST": str(postgres.socket_folder),
        "PGUSER": "postgres",
    }
    left_out = {} if shutil.which("promtool") else {"promtool": "is not here"}
    with store.running() as (bucket, objects):
        instead = addresses | {
            "/var/backups/gateway": str(tmp_path / "backups"),
            "https://KEY:SECRET@s3.example.com/bucket/gateway?region=eu-central-1": bucket,
        }
        with Reader(tmp_path, instead, variables=terminal) as reader:
            metrics, log, deploying, backup = (Said(reader, page, left_out) for page in OPERATIONS)
    assert "gateway_webhook_queue{" in metrics.to("/metrics")
    assert "316da4c5268c497891490d5aadc201bf" in log.to("grep")
    assert "(0 rows)" in deploying.to("indisvalid")
    assert len(objects) == 2
    assert "as its manifest says" in backup.to("createdb drill")


@pytest.mark.parametrize("document", PAGES)
def test_no_block_of_a_document_goes_untried(document: str) -> None:
    for block in blocks_of(document):
        if block.language == "json":
            json.loads(block.text)
        elif block.language not in DATA:
            assert document in PLAYED or any(start in block.text for start in LEFT_OUT), block.place
            assert block.language == "bash" or block.file_name or any(start in block.text for start in LEFT_OUT)


def test_nothing_is_left_out_that_is_not_there() -> None:
    everything = "".join(block.text for page in PAGES for block in blocks_of(page))
    assert [start for start in LEFT_OUT if start not in everything] == []


@pytest.mark.parametrize("document", PAGES)
def test_every_link_leads_somewhere(document: str) -> None:
    page = CHECKOUT / document
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(#[^)]*)?\)", page.read_text()):
        place = (page.parent / target).resolve() if target else page
        assert place.exists(), target
        if anchor:
            assert anchor in anchors_of(place), target + anchor


def anchors_of(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {"#" + re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
