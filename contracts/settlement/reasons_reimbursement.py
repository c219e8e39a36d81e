"""Refusals of reimbursements after payment, and of invoices.

Rows are appended by whoever adds a code. A code is never given another meaning.
"""

# fmt: off
# One line for each field keeps a row readable as a whole.

from __future__ import annotations

from contracts.settlement.reason import Reason

ROWS: tuple[Reason, ...] = (
    Reason(
        "reimbursement.content",
        "The call given again is not the one that filed the bill, byte for byte.",
        "重新提交的内容与原受理内容不一致。",
        "Give the filing call as it was, with its blind; yibao reimburse again does it itself.",
        "请按原样提交受理内容;可用 yibao reimburse again 自动取回。",
    ),
    Reason(
        "reimbursement.not-counted",
        "The reimbursement has left the log of its year: its place in the order is not known.",
        "该报销已不在年度累计日志中,无法确定次序。",
        "It cannot be decided again on the ledger.",
        "无法在账本上重新核定。",
    ),
    Reason(
        "reimbursement.not-more",
        "Decided again, the funds owe no more than before; both amounts are in the values.",
        "重新核定后基金应付金额没有增加。",
        "Nothing is changed. Check that the filing or the counters have arrived.",
        "结果不变。请确认备案或累计信息已入账。",
    ),
    Reason(
        "invoice.altered",
        "This invoice is known with another amount or another hash.",
        "该发票的金额或票面与首次登记不一致。",
        "Compare the paper with its issuer; the amount that came first is in the values.",
        "请向开票单位核实原件;首次登记金额见返回值。",
    ),
    Reason(
        "invoice.doubled",
        "One invoice is listed twice.",
        "同一发票重复填写。",
        "List each invoice once.",
        "每张发票只填一次。",
    ),
    Reason(
        "invoice.total-differs",
        "The invoices do not add up to the bill.",
        "发票金额合计与费用总额不符。",
        "List all invoices of the bill, or correct the total.",
        "请补齐该次就诊全部发票或更正总额。",
    ),
    Reason(
        "invoice.used",
        "This invoice was paid on already, or is being decided on, somewhere in the country.",
        "该发票已在全国范围内用于结算或正在报销。",
        "Look for the settlement or the reimbursement that used it; it can be paid on once.",
        "请查找已使用该发票的结算或报销记录;每张发票只能使用一次。",
    ),
    Reason(
        "claim.reimbursed",
        "The insured place has reimbursed this bill already.",
        "参保地已对该次费用办理零星报销。",
        "Do not settle it directly; ask the insured place.",
        "请勿直接结算,可向参保地查询。",
    ),
    Reason(
        "reimbursement.asked-before",
        "Papers were asked for once already.",
        "已一次性告知补正材料,不得再次要求。",
        "Decide with what is there.",
        "请按现有材料办理。",
    ),
    Reason(
        "reimbursement.bank",
        "No such bank takes part.",
        "没有该合作银行。",
        "Name a bank of the ledger.",
        "请填写已接入的银行。",
    ),
    Reason(
        "reimbursement.duplicate-id",
        "This id was used for another reimbursement.",
        "该报销编号已使用。",
        "File under a new id.",
        "请使用新的编号。",
    ),
    Reason(
        "reimbursement.not-found",
        "No reimbursement has this id.",
        "没有该报销编号。",
        "Check the id.",
        "请核对编号。",
    ),
    Reason(
        "reimbursement.not-your-order",
        "This payment was not ordered from this bank.",
        "该付款指令不属于本行。",
        "Check the payment's id.",
        "请核对付款编号。",
    ),
    Reason(
        "reimbursement.papers-not-due",
        "The day for the missing papers is not over.",
        "补正材料期限未到。",
        "Wait until the day in the values, or for the papers.",
        "请等待补正期限届满或材料补齐。",
    ),
    Reason(
        "reimbursement.payment-id",
        "This payment's id was used for an order that came back.",
        "该付款编号已用于被退回的付款。",
        "Order again under a new id.",
        "请使用新的付款编号。",
    ),
    Reason(
        "reimbursement.place",
        "The place of care is neither a designated institution nor described by region and level.",
        "就医机构既非定点机构,也未填写地区和等级。",
        "Give the institution's id, or region, level and kind from the paper.",
        "请填写机构编码,或按票据填写地区、等级和类别。",
    ),
    Reason(
        "reimbursement.reason-missing",
        "A refusal needs a reason.",
        "不予报销须注明原因。",
        "Name one of the listed reasons.",
        "请选择原因。",
    ),
    Reason(
        "reimbursement.reported-otherwise",
        "The bank has reported something else on this payment before.",
        "银行对该付款已有不同回报。",
        "Compare with the first report in the values; a correction is a new payment.",
        "请与首次回报核对;更正须另行付款。",
    ),
    Reason(
        "reimbursement.same-holder",
        "Two different people must act, and this is the one who acted before.",
        "须由两名不同人员办理。",
        "Let a colleague do this step.",
        "请由其他人员办理。",
    ),
    Reason(
        "reimbursement.settled-directly",
        "This bill was settled directly at the institution.",
        "该次费用已在医院直接结算。",
        "Nothing is to be reimbursed; a wrong settlement is reversed by the institution first.",
        "无需报销;如结算有误,请由医院先撤销结算。",
    ),
    Reason(
        "reimbursement.too-late",
        "The bill is older than the insured place takes.",
        "已超过参保地规定的报销期限。",
        "Nothing can be filed after the day in the values.",
        "超过返回值中的最后日期不再受理。",
    ),
    Reason(
        "reimbursement.too-many-orders",
        "The bank was told to pay too often.",
        "付款次数过多。",
        "Clear up the bank account with the person.",
        "请与参保人核实收款账户。",
    ),
    Reason(
        "reimbursement.waiver",
        "The policy answers a waiver by the institution for a bill that is paid already.",
        "政策对已付费用给出了医疗机构减免。",
        "Correct the policy: no institution waives a part after payment.",
        "请更正政策:事后报销不涉及医疗机构减免。",
    ),
    Reason(
        "reimbursement.wrong-stage",
        "The reimbursement is not at a stage where this can be done.",
        "当前报销状态不允许该操作。",
        "Look at its stage in the values.",
        "请查看返回值中的状态。",
    ),
    Reason(
        "reimbursement.account-failed",
        "The money has come back from this bank account.",
        "款项已从该银行账户退回。",
        "Ask the person for another account and give its token with the order (account).",
        "请与参保人核实新的收款账户,并在支付指令中填写(account)。",
    ),
)
