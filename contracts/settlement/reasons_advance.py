"""Refusals of advances between provinces and of prepayments to institutions.

Rows are appended by whoever adds a code. A code is never given another meaning.
"""

from __future__ import annotations

from contracts.settlement.reason import Reason

ROWS: tuple[Reason, ...] = (
    Reason(
        "advance.above-held",
        "More would go back than is held.",
        "退回金额超过持有的预付金。",
        "Give back at most what is held.",
        "退回金额不得超过持有金额。",
    ),
    Reason(
        "advance.not-holder",
        "Another province holds this advance.",
        "该预付金由其他省份持有。",
        "Let the province of care act.",
        "请由就医省办理。",
    ),
    Reason(
        "advance.not-province",
        "Advances are between provinces.",
        "预付金只在省际之间设立。",
        "Name two provinces.",
        "请填写两个省级区划。",
    ),
    Reason(
        "advance.not-red",
        "The month's usage is not red.",
        "当月使用率未达到红色预警。",
        "Ask for a top-up from exactly the red limit on.",
        "达到红色预警线后方可申请紧急调增。",
    ),
    Reason(
        "advance.no-notice",
        "This notice is none of an advance.",
        "该通知书不是预付金通知书。",
        "Name the advance's open notice.",
        "请填写该预付金未支付的通知书。",
    ),
    Reason(
        "advance.open-notice",
        "A notice of this advance is not paid yet.",
        "该预付金已有通知书尚未支付。",
        "Wait for its payment, or let the centre withdraw it where its amount is wrong.",
        "请待其支付;金额有误的,由中心撤回。",
    ),
    Reason(
        "advance.quota-stands",
        "The advance is at this quota already.",
        "预付金已符合该额度。",
        "Nothing needs to be done.",
        "无需处理。",
    ),
    Reason(
        "advance.same-province",
        "A province prepays nothing to itself.",
        "同一省份之间不设预付金。",
        "Name two different provinces.",
        "请填写两个不同省份。",
    ),
    Reason(
        "prepayment.above-held",
        "More would go back than the institution holds and was not asked for yet.",
        "金额超过机构持有且尚未通知退回的预付金。",
        "Ask for at most what it holds, less what it was asked for and has not paid.",
        "金额不得超过持有金额减去已通知未退回的金额。",
    ),
    Reason(
        "prepayment.above-owed",
        "More would be set off than the fund owes.",
        "抵扣金额超过该基金应付金额。",
        "Set off at most what is owed.",
        "抵扣金额不得超过应付金额。",
    ),
    Reason(
        "prepayment.duplicate-id",
        "Another prepayment call has this id.",
        "该预付编号已被使用。",
        "Give it an id of its own.",
        "请使用新的编号。",
    ),
    Reason(
        "prepayment.fund",
        "This fund is not prepaid.",
        "该基金不能预付。",
        "Use the code of an insurance fund.",
        "请使用医保基金代码。",
    ),
    Reason(
        "prepayment.institution",
        "No institution of the network has this id.",
        "网络中没有该定点医药机构。",
        "Check the id.",
        "请核对机构编号。",
    ),
)
