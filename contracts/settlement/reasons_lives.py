"""Refusals about births, moves, deaths and liable third parties.

Rows are appended by whoever adds a code. A code is never given another meaning.
"""

from __future__ import annotations

from contracts.settlement.reason import Reason

ROWS: tuple[Reason, ...] = (
    Reason(
        "newborn.area",
        "A newborn is registered by the area that insures its mother.",
        "新生儿应由母亲参保地办理登记。",
        "Use a pseudonym of the mother's area.",
        "请使用母亲参保地的人员标识。",
    ),
    Reason(
        "newborn.cover",
        "Enrolled in time, a newborn is covered from its birth.",
        "在规定期限内参保的新生儿,待遇自出生之日起享受。",
        "Let the first insured period begin on the day of birth.",
        "请将参保起始日期填为出生日期。",
    ),
    Reason(
        "newborn.differs",
        "Birth or sex are not those of the newborn's registration.",
        "出生日期或性别与新生儿登记不一致。",
        "Compare with the certificate of birth; a mistaken registration is withdrawn.",
        "请核对出生医学证明;登记有误的请先撤回。",
    ),
    Reason(
        "newborn.direct-only",
        "A newborn's bill that was paid first is reimbursed once the child is enrolled.",
        "新生儿先行垫付的费用,须待新生儿参保后办理零星报销。",
        "Enrol the child and file the bill for the child.",
        "请先办理新生儿参保,再以新生儿本人名义申请报销。",
    ),
    Reason(
        "newborn.ended",
        "The registration is no longer provisional.",
        "该新生儿登记已不是临时状态。",
        "Look at its status.",
        "请查询登记状态。",
    ),
    Reason(
        "newborn.exists",
        "A newborn is registered under this pseudonym.",
        "该标识已登记为新生儿。",
        "Use another pseudonym for another child.",
        "请为其他新生儿使用新的标识。",
    ),
    Reason(
        "newborn.in-use",
        "Bills were settled by this registration; they are in the values.",
        "已有费用按该登记结算。",
        "Let the hospitals take them back, or enrol the child.",
        "请先撤销相关结算,或办理新生儿参保。",
    ),
    Reason(
        "newborn.late",
        "The time for a newborn's registration under its mother is over.",
        "已超过随母登记期限。",
        "Enrol the child like anybody else.",
        "请按普通人员办理参保。",
    ),
    Reason(
        "newborn.mother",
        "A newborn is registered under its mother, and this person is no woman.",
        "新生儿须随母登记,该人员不是女性。",
        "Give the mother's pseudonym.",
        "请填写母亲的人员标识。",
    ),
    Reason(
        "newborn.not-the-mother",
        "The newborn is registered under another person, or the bill names another child.",
        "该新生儿不在此人名下,或费用所属新生儿不同。",
        "Check mother and child.",
        "请核对母亲与新生儿。",
    ),
    Reason(
        "newborn.over",
        "On the day of admission the newborn's care was not settled under its mother.",
        "入院日期不在随母结算期间。",
        "Enrolled: settle on the child. Lapsed: the child has to be enrolled first.",
        "已参保的以新生儿本人结算;已失效的请先办理参保。",
    ),
    Reason(
        "newborn.too-many",
        "The newborn has as many settlements under its mother as the ledger lists.",
        "随母结算笔数已达上限。",
        "Enrol the child.",
        "请为新生儿办理参保。",
    ),
    Reason(
        "newborn.unknown",
        "No newborn is registered under this pseudonym.",
        "该标识没有新生儿登记。",
        "Register the child under its mother at the home bureau first.",
        "请先在参保地办理新生儿随母登记。",
    ),
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
