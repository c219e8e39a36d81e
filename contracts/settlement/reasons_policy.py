"""Refusals of policies: deployment, versions, answers that break a rule.

Rows are appended by whoever adds a code. A code is never given another meaning.
"""

# fmt: off
# One line for each field keeps a row readable as a whole.

from __future__ import annotations

from contracts.settlement.reason import Reason

ROWS: tuple[Reason, ...] = (
    Reason(
        "policy.source-refused",
        "The source is not in the policy language; the values give the first complaint.",
        "政策源码不符合政策语言, 所附值为第一处问题。",
        "Run `yibao policy check FILE`, correct every complaint, deploy again.",
        "请运行 yibao policy check 检查, 逐条更正后重新发布。",
    ),
    Reason(
        "policy.trial-failed",
        "The policy failed on one of the trial cases; the values name the case and the failure.",
        "政策未通过试算, 所附值指出样例和错误。",
        "Correct the policy for that case (small bills and used-up limits count) and deploy again.",
        "请按该样例修正政策(注意小额费用和额度用尽)后重新发布。",
    ),
    Reason(
        "policy.trial-empty",
        "The policy refused every trial case, so it would never decide anything.",
        "政策拒绝了全部试算样例。",
        "Let the policy decide at least the care it is meant for.",
        "请确保政策至少能处理其适用的就医情形。",
    ),
    Reason(
        "policy.too-many-versions",
        "This policy already has as many versions as are kept.",
        "该政策的版本数已达上限。",
        "Ask the operators of the network to raise the limit with the next contract version.",
        "请联系网络运维方在下一合约版本中提高上限。",
    ),
    Reason(
        "policy.none-in-force",
        "No policy of the insured place reaches this date.",
        "参保地在该日期没有生效的待遇政策。",
        "Ask the bureau of the insured place to deploy a policy from that date on or earlier.",
        "请参保地医保局发布自该日期或更早生效的政策。",
    ),
    Reason(
        "policy.answer-malformed",
        "The policy of the insured place answered something that cannot be read.",
        "参保地政策返回的结果格式不正确。",
        "Tell the bureau of the insured place the path and what was wanted.",
        "请将所附路径和要求告知参保地医保局。",
    ),
    Reason(
        "policy.unknown-fund",
        "The policy pays from a fund that is not in the table of funds.",
        "参保地政策使用了基金表之外的基金。",
        "Tell the bureau of the insured place; its policy must name a fund of the table.",
        "请通知参保地医保局改用基金表中的基金。",
    ),
    Reason(
        "policy.overspends",
        "The policy pays more than is open when this payer is reached; nothing was paid.",
        "参保地政策的支付超过尚未支付的金额, 未发生任何支付。",
        "Tell the bureau of the insured place the payer and both amounts, so that it corrects it.",
        "请将支付方和两个金额告知参保地医保局修正政策。",
    ),
    Reason(
        "case.paid-above-bill",
        "An earlier payment given with the case is larger than what it may pay of the bill.",
        "随算例给出的前序支付超过账单可支付部分。",
        "Correct the amount or the base of the earlier payment.",
        "请更正前序支付的金额或支付范围。",
    ),
    Reason(
        "case.paid-in-split-stay",
        "Earlier payments cannot be given for a stay that the policy splits at the year's end.",
        "跨年分段结算的住院不能附带前序支付。",
        "Settle each year's part as a case of its own.",
        "请按年度分别结算。",
    ),
    Reason(
        "case.counters-differ",
        "The case gives the counters of its own year twice, and not alike.",
        "算例两次给出同一年度的累计数且不一致。",
        "Give that year's counters once, as counters or under its year in counters_by_year.",
        "请只给出一次该年度的累计数。",
    ),
    Reason(
        "line.not-in-catalogue",
        "The item is not in the catalogue of the place of care on its day; the patient pays it.",
        "该项目在就医地当日目录之外, 由个人自费。",
        "Check the code mapping; an item of the catalogue must be charged under its national code.",
        "请核对目录对码, 目录内项目应按国家编码收费。",
    ),
    Reason(
        "line.class-c",
        "The item is of class 03: outside what insurance pays.",
        "该项目为丙类, 不在医保支付范围。",
        "Nothing to correct; the patient's consent to own expense is needed.",
        "无需更正, 应有患者自费同意。",
    ),
    Reason(
        "line.restriction-not-confirmed",
        "The item is payable only for a stated indication, which the practitioner did not confirm.",
        "该项目限适应症支付, 医师未确认符合。",
        "Let the ordering practitioner confirm the indication if it is met, then settle.",
        "如符合适应症, 请开单医师确认后结算。",
    ),
    Reason(
        "line.declined-by-practitioner",
        "The practitioner declared the item not payable for this patient.",
        "医师已声明该项目对该患者不予支付。",
        "Correct the declaration if it was a mistake.",
        "如有误请更正声明。",
    ),
    Reason(
        "line.above-ceiling",
        "The price is above the ceiling of the place of care; the patient pays the difference.",
        "单价超过就医地支付上限, 超出部分由个人负担。",
        "Check the price and the hospital's level.",
        "请核对价格和医院等级。",
    ),
)
