"""Refusals of provider payment: policies of the place of care, groups, rates, cases.

Rows are appended by whoever adds a code. A code is never given another meaning.
"""

from __future__ import annotations

from contracts.settlement.reason import Reason

ROWS: tuple[Reason, ...] = (
    Reason(
        "provider.already-final",
        "This case is settled at the final rates.",
        "该病例已按结算值清算。",
        "Decide it again at the final stage if it was wrong.",
        "如有错误,请按结算阶段重新核定。",
    ),
    Reason(
        "provider.answer",
        "The payment policy's answer is not a standard and a way of paying.",
        "支付政策返回的结果不是支付标准和支付方式。",
        "Correct the policy; the values say what was wanted.",
        "请更正支付政策。",
    ),
    Reason(
        "provider.group-differs",
        "This group was loaded with other standards in this version of the table.",
        "该版本分组表中该组已按其他标准导入。",
        "Load the correction as another version.",
        "更正请以新版本导入。",
    ),
    Reason(
        "provider.needs-checker",
        "A case decided by itself and the final stage need a checker.",
        "特病单议和结算阶段须由复核岗办理。",
        "Let a checker of the bureau send it.",
        "请由复核岗提交。",
    ),
    Reason(
        "provider.no-final-rates",
        "The final rates of this year are not set.",
        "该年度结算值尚未公布。",
        "Set the final rates first.",
        "请先公布结算费率或点值。",
    ),
    Reason(
        "provider.none-in-force",
        "The place of care has no payment policy on the day of discharge.",
        "就医地在出院日没有生效的支付政策。",
        "Without one the institution is paid by item, as settled; deploy one from an earlier date.",
        "没有支付政策时按项目付费;可部署更早生效的政策。",
    ),
    Reason(
        "provider.not-settled",
        "Only a settled claim that was not taken back has a provider payment.",
        "只有已结算且未撤销的业务可以核定支付。",
        "Settle the claim first, or use the new one.",
        "请先结算,或使用重新结算的业务。",
    ),
    Reason(
        "provider.rate-twice",
        "A rate stands twice in this call.",
        "同一费率重复填写。",
        "Name each rate once.",
        "每个费率只填写一次。",
    ),
    Reason(
        "provider.rates-final",
        "The final rates of this year are set and do not change.",
        "该年度结算值已确定,不得更改。",
        "Correct single cases by deciding them again.",
        "个别病例可重新核定。",
    ),
    Reason(
        "provider.table-differs",
        "This version of the table holds from another date.",
        "该版本分组表的生效日期不同。",
        "Use the date of the first load, or another version.",
        "请使用首次导入的日期或新版本号。",
    ),
    Reason(
        "provider.too-many-tables",
        "There are too many versions of this group table.",
        "该分组表版本过多。",
        "Use one of the versions that exist.",
        "请使用已有版本。",
    ),
    Reason(
        "provider.trial-empty",
        "The payment policy refuses every case of the trial.",
        "支付政策拒绝了所有试算病例。",
        "Try it with case files and correct it.",
        "请用病例文件测算后更正。",
    ),
    Reason(
        "provider.trial-failed",
        "The payment policy does not survive the trial.",
        "支付政策未通过试算。",
        "Look at the sample in the values; set the year's rates before you deploy.",
        "请查看未通过的样例;部署前先公布年度费率。",
    ),
    Reason(
        "provider.unknown-group",
        "The group table in force has no such group.",
        "生效的分组表中没有该组。",
        "Check the code and the date, or load the table.",
        "请核对组号和日期,或导入分组表。",
    ),
)
