"""Refusals of refunds: settlements decided again, goods given back, consents.

Rows are appended by whoever adds a code. A code is never given another meaning.
"""

from __future__ import annotations

from contracts.settlement.reason import Reason

ROWS: tuple[Reason, ...] = (
    Reason(
        "consent.amount",
        "The amounts differ: what was consented to and what is asked for are in the values.",
        "同意退费的金额与本次金额不一致。",
        "Ask the bureau for a consent to this amount.",
        "请向医保经办机构申请与本次金额一致的同意。",
    ),
    Reason(
        "consent.missing",
        "The claim was declared or cleared; a bureau must consent before money goes back.",
        "该结算已申报或已清算,须经医保经办机构同意后方可退费。",
        "Ask the bureau named in side: care is the place of care, home the insured place.",
        "请联系相应经办机构(care 就医地,home 参保地)办理同意。",
    ),
    Reason(
        "consent.not-needed",
        "A refund of this claim needs no consent of this side where it stands now.",
        "该结算当前状态无须此方同意。",
        "Look at the claim's state; before declaration the institution acts alone.",
        "请查询业务状态;申报前由定点机构自行办理。",
    ),
    Reason(
        "consent.same-holder",
        "Whoever proposed a consent does not give it.",
        "经办与复核不得为同一人。",
        "Let another person of the bureau give it.",
        "请由另一位复核人员办理。",
    ),
    Reason(
        "consent.wrong-state",
        "The consent stands where this step is not possible.",
        "该同意当前状态不允许此操作。",
        "Look at the state: it is proposed, given, then used once or withdrawn.",
        "请查询同意状态:提出、同意后仅可使用一次,或撤回。",
    ),
    Reason(
        "payout.bank",
        "The named organisation is no bank of the ledger.",
        "所填机构不是账本登记的银行。",
        "Give the id of a bank.",
        "请填写已登记银行的编号。",
    ),
    Reason(
        "payout.not-found",
        "There is no payout of this id.",
        "没有该编号的退款支付。",
        "Look at the events of the reversal: payout.due names it.",
        "请查询撤销业务的退款编号。",
    ),
    Reason(
        "payout.not-your-order",
        "The bank reports on a payment that it was not given.",
        "该支付指令不属于本银行。",
        "Check payout and payment.",
        "请核对退款编号和支付编号。",
    ),
    Reason(
        "payout.receiver",
        "Money of the living goes to the person, money of the dead to an heir.",
        "收款人与参保人状态不符:在世者须付本人,已故者须付继承人。",
        "Name the person's own account, or an heir's after a death.",
        "请填写本人账户;参保人已故的填写继承人账户。",
    ),
    Reason(
        "payout.same-holder",
        "Whoever named the account does not order the payment.",
        "登记收款账户与发出支付指令不得为同一人。",
        "Let another person of the finance desk order it.",
        "请由另一位财务人员办理。",
    ),
    Reason(
        "payout.wrong-state",
        "The payout stands where this step is not possible.",
        "退款当前状态不允许此操作。",
        "Look at its state: due, named, paying, paid.",
        "请查询退款状态。",
    ),
    Reason(
        "refund.codes-missing",
        "Part of a line came back, and which of its packs with trace codes did is not said.",
        "部分退货的药品有追溯码,未填写退回的追溯码。",
        "Scan the packs that came back and name their codes.",
        "请扫描退回药品并填写追溯码。",
    ),
    Reason(
        "refund.goods",
        "Goods are said to be back without a quantity, or codes are named of goods that stay.",
        "退货标志与退回数量或追溯码不符。",
        "Give a quantity and the flag for goods that came back; neither for money alone.",
        "实物退回须填写数量和退货标志;仅退费用则均不填写。",
    ),
    Reason(
        "refund.larger-than-line",
        "More would come back of a line than is left of it; both are in the values.",
        "退费数量或金额大于该明细剩余的数量或金额。",
        "Give back at most what is left in left_e4 and left_fen.",
        "退回数量和金额不得超过返回的剩余值。",
    ),
    Reason(
        "refund.line",
        "The claim has no line of this number, or nothing is left of it.",
        "该结算没有此明细流水号,或该明细已全部退回。",
        "Check the number of the line.",
        "请核对明细流水号。",
    ),
    Reason(
        "refund.line-amount",
        "The money is not what the returned quantity cost.",
        "退费金额与退回数量应退金额不一致。",
        "Give the amount in computed_fen, or no quantity where only money comes back.",
        "请按返回的应退金额填写;仅退费用则不填数量。",
    ),
    Reason(
        "refund.line-doubled",
        "A line occurs twice in one refund.",
        "同一退费中明细流水号重复。",
        "Give each line once, with all that comes back of it.",
        "每条明细请合并填写一次。",
    ),
    Reason(
        "refund.nothing",
        "A return has neither a quantity nor an amount.",
        "退费明细没有数量也没有金额。",
        "Leave the line out, or say what comes back of it.",
        "请删除该明细或填写退回内容。",
    ),
    Reason(
        "refund.total-differs",
        "The amount is not the sum of the returns.",
        "退费总额与各明细退费合计不一致。",
        "Compare the lines with the total.",
        "请核对退费明细和总额。",
    ),
    Reason(
        "reprice.not-listed",
        "The settlement is not on the list for re-pricing.",
        "该结算不在待重新核定清单中。",
        "Look at the list of the person's year; nothing needs to be kept that is not on it.",
        "请查询该参保人年度清单;不在清单中的无须处理。",
    ),
    Reason(
        "resettle.content",
        "The calls given again are not those of the first settlement, byte for byte.",
        "重新提交的原业务内容与首次结算不一致。",
        "Give register, lines and settle as they were, with the same blinds; yibao does it itself.",
        "请按原样提交登记、明细和结算内容;可用 yibao claim resettle 自动取回。",
    ),
    Reason(
        "resettle.newborn",
        "A bill moves to another person only from a mother to her newborn, by their home bureau.",
        "仅可由参保地经办机构将母亲名下的费用转至其新生儿名下重新结算。",
        "Give the reason newborn; care of the first 90 days of life; ask the home bureau.",
        "请填写原因 newborn,限出生后90天内的费用,由参保地经办机构办理。",
    ),
    Reason(
        "resettle.unchanged",
        "The claim decided again comes to the same: nothing that decides has changed.",
        "重新结算结果与原结算相同,无须处理。",
        "Check that the filing or the counters have arrived, then try again.",
        "请确认备案或累计信息已入账后再试。",
    ),
)
