"""Refusals of the HTTP edge: RFC 9457 problem objects with a stable code and what to do next.

``TABLE`` has a row for every refusal of this edge. Refusals of the ledger (an inadmissible
transaction) carry the ledger's own code and are turned into problems by ``of_ledger``. Refusals of
a contract are no problems: they are receipts. All three kinds are printed on one page,
docs/errors.md, by ``errors_page``.

A problem never repeats the request: its values are numbers and names that the node compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from node.api import plain_json

MEDIA_TYPE = "application/problem+json"
URN = "urn:yibao:problem:"


@dataclass(frozen=True, slots=True)
class Row:
    """One refusal of the edge; rows are written positionally, one line for each field."""

    code: str
    status: int
    english: str
    chinese: str
    next_step: str
    next_step_zh: str


# fmt: off
ROWS: tuple[Row, ...] = (
    Row("request.path", 400,
        "The path is not in its plain form.",
        "请求路径不是规范形式。",
        "Send the path as the route table prints it: no dot segments, no doubled slashes.",
        "按接口表的写法发送路径：不含点段、双斜杠或编码斜杠。"),
    Row("request.malformed", 400,
        "The request breaks the rules of HTTP or of this route's body.",
        "请求不符合 HTTP 或本接口的格式要求。",
        "Compare the request with the route's description in /v1/openapi.json.",
        "对照 /v1/openapi.json 中该接口的说明修改请求。"),
    Row("request.json", 400,
        "The body is not strict JSON: a duplicate key, NaN, a float, bad UTF-8 or too deep.",
        "请求体不是严格的 JSON：重复键、NaN、小数、编码错误或嵌套过深。",
        "Send UTF-8 JSON with unique keys and whole numbers; amounts are integers in fen.",
        "发送键唯一、只含整数的 UTF-8 JSON；金额以分为单位的整数。"),
    Row("request.invalid", 422,
        "A parameter or a field has another shape than the route declares.",
        "参数或字段与接口声明的格式不符。",
        "`values.where` says where and what is wanted there; /v1/openapi.json has the shapes.",
        "`values.where` 指出位置和应有的格式，另见 /v1/openapi.json。"),
    Row("request.not-found", 404,
        "There is no such route.",
        "没有这个接口。",
        "See the route table in docs/api.md.",
        "见 docs/api.md 的接口表。"),
    Row("request.method", 405,
        "The route exists, but not with this method.",
        "该接口不支持这种请求方法。",
        "Use a method that the Allow header names.",
        "使用 Allow 头中列出的方法。"),
    Row("request.media-type", 415,
        "The body's media type is not one that the route reads.",
        "接口不接受这种媒体类型的请求体。",
        "Send application/octet-stream (canonical bytes) or application/json.",
        "使用 application/octet-stream（规范字节）或 application/json。"),
    Row("request.too-large", 413,
        "The body has more bytes than the route takes.",
        "请求体超过接口允许的字节数。",
        "Split the transaction; `values.limit_bytes` is the most that this route takes.",
        "拆分交易；`values.limit_bytes` 是该接口的上限。"),
    Row("request.headers-too-large", 431,
        "The headers or the address have more bytes than a node reads.",
        "请求头或地址过长。",
        "Shorten the query or drop headers that the node does not need.",
        "缩短查询参数或去掉不需要的请求头。"),
    Row("request.too-slow", 408,
        "The body did not arrive within the deadline.",
        "请求体未在规定时间内到达。",
        "Send it again over a better line; a transaction may be sent any number of times.",
        "换用更好的线路重新发送；同一交易可重复发送。"),
    Row("signature.missing", 401,
        "This route answers signed requests only, and the request is not signed.",
        "该接口只回答签名请求，而本请求没有签名。",
        "Sign the request (docs/api.md); `yibao` does so when it is given a key.",
        "对请求签名（见 docs/api.md）；`yibao` 命令在给定密钥时会自动签名。"),
    Row("signature.malformed", 401,
        "A signature header is not in the one spelling that is understood.",
        "签名头的写法不符合规定。",
        "Build the headers as docs/api.md says, or with node.ledger.http_signature.",
        "按 docs/api.md 的说明构造签名头。"),
    Row("signature.expired", 401,
        "The request was signed too long ago, for too long, or for the future.",
        "请求签名的时间已过期、有效期过长或在将来。",
        "Compare clocks, `values.now_s` is the node's; set the wrong one and sign again. "
        "A signature lives at most 120 seconds.",
        "核对时钟（`values.now_s` 为节点时钟），校准有误的一方后重新签名；签名最长有效 120 秒。"),
    Row("signature.body-differs", 401,
        "The Content-Digest header is not the SHA-256 of the body that arrived.",
        "Content-Digest 与收到的请求体不一致。",
        "Compute the digest over the very bytes that are sent, also for an empty body.",
        "对实际发送的字节计算摘要，空请求体也要计算。"),
    Row("signature.authority", 401,
        "The request was signed for another node than this one.",
        "请求是为另一个节点签名的。",
        "Sign with the host and port of this node; its names are in its configuration.",
        "用本节点的主机名和端口签名。"),
    Row("signature.unknown-key", 401,
        "The key is not a valid read or sign key of the organisation at this height.",
        "该密钥在当前高度不是该机构有效的读取或签名密钥。",
        "Ask your organisation's operator which key is registered; a revoked key stays revoked.",
        "请向本机构管理员确认已登记的密钥；已吊销的密钥不再有效。"),
    Row("signature.wrong", 401,
        "The signature does not belong to this request and key.",
        "签名与请求或密钥不匹配。",
        "Sign the request as it is sent, under the context api/1 and this chain's id.",
        "按实际发送的请求、以上下文 api/1 和本链编号签名。"),
    Row("signature.replayed", 401,
        "This nonce of this key was used already.",
        "该密钥的这个随机数已被使用。",
        "Sign each request anew with a fresh nonce, also a retry.",
        "每次请求（包括重试）都使用新的随机数重新签名。"),
    Row("signature.too-many", 429,
        "This key has used more nonces in the window than a node remembers.",
        "该密钥在时间窗内的请求数超过节点可记录的数量。",
        "Wait as long as Retry-After says, then go on more slowly.",
        "按 Retry-After 等待后放慢请求。"),
    Row("read.no-right", 403,
        "There is no such thing, or your organisation and post do not entitle you to it.",
        "没有此项内容，或贵机构及您的岗位无权查看。",
        "Check the id; docs/api.md says which kind of organisation and post may read what.",
        "请核对编号；docs/api.md 列出各类机构和岗位的查看权限。"),
    Row("read.not-found", 404,
        "There is no such thing at this height.",
        "在当前高度没有此项内容。",
        "Check the id; if it is of a moment ago, ask again in a moment, or with min_height.",
        "请核对编号；若是刚提交的内容，请稍后或带 min_height 再查。"),
    Row("read.withheld", 410,
        "The content was erased after its term or is not held by this node; its commitment stays.",
        "内容已到期删除或本节点不保存；其承诺值仍然有效。",
        "Ask the home or care bureau of the claim; the commitment proves what they show you.",
        "向参保地或就医地经办机构索取；承诺值可证明其内容。"),
    Row("read.below-floor", 410,
        "This node took a snapshot and has no blocks below a height.",
        "本节点通过快照追赶，没有该高度以下的区块。",
        "Ask another node; `values.floor` is the first height whose block this one has.",
        "请改查其他节点；`values.floor` 是本节点保存区块的最低高度。"),
    Row("read.no-proof", 409,
        "A proof cannot be made for this height now.",
        "目前无法为该高度出具证明。",
        "State proofs exist for the head only: ask again without a height.",
        "状态证明只针对最新高度：去掉高度参数再查。"),
    Row("read.height-not-reached", 412,
        "The node did not reach the height that was asked for in time.",
        "节点未在规定时间内到达所要求的高度。",
        "Ask again, or ask another node; `values.height` is how far this one is.",
        "稍后再查或改查其他节点；`values.height` 是本节点当前高度。"),
    Row("read.range", 400,
        "The cursor or the range is not one that this route gave.",
        "游标或范围无效。",
        "Begin without a cursor and follow `next` of each answer.",
        "先不带游标查询，然后使用每次返回的 `next`。"),
    Row("limit.address", 429,
        "Too many requests from this address.",
        "来自该地址的请求过多。",
        "Wait as long as Retry-After says.",
        "按 Retry-After 等待。"),
    Row("limit.key", 429,
        "Too many requests of this key.",
        "该密钥的请求过多。",
        "Wait as long as Retry-After says; read larger pages instead of more of them.",
        "按 Retry-After 等待；可用更大的分页减少请求次数。"),
    Row("limit.streams", 429,
        "This key or this node has as many event streams open as it may.",
        "该密钥或本节点已打开的事件流达到上限。",
        "Close a stream; one stream can carry all topics.",
        "关闭一个事件流；一个事件流可以传送所有主题。"),
    Row("limit.busy", 503,
        "The node has as many requests in hand as it can answer well.",
        "节点正在处理的请求已达上限。",
        "Wait as long as Retry-After says; nothing was done.",
        "按 Retry-After 等待；本次请求未作任何处理。"),
    Row("node.unavailable", 503,
        "The node cannot do this now.",
        "节点目前无法完成此项请求。",
        "Wait as long as Retry-After says, or ask another node; /v1/status says what it waits for.",
        "按 Retry-After 等待或改查其他节点；/v1/status 说明节点在等待什么。"),
    Row("node.not-committed", 504,
        "The transaction was admitted, but not committed within the time that you would wait.",
        "交易已受理，但在等待时间内尚未上链。",
        "It is not lost: ask for /v1/transactions/<id>, or send the same bytes again.",
        "交易没有丢失：查询 /v1/transactions/<编号>，或重新发送相同字节。"),
    Row("node.failed", 500,
        "The node has a fault. Nothing of the request was kept in the answer or the log.",
        "节点出现故障。",
        "Tell the node's operator the time; sending the same transaction again is safe.",
        "请将时间告知节点管理员；重新发送相同交易是安全的。"),
)
# fmt: on

TABLE: Mapping[str, Row] = {row.code: row for row in ROWS}
"""Refusals of the edge by code."""


class Problem(Exception):  # noqa: N818  (the word of RFC 9457)
    """A request is refused. Raised anywhere in the edge, answered as a problem object."""

    def __init__(self, code: str, *, retry_after_s: int | None = None, **values: Any) -> None:
        super().__init__(code)
        self.row = TABLE[code]
        self.values = values
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        compared = ", ".join(f"{name}={value!r}" for name, value in self.values.items())
        return f"{self.row.code}({compared})"

    def response(self) -> Response:
        """The problem as an answer."""
        headers = {}
        if self.retry_after_s is not None:
            headers["Retry-After"] = str(self.retry_after_s)
        return problem_response(self.row, self.values, headers)


def problem_response(
    row: Row, values: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> Response:
    """A problem object of constant shape: type, title, status, code, detail, next, values."""
    content = {
        "type": URN + row.code,
        "title": row.english,
        "title_zh": row.chinese,
        "status": row.status,
        "code": row.code,
        "next": row.next_step,
        "next_zh": row.next_step_zh,
        "values": dict(values),
    }
    constant = {"Cache-Control": "no-store"}
    if row.status == 401:
        constant["WWW-Authenticate"] = 'Signature realm="yibao"'
    return Response(
        plain_json.encode(content),
        status_code=row.status,
        media_type=MEDIA_TYPE,
        headers={**constant, **(headers or {})},
    )
