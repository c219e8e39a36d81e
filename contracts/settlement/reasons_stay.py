"""Refusals of stays: two at once, parts of a stay, tests at another institution.

Rows are appended by whoever adds a code. A code is never given another meaning.
"""

from __future__ import annotations

from contracts.settlement.reason import Reason

ROWS: tuple[Reason, ...] = (
    Reason(
        "stay.in-parts",
        "A stay that is settled in parts does not move to a newborn.",
        "分次结算的住院不能转到新生儿名下。",
        "Take the parts back, the last one first, and settle the child's bill on the child.",
        "请按倒序撤销各次结算,再以新生儿身份结算。",
    ),
    Reason(
        "stay.later-part",
        "A later part of the stay stands on this one.",
        "该次结算之后还有同一住院的结算。",
        "Take the parts back in reverse order, beginning with the one that is named.",
        "请按倒序处理,先撤销所列的后一次结算。",
    ),
    Reason(
        "stay.not-a-stay",
        "The claim is no stay in hospital, or was registered before stays were kept.",
        "该业务不是住院。",
        "A visit has its tests as visits of their own.",
        "门诊检查请另行按门诊结算。",
    ),
    Reason(
        "stay.not-found",
        "The person has no stay of this name at this institution.",
        "该参保人在本机构没有所填的住院。",
        "Name a claim of the stay that goes on; for a new stay leave it out.",
        "请填写该次住院已结算的编号;新住院请勿填写。",
    ),
    Reason(
        "stay.not-going",
        "The stay has no open claim at the moment: its next part is not registered yet.",
        "该住院目前没有进行中的登记(下一段尚未登记)。",
        "Let the hospital of the stay register the next part first.",
        "请住院机构先登记下一段住院。",
    ),
    Reason(
        "stay.over",
        "The stay was ended by its last part.",
        "该住院已出院结算。",
        "Register a new stay, or take the last part back first.",
        "请登记新的住院,或先撤销最后一次结算。",
    ),
    Reason(
        "stay.overlap",
        "The person has another stay on days of this one.",
        "该参保人在此期间已有另一次住院。",
        "Correct the days, or name the reason: transfer on the day, emergency, newborn.",
        "请核对日期;确属当日转院、急诊或新生儿的,请填写重叠原因。",
    ),
    Reason(
        "stay.part-dates",
        "A part of a stay does not begin where the part before it ends, or ends before it.",
        "本段住院的日期与上一段不衔接。",
        "Begin on the last day that was settled, or on the day after it.",
        "请从上一段的最后一天或其次日开始。",
    ),
    Reason(
        "stay.part-open",
        "The stay has an open claim that goes on from here.",
        "该住院已有进行中的下一段登记。",
        "Settle the open claim, or cancel it first.",
        "请先结算或取消进行中的登记。",
    ),
    Reason(
        "stay.policy-reads-lines",
        "The area's policy looks at single charge lines, so a stay is not settled in parts.",
        "参保地政策按明细逐条计算,不支持中途结算和外院检查并入。",
        "Settle the stay whole at discharge; a test elsewhere is settled as a visit.",
        "请在出院时一次结算;外院检查请按门诊结算。",
    ),
    Reason(
        "stay.reason",
        "The visit does not bear out the reason that was named for the overlap.",
        "所填重叠原因与就诊信息不符。",
        "An emergency needs the doctor's flag; a newborn is settled under its mother.",
        "急诊须由医师标注;新生儿费用在母亲名下结算。",
    ),
    Reason(
        "stay.test-dates",
        "The test was done before the stay began.",
        "检查日期早于入院日期。",
        "Correct the date, or settle the test as a visit.",
        "请更正日期,或按门诊结算。",
    ),
    Reason(
        "stay.test-institution",
        "A test is ordered at another hospital or pharmacy that takes part.",
        "外送检查须在另一家已接入的定点机构进行。",
        "Correct the institution.",
        "请更正检查机构。",
    ),
    Reason(
        "stay.test-kind",
        "A test under another hospital's stay is no stay itself.",
        "外院检查不能按住院类别结算。",
        "Settle it as outpatient care with the order.",
        "请按门诊类别并填写检查单号结算。",
    ),
    Reason(
        "stay.test-not-ordered",
        "No stay of the person has this order for this institution, or it was used.",
        "该参保人没有指定本机构的此检查单,或已使用。",
        "Check the order; ask the hospital of the stay to order the test, while the stay goes on.",
        "请核对检查单号,或请住院机构在住院期间开具。",
    ),
    Reason(
        "stay.too-many",
        "More open stays, parts or ordered tests than are kept.",
        "住院、分次结算或待结检查数量超过上限。",
        "Settle, cancel or withdraw what is no longer needed.",
        "请先结算、取消或撤回不再需要的业务。",
    ),
)
