"""Refusals about the person's part: relatives' accounts, wallet, credit.

Rows are appended by whoever adds a code. A code is never given another meaning.
"""

# fmt: off
# One line for each field keeps a row readable as a whole.

from __future__ import annotations

from contracts.settlement.reason import Reason

ROWS: tuple[Reason, ...] = (
    Reason(
        "claim.account-not-chosen",
        "Relatives' accounts are named, but the patient did not choose to use accounts.",
        "填写了共济账户,但患者未选择使用个人账户。",
        "Ask the patient; send use_account with the choice.",
        "请征得患者同意并填写账户使用选择。",
    ),
    Reason(
        "family.dates",
        "The authorisation ends before it begins.",
        "共济授权结束日期早于开始日期。",
        "Correct the dates.",
        "请更正日期。",
    ),
    Reason(
        "family.not-authorised",
        "The owner does not share the account with this person on this day.",
        "账户所有人未在该日授权该亲属使用账户。",
        "The owner authorises it at the owner's insured place; pay otherwise until then.",
        "请账户所有人到其参保地办理共济授权,此前请以其他方式支付。",
    ),
    Reason(
        "family.self",
        "Nobody is a relative of oneself.",
        "不能对本人授权。",
        "Name the relative.",
        "请填写亲属。",
    ),
    Reason(
        "family.too-many",
        "Too many owners have named this person.",
        "为该参保人授权的账户过多。",
        "Revoke one that is no longer used.",
        "请先解除不再使用的授权。",
    ),
    Reason(
        "wallet.amount",
        "One transfer may not be so much.",
        "单笔转账超过限额。",
        "Send at most the limit in the values.",
        "单笔不得超过返回值中的限额。",
    ),
    Reason(
        "wallet.early",
        "The receiver may still claim this transfer.",
        "该笔转账尚在领取期内。",
        "Wait until the time in the values.",
        "请等待领取期结束。",
    ),
    Reason(
        "wallet.ended",
        "This transfer was claimed or returned already.",
        "该笔转账已领取或已退回。",
        "Nothing is to be done.",
        "无需操作。",
    ),
    Reason(
        "wallet.late",
        "The time to claim this transfer is over.",
        "已超过领取时间。",
        "Have it returned and sent again.",
        "请退回后重新转账。",
    ),
    Reason(
        "wallet.night",
        "No transfers at this hour.",
        "当前时段不办理转账。",
        "Send between the hours in the values.",
        "请在返回值所示时段内办理。",
    ),
    Reason(
        "wallet.not-found",
        "No wallet transfer has this id.",
        "没有该转账编号。",
        "Check the id.",
        "请核对编号。",
    ),
    Reason(
        "wallet.stranger",
        "Sender and receiver are not registered as near relatives.",
        "转出人与转入人未登记为近亲属。",
        "Register the relation at the bureau of either one's insured place.",
        "请先在任一方参保地登记亲属关系。",
    ),
    Reason(
        "wallet.too-many-today",
        "The sender has made as many transfers today as are allowed.",
        "今日转账次数已达上限。",
        "Send tomorrow.",
        "请次日办理。",
    ),
    Reason(
        "credit.duplicate-id",
        "This id was used for another hold.",
        "该授信冻结编号已使用。",
        "Grant under a new id.",
        "请使用新的编号。",
    ),
    Reason(
        "credit.early",
        "The bank has promised this hold until a later time.",
        "授信冻结尚未到期,银行不得提前解除。",
        "Wait until the time in the values, or ask the institution to release it.",
        "请等待到期,或由医疗机构解除。",
    ),
    Reason(
        "credit.ended",
        "This hold was drawn or released already.",
        "该授信冻结已支用或已解除。",
        "Ask the bank for another hold.",
        "请向银行申请新的授信冻结。",
    ),
    Reason(
        "credit.institution",
        "A hold is for a hospital or pharmacy of the ledger.",
        "授信冻结须指定已接入的医药机构。",
        "Name the institution of the stay.",
        "请填写就诊机构。",
    ),
    Reason(
        "credit.late",
        "The hold would end before it begins.",
        "授信冻结到期时间早于当前时间。",
        "Give a later time.",
        "请填写更晚的到期时间。",
    ),
    Reason(
        "credit.not-found",
        "No hold of this bank or institution has this id.",
        "没有该授信冻结。",
        "Check the id.",
        "请核对编号。",
    ),
    Reason(
        "credit.other",
        "This hold is for another patient or another institution.",
        "该授信冻结属于其他患者或其他机构。",
        "Check the hold's id; the patient can pay otherwise.",
        "请核对冻结编号,或以其他方式支付。",
    ),
    Reason(
        "credit.over",
        "The time of this hold is over.",
        "该授信冻结已过期。",
        "Ask the bank for another hold, or let the patient pay otherwise.",
        "请向银行申请新的授信冻结,或以其他方式支付。",
    ),
    Reason(
        "credit.repaid",
        "What is repaid in all neither falls nor exceeds what was drawn.",
        "累计还款额不得减少,也不得超过支用额。",
        "Correct the amount; both limits are in the values.",
        "请更正金额。",
    ),
)
