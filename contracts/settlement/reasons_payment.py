"""Refusals of payments: notices, orders to banks, what banks report.

Rows are appended by whoever adds a code. A code is never given another meaning.
"""

from __future__ import annotations

from contracts.settlement.reason import Reason

ROWS: tuple[Reason, ...] = (
    Reason(
        "payment.already-paid",
        "This notice was paid.",
        "该付款通知书已支付。",
        "Look at the payment that is named; nothing is paid twice.",
        "请查询所列付款单;不会重复支付。",
    ),
    Reason(
        "payment.amount-differs",
        "The amount is not that of the notice or of the payment.",
        "金额与付款通知书或付款单不一致。",
        "Use the amount that is due: all of a notice, or what came back of it.",
        "请按应付金额办理:通知书全额,或退回待付部分。",
    ),
    Reason(
        "payment.bank",
        "No bank of the network has this id.",
        "网络中没有该银行。",
        "Use the id of a bank that takes part.",
        "请使用已加入网络的银行编号。",
    ),
    Reason(
        "payment.duplicate-id",
        "Another payment has this id.",
        "该付款单编号已被使用。",
        "Give the payment an id of its own; ids are unique for good.",
        "请使用新的付款单编号,编号永久唯一。",
    ),
    Reason(
        "payment.in-flight",
        "A payment of this notice is on its way.",
        "该付款通知书已有付款在途。",
        "Wait for the bank's word on it, or cancel it while nobody has approved it.",
        "等待银行回执,或在复核前撤销该付款单。",
    ),
    Reason(
        "payment.not-found",
        "There is no payment of this id.",
        "没有该付款单。",
        "Check the id.",
        "请核对付款单编号。",
    ),
    Reason(
        "payment.not-overdue",
        "The notice is paid or not yet due.",
        "该付款通知书已支付或尚未到期。",
        "Nothing needs to be done.",
        "无需处理。",
    ),
    Reason(
        "payment.not-payer",
        "Another party pays this.",
        "应由其他单位付款。",
        "Let the department that the notice names act.",
        "请由通知书所列付款单位办理。",
    ),
    Reason(
        "payment.not-your-order",
        "This bank was given no payment of this id.",
        "本行没有收到该编号的付款指令。",
        "Check the reference against the instruction file; keep the money in suspense until then.",
        "请与付款指令文件核对;核实前作挂账处理。",
    ),
    Reason(
        "payment.notice-not-found",
        "There is no notice of this id.",
        "没有该付款通知书。",
        "Check the id.",
        "请核对通知书编号。",
    ),
    Reason(
        "payment.reference-used",
        "The bank has used this reference for another payment or return.",
        "该银行流水号已用于另一笔付款或退回。",
        "Correct the reference; each names one payment for good.",
        "请更正流水号,每个流水号永久对应一笔款项。",
    ),
    Reason(
        "payment.reported-otherwise",
        "The bank has told something else of this payment before.",
        "银行此前已对该付款作出不同回报。",
        "Compare with the first report; another return has a reference of its own.",
        "请与首次回报核对;退回款项须以新的流水号另行回报。",
    ),
    Reason(
        "payment.same-holder",
        "Whoever made a payment cannot approve it; a second person must.",
        "制单人不能复核自己的付款单,须由另一人复核。",
        "Let another holder of a key approve it.",
        "请由其他经办人员复核。",
    ),
    Reason(
        "payment.too-many",
        "This notice was tried too often.",
        "该付款通知书尝试付款次数过多。",
        "Settle with the payee where it can be paid, then ask the agency for a new notice.",
        "请与收款方核实账户后,由经办机构处理。",
    ),
    Reason(
        "payment.value-day",
        "The bank's day of booking lies ahead.",
        "银行记账日期晚于当前日期。",
        "Report a payment once it is booked.",
        "请在记账后回报。",
    ),
    Reason(
        "payment.withdrawn",
        "This notice was withdrawn: it asked for the wrong amount.",
        "该付款通知书已撤回。",
        "Pay the notice that was issued in its place, if there is one.",
        "如已重新开具通知书,请按新通知书支付。",
    ),
    Reason(
        "payment.wrong-stage",
        "The payment is not at the stage for this step.",
        "付款单当前阶段不能办理该步骤。",
        "The steps are order, approve, the bank's word; what came back is ordered anew.",
        "次序为制单、复核、银行回报;退回的须以新编号重新付款。",
    ),
    Reason(
        "payment.not-paid",
        "The bank has not confirmed this order, so nothing of it can come back.",
        "银行尚未确认该笔付款,不存在退回款项。",
        "Report what could not be paid as such (bounce); check which order the money belongs to.",
        "未能付出的请按付款失败回报;请核对退回款项所属指令。",
    ),
    Reason(
        "payment.return-above",
        "More would come back than stands paid by this payment.",
        "退回金额超过该笔付款尚未退回的金额。",
        "Check amount and payment; what is beyond it belongs to another one.",
        "请核对金额和付款单;超出部分应属于其他付款。",
    ),
    Reason(
        "payment.return-before",
        "The money would have come back before it was paid.",
        "退回日期早于付款记账日期。",
        "Correct the day of the return.",
        "请更正退回日期。",
    ),
    Reason(
        "payment.too-many-returns",
        "Too many returns of this payment were reported.",
        "该笔付款的退回次数过多。",
        "Agree with the bank on one return of what is left.",
        "请与银行核实后一次退回剩余金额。",
    ),
)
