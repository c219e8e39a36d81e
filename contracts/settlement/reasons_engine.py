"""Refusals of the engine itself: unknown method, wrong shape, out of budget.

Rows are appended by whoever adds a code. A code is never given another meaning.
"""

# fmt: off
# One line for each field keeps a row readable as a whole.

from __future__ import annotations

from contracts.settlement.reason import Reason

ROWS: tuple[Reason, ...] = (
    Reason(
        "call.unknown-contract",
        "No contract of this name is in force.",
        "没有此名称的有效合约。",
        "Check the contract name against the documentation of this network's version.",
        "请对照本网络版本的文档核对合约名称。",
    ),
    Reason(
        "call.unknown-method",
        "The contract has no method of this name in the version in force.",
        "有效版本的合约中没有此方法。",
        "Check the method name; the values name the contract.",
        "请核对方法名称。",
    ),
    Reason(
        "call.too-much-work",
        "The calls before this one in its transaction took all the work that a block has room for.",
        "同一笔交易中先前的调用已用尽一个区块允许的计算量。",
        "Send this call again in another transaction; its id is still free.",
        "请在另一笔交易中重新提交该调用, 编号仍可使用。",
    ),
    Reason(
        "sender.kind",
        "An organisation of this kind may not make this call.",
        "该类机构无权进行此操作。",
        "Let an organisation of one of the allowed kinds send the call.",
        "请由允许类型的机构发起。",
    ),
    Reason(
        "sender.post",
        "The post of the signing key may not make this call.",
        "签名密钥所属岗位无权进行此操作。",
        "Sign with the key of a colleague who holds one of the allowed posts.",
        "请由具有允许岗位的人员签名。",
    ),
    Reason(
        "sender.foreign-id",
        "An id that is unique for good begins with the code of the organisation that makes it.",
        "永久唯一的业务编号须以本机构代码开头。",
        "Put the expected code before the number; a national message number (msgid) has it.",
        "请在编号前加上本机构代码; 国家接口的报文编号已含该代码。",
    ),
    Reason(
        "args.shape",
        "An argument or attachment does not have the declared shape.",
        "参数或附件的格式不符合规定。",
        "Correct the field named by the path and send again; the id is still free.",
        "请更正所指字段后重新提交, 编号仍可使用。",
    ),
    Reason(
        "args.attachment-encoding",
        "The content of an attachment is not in canonical bytes.",
        "附件内容不是规范编码。",
        "Encode the attachment's content with the ledger's own codec and sign again.",
        "请使用本账本的规范编码重新生成附件并签名。",
    ),
    Reason(
        "args.attachment",
        "An attachment is missing, or one was sent that the method does not take.",
        "缺少附件, 或附带了该方法不接受的附件。",
        "Send exactly the attachments that the values list.",
        "请按所列附件重新提交。",
    ),
    Reason(
        "policy.out-of-budget",
        "The policy of the insured place needed more steps than a run may have.",
        "参保地政策运算超出步数上限。",
        "Tell the bureau of the insured place; its policy must be corrected.",
        "请通知参保地医保局修正政策。",
    ),
    Reason(
        "policy.fault",
        "The policy of the insured place stopped at a fault in its source.",
        "参保地政策运算出错, 位置见所附行号。",
        "Tell the bureau of the insured place the line and the fault; it must correct its policy.",
        "请将行号和错误告知参保地医保局。",
    ),
    Reason(
        "policy.refuses",
        "The policy of the insured place settles no such case directly; the value fault says why.",
        "参保地政策规定此情形不予直接结算, 原因见所附 fault 值。",
        "Mend what the value names (a filing, say); else the patient pays and is reimbursed.",
        "请按所附原因处理(如补办备案); 否则由患者先垫付后回参保地报销。",
    ),
)
