"""The page ``docs/claims.md``: a claim's life, its calls and its accounts, from the tables.

``YIBAO_REWRITE=1 pytest tests/contracts/settlement/test_claim_page.py`` writes it anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contracts.api import Method
from contracts.settlement import cover_record, lifecycle, lives_page
from contracts.settlement.claim_explain import LINE_FIELDS as EXPLAINED
from contracts.settlement.claim_shapes import LINE_FIELDS
from contracts.settlement.funds_chart import CHART
from contracts.settlement.refunds import consent, payout
from contracts.settlement.system import CONTRACTS

_INTRODUCTION = """# Claims and funds

Generated from the tables in `contracts/settlement`;
`YIBAO_REWRITE=1 pytest tests/contracts/settlement/test_claim_page.py` writes it anew.

An outpatient visit is one call, `claim.settle` with a `visit`. A stay is `claim.register`, any
number of `claim.lines`, then `claim.settle` without a `visit`. `claim.estimate` takes what
`claim.settle` takes and keeps nothing. Ids are the institution's own and unique for good: the same
id with the same content returns the first answer.

A settled claim is taken back whole by `claim.reverse`, by lines with `claim.refund`, and decided
again by `claim.resettle` when a late filing, a newborn's cover or late counters change it. The last
two settle anew in the same call, under new ids that name each other, on the counters as they were;
the answer has the difference payer by payer, the receipt's amounts are the new less the old. Both
take the calls of the first settlement as they were handed in; `yibao claim refund|resettle` reads
them from the node. Money comes back to the last payer first, and no account, relative or bank gives
more than it gave. Trace codes go free with goods that came back, never with money.

A stay in hospital has its days to itself: what overlaps another stay of the person, here,
elsewhere or reimbursed, is refused with both intervals (`stay.overlap`), unless a reason explains
it: `transfer` (also the flag `referral`) the one day that both have, an `emergency` that a doctor
signs for and a `newborn` settled under its mother any days. Visits are not looked at.

A stay may be settled in parts while the patient stays (中途结算): `claim.settle` with `goes_on`,
its `discharge` is the part's last day; then `claim.register` with `continues`, a claim of the stay,
on that day or the next; the part that is settled without `goes_on` ends the stay. Each part is a
settlement with its own lines, and the policy is asked about the stay as a whole: the part gets
what that is more than the parts before it got. So the deductible is charged once, and parts come
to what the stay comes to whole. A test at another institution is a part, too: the stay's doctor
orders it (`claim.order_test`), and that institution settles its own visit with the `order`, at
its prices and into its own payable. Parts are reversed, refunded and settled again in reverse
order (`stay.later-part`). A policy that reads single lines (`case["lines"]`) settles stays whole.

Everything clinical is content of the attachment for the audience `settlement`. What the settlement
decided, step by step, is the call's explanation; the receipt has amounts, versions and postings.

## Life of a claim

An arrow that is missing is refused with `claim.wrong-state`.
"""

_COVER = """## Commercial cover

An insurer deploys the rule of its product: a policy source (docs/policy-guide.md) whose `settle`
is told the case of the home policy, what its layers have paid (`paid`), what is `open`, and the
product's own `counters` of its own benefit year. It pays with the fund `commercial` and with no
other, in scope and outside it:

```python
def settle(case):
    inside = case["open"]["in_scope_fen"]
    before = counter(case, "in_fen")
    pay = bands(before + inside, [(yuan(10000), "0%"), (None, "80%")], before, "inside")
    return {
        "payments": [payment("commercial", pay, "inside", "in_scope")],
        "counters": {"in_fen": inside},
    }
```

The insurer says who holds the product, by pseudonym (`cover.enrol`); the person authorises it, by
the phone's signature or present at the home bureau or an institution (`cover.authorise`). Without
that no settlement asks the rule and nothing is shown to the insurer. `scope` says what the insurer
sees of a claim that it pays of: `amounts` (record and receipt), or `lines` (charge lines and visit
too, as long as the consent holds).

At settlement authorised products are asked after the home policy, those that pay `at_once` first,
each kind in the order in which it was authorised, each capped by what is then open. `at_once` is a
posting on `commercial:<insurer>`; `later` is owed to the patient, who has paid the bill, and is
ordered, confirmed or sent back as below; after payment (reimbursement) every product pays later. A
rule that fails, overspends or uses up its units pays nothing, and the explanation's `cover` says
why: it never holds a discharge. The reasons are codes of docs/errors.md. A payment's id is the
claim's, a dot and a number.

A product counts in its own benefit year. A settlement that is decided again is decided on the
product's counters as they were before it; later ones whose product's counters are others now stand
on the list of `yibao claim reprice-list` with the cause `product`, and none changes by itself.
"""

_CONSENTS = """An institution takes a settlement back alone until it has declared it. After that
`claim.reverse`, `claim.refund` and `claim.resettle` need the consent of the bureau of the place of
care (`declared`, `audited`), and of the insured place's too (`cleared`): `claim.ask_consent` by one
person, `claim.give_consent` by another, for the claim and the amount that leaves the bill, good
once. What is taken back lands in the month and period that are open then.
"""

_PAYOUTS = """What a refund brings into an account that was closed, by death or by a move of the
insurance, is owed by the area (`owed:<area>`) until a bank has paid it to the person or to an heir.
The event `payout.due` names it, `yibao payout` works on it. What comes back after the bank has
confirmed it (`payout.came_back`) is due again, and an account is named anew.
"""


def page() -> str:
    """The whole page."""
    chart = "\n".join(
        f"| `{row.pattern}` | {row.english} {row.chinese} | `{row.entry}` | "
        f"{'must be covered' if row.covered else 'may be negative'} | {row.mover.value} |"
        for row in CHART.values()
    )
    lines = "\n".join(
        f"| {number} | `{name}` | {_shape(shape.describe())} |"
        for number, (name, shape) in enumerate(LINE_FIELDS.items())
    )
    explained = ", ".join(f"`{name}`" for name in EXPLAINED)
    return (
        f"{_INTRODUCTION}\n```mermaid\n{lifecycle.mermaid()}```\n\n## Calls\n\n"
        f"{methods_of('claim')}\n### A charge line\n\nAn array of ten fields, or of eleven.\n\n"
        f"| | field | what it may be |\n|---|---|---|\n{lines}\n\n"
        "`code` is the national item code; when empty, `local_code` is translated by the\n"
        "institution's mapping. `confirmed` is the practitioner's word on a restricted\n"
        "item: 0 none, 1 indication met, 2 not met. `consent`: the patient agreed to pay what\n"
        "no fund pays. `department`: the institution's code of the department that ordered it; it\n"
        "may be left out, nothing is decided on it, and what an audit refuses is told by it\n"
        "(`yibao audit refused`).\n\n"
        f"In an explanation a line is an array of {explained}.\n\n"
        f"## Consents to refunds\n\n{_CONSENTS}\n```mermaid\n{consent.mermaid()}```\n\n"
        f"## Refunds of closed accounts\n\n{_PAYOUTS}\n```mermaid\n{payout.mermaid()}```\n\n"
        f"{methods_of('payout')}\n{lives_page.section(methods_of)}\n"
        "## Accounts\n\nA positive posting goes into an account. Every transfer, and the whole "
        "ledger, sums to zero\nfor each fund type.\n\n"
        "| account | what it is | state entry | balance | who may take money out |\n"
        f"|---|---|---|---|---|\n{chart}\n\n## Calls on funds\n\n{methods_of('funds')}\n"
        f"{_COVER}\n```mermaid\n{cover_record.mermaid()}```\n\n{methods_of('cover')}"
    )


def methods_of(contract: str) -> str:
    """A section for every call of a contract, for the documents."""
    found = next(known for known in CONTRACTS if known.name == contract)
    return "\n".join(_method(method) for _, method in sorted(found.methods.items()))


def _method(method: Method) -> str:
    told = method.describe()
    who = ", ".join(told["kinds"]) or "any organisation"
    posts = ", ".join(told["posts"]) or "any post"
    rows = [f"| `{path}` | {shape} |" for path, shape in _rows(told["args"], "")]
    for audience, attachment in told["attachments"].items():
        needed = "" if attachment["required"] else ", optional"
        rows.append(f"| attachment `{audience}`{needed} | |")
        fields = _rows(attachment["shape"]["fields"], f"{audience}: ")
        rows += [f"| `{path}` | {shape} |" for path, shape in fields]
    table = "| argument | what it may be |\n|---|---|\n" + "\n".join(rows)
    name = f"`{told['contract']}.{told['method']}`"
    return f"### {name}\n\n{told['summary']} By: {who}; post: {posts}.\n\n{table}\n"


def _rows(fields: Mapping[str, Any], before: str) -> list[tuple[str, str]]:
    """Each field with its shape, records opened up."""
    rows = []
    for name, shape in fields.items():
        path = f"{before}{name}"
        rows.append((path, _shape(shape)))
        inner = shape["of"] if shape["type"] == "list" else shape
        if inner["type"] == "record":
            rows += _rows(inner["fields"], f"{path}[]." if inner is not shape else f"{path}.")
    return rows


def _shape(shape: Mapping[str, Any]) -> str:
    kind = shape["type"]
    if kind == "one of":
        words = ", ".join(f"`{value}`" if value != "" else "empty" for value in shape["values"])
        told = f"one of {words}"
    elif kind == "list":
        what = "charge lines" if shape["of"]["type"] == "array" else f"{shape['of']['type']}s"
        told = f"{shape['min']} to {shape['max']} {what}"
    elif kind in ("int", "text", "bytes"):
        unit = f" {shape['unit']}" if "unit" in shape else ""
        told = f"{kind}{unit}, {shape['min']} to {shape['max']}"
    else:
        told = str(kind)
    return f"{told}; may be left out" if shape.get("optional") else told
