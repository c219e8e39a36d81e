"""Every word after ``yibao``: what it is for, which module of ``cli`` it is at home in.

A module is imported when one of its commands is called: all of them with the contracts take the
larger part of a second, and whoever asks for help, completes a word or shows a claim needs few.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import import_module
from typing import Any

import typer
import typer.main
from typer._click.exceptions import NoSuchOption  # Typer has no public name for it
from typer.core import TyperCommand, TyperGroup

from cli.interrupts import importing


@dataclass(frozen=True, slots=True)
class Noun:
    """A word after ``yibao``: a group of commands, or one command. Homes are ``module:name``."""

    home: str | None
    """Its ``typer.Typer`` with the commands that are at home there, or the function of the one
    command; None where all its commands are calls."""
    help: str
    """The line of ``yibao --help``; of a command the first paragraph of its docstring."""
    calls: tuple[str, ...] = ()
    """Contracts whose methods are commands of the group as well (``cli.calls``)."""
    also: Mapping[str, str] = field(default_factory=dict)
    """Commands of the group that are at home in other modules."""


NOUNS = {
    "trace": Noun(
        "trace:trace", "Follow the money of a claim from the bill to the accounts. 资金追踪"
    ),
    "due": Noun(
        "due:due",
        "When something is over or due: so many months or working days after a date. 期限",
    ),
    "watch": Noun(
        "watch:watch",
        "Follow the ledger: receipts that concern you, and blocks, as they happen. 实时查看",
    ),
    "status": Noun(
        "show:status",
        "What the node is doing and what it waits for; exit code 1 when it is not ready. 节点状态",
    ),
    "bench": Noun("bench:bench", "Measure settled claims a second. 性能测试"),
    "demo": Noun(
        "demo:demo", "Settle published cases on a fresh network and prove one of them offline. 演示"
    ),
    "keys": Noun("keys:app", "Keys: make, show, prove possession. 密钥"),
    "genesis": Noun("genesis:app", "Genesis: found a network, check its file. 创世"),
    "node": Noun("node:app", "Run a node, check its data. 节点"),
    "member": Noun("member:app", "An organisation's own node that trusts no other. 成员节点"),
    "devnet": Noun("devnet:app", "A development network on loopback. 开发网络"),
    "policy": Noun(
        "policy:app",
        "Check and try policies offline (政策检查与测算).",
        calls=("policy",),
        also={"show": "show:policy_show"},
    ),
    "org": Noun(
        "show:org",
        "Organisations, keys, votes, parameters. 机构",
        calls=("organisations", "governance"),
        also={"parameter": "parameter:parameter"},
    ),
    "person": Noun(
        "show:person",
        "Insured persons: enrol, look. 参保人",
        calls=("enrolment", "counters"),
        also={"ending": "lives:ending"},
    ),
    "filing": Noun(
        "show:filing",
        "Filings for care elsewhere. 备案",
        calls=("filing",),
        also={
            "queue": "worklists:queue",
            "approve": "worklists:approve",
            "return": "worklists:return_",
            "refuse": "worklists:refuse",
            "ending": "worklists:ending",
            "affected": "worklists:affected",
        },
    ),
    "claim": Noun(
        "claims:app",
        "Claims: register, settle, reverse, look. 结算",
        calls=("claim",),
        also={
            "resettle": "refunds:resettle",
            "refund": "refunds:refund",
            "reprice-list": "refunds:reprice_list",
            "compare": "compare:compare",
            "reconcile": "bills:reconcile",
            "rerun": "rerun:rerun",
        },
    ),
    "trace-code": Noun(None, "Drug trace codes: return, issue. 追溯码", calls=("traces",)),
    "fund": Noun(
        "show:fund",
        "Funds and accounts: balances, postings. 基金",
        calls=("funds",),
        also={
            "trial-balance": "books:trial_balance",
            "statement": "books:statement",
            "vouchers": "books:vouchers",
            "batches": "books:batches",
        },
    ),
    "provider": Noun(
        "provider:app",
        "Payment of institutions by item, DRG, DIP, bed-day. 医保支付方式",
        calls=("provider",),
    ),
    "bank": Noun(
        "bank:app",
        "Banks: instructions, statements, suspense. 银行",
        calls=("bank",),
        also={"trace": "trace_back:trace_back"},
    ),
    "family": Noun(None, "Relatives and shared accounts. 家庭共济", calls=("family",)),
    "wallet": Noun(
        None,
        "Transfers between relatives. 医保钱包",
        calls=("wallet",),
        also={"waiting": "worklists:wallet_waiting"},
    ),
    "credit": Noun(None, "Holds that banks grant for care. 信用就医", calls=("credit",)),
    "cover": Noun("cover:app", "Commercial cover: products, consents. 商业保险", calls=("cover",)),
    "reimburse": Noun(
        "reimburse:app",
        "Reimbursement of people who paid first. 零星报销",
        calls=("reimbursement",),
        also={"queue": "worklists:reimburse_queue", "rerun": "rerun:rerun_reimbursement"},
    ),
    "declaration": Noun(
        "clearing:declaration",
        "Declared months of institutions and their confirmation. 申报",
        calls=("declaration",),
    ),
    "audit": Noun(
        "clearing:audit", "Deductions: notice, answer, decision. 审核扣款", calls=("audit",)
    ),
    "clearing": Noun(
        "clearing:clearing", "Clearing between provinces, and inside one. 清算", calls=("clearing",)
    ),
    "objection": Noun(
        "clearing:objection", "Objections to statements. 清分异议", calls=("objection",)
    ),
    "payment": Noun(
        "clearing:payment", "Payments of notices, what banks report. 拨付", calls=("payment",)
    ),
    "advance": Noun(
        "clearing:advance", "Advances between provinces. 跨省预付金", calls=("advance",)
    ),
    "prepayment": Noun(None, "Prepayments to institutions. 医疗机构预付金", calls=("prepayment",)),
    "payout": Noun(
        None,
        "Refunds of closed accounts, to the person or an heir. 销户退款",
        calls=("payout",),
    ),
    "newborn": Noun(
        "lives:newborn", "Newborns under their mothers. 新生儿随母", calls=("newborn",)
    ),
    "move": Noun("lives:move", "Insurance moves to another area. 关系转移接续", calls=("move",)),
    "estate": Noun(None, "Heirs and what they get. 个人账户继承", calls=("estate",)),
    "recovery": Noun(
        "lives:recovery",
        "Recovery from who is liable. 第三人追偿",
        calls=("recovery",),
        also={"queue": "worklists:recovery_queue"},
    ),
    "catalogue": Noun(
        "show:catalogue",
        "Catalogues of places of care. 目录",
        calls=("catalogue",),
        also={"load": "catalogue_load:load"},
    ),
    "looks": Noun("show:looks", "Looks at persons' data: anchor a day. 查询记录", calls=("looks",)),
    "tx": Noun("show:tx", "Transactions. 交易"),
    "block": Noun("show:block", "Blocks and headers. 区块"),
    "proof": Noun("proof:app", "Evidence: save it, check it offline. 证据"),
    "validator": Noun("validator:app", "Validators: list, add, remove, rotate. 共识成员"),
    "evidence": Noun(
        "findings:evidence", "Proofs that a validator lied: list, show, report. 作恶证据"
    ),
    "debug": Noun("findings:debug", "Why a node does what it does. 诊断"),
}


class Root(TyperGroup):
    """``yibao`` itself: help and completion are from the table; what is called is imported."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{**settings, "commands": _Nouns()})

    def list_commands(self, ctx: Any) -> list[str]:
        """The words in the order of the table."""
        return list(NOUNS)

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | None:
        """What stands for the word until it is called."""
        return _Uncalled(cmd_name, help=NOUNS[cmd_name].help) if cmd_name in NOUNS else None

    def invoke(self, ctx: Any) -> Any:
        """Run the command; an option of ours that stands after it is told where it belongs."""
        try:
            return super().invoke(ctx)
        except NoSuchOption as error:
            if any(error.option_name in param.opts for param in self.params):
                error.message += f": it stands before the command, yibao {error.option_name} ..."
                error.possibilities = None
            raise


class _Uncalled(TyperCommand):
    """A noun's line of help; called, it is the noun."""

    def make_context(self, info_name: str | None, *words: Any, **named: Any) -> Any:
        return _noun(str(self.name)).make_context(info_name, *words, **named)


class _Nouns(Mapping[str, Any]):
    """The table's words as the commands they are."""

    def __getitem__(self, name: str) -> Any:
        return _noun(name)

    def __iter__(self) -> Iterator[str]:
        return iter(NOUNS)

    def __len__(self) -> int:
        return len(NOUNS)


@cache
def _noun(name: str) -> Any:
    noun = NOUNS[name]
    home = _found(noun.home) if noun.home else typer.Typer(no_args_is_help=True)
    if not isinstance(home, typer.Typer):
        return _command(name, home)
    group: Any = typer.main.get_group(home)
    group.name, group.help = name, noun.help
    group.commands = _Commands(noun, _spelled(group.commands))
    return group


class _Commands(Mapping[str, Any]):
    """The commands of a group: its own, then those of its contracts, then those of other modules.

    Where one of its own is called, neither the contracts nor the other modules are imported.
    """

    def __init__(self, noun: Noun, own: Mapping[str, Any]) -> None:
        self._noun = noun
        self._own = own

    def __getitem__(self, name: str) -> Any:
        if name in self._own:  # also where it fills in a contract's call of this name
            return self._own[name]
        if name in self._noun.also:
            return _command(name, _found(self._noun.also[name]))
        return self._calls[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    @property
    def _names(self) -> Mapping[str, None]:
        return dict.fromkeys([*self._own, *self._calls, *self._noun.also])

    @cached_property
    def _calls(self) -> Mapping[str, Any]:
        if not self._noun.calls:
            return {}
        group = typer.Typer()
        with importing():
            from cli.calls import mount  # here: the contracts are the longest of all imports

            mount(group, self._noun.calls)
        return _spelled(typer.main.get_group(group).commands)


def _command(name: str, function: Callable[..., None]) -> Any:
    group = typer.Typer()
    group.command(name)(function)
    return _spelled(typer.main.get_group(group).commands)[name]


def _spelled(commands: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same commands, their arguments in capitals wherever they are named."""
    for command in commands.values():
        for parameter in command.params:
            if parameter.param_type_name == "argument" and parameter.metavar is None:
                parameter.metavar = parameter.name.upper()
    return commands


def _found(home: str) -> Any:
    module, _, name = home.partition(":")
    with importing():
        return getattr(import_module(f"cli.{module}"), name)
