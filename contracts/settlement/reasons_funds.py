"""Refusals of funds: transfers, accounts, what may go negative.

Rows are appended by whoever adds a code. A code is never given another meaning.
"""

from __future__ import annotations

from contracts.settlement.reason import Reason

ROWS: tuple[Reason, ...] = (
    Reason(
        "funds.amount",
        "A posting moves nothing, or more money than there is in the world.",
        "记账金额为零或超出允许范围。",
        "Correct the amount and send again under the same id.",
        "更正金额后用同一编号重新提交。",
    ),
    Reason(
        "funds.contract-only",
        "No plain transfer may touch this account; only settlement and clearing post to it.",
        "该科目只能由结算或清算合约记账,不能直接转账。",
        "Use the contract that the account belongs to.",
        "请使用该科目对应的业务合约。",
    ),
    Reason(
        "funds.declared",
        "This money is in a declared month and is paid by that month's notice.",
        "该款项已列入月度申报,须按该月付款通知书支付。",
        "Pay the notice; a plain transfer moves only what no declaration names.",
        "请按付款通知书付款;直接转账仅限未申报部分。",
    ),
    Reason(
        "funds.duplicate-id",
        "Another transfer has this id.",
        "该转账编号已被另一笔转账使用。",
        "Give the transfer an id of its own; ids are unique for good.",
        "请使用新的转账编号,编号永久唯一。",
    ),
    Reason(
        "funds.expired",
        "The time named for this has passed.",
        "所列期限已过。",
        "Make a new transfer with a later end; anyone may lapse the old one.",
        "以新的期限重新发起;旧转账任何人均可办理退回。",
    ),
    Reason(
        "funds.needs-bureau",
        "Money into this account needs the word of the bureau that keeps it.",
        "转入该账户须由管理该账户的医保经办机构发起或确认。",
        "Let the bureau of the region send the transfer, or make it pending with that bureau as "
        "its confirmer.",
        "由该统筹区经办机构发起,或改为待确认转账并指定该机构确认。",
    ),
    Reason(
        "funds.no-account",
        "This person has no personal account yet.",
        "该参保人尚未开立个人账户。",
        "The home bureau opens it with the first deposit.",
        "由参保地经办机构首次划入时开立。",
    ),
    Reason(
        "funds.not-confirmer",
        "Another organisation was named to confirm this transfer.",
        "该转账指定由其他机构确认。",
        "Ask the organisation that the transfer names.",
        "请由转账中指定的机构确认。",
    ),
    Reason(
        "funds.not-covered",
        "The account does not hold this much.",
        "账户余额不足。",
        "Transfer at most what is available, or wait until money has come in.",
        "转账金额不得超过可用余额,或待资金到账后再办。",
    ),
    Reason(
        "funds.not-expired",
        "The pending transfer may still be confirmed, so it cannot lapse yet.",
        "待确认转账尚未到期,不能办理退回。",
        "Wait until its end, or let its maker void it.",
        "到期后再办,或由发起机构作废。",
    ),
    Reason(
        "funds.not-held",
        "Nothing is held for this institution.",
        "该机构的应付款没有被暂停支付。",
        "Nothing needs to be done.",
        "无需处理。",
    ),
    Reason(
        "funds.not-owner",
        "Only the organisation that owns the account may take money out of it.",
        "只有账户所属机构可以转出资金。",
        "Let the owner make the transfer.",
        "请由账户所属机构发起。",
    ),
    Reason(
        "funds.not-pending",
        "The transfer is not waiting for confirmation.",
        "该转账不处于待确认状态。",
        "Look at the transfer; what was posted is undone only by a counter-entry.",
        "请查询转账状态;已入账的只能用反向分录冲销。",
    ),
    Reason(
        "funds.payable-held",
        "Payment to this institution is held by the bureau of its place.",
        "该机构的应付款已被就医地经办机构暂停支付。",
        "Wait for the end of the hold, or ask the bureau to release it.",
        "待暂停期满,或申请就医地经办机构解除。",
    ),
    Reason(
        "funds.same-holder",
        "Whoever made a transfer cannot confirm it; a second person must.",
        "发起人不能确认自己的转账,须由另一人复核。",
        "Let another holder of a key confirm it.",
        "请由其他经办人员复核确认。",
    ),
    Reason(
        "funds.too-large",
        "The account would hold more money than there is in the world.",
        "账户余额超出允许范围。",
        "Look for the entry that cannot be true; correct it by a counter-entry.",
        "请查找不实分录并以反向分录更正。",
    ),
    Reason(
        "funds.transfer-not-found",
        "There is no transfer of this id.",
        "没有该编号的转账。",
        "Check the id.",
        "请核对转账编号。",
    ),
    Reason(
        "funds.unbalanced",
        "The postings of a fund type do not sum to zero.",
        "同一基金类型的分录借贷不平。",
        "Correct the postings: each fund type balances by itself.",
        "请更正分录,每种基金类型须各自平衡。",
    ),
    Reason(
        "funds.unknown-fund-type",
        "No fund has this code.",
        "没有该基金类型代码。",
        "Use a code of the table of funds, 310200 for personal accounts, or cash.",
        "请使用基金类型表中的代码,个人账户用310200,现金用cash。",
    ),
    Reason(
        "funds.unknown-account",
        "The chart of accounts has no such account.",
        "会计科目表中没有该账户。",
        "Check the account's name against the chart of accounts.",
        "请对照会计科目表核对账户名称。",
    ),
)
