"""Refusals of objections to statements. Rows are appended by whoever adds a code."""

from __future__ import annotations

from contracts.settlement.reason import Reason

ROWS: tuple[Reason, ...] = (
    Reason(
        "clearing.objected",
        "An objection to the statement is open.",
        "该清分表尚有未处理的异议。",
        "Answer or withdraw the objection, then confirm what the statement comes to.",
        "请先答复或撤回异议,再按清分表金额确认。",
    ),
    Reason(
        "objection.above-row",
        "The amount is above what the settlement owes.",
        "异议金额超过该结算的应付金额。",
        "Object to at most what is owed for it.",
        "异议金额不得超过该结算的应付金额。",
    ),
    Reason(
        "objection.again",
        "The settlement is a row of another objection already.",
        "该结算已有异议。",
        "Look at that objection; what is found later is deducted by the bureau of care.",
        "请查询该异议;后续发现的问题由就医地审核扣款。",
    ),
    Reason(
        "objection.answered",
        "The objection was answered before.",
        "该异议已答复。",
        "It is withdrawn by the side that lodged it, or the third one decides.",
        "由提出方撤回,或由上级裁定。",
    ),
    Reason(
        "objection.duplicate-id",
        "The id names another objection.",
        "该编号已用于其他异议。",
        "Use a new id.",
        "请使用新编号。",
    ),
    Reason(
        "objection.not-found",
        "There is no such objection.",
        "没有该异议。",
        "Check the id.",
        "请核对编号。",
    ),
    Reason(
        "objection.not-in-statement",
        "The settlement is not in this statement.",
        "该结算不在该清分表中。",
        "Check settlement, period and the two sides; a refund is no row of an objection.",
        "请核对结算编号、清算期和双方;退费行不能提出异议。",
    ),
    Reason(
        "objection.not-yours",
        "It is not this organisation's turn.",
        "应由其他机构办理。",
        "Let the organisation that the refusal names act.",
        "请由提示中的机构办理。",
    ),
    Reason(
        "objection.own-word",
        "This side has confirmed the statement.",
        "本方已确认该清分表。",
        "What is wrong with it is adjusted in a later period.",
        "有误的在后续清算期调整。",
    ),
    Reason(
        "objection.too-late",
        "The day for confirming the statement is over.",
        "已超过清分表确认期限。",
        "Confirm it; what is wrong is adjusted in a later period.",
        "请先确认;有误的在后续清算期调整。",
    ),
    Reason(
        "objection.waits",
        "The other side may answer until its day is over.",
        "对方答复期限未到。",
        "Decide after that working day, or once it has rejected the objection.",
        "请在期限届满后或对方不予认可后裁定。",
    ),
    Reason(
        "objection.wrong-stage",
        "The objection is not at the stage for this step.",
        "异议当前阶段不能办理该步骤。",
        "Look at the objection.",
        "请查询异议状态。",
    ),
)
