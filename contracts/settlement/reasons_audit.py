"""Refusals of audits: deductions, their notice, answer and decision.

Rows are appended by whoever adds a code. A code is never given another meaning.
"""

from __future__ import annotations

from contracts.settlement.reason import Reason

ROWS: tuple[Reason, ...] = (
    Reason(
        "audit.above-bill",
        "The line is larger than the whole bill.",
        "明细金额大于医疗费总额。",
        "Check the line's amount.",
        "请核对明细金额。",
    ),
    Reason(
        "audit.above-funds",
        "More would be taken off than the funds pay for this settlement.",
        "扣款超过该结算的基金支付金额。",
        "Deduct at most what the funds pay.",
        "扣款不得超过基金支付金额。",
    ),
    Reason(
        "audit.above-line",
        "More would be taken off a line than it has.",
        "扣款金额大于该明细金额。",
        "Deduct at most the line's amount.",
        "扣款不得超过明细金额。",
    ),
    Reason(
        "audit.above-notice",
        "The decision is above what the institution was told.",
        "决定金额大于通知金额。",
        "Decide at most what was noticed, or give another notice.",
        "决定金额不得超过通知金额,或另行通知。",
    ),
    Reason(
        "audit.duplicate-id",
        "Another deduction has this id.",
        "该扣款编号已被使用。",
        "Give the deduction an id of its own.",
        "请使用新的扣款编号。",
    ),
    Reason(
        "audit.line-twice",
        "A line is named twice.",
        "同一明细重复列出。",
        "Put all reasons of a line into one row.",
        "同一明细只列一行。",
    ),
    Reason(
        "audit.not-declared",
        "The settlement is in no declaration now.",
        "该结算当前不在申报单中。",
        "Wait for its declaration; a reversed one is not audited.",
        "待申报后办理;已冲正的不再审核。",
    ),
    Reason(
        "audit.not-found",
        "There is no deduction of this id.",
        "没有该扣款记录。",
        "Check the id.",
        "请核对编号。",
    ),
    Reason(
        "audit.not-yours",
        "The deduction concerns another institution.",
        "该扣款涉及其他机构。",
        "Check the id.",
        "请核对编号。",
    ),
    Reason(
        "audit.pending",
        "A deduction of this settlement waits for its decision.",
        "该结算已有扣款待决定。",
        "Decide it first.",
        "请先作出决定。",
    ),
    Reason(
        "audit.reversed",
        "The settlement was taken back in the meantime.",
        "该结算已被冲正。",
        "Decide the deduction with nothing.",
        "请以零金额结束该扣款。",
    ),
    Reason(
        "audit.same-holder",
        "Whoever gave notice cannot decide; a second person must.",
        "发出扣款通知的人员不能作决定,须由另一人决定。",
        "Let another holder of a key decide.",
        "请由其他人员决定。",
    ),
    Reason(
        "audit.sum-differs",
        "The lines do not sum to the deduction.",
        "明细扣款合计与总额不一致。",
        "Correct the sum or the lines.",
        "请更正总额或明细。",
    ),
    Reason(
        "audit.too-late",
        "The day for the statement is over.",
        "申诉期限已过。",
        "Speak with the bureau; it decides without a statement.",
        "请与经办机构联系,逾期将直接作出决定。",
    ),
    Reason(
        "audit.waits",
        "The institution may still object.",
        "机构仍在申诉期内。",
        "Decide once it has answered or its day is over.",
        "待机构答复或期满后决定。",
    ),
    Reason(
        "audit.wrong-stage",
        "The deduction is not at the stage for this step.",
        "该扣款当前阶段不能办理该步骤。",
        "Look at the deduction; what was decided is final.",
        "请查询扣款状态;已决定的为最终结果。",
    ),
)
