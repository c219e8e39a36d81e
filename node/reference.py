"""Writes the tables of docs/operations.md: settings, exit codes, metrics, log lines.

    python -m node.reference

The prose of that page is written by hand; between two marks stands what the code says. A test
fails while a table is stale.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from prometheus_client.metrics import MetricWrapperBase

from node import config
from node.__main__ import Exit
from node.api.middleware import EdgeMetrics
from node.telemetry import LOG_FIELDS, STAGES, Metrics

PAGE = Path(__file__).resolve().parents[1] / "docs" / "operations.md"
MARK = re.compile(r"(<!-- table: ([a-z-]+)[^\n]* -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def settings_table() -> str:
    """Every field of the configuration file, section by section."""
    parts = []
    rows = config.describe()
    for section, kind in config.SECTIONS.items():
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


def exits_table() -> str:
    """Why a node's process ends."""
    source = Path(__file__).with_name("__main__.py").read_text(encoding="utf-8")
    rows = []
    for code in Exit:
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
        rows.append(
            f"| `{name}` | {metric._type} | {labels} | {_cell(metric._documentation)} |\n"
        )
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


TABLES: Mapping[str, Callable[[], str]] = {
    "settings": settings_table,
    "exits": exits_table,
    "metrics": metrics_table,
    "log-fields": fields_list,
}


def filled(page: str) -> str:
    """The page with every table as the code says it now. Raises ``KeyError`` for a strange mark."""
    return MARK.sub(lambda found: found[1] + TABLES[found[2]]() + found[4], page)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _code(default: str) -> str:
    return default if default in ("required", "none") else f"`{default}`"


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
