"""Refusals of banks' statements.

Rows are appended by whoever adds a code. A code is never given another meaning.
"""

from __future__ import annotations

from contracts.settlement.reason import Reason

ROWS: tuple[Reason, ...] = (
    Reason(
        "bank.foreign-order",
        "This order does not exist, or is another bank's.",
        "该付款指令不存在或属于其他银行。",
        "Check the order's id; a line without an order of ours is reported without one.",
        "请核对指令编号;与本账本无关的流水请不填指令编号。",
    ),
    Reason(
        "bank.line-differs",
        "This reference was reported before with other content.",
        "该银行流水号已按其他内容报送。",
        "Use the line's own reference; a correction is a line of its own.",
        "请使用本笔流水号;更正须另报一笔。",
    ),
    Reason(
        "bank.not-suspended",
        "This line does not wait in suspense.",
        "该流水不在挂账清单中。",
        "Look at the list of what waits.",
        "请查询挂账清单。",
    ),
    Reason(
        "bank.order-name",
        "The order's name is too long for a bank's statement.",
        "付款指令编号过长。",
        "Give the order a shorter id.",
        "请使用较短的支付编号。",
    ),
    Reason(
        "bank.reason",
        "A return has a reason, and nothing else has one.",
        "退回须填写原因,其他情况不填。",
        "Correct direction or reason.",
        "请更正方向或原因。",
    ),
    Reason(
        "bank.same-holder",
        "Whoever reported a line does not resolve it.",
        "报送人不得处理本人报送的挂账。",
        "Let another person of the bank resolve it.",
        "请由该银行其他人员处理。",
    ),
    Reason(
        "bank.still-open",
        "The line does not fit this order either.",
        "该流水与该指令仍不相符。",
        "The values say why; name another order, or say that it was sent back.",
        "请核对原因;改填其他指令或选择已退回。",
    ),
)
