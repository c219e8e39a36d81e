"""The ledger's refusals as problems: inadmissible transactions (4xx) and what we cannot do now.

The codes are raised in ``node.ledger``, ``node.mempool`` and ``node.execution``; a test reads their
sources and fails where a code has no row here. An inadmissible transaction gets no receipt.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from node.api.limits import whole_seconds
from node.api.problems import Row, problem_response
from node.ledger.errors import InvalidTransaction, Unavailable

_SAFE_TO_RESEND = "Send the same bytes again later; a transaction may be sent any number of times."
_SAFE_TO_RESEND_ZH = "稍后重新发送相同字节；同一交易可重复发送。"

# fmt: off
ROWS: tuple[Row, ...] = (
    Row("transaction.malformed", 400,
        "The transaction is not canonical bytes of the declared form, or breaks a limit.",
        "交易不是规定形式的规范字节，或超出限制。",
        "Build it with node.ledger.transaction; `values` names the field and the rule.",
        "用 node.ledger.transaction 构造；`values` 指出字段和规则。"),
    Row("transaction.wrong-chain", 400,
        "The transaction is for another chain.",
        "交易属于另一条链。",
        "Compare the chain id with /v1/genesis; you may be talking to another network.",
        "与 /v1/genesis 的链编号核对；可能连接了另一个网络。"),
    Row("transaction.expired", 400,
        "The time until which the transaction was valid is over.",
        "交易的有效时间已过。",
        "If it was sent before, ask for it by its id first: until a later block is there, one that "
        "was proposed in time may still hold it. Then check the computer's clock and sign again "
        "with a later valid_until_ms.",
        "若此前发送过，请先按编号查询：更晚的区块出现之前，及时提出的区块仍可能包含它。"
        "然后校准电脑时钟，以更晚的 valid_until_ms 重新签名。"),
    Row("transaction.valid-too-long", 400,
        "The transaction would be valid for more than 24 hours and 5 minutes.",
        "交易的有效期超过 24 小时 5 分钟。",
        "Sign it with a valid_until_ms of at most `values.latest_ms`; check the clock.",
        "valid_until_ms 不得超过 `values.latest_ms`；请校准时钟后重新签名。"),
    Row("transaction.signature", 400,
        "The signature is not the key's over this body.",
        "签名与交易内容或密钥不匹配。",
        "Sign the canonical body under the context tx/1 and this chain's id.",
        "以上下文 tx/1 和本链编号对规范字节签名。"),
    Row("transaction.key", 403,
        "The key is not a sign key of the sender that is valid at this height.",
        "该密钥在当前高度不是发送机构有效的签名密钥。",
        "Ask your organisation's operator which key is registered; a revoked key stays revoked.",
        "请向本机构管理员确认已登记的密钥；已吊销的密钥不再有效。"),
    Row("transaction.executed", 409,
        "The transaction was executed already.",
        "交易已执行。",
        "Ask for its receipts: /v1/transactions/<id>/receipts.",
        "查询其回执：/v1/transactions/<编号>/receipts。"),
    Row("transaction.attachment-missing", 400,
        "The attachments that came along are not as many as the body names.",
        "附件数量与交易内容不符。",
        "Send every attachment in the order of the body; the id is not condemned by this.",
        "按交易内容的顺序发送全部附件；此次失败不影响该编号。"),
    Row("transaction.attachment-wrong", 400,
        "An attachment does not match its commitment in the body.",
        "附件与其承诺值不符。",
        "Send the blind and content that the commitment was made from.",
        "发送生成承诺值时所用的随机数和内容。"),
    Row("transaction.attachment-length", 400,
        "An attachment is longer than 256 KiB, or its blind is not 32 bytes.",
        "附件超过 256 KiB，或随机数不是 32 字节。",
        "Upload charge lines in several calls.",
        "分多次上传费用明细。"),
    Row("transaction.attachments-too-long", 413,
        "The attachments of the transaction are longer than 4 MiB together.",
        "交易的附件合计超过 4 MiB。",
        "Put the calls into several transactions.",
        "将调用拆分到多个交易。"),
    Row("transaction.quarantined", 409,
        "The transaction met a bug of this node and was set aside.",
        "交易触发了节点程序缺陷，已被隔离。",
        "Tell the node's operator the id; do not change it to get it through.",
        "请将交易编号告知节点管理员；请勿为通过而修改内容。"),
    Row("pool.full", 429,
        "As many transactions wait as this node can hold.",
        "等待中的交易已达节点上限。",
        _SAFE_TO_RESEND,
        _SAFE_TO_RESEND_ZH),
    Row("pool.sender-full", 429,
        "As many transactions of this sender wait as may.",
        "该机构等待中的交易已达上限。",
        _SAFE_TO_RESEND,
        _SAFE_TO_RESEND_ZH),
    Row("pool.behind", 429,
        "More waits before this transaction than is ordered in good time.",
        "该交易之前等待的业务过多，无法及时上链。",
        _SAFE_TO_RESEND,
        _SAFE_TO_RESEND_ZH),
    Row("node.busy", 503,
        "As many checks or estimates are in hand as this node can do well.",
        "节点正在处理的验签或预结算已达上限。",
        _SAFE_TO_RESEND,
        _SAFE_TO_RESEND_ZH),
    Row("node.behind", 503,
        "This node does not know the signing key, and is not at the newest block.",
        "本节点尚未同步到最新区块，暂不识别该签名密钥。",
        _SAFE_TO_RESEND,
        _SAFE_TO_RESEND_ZH),
    Row("node.orders-nothing", 503,
        "This node has neither the key of a validator nor peers: it takes no transactions.",
        "本节点既无共识密钥也无对等节点，不受理交易。",
        "Send the same bytes to another node; this one serves what it holds.",
        "请将相同字节发往其他节点；本节点仅供查询已有数据。"),
    Row("node.stopping", 503,
        "The node is being stopped; nothing new is taken in.",
        "节点正在停机，不再受理新请求。",
        "Send the same bytes again when it is back, or to another node.",
        "待节点恢复后重新发送相同字节，或改发其他节点。"),
    Row("node.ended", 503,
        "The node ended because of a fault; it does not say what became of the transaction.",
        "节点因故障停止，无法告知该交易的结果。",
        "Send the same bytes again when it is back, or to another node.",
        "待节点恢复后重新发送相同字节，或改发其他节点。"),
    Row("state.head-moved", 503,
        "Blocks come faster than a proof of the head could be made.",
        "出块过快，未能及时出具最新状态的证明。",
        "Ask again.",
        "请重新查询。"),
)
# fmt: on

TABLE: Mapping[str, Row] = {row.code: row for row in ROWS}
"""Refusals of the ledger by code."""


def _row(code: str, status: int) -> Row:
    """The code's row; a code of a newer ledger keeps its name and gets general words."""
    return TABLE.get(code) or Row(
        code,
        status,
        "The ledger refuses this.",
        "账本拒绝了此项请求。",
        "Look at the code and `values`; docs/errors.md of the node's version explains it.",
        "请查看代码和 `values`；见节点对应版本的 docs/errors.md。",
    )


def of_transaction(error: InvalidTransaction) -> Response:
    """An inadmissible transaction, with the values that were compared."""
    return problem_response(_row(error.code, 400), _values(error.values))


def of_unavailable(error: Unavailable) -> Response:
    """What this node cannot do now, with an honest time to retry."""
    values = dict(error.values)
    retry_after_s = values.pop("retry_after_s", 1)
    headers = {"Retry-After": str(whole_seconds(retry_after_s))}
    return problem_response(_row(error.code, 503), _values(values), headers)


def _values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of an error are for logs and may be of any type; here they become plain."""
    return {
        name: value if isinstance(value, int | bytes | None) else str(value)[:200]
        for name, value in values.items()
    }
