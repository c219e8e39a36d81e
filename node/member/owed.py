"""What an insurer's products paid or owe, by institution, month and product: from proved records.

Institution and day are those of the settlement's receipt. Where that may not be read, because the
institution settled others' bills in the same transaction, and after payment (零星报销), they are
left open; the amount is proved all the same.
"""

from __future__ import annotations

from typing import Any

from node.member.records import Records

Group = tuple[str, str, str, str]
"""(month, institution, product, state); the first two are empty where they are not known."""


def owed_of(records: Records) -> list[dict[str, Any]]:
    """Sums in fen, by month, institution, product and state of the payments."""
    sums: dict[Group, list[int]] = {}
    for cover in records.listed("cover"):
        settled = records.find("settlement", cover.facts["claim"])
        month, institution = "", ""
        if settled is not None:
            month, institution = settled.facts["on"][:7], settled.facts["institution"]
        group = sums.setdefault((month, institution, cover.facts["product"], cover.state), [0, 0])
        group[0] += 1
        group[1] += cover.facts["amount_fen"]
    return [
        {"month": month, "institution": institution, "product": product, "state": state,
         "payments": count, "amount_fen": fen}
        for (month, institution, product, state), (count, fen) in sorted(sums.items())
    ]  # fmt: skip
