"""Refusals about births, moves, deaths and liable third parties.

Rows are appended by whoever adds a code. A code is never given another meaning.
"""

from __future__ import annotations

from contracts.settlement.reason import Reason

ROWS: tuple[Reason, ...] = (
    Reason(
        "estate.duplicate-id",
        "This id was used for another division.",
        "该分配编号已用于其他分配。",
        "Give a new id; the same call sent again gives the first answer.",
        "请使用新的编号。",
    ),
    Reason(
        "estate.heir-doubled",
        "An heir's token occurs twice.",
        "继承人标识重复。",
        "Name each heir once.",
        "每位继承人请登记一次。",
    ),
    Reason(
        "estate.no-heirs",
        "No heirs are registered.",
        "尚未登记继承人。",
        "Register the heirs by token, relation and share first.",
        "请先登记继承人标识、关系和份额。",
    ),
    Reason(
        "estate.not-dead",
        "No death of this person is on record.",
        "该参保人没有死亡登记。",
        "Close the enrolment with the day of death first.",
        "请先办理死亡终止参保登记。",
    ),
    Reason(
        "estate.nothing",
        "Account and wallet hold nothing that could be divided.",
        "个人账户和钱包没有可分配余额。",
        "Look at the account; money on its way in the wallet comes back by itself.",
        "请查询账户;钱包中在途款项会自动退回。",
    ),
    Reason(
        "estate.revision",
        "The heirs were changed in the meantime.",
        "继承人登记版本号不符。",
        "Read them again and send the expected revision.",
        "请重新读取后按最新版本提交。",
    ),
    Reason(
        "estate.same-holder",
        "Whoever registered the heirs does not divide.",
        "登记继承人与办理分配不得为同一人。",
        "Let another person of the bureau divide.",
        "请由另一位复核人员办理。",
    ),
    Reason(
        "estate.shares",
        "The heirs' shares do not make up the whole; both sums are in the values.",
        "继承份额合计不等于全部。",
        "Give shares in ten-thousandths that add up to 10,000.",
        "份额以万分之一为单位,合计应为10000。",
    ),
)
