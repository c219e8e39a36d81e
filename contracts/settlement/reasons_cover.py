"""Refusals about commercial cover: products, holders, consents, payments.

Some are no refusals of a call but reasons for which a product pays nothing (``cover_settle``).
Rows are appended by whoever adds a code. A code is never given another meaning.
"""

# fmt: off
# One line for each field keeps a row readable as a whole.

from __future__ import annotations

from contracts.settlement.reason import Reason

ROWS: tuple[Reason, ...] = (
    Reason(
        "cover.account-failed",
        "The money came back from this very account.",
        "款项正是由该账户退回。",
        "Ask the person for another account and send its token.",
        "请向参保人取得其他收款账户后填报账户令牌。",
    ),
    Reason(
        "cover.account-missing",
        "Nobody has told a bank account for this payment.",
        "未提供该笔赔付的收款账户。",
        "Ask the person for one and send its token.",
        "请向参保人确认收款账户后填报账户令牌。",
    ),
    Reason(
        "cover.bank",
        "This is not a bank of the ledger.",
        "该机构不是本系统的银行。",
        "Name a bank that takes part.",
        "请填写已接入的银行。",
    ),
    Reason(
        "cover.consent-ended",
        "The person's consent has ended.",
        "参保人的商业保险授权已到期或终止。",
        "Ask the person to authorise the product again.",
        "如仍需赔付,请参保人重新授权。",
    ),
    Reason(
        "cover.consent-missing",
        "Nobody has shown that the person agrees.",
        "缺少参保人本人的授权凭证。",
        "Send the phone's signature, or let the person come to a bureau or an institution.",
        "请提交手机签名,或由参保人到经办机构、医疗机构现场确认。",
    ),
    Reason(
        "cover.consent-older",
        "Something newer was said about this product already.",
        "该授权签名早于已登记的最新授权或撤销。",
        "Let the person sign again.",
        "请参保人重新签名。",
    ),
    Reason(
        "cover.consent-signature",
        "The signature is not the person's, or not over this consent.",
        "授权签名与参保人或授权内容不符。",
        "Let the person sign exactly what is sent.",
        "请参保人对所提交内容重新签名。",
    ),
    Reason(
        "cover.dates",
        "The period ends before it begins, or the consent has ended already.",
        "保障期间或授权期限的日期有误。",
        "Correct the dates.",
        "请更正日期。",
    ),
    Reason(
        "cover.foreign-fund",
        "A commercial rule may pay as commercial cover only.",
        "商业保险规则只能以商业保险名义支付。",
        "Use the fund commercial in every payment.",
        "请将各项支付的基金类型改为 commercial。",
    ),
    Reason(
        "cover.insurer-left",
        "The insurer or its product is no longer here.",
        "保险公司或产品已退出。",
        "Claim from the insurer directly.",
        "请直接向保险公司申请理赔。",
    ),
    Reason(
        "cover.none-in-force",
        "No version of the product's rule holds on this day.",
        "该日期没有生效的产品规则版本。",
        "The insurer deploys one that reaches this day; claim from it directly until then.",
        "请保险公司发布覆盖该日期的规则,此前可直接理赔。",
    ),
    Reason(
        "cover.not-authorised",
        "The person has authorised no such product.",
        "参保人未授权该产品。",
        "Nothing is to be revoked.",
        "无需撤销。",
    ),
    Reason(
        "cover.not-held",
        "The person does not hold this product on that day.",
        "参保人在该日期未持有该产品。",
        "Check product and period with the insurer.",
        "请与保险公司核对产品及保障期间。",
    ),
    Reason(
        "cover.not-your-order",
        "This bank has no such order.",
        "该银行没有此付款指令。",
        "Check the order's id.",
        "请核对付款指令编号。",
    ),
    Reason(
        "cover.order-id",
        "This order's id was used for the payment before.",
        "付款指令编号已使用。",
        "Give the new order another id.",
        "请使用新的指令编号。",
    ),
    Reason(
        "cover.reported-otherwise",
        "The bank has reported something else about this order.",
        "银行对该指令已有不同的回报。",
        "Compare both reports and correct the bank's books.",
        "请核对两次回报。",
    ),
    Reason(
        "cover.too-many",
        "There are as many as there may be.",
        "数量已达上限。",
        "See the limit in the values; end one that is no longer needed.",
        "请参见返回值中的上限,先终止不再需要的。",
    ),
    Reason(
        "cover.unknown-payment",
        "There is no such payment of this insurer.",
        "没有该保险公司的此笔赔付。",
        "Check the id; the list of payments has it.",
        "请在赔付清单中核对编号。",
    ),
    Reason(
        "cover.unknown-product",
        "There is no such product of this insurer.",
        "没有该保险产品。",
        "Check the product's id, or deploy it first.",
        "请核对产品编号,或先发布产品规则。",
    ),
    Reason(
        "cover.wrong-stage",
        "This cannot be done with the payment as it stands.",
        "赔付当前状态不允许此操作。",
        "Look at the payment's stage first.",
        "请先查询赔付状态。",
    ),
)
