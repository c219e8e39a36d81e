"""Writes the tables of docs/operations.md, docs/evidence.md and docs/member.md: settings, exit
codes, metrics, log fields, codes of refused bytes.

    python -m node.reference

The prose of these pages is written by hand; between two marks stands what the code says. A test
fails while a table is stale.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Mapping
from enum import IntEnum
from pathlib import Path

from prometheus_client.metrics import MetricWrapperBase

from node import config
from node.__main__ import Exit
from node.api.middleware import EdgeMetrics
from node.config_file import describe
from node.ledger.errors import LedgerError
from node.member import config as member_config
from node.member.__main__ import Exit as MemberExit
from node.member.errors import Forked, StatementRefused
from node.member.kinds import following
from node.member.kinds.kind import StateKind
from node.telemetry import LOG_FIELDS, STAGES, Metrics

NODE = Path(__file__).resolve().parent
PAGES = tuple(NODE.parent / "docs" / name for name in ("operations.md", "evidence.md", "member.md"))
MARK = re.compile(r"(<!-- table: ([a-z-]+)[^\n]* -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def settings_table(kinds: Mapping[str, type] = config.SECTIONS) -> str:
    """Every field of the configuration file, section by section."""
    parts = []
    rows = describe(kinds)
    for section, kind in kinds.items():
        own = [row for row in rows if row[0].startswith(f"{section}.")]
        says = " ".join((kind.__doc__ or "").split())
        parts.append(
            f"{says}\n\n| setting | type | default | what |\n|---|---|---|---|\n"
            + "".join(
                f"| `{name}` | {type_} | {_code(default)} | {_cell(sentence)} |\n"
                for name, type_, default, sentence in own
            )
        )
    return "\n".join(parts)


def exits_table(kind: type[IntEnum] = Exit, folder: Path = NODE) -> str:
    """Why a node's process ends."""
    source = (folder / "__main__.py").read_text(encoding="utf-8")
    rows = []
    for code in kind:
        after = source[source.index(f"\n    {code.name} = {code.value}\n") :]
        says = " ".join(after.split('"""')[1].split())
        rows.append(f"| {code.value} | {code.name} | {_cell(says)} |\n")
    return "| code | name | why the process ended |\n|---|---|---|\n" + "".join(rows)


def metrics_table() -> str:
    """What ``/v1/metrics`` tells."""
    rows = []
    for metric in sorted(_metrics(), key=lambda m: m._name):
        name = metric._name + ("_total" if metric._type == "counter" else "")
        labels = ", ".join(f"`{label}`" for label in metric._labelnames) or "—"
        rows.append(f"| `{name}` | {metric._type} | {labels} | {_cell(metric._documentation)} |\n")
    return "| metric | type | labels | what |\n|---|---|---|---|\n" + "".join(rows)


def _metrics() -> Iterable[MetricWrapperBase]:
    # prometheus_client tells names and help only with samples, and a metric with labels has none
    # before its first event: so the objects themselves are asked.
    for holder in (Metrics(), EdgeMetrics()):
        for value in vars(holder).values():
            if isinstance(value, MetricWrapperBase):
                yield value


def fields_list() -> str:
    """Fields that a log line may have, and the stages that metrics name."""
    names = ", ".join(f"`{name}`" for name in sorted(LOG_FIELDS))
    stages = ", ".join(f"`{name}`" for name in STAGES)
    return f"Fields: {names}.\n\nStages of `yibao_stage_seconds_total`: {stages}.\n"


FAMILIES: Mapping[str, str] = {
    "attachment": "how a transaction's calls name its attachments",
    "block": "a block's content against its header, its place and time",
    "certificate": "the quorum that makes a block final",
    "codec": "canonical bytes: one spelling for one value",
    "diff": "the state diff of a height, as it comes from another node",
    "evidence": "the evidence file as a whole: form, chain, epochs, what belongs to what",
    "genesis": "the genesis file: who founds the network, with which keys",
    "header": "one header against the one before it",
    "key": "a public key: its scheme, and that it is a point of the group",
    "keystore": "a sealed key file and its passphrase",
    "member": "what a member node holds against answers of nodes and against statements",
    "merkle": "the path from a leaf to a root",
    "message": "messages between validators",
    "outcome": "what a block came to on another node, where results differ",
    "receipt": "a receipt's form",
    "shape": "the form of a record: types, lengths, ranges",
    "signature": "a signature in the strict form, and whether it verifies",
    "snapshot": "a manifest or chunk of a state that another node sends",
    "state-proof": "the path from a state entry, or its absence, to the state root",
    "trail": "the ends of epochs and the newest header, as a member node asks for them",
    "transaction": "a transaction's limits, chain, key, signature and time",
    "validators": "a validator set's form",
    "vote": "one vote inside a certificate",
}
"""What the codes of the ledger's vocabulary are about, by their first word."""

CODE = re.compile(r"[a-z-]+\.[a-z-]+")


def ledger_codes() -> dict[str, list[str]]:
    """Codes with which bytes are refused, by family: read from the places that raise them.

    Raises ``KeyError`` for a family that ``FAMILIES`` does not know.
    """
    kinds = {kind.__name__ for kind in (*_subclasses(LedgerError), Forked, StatementRefused)}
    found: dict[str, set[str]] = {family: set() for family in FAMILIES}
    for folder in ("ledger", "ordering", "execution", "service", "member"):
        for path in sorted((NODE / folder).rglob("*.py")):
            for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
                    continue
                first = call.args[0] if call.args else None
                if call.func.id not in kinds or not isinstance(first, ast.Constant):
                    continue
                if call.func.id != "Unavailable" and CODE.fullmatch(str(first.value)):
                    found[str(first.value).partition(".")[0]].add(str(first.value))
    return {family: sorted(codes) for family, codes in found.items()}


def _subclasses(kind: type[LedgerError]) -> Iterable[type[LedgerError]]:
    yield kind
    for inner in kind.__subclasses__():
        yield from _subclasses(inner)


def codes_table() -> str:
    """The refusals of bytes by family."""
    rows = (
        f"| {family} | {FAMILIES[family]} | {', '.join(f'`{code}`' for code in codes)} |\n"
        for family, codes in ledger_codes().items()
    )
    return "| family | about | codes |\n|---|---|---|\n" + "".join(rows)


OFFICES: Mapping[str, str] = {
    "hospital": "hospital, pharmacy",
    "finance": "finance department",
    "insurer": "insurer",
}
"""Kinds of organisations whose member nodes follow things, as the page names them."""


def kinds_table() -> str:
    """What a member node follows, for whom, and what proves it."""
    rows = []
    for office, shown in OFFICES.items():
        found = following(f"{office}:ID", lambda _kind, _name: None)
        assert found is not None, f"{office} follows nothing"
        for kind in found.kinds:
            by = f"`{kind.prefix}NAME`" if isinstance(kind, StateKind) else "receipt"
            rows.append(f"| {shown} | `{kind.name}` | {_cell(kind.what)} | {by} |\n")
    return "| organisation | kind | what | proved by |\n|---|---|---|---|\n" + "".join(rows)


TABLES: Mapping[str, Callable[[], str]] = {
    "member-settings": lambda: settings_table(member_config.SECTIONS),
    "member-kinds": kinds_table,
    "member-exits": lambda: exits_table(MemberExit, NODE / "member"),
    "settings": settings_table,
    "exits": exits_table,
    "metrics": metrics_table,
    "log-fields": fields_list,
    "ledger-codes": codes_table,
}


def filled(page: str) -> str:
    """The page with every table as the code says it now. Raises ``KeyError`` for a strange mark."""
    return MARK.sub(lambda found: found[1] + TABLES[found[2]]() + found[4], page)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _code(default: str) -> str:
    return default if default in ("required", "none") else f"`{default}`"


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
