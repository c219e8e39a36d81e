"""Refusals about persons: enrolment and counters.

Rows are appended by whoever adds a code. A code is never given another meaning.
"""

# fmt: off
# One line for each field keeps a row readable as a whole.

from __future__ import annotations

from contracts.settlement.reason import Reason

ROWS: tuple[Reason, ...] = (
    Reason(
        "enrolment.wrong-id",
        "A person's id is p:<area>:<token>.",
        "参保人编号格式应为 p:<统筹区>:<标识>。",
        "Correct the id.",
        "请更正编号。",
    ),
    Reason(
        "enrolment.unknown-person",
        "Nobody is enrolled under this pseudonym.",
        "没有该编号的参保人。",
        "Check the id, or ask the bureau of the insured place to enrol the person.",
        "请核对编号, 或联系参保地医保局。",
    ),
    Reason(
        "enrolment.exists",
        "Somebody was already enrolled under this pseudonym.",
        "该编号已被使用。",
        "Update the person, or choose another pseudonym.",
        "请改为变更, 或更换编号。",
    ),
    Reason(
        "enrolment.birth-ahead",
        "The date of birth lies in the future.",
        "出生日期晚于今日。",
        "Correct the attachment.",
        "请更正附件。",
    ),
    Reason(
        "enrolment.insured-elsewhere",
        "The same human being has an open basic insurance.",
        "该人员已有在保的基本医疗保险。",
        "Ask the other bureau to close it, then enrol again.",
        "请先在原参保地办理停保或转移。",
    ),
    Reason(
        "enrolment.periods",
        "Periods overlap, end before they begin, or follow an open one.",
        "时段重叠或顺序错误。",
        "Correct the period of that number; they ascend and only the last may be open.",
        "请更正所指时段, 仅最后一段可无截止日期。",
    ),
    Reason(
        "enrolment.revision",
        "The change was made against another revision of the person.",
        "变更所依据的版本不是最新。",
        "Read the person again and send the change with the expected revision.",
        "请重新读取后按最新版本提交。",
    ),
    Reason(
        "enrolment.ended",
        "The enrolment has ended.",
        "该参保关系已终止。",
        "Enrol the person anew where the insurance continues.",
        "请在新参保地重新登记。",
    ),
    Reason(
        "enrolment.phone-key",
        "The phone's key is not a valid key.",
        "手机密钥无效。",
        "Register the phone again.",
        "请重新登记手机。",
    ),
    Reason(
        "enrolment.dates",
        "The dates do not follow each other.",
        "日期顺序错误。",
        "Correct the dates.",
        "请更正日期。",
    ),
    Reason(
        "enrolment.too-many",
        "The person has as many entries of this kind as the ledger keeps.",
        "记录数量已达上限。",
        "Ask the operator of the bureau.",
        "请联系医保局技术人员。",
    ),
    Reason(
        "enrolment.not-suspended",
        "No suspension reaches beyond that day.",
        "该日之后没有暂停记录。",
        "Nothing needs to be done.",
        "无需再操作。",
    ),
    Reason(
        "enrolment.dead",
        "The service is later than the day of death.",
        "服务日期晚于死亡日期。",
        "Check the date; care after that day is not insured.",
        "请核对服务日期。",
    ),
    Reason(
        "enrolment.closed",
        "The service is later than the end of this enrolment.",
        "服务日期晚于参保终止日期。",
        "Use the person's enrolment at the new insured place.",
        "请使用新参保地的参保关系。",
    ),
    Reason(
        "enrolment.arrears",
        "Contributions are owed on that day.",
        "当日处于欠费状态。",
        "The person pays the arrears at the insured place; then settle, or reimburse later.",
        "请参保人在参保地补缴后再结算或事后报销。",
    ),
    Reason(
        "enrolment.waiting",
        "The person is in the waiting period on that day.",
        "当日处于待遇等待期。",
        "The person pays and asks the insured place about reimbursement.",
        "请先自费, 并咨询参保地。",
    ),
    Reason(
        "enrolment.uninsured",
        "The person is not insured on that day.",
        "当日未参保。",
        "The person asks the bureau of the insured place.",
        "请参保人联系参保地医保局。",
    ),
    Reason(
        "enrolment.suspended",
        "Direct settlement of the person is suspended on that day.",
        "当日该人员直接结算已暂停。",
        "Emergency care still settles; otherwise pay and reimburse at the insured place.",
        "急诊仍可结算, 其他情况请先自费后回参保地报销。",
    ),
    Reason(
        "counters.ahead",
        "A time lies ahead of the block's.",
        "时间晚于区块时间。",
        "Correct the time.",
        "请更正时间。",
    ),
    Reason(
        "counters.opened",
        "Opening balances of this year were already posted.",
        "该年度期初数已登记。",
        "Correct them by feed entries.",
        "请通过明细更正。",
    ),
    Reason(
        "counters.duplicate-local",
        "This local settlement was already posted with other content.",
        "该本地结算已登记且内容不同。",
        "Take the first entry back, or use the right local id.",
        "请先冲销原登记或更正编号。",
    ),
    Reason(
        "counters.unknown-local",
        "This local settlement was never posted to these counters.",
        "该本地结算未登记。",
        "Check person, year and local id.",
        "请核对人员, 年度和编号。",
    ),
    Reason(
        "counters.already-reversed",
        "This local settlement was already taken back.",
        "该本地结算已冲销。",
        "Nothing needs to be done.",
        "无需再操作。",
    ),
    Reason(
        "counters.negative",
        "A counter would fall below zero.",
        "累计数将小于零。",
        "Check what is taken back; amounts that were never added cannot be.",
        "请核对冲销内容。",
    ),
    Reason(
        "counters.too-large",
        "A counter would hold more money than there is in the world.",
        "累计数超出允许范围。",
        "Look for the entry that cannot be true and take it back.",
        "请查找不实记录并冲销。",
    ),
    Reason(
        "counters.too-many",
        "There would be too many counters for one year.",
        "年度累计项目过多。",
        "The policy must count under fewer names.",
        "请减少累计项目。",
    ),
    Reason(
        "looks.day-not-over",
        "The day whose looks are anchored is not over yet.",
        "该日尚未结束, 不能提交查询记录摘要。",
        "Anchor it tomorrow.",
        "请于次日提交。",
    ),
    Reason(
        "looks.differs",
        "Another root was anchored for this day: the log was changed since or counted differently.",
        "该日已提交不同的查询记录摘要, 日志可能已变动。",
        "Compare the log with the anchored root; an auditor should look at it.",
        "请核对日志与已提交的摘要, 并由审计人员查看。",
    ),
)
