"""Refusals about the validator set: who may order blocks, and who was caught lying.

Rows are appended by whoever adds a code. A code is never given another meaning.
"""

# fmt: off
# One line for each field keeps a row readable as a whole.

from __future__ import annotations

from contracts.settlement.reason import Reason

ROWS: tuple[Reason, ...] = (
    Reason(
        "governance.key-retired",
        "This key left the validator set or was revoked; it never orders blocks again.",
        "该密钥已退出共识或已注销, 不得再次启用。",
        "Register a new validate key.",
        "请登记新的共识密钥。",
    ),
    Reason(
        "governance.key-with-end",
        "A validate key with a term would leave the set without a vote.",
        "设有失效高度的密钥不得用于共识。",
        "Register a validate key without an end.",
        "请登记不设失效高度的共识密钥。",
    ),
    Reason(
        "governance.no-change",
        "The key orders blocks already.",
        "该密钥已在共识成员之中。",
        "Nothing needs to be done.",
        "无需再操作。",
    ),
    Reason(
        "governance.too-many-validators",
        "The validator set would grow beyond what messages are made for.",
        "共识成员数量超过上限。",
        "Remove a validator first.",
        "请先移除一名共识成员。",
    ),
    Reason(
        "governance.no-endpoint",
        "Several validators have to reach each other, and this one has published no address.",
        "共识成员须可互联, 而该机构未登记网络地址。",
        "Let the organisation publish its address (organisations.set_endpoint).",
        "请该机构登记网络地址。",
    ),
    Reason(
        "governance.attestation-block",
        "What was attested is no certified block of this chain.",
        "所证明的区块不是本链已确认区块。",
        "Let the node that holds the proposed key attest again.",
        "请由持有该密钥的节点重新出具证明。",
    ),
    Reason(
        "governance.attestation-old",
        "The attested block is too far behind: the node does not follow the chain.",
        "所证明的区块过旧, 该节点未跟上本链。",
        "Let the node catch up and attest again.",
        "请待节点追上后重新出具证明。",
    ),
    Reason(
        "governance.attestation-signature",
        "The attestation is not signed by the proposed key.",
        "证明不是由提案中的密钥签署。",
        "Attest with the node that holds the proposed key.",
        "请由持有提案密钥的节点出具证明。",
    ),
    Reason(
        "accusation.unproven",
        "These two things do not prove that a validator lied.",
        "所提交内容不能证明共识成员作恶。",
        "Hand in the file as the node wrote it (yibao evidence list).",
        "请提交节点保存的原始证据文件。",
    ),
    Reason(
        "accusation.known",
        "This was reported already.",
        "该证据已上报。",
        "Nothing needs to be done.",
        "无需再操作。",
    ),
)
