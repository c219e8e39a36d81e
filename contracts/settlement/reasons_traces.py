"""Refusals of drug trace codes.

Rows are appended by whoever adds a code. A code is never given another meaning.
"""

# fmt: off
# One line for each field keeps a row readable as a whole.

from __future__ import annotations

from contracts.settlement.reason import Reason

ROWS: tuple[Reason, ...] = (
    Reason(
        "trace.doubled",
        "One whole pack is listed twice on this bill.",
        "同一整盒药品的追溯码在本单重复。",
        "Scan each pack once; mark parts of a pack as split.",
        "每盒只扫一次;拆零药品请标注拆零。",
    ),
    Reason(
        "trace.line",
        "The trace code belongs to no charge line of this bill.",
        "追溯码未对应本单费用明细。",
        "Name the line for which the pack was dispensed.",
        "请填写对应的明细行号。",
    ),
    Reason(
        "trace.not-issued",
        "This virtual code was not issued to this institution.",
        "该虚拟追溯码未发给本机构。",
        "Have a virtual code issued and use that one.",
        "请先申请虚拟追溯码。",
    ),
    Reason(
        "trace.not-of-claim",
        "This institution did not sell this pack on this claim.",
        "该追溯码不是本机构在该结算单售出的药品。",
        "Check code and claim.",
        "请核对追溯码与结算单。",
    ),
    Reason(
        "trace.nothing",
        "No pack and no part of one is named.",
        "未填写退回的追溯码。",
        "Name the packs that came back, or how much of which split pack.",
        "请填写退回的追溯码或拆零数量。",
    ),
    Reason(
        "trace.part-larger",
        "More of a split pack came back than was dispensed of it on this claim.",
        "拆零退回数量超过该结算单售出的数量。",
        "Compare the quantity with the one that was dispensed, in the values.",
        "请与返回值中的售出数量核对。",
    ),
    Reason(
        "trace.pack-differs",
        "The pack was told to hold another quantity when it was opened.",
        "拆零药品的整包数量与首次登记不一致。",
        "Correct the quantity of the pack; the first one is in the values.",
        "请更正整包数量;首次登记数量见返回值。",
    ),
    Reason(
        "trace.sold",
        "This pack was sold already; the kind of institution that sold it is in the values.",
        "该追溯码已在其他机构或其他单据售出,售出机构类别见返回值。",
        "Set the pack aside, dispense another one, and report it to the bureau of this place.",
        "请停用该药品、更换一盒,并报告就医地医保部门。",
    ),
    Reason(
        "trace.split-exceeded",
        "More would be dispensed of this pack than it holds.",
        "拆零售出数量超过整包数量。",
        "Open another pack for the rest.",
        "超出部分请使用另一包。",
    ),
)
