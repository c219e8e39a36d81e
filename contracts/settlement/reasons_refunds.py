"""Refusals of refunds: settlements decided again, goods given back, consents.

Rows are appended by whoever adds a code. A code is never given another meaning.
"""

from __future__ import annotations

from contracts.settlement.reason import Reason

ROWS: tuple[Reason, ...] = (
    Reason(
        "resettle.content",
        "The calls given again are not those of the first settlement, byte for byte.",
        "重新提交的原业务内容与首次结算不一致。",
        "Give register, lines and settle as they were, with the same blinds; yibao does it itself.",
        "请按原样提交登记、明细和结算内容;可用 yibao claim resettle 自动取回。",
    ),
    Reason(
        "resettle.unchanged",
        "The claim decided again comes to the same: nothing that decides has changed.",
        "重新结算结果与原结算相同,无须处理。",
        "Check that the filing or the counters have arrived, then try again.",
        "请确认备案或累计信息已入账后再试。",
    ),
)
